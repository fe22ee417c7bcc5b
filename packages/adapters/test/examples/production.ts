import { errorHandler, relay, requestSignal, sessions } from "@effect-noukai/adapters/express"
import { currentSessionId } from "@effect-noukai/promise"
import express from "express"
import { createHash } from "node:crypto"
import type { Server } from "node:http"
import { noukai } from "./noukai.js"

const flow = noukai.flow("noukai/samples/two-step")

const questionOf = (request: express.Request): string | undefined => {
  const question: unknown = request.body?.question
  return typeof question === "string" && question !== "" ? question : undefined
}

// the answers to callers, without details
const noQuestion = { error: "invalid_request", message: "The body must be {\"question\": \"…\"}." }
const flowFailed = { error: "flow_failed", message: "The answer failed." }

export const app = express()
app.use(sessions({ client: noukai, exclude: ["/health"] })) // before the routes

app.get("/health", (_, response) => {
  response.json({ status: "up" })
})

// an answer that can be replayed: the response names its session
app.post("/ask", express.json(), async (request, response) => {
  const message = questionOf(request)
  if (message === undefined) return void response.status(400).json(noQuestion) // before a run is paid
  const answer = await flow.execute({ message, timeout: 60_000, signal: requestSignal(response) })
  if (answer.status === "completed") response.json(answer.result)
  else response.status(502).json(flowFailed)
})

// the caller repeats its request after a 502, a 503 or a 504. An order and a question have one completed run.
// With several processes, hold a lock on the order during the call.
app.put("/orders/:id/answer", express.json(), async (request, response) => {
  const message = questionOf(request)
  if (message === undefined) return void response.status(400).json(noQuestion)
  const input = createHash("sha256").update(message).digest("hex")
  const answer = await flow.executeOnce(`order-${request.params.id}-${input}`, {
    message,
    timeout: 60_000,
    takeOver: true, // follows a run that a crashed process left
    rerunFailed: true, // after a failed run, the next request pays for another
    signal: requestSignal(response)
  })
  if (answer.sessionId !== undefined) response.set("x-noukai-session", answer.sessionId)
  if (answer.status === "completed") response.json(answer.result)
  else response.status(502).json(flowFailed)
})

const isLoggedIn = (request: express.Request) => request.get("authorization") === "Bearer my-login"

// the page runs this flow and no other, and has no key
app.post("/agent/execute", relay({ client: noukai, flow: "noukai/samples/hello-world", authorize: isLoggedIn }))

// after the routes
app.use(errorHandler({ onError: (error) => console.error(`session ${currentSessionId()}:`, error) }))

/** Ends the requests in flight first, and then the client. Call it on SIGTERM. */
export const shutDown = async (server: Server) => {
  await new Promise((resolve) => server.close(resolve))
  await noukai.close()
}
