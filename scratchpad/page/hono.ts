import { flowPage } from "@effect-noukai/adapters/web"
import { Noukai } from "@effect-noukai/promise"
import { Hono } from "hono"
import { Confirm, Confirmed } from "./tools.js"

// your login
declare const userOf: (request: Request) => Promise<{ readonly id: string } | false>

const { DELETE, GET, POST } = flowPage({
  client: new Noukai(),
  flow: "acme/support/triage",
  authorize: (request) => userOf(request),
  owner: (user) => user.id,
  clientTools: { confirm: { parameters: Confirm, result: Confirmed } }
})

export const app = new Hono()
app.post("/api/triage", (context) => POST(context.req.raw))
app.get("/api/triage/:id/stream", (context) => GET(context.req.raw))
app.delete("/api/triage/:id", (context) => DELETE(context.req.raw))
