/** The middleware and the relay in the frameworks that are peers; nobody is asked but a port where nobody listens. */
import * as ExpressAdapter from "@effect-noukai/adapters/express"
import * as WebAdapter from "@effect-noukai/adapters/web"
import { Noukai } from "@effect-noukai/promise"
import express from "express"
import { Hono } from "hono"
import { strictEqual } from "node:assert/strict"
import { once } from "node:events"

// port 9 of this machine: nobody listens
const client = new Noukai({ apiKey: "nk_consumer", env: "dev", port: 9 })
const options = { client, flow: "acme/support/agent", authorize: () => true }
const post = { method: "POST", headers: { "content-type": "application/json" }, body: "{\"message\":\"hi\"}" }

const relayed = async (response) => {
  strictEqual(response.status, 502)
  strictEqual(response.headers.has("x-noukai-session"), true)
  strictEqual(await response.text(), "{\"detail\":\"UPSTREAM_UNAVAILABLE\"}")
}

const app = express()
app.use(ExpressAdapter.sessions({ client }))
app.post("/agent/execute", ExpressAdapter.relay(options))
const server = app.listen(0, "127.0.0.1")
await once(server, "listening")
await relayed(await fetch(`http://127.0.0.1:${server.address().port}/agent/execute`, post))
server.close()
server.closeAllConnections()

const hono = new Hono()
const route = WebAdapter.sessions(WebAdapter.relay(options), { client })
hono.post("/agent/execute", (context) => route(context.req.raw))
await relayed(await hono.fetch(new Request("http://localhost/agent/execute", post)))

await client.close()
