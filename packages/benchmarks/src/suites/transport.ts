import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { Agent, request } from "undici"
import type { HttpTransport } from "../../../sdk/src/internal/http/HttpTransport.js"
import * as UndiciTransport from "../../../sdk/src/internal/http/undici.js"
import { apiKey, assertCompleted, message } from "../Fixtures.js"
import { inFibers, inFlight } from "../InFlight.js"
import { startRawServer } from "../RawServer.js"
import type { Suite } from "../Suite.js"

const path = "/api/v1/seq/bench/bench/flow/execute"
const headers = { authorization: `Bearer ${apiKey}`, "content-type": "application/json" }
const body = JSON.stringify({ message, parameters: {}, trace: false })

const execute = (transport: HttpTransport, origin: string): Effect.Effect<void, unknown> =>
  Effect.map(
    Effect.suspend(() =>
      transport.send({
        method: "POST",
        origin,
        path,
        headers,
        body,
        connectTimeout: 10_000,
        attemptTimeout: 300_000,
        maxBytes: 64 * 1024 * 1024,
        progress: { sent: "no" }
      })
    ),
    ({ text }) => assertCompleted(text)
  )

/** A call over the transport against a bare `undici.request`, both with `JSON.parse`. */
export const transport: Suite = {
  name: "transport",
  prepare: async () => {
    const server = await startRawServer()
    const agent = new Agent()
    const scope = await Effect.runPromise(Scope.make())
    const ours = execute(
      await Effect.runPromise(Scope.extend(UndiciTransport.make({ dispatcher: undefined }), scope)),
      server.origin
    )
    const bare = async (): Promise<void> => {
      const response = await request(`${server.origin}${path}`, { method: "POST", headers, body, dispatcher: agent })
      assertCompleted(await response.body.text())
    }
    return {
      groups: [1, 32].map((n) => ({
        name: `execute, ${n} in flight`,
        baselines: ["undici.request"],
        rows: [
          { name: "undici.request", run: inFlight(n, 32 * n, bare) },
          { name: "transport over undici", run: inFibers(n, 32 * n, ours) }
        ]
      })),
      close: async () => {
        await Effect.runPromise(Scope.close(scope, Exit.void))
        await agent.destroy()
        await server.close()
      }
    }
  }
}
