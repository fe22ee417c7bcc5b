import { requestSignal } from "@effect-noukai/adapters/express"
import express from "express"
import { noukai } from "./noukai.js"

export const app = express()

// a POST: a browser repeats the GET of an EventSource by itself, and each one would be a paid run
app.post("/answers", express.json(), async (request, response) => {
  const message: unknown = request.body?.question
  if (typeof message !== "string" || message === "") return void response.status(400).end()
  response.set({ "content-type": "text/event-stream", "cache-control": "no-store" })
  const send = (event: object) => response.write(`data: ${JSON.stringify(event)}\n\n`)
  try {
    const events = noukai.flow("noukai/samples/two-step").events({ message, signal: requestSignal(response) })
    for await (const event of events) {
      if (event.type === "step_started") send({ type: "step", name: event.name })
      if (event.type === "flow_completed") send({ type: "done", result: event.result })
    }
  } catch (error) {
    console.error(error)
    send({ type: "failed" }) // without details: the error may contain an input
  }
  response.end()
})
