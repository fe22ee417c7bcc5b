import { createRelayRoute, withNoukaiErrors, withNoukaiTrace } from "@effect-noukai/adapters/nextjs"
import { errorResponse, relay, sessions, withErrorHandler } from "@effect-noukai/adapters/web"
import type { Noukai } from "@effect-noukai/promise"
import { expectTypeOf } from "vitest"

declare const client: Noukai

/** As Next.js hands them on. */
declare class NextRequest extends Request {
  readonly nextUrl: URL
}

interface RouteContext {
  readonly params: Promise<{ readonly id: string }>
}

const route = async (request: NextRequest, context: RouteContext) =>
  Response.json([request.nextUrl.pathname, (await context.params).id])

expectTypeOf(sessions(route, { client })).toEqualTypeOf<
  (request: NextRequest, context: RouteContext) => Promise<Response>
>()
expectTypeOf(withNoukaiTrace).toEqualTypeOf(sessions)

expectTypeOf(withNoukaiErrors).toEqualTypeOf(withErrorHandler)
expectTypeOf(withErrorHandler(route)).toEqualTypeOf<
  (request: NextRequest, context: RouteContext) => Promise<Response>
>()
expectTypeOf(sessions(withErrorHandler(route), { client })).toEqualTypeOf(sessions(route, { client }))
expectTypeOf(errorResponse(new Error("x"))).toEqualTypeOf<Response | undefined>()
// @ts-expect-error a handler answers with a Response
withErrorHandler(() => "text")

// a handler need not say what it takes, as in the README of @noukai/sdk
sessions(async (request) => {
  expectTypeOf(request).toEqualTypeOf<Request>()
  return Response.json(await request.json())
}, { client })
sessions(() => new Response(), { client })
expectTypeOf(createRelayRoute).toEqualTypeOf(relay)

expectTypeOf(
  relay({ client, flow: "a/b/c", authorize: (request: NextRequest) => request.nextUrl.pathname !== "" })
).toEqualTypeOf<(request: NextRequest) => Promise<Response>>()

// @ts-expect-error a handler answers with a Response
sessions(() => "text", { client })
// @ts-expect-error a relay without authorize is open to everybody
relay({ client, flow: "a/b/c" })

interface User {
  readonly id: string
}

/** The claims that a library makes of a token may have any name. */
interface Claims {
  readonly [claim: string]: unknown
}

declare const verdicts: {
  readonly yesOrNo: boolean
  readonly user: User
  readonly userOrFalse: User | false
  readonly claims: Claims
  readonly row: object
}

relay({ client, flow: "a/b/c", authorize: () => verdicts.yesOrNo })
relay({ client, flow: "a/b/c", authorize: () => verdicts.user })
relay({ client, flow: "a/b/c", authorize: () => verdicts.userOrFalse })
relay({ client, flow: "a/b/c", authorize: () => verdicts.claims })
relay({ client, flow: "a/b/c", authorize: () => verdicts.row })
relay({ client, flow: "a/b/c", authorize: async () => verdicts.yesOrNo })
relay({ client, flow: "a/b/c", authorize: async () => verdicts.userOrFalse })
relay({ client, flow: "a/b/c", authorize: async () => verdicts.claims })
relay({
  client,
  flow: "a/b/c",
  authorize: () => {
    throw new Error("nobody")
  }
})

declare const mistakes: {
  readonly missing: User | undefined
  readonly none: User | null
  readonly count: number
  readonly name: string
  readonly rows: ReadonlyArray<User>
  readonly check: () => boolean
  readonly user: User
}

// @ts-expect-error who is not logged in is no refusal
relay({ client, flow: "a/b/c", authorize: () => mistakes.missing })
// @ts-expect-error nor later
relay({ client, flow: "a/b/c", authorize: async () => mistakes.missing })
// @ts-expect-error nor a row that is not there
relay({ client, flow: "a/b/c", authorize: () => mistakes.none })
// @ts-expect-error nor later
relay({ client, flow: "a/b/c", authorize: async () => mistakes.none })
// @ts-expect-error a number says nothing
relay({ client, flow: "a/b/c", authorize: () => mistakes.count })
// @ts-expect-error nor later
relay({ client, flow: "a/b/c", authorize: async () => mistakes.count })
// @ts-expect-error a text says nothing
relay({ client, flow: "a/b/c", authorize: () => mistakes.name })
// @ts-expect-error no rows are an array too
relay({ client, flow: "a/b/c", authorize: () => mistakes.rows })
// @ts-expect-error a check that is not made
relay({ client, flow: "a/b/c", authorize: () => mistakes.check })
// @ts-expect-error nothing lets nobody pass
relay({ client, flow: "a/b/c", authorize: () => {} })
// @ts-expect-error nor later
relay({ client, flow: "a/b/c", authorize: async () => {} })
