import { errorResponse } from "@effect-noukai/adapters/web"
import { Hono } from "hono"
import { HTTPException } from "hono/http-exception"
import { noukai } from "./noukai.js"

export const app = new Hono()

app.onError((error, context) => {
  if (error instanceof HTTPException) return error.getResponse()
  return errorResponse(error) ?? context.text("Internal Server Error", 500)
})

app.post("/ask", async (context) => {
  const body = await context.req.json().catch(() => undefined)
  const question: unknown = body?.question
  if (typeof question !== "string" || question === "") return context.json({ error: "invalid_request" }, 400)
  const answer = await noukai.flow("noukai/samples/two-step").execute({ message: question })
  if (answer.status !== "completed") return context.json({ error: "flow_failed" }, 502)
  return Response.json(answer.result)
})
