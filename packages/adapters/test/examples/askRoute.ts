import { withNoukaiErrors, withNoukaiTrace } from "@effect-noukai/adapters/nextjs"
import { noukai } from "./noukai.js"

const ask = async (request: Request) => {
  const { question } = await request.json()
  const answer = await noukai.flow("noukai/samples/two-step").execute({
    message: String(question),
    timeout: 60_000,
    signal: request.signal
  })
  return Response.json(answer.result)
}

// app/ask/route.ts
export const POST = withNoukaiTrace(withNoukaiErrors(ask), { client: noukai })
