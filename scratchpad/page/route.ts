import { flowPage } from "@effect-noukai/adapters/nextjs"
import { Noukai } from "@effect-noukai/promise"
import { Confirm, Confirmed } from "./tools.js"

// your login
declare const userOf: (request: Request) => Promise<{ readonly id: string } | false>

// app/api/triage/[[...path]]/route.ts
export const { DELETE, GET, POST } = flowPage({
  client: new Noukai(),
  flow: "acme/support/triage",
  authorize: (request) => userOf(request),
  owner: (user) => user.id,
  clientTools: { confirm: { parameters: Confirm, result: Confirmed } }
})
