import { createRelayRoute, withNoukaiTrace } from "@effect-noukai/adapters/nextjs"
import { relay, trace } from "@effect-noukai/adapters/web"
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

expectTypeOf(trace(route, { client })).toEqualTypeOf<
  (request: NextRequest, context: RouteContext) => Promise<Response>
>()
expectTypeOf(withNoukaiTrace).toEqualTypeOf(trace)

// a handler need not say what it takes, as in the README of @noukai/sdk
trace(async (request) => {
  expectTypeOf(request).toEqualTypeOf<Request>()
  return Response.json(await request.json())
}, { client })
trace(() => new Response(), { client })
expectTypeOf(createRelayRoute).toEqualTypeOf(relay)

expectTypeOf(
  relay({ client, flow: "a/b/c", authorize: (request: NextRequest) => request.nextUrl.pathname !== "" })
).toEqualTypeOf<(request: NextRequest) => Promise<Response>>()

// @ts-expect-error a handler answers with a Response
trace(() => "text", { client })
// @ts-expect-error a relay without authorize is open to everybody
relay({ client, flow: "a/b/c" })
