import { errorHandler, requestSignal, sessions } from "@effect-noukai/adapters/express"
import express from "express"
import { noukai } from "./noukai.js"

export const app = express()
app.use(sessions({ client: noukai, exclude: ["/health"] }))

app.post("/ask", express.json(), async (request, response) => {
  const question: unknown = request.body?.question
  if (typeof question !== "string" || question === "") {
    return void response.status(400).json({ error: "invalid_request" })
  }
  const answer = await noukai.flow("noukai/samples/two-step").execute({
    message: question,
    timeout: 60_000,
    signal: requestSignal(response) // a caller that leaves ends the call
  })
  if (answer.status === "completed") response.json(answer.result)
  else response.status(502).json({ error: "flow_failed" }) // a failed run is a result, not an error
})

app.use(errorHandler({ onError: (error) => console.error(error) })) // after the routes
