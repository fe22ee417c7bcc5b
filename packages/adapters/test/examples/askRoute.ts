import { noukai } from "@/lib/noukai"
import { withNoukaiErrors, withNoukaiTrace } from "@effect-noukai/adapters/nextjs"

const ask = async (request: Request) => {
  const body = await request.json().catch(() => undefined)
  const question: unknown = body?.question
  if (typeof question !== "string" || question === "") {
    return Response.json({ error: "invalid_request" }, { status: 400 })
  }
  const answer = await noukai.flow("noukai/samples/two-step").execute({
    message: question,
    timeout: 60_000,
    signal: request.signal
  })
  if (answer.status !== "completed") return Response.json({ error: "flow_failed" }, { status: 502 })
  return Response.json(answer.result)
}

// app/ask/route.ts
export const POST = withNoukaiTrace(withNoukaiErrors(ask), { client: noukai })
