import { relay, sessions } from "@effect-noukai/adapters/web"
import { Hono } from "hono"
import { noukai } from "./noukai.js"

const app = new Hono()
const agent = relay({
  client: noukai,
  flow: "noukai/samples/hello-world",
  authorize: (request) => request.headers.has("x-login")
})
app.post("/agent/execute", (context) => agent(context.req.raw))
app.post("/ask", async (context) => {
  const { question } = await context.req.json()
  const answer = await noukai.flow("noukai/samples/two-step").execute({ message: question })
  if (answer.status !== "completed") return context.json({ error: "flow_failed" }, 502)
  return Response.json(answer.result)
})

export default { fetch: sessions(app.fetch, { client: noukai, exclude: ["/health"] }) }
