/** The handlers are taken by both majors of Express, and see their requests. */
import {
  errorHandler,
  type ExpressRequest,
  noukaiRelayHandler,
  type NoukaiRelayHandlerOptions,
  noukaiTraceMiddleware,
  type NoukaiTraceMiddlewareOptions,
  type Options,
  relay,
  type RelayExpressRequest,
  type RelayOptions,
  requestSignal,
  sessions
} from "@effect-noukai/adapters/express"
import type { Noukai } from "@effect-noukai/promise"
import type * as Express5 from "express"
import type * as Express4 from "express4"
import { expectTypeOf } from "vitest"

declare const client: Noukai
declare const app4: Express4.Express
declare const app5: Express5.Express
declare const response4: Express4.Response
declare const response5: Express5.Response

app4.use(sessions({ client, exclude: ["/health"] }))
app5.use(sessions({ client, exclude: (path) => path === "/health" }))
app4.use(errorHandler())
app5.use(errorHandler({ onError: (error) => expectTypeOf(error).toEqualTypeOf<unknown>() }))
expectTypeOf(noukaiTraceMiddleware).toEqualTypeOf(sessions)
expectTypeOf(noukaiRelayHandler).toEqualTypeOf(relay)

app4.post("/a", relay({ client, flow: "a/b/c", authorize: (request: Express4.Request) => request.ip !== undefined }))
app5.post("/a", relay({ client, flow: "a/b/c", authorize: async (request: Express5.Request) => request.ip === "x" }))
app5.post(
  "/a",
  relay({
    client,
    flow: "a/b/c",
    authorize: (request, body) => {
      expectTypeOf(request.headers).toEqualTypeOf<{ readonly [name: string]: string | Array<string> | undefined }>()
      expectTypeOf(body).toEqualTypeOf<{ readonly [field: string]: unknown }>()
      return true
    }
  })
)

interface WithSession extends Express5.Request {
  readonly session?: { readonly user?: { readonly id: string } }
}

relay({ client, flow: "a/b/c", authorize: (request: WithSession) => request.session?.user ?? false })
// @ts-expect-error who is not logged in is no refusal
relay({ client, flow: "a/b/c", authorize: (request: WithSession) => request.session?.user })
// @ts-expect-error nor later
relay({ client, flow: "a/b/c", authorize: async (request: WithSession) => request.session?.user })
// @ts-expect-error nothing lets nobody pass
relay({ client, flow: "a/b/c", authorize: () => {} })

// the names of @noukai/sdk
const named = { client, org: "a", project: "b", slug: "c", bounds: { maxBodyBytes: 1, maxMessages: 2 } }
relay({ ...named, authorize: (request: Express5.Request) => request.ip === "x" })
// @ts-expect-error the flow is named by its parts, or as one
relay({ client, org: "a", slug: "c", authorize: () => true })
// @ts-expect-error a relay runs one flow
relay({ client, authorize: () => true })
expectTypeOf<NoukaiRelayHandlerOptions>().toEqualTypeOf<RelayOptions>()
expectTypeOf<RelayExpressRequest>().toEqualTypeOf<ExpressRequest>()
expectTypeOf<NoukaiTraceMiddlewareOptions>().toEqualTypeOf<Options>()

expectTypeOf(requestSignal(response4)).toEqualTypeOf<AbortSignal>()
expectTypeOf(requestSignal(response5)).toEqualTypeOf<AbortSignal>()

// @ts-expect-error a relay without authorize is open to everybody
relay({ client, flow: "a/b/c" })
// @ts-expect-error a client is needed to fetch the session
sessions({})
