import { requestSignal } from "@effect-noukai/adapters/express"
import type { Request, Response } from "express"
import { noukai } from "./noukai.js"

export const ask = async (request: Request, response: Response) => {
  const signal = requestSignal(response)
  for await (const step of noukai.flow("noukai/samples/two-step").steps({ message: String(request.query.q), signal })) {
    response.write(`${step.stepId}\n`)
  }
  response.end()
}
