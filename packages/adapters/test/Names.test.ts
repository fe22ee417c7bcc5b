/** Names of the adapters, and those of `@noukai/sdk` for them. */
import * as Express from "@effect-noukai/adapters/express"
import * as NextJs from "@effect-noukai/adapters/nextjs"
import * as Web from "@effect-noukai/adapters/web"
import { assert, it } from "@effect/vitest"

it("the names of @noukai/sdk are the same functions", () => {
  assert.strictEqual(Express.noukaiTraceMiddleware, Express.sessions)
  assert.strictEqual(NextJs.withNoukaiTrace, Web.sessions)
  assert.strictEqual(NextJs.createRelayRoute, Web.relay)
  assert.strictEqual(NextJs.withNoukaiErrors, Web.withErrorHandler)
})
