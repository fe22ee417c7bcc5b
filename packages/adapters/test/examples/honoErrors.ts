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
  const { question } = await context.req.json()
  const answer = await noukai.flow("noukai/samples/two-step").execute({ message: String(question) })
  return context.json(answer.result)
})
