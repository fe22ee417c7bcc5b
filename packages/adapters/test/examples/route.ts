import { noukai } from "@/lib/noukai"
import { createRelayRoute, withNoukaiTrace } from "@effect-noukai/adapters/nextjs"

// app/ask/route.ts
export const POST = withNoukaiTrace(async (request: Request) => {
  const { question } = await request.json()
  const answer = await noukai.flow("noukai/samples/two-step").execute({ message: question, signal: request.signal })
  if (answer.status !== "completed") return Response.json({ error: "flow_failed" }, { status: 502 })
  return Response.json(answer.result)
}, { client: noukai })

// app/agent/execute/route.ts would export this one as its POST
export const relayPOST = createRelayRoute({
  client: noukai,
  flow: "noukai/samples/hello-world",
  authorize: (request) => request.headers.get("authorization") === "Bearer my-login"
})
