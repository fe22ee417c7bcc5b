import { errorHandler, relay, requestSignal, sessions } from "@effect-noukai/adapters/express"
import express from "express"
import type { Server } from "node:http"
import { noukai } from "./noukai.js"

export const app = express()
app.use(sessions({ client: noukai, exclude: ["/health"] })) // before the routes

app.get("/health", (_, response) => {
  response.json({ status: "up" })
})

// an answer that can be replayed: the response names its session
app.post("/ask", express.json(), async (request, response) => {
  const answer = await noukai.flow("noukai/samples/two-step").execute({
    message: String(request.body.question),
    timeout: 60_000,
    signal: requestSignal(response)
  })
  if (answer.status === "completed") response.json(answer.result)
  else response.status(502).json({ error: "flow_failed", message: "The answer failed." })
})

// the caller repeats its request after a 502, a 503 or a 504: the order has one run, and is paid once
app.put("/orders/:id/answer", express.json(), async (request, response) => {
  const answer = await noukai.flow("noukai/samples/two-step").executeOnce(`order-${request.params.id}`, {
    message: String(request.body.question),
    timeout: 60_000,
    takeOver: true,
    signal: requestSignal(response)
  })
  if (answer.status === "completed") response.json(answer.result)
  else response.status(502).json({ error: "flow_failed", message: "The answer failed." })
})

const isLoggedIn = (request: express.Request) => request.get("authorization") === "Bearer my-login"

// the page runs this flow and no other, and has no key
app.post("/agent/execute", relay({ client: noukai, flow: "noukai/samples/hello-world", authorize: isLoggedIn }))

app.use(errorHandler({ onError: (error) => console.error(error) })) // after the routes

/** Ends the requests in flight first, and then the client. Call it on SIGTERM. */
export const shutDown = async (server: Server) => {
  await new Promise((resolve) => server.close(resolve))
  await noukai.close()
}
