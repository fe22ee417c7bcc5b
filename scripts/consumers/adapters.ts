/** The first program of a server without a framework of its own; nobody is asked but a port where nobody listens. */
import { noukaiRelayHandler, sessions } from "@effect-noukai/adapters/express"
import { createRelayRoute, withNoukaiTrace } from "@effect-noukai/adapters/nextjs"
import * as Platform from "@effect-noukai/adapters/platform"
import { Noukai } from "@effect-noukai/promise"
import { strictEqual, throws } from "node:assert/strict"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

// port 9 of this machine: nobody listens
const client = new Noukai({ apiKey: "nk_consumer", env: "dev", port: 9 })
const authorize = () => true
const relay = noukaiRelayHandler({ client, flow: "acme/support/agent", authorize })
const middleware = sessions({ client, exclude: ["/health"] })

const server = createServer((request, response) => middleware(request, response, () => relay(request, response)))
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/agent/execute`

const post = { method: "POST", headers: { "content-type": "application/json" }, body: "{\"message\":\"hi\"}" }
const unavailable = "{\"detail\":\"UPSTREAM_UNAVAILABLE\"}"

const response = await fetch(url, post)
strictEqual(response.status, 502)
strictEqual(response.headers.has("x-noukai-session"), true)
strictEqual(await response.text(), unavailable)
server.close()
server.closeAllConnections()

const route = withNoukaiTrace(createRelayRoute({ client, flow: "acme/support/agent", authorize }), { client })
const relayed = await route(new Request(url, post))
strictEqual(relayed.status, 502)
strictEqual(relayed.headers.has("x-noukai-session"), true)
strictEqual(await relayed.text(), unavailable)

throws(() => noukaiRelayHandler({ client, flow: "../keys", authorize }), { _tag: "InvalidRequestError" })
strictEqual(typeof Platform.sessions, "function")
await client.close()
