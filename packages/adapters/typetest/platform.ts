import type * as ErrorAnswer from "@effect-noukai/adapters/ErrorAnswer"
import * as Platform from "@effect-noukai/adapters/platform"
import {
  type CallError,
  type FlowService,
  type InvalidRequestError,
  type JobService,
  Noukai,
  type NoukaiError,
  type NoukaiHttp,
  type ToolDeclaration,
  Tools
} from "@effect-noukai/sdk"
import { type HttpApp, HttpServer, type HttpServerRequest, type HttpServerResponse } from "@effect/platform"
import { Context, Effect, Layer, Option, type Scope } from "effect"
import { expectTypeOf } from "vitest"

interface User {
  readonly id: string
}

class Users extends Context.Tag("Users")<Users, { readonly find: Effect.Effect<User> }>() {}

class NotFound {
  readonly _tag = "NotFound"
}

declare const app: HttpApp.Default<NotFound, Users>

// what the app fails with and needs stays
expectTypeOf(Platform.sessions()(app)).toEqualTypeOf<
  Effect.Effect<
    HttpServerResponse.HttpServerResponse,
    NotFound,
    Users | NoukaiHttp | Scope.Scope | HttpServerRequest.HttpServerRequest
  >
>()

// the fake of a test is enough
declare const tested: HttpApp.Default<never>
expectTypeOf(
  Layer.provide(HttpServer.serve(Platform.sessions()(tested)), Noukai.layerTest(() => Effect.succeed(1)))
).toEqualTypeOf<Layer.Layer<never, never, HttpServer.HttpServer>>()

// errors of ours are answered, and no other error is
declare const failing: HttpApp.Default<NotFound | CallError, Users>
expectTypeOf(Platform.errorHandler(failing)).toEqualTypeOf<HttpApp.Default<NotFound, Users>>()
expectTypeOf(Platform.errorHandler(tested)).toEqualTypeOf<HttpApp.Default>()
declare const failingAnyhow: HttpApp.Default<NotFound | NoukaiError, Users>
expectTypeOf(Platform.errorHandler(failingAnyhow)).toEqualTypeOf<HttpApp.Default<NotFound, Users>>()

// also those of tools and of calls that run once per key
declare const flows: FlowService.Service
declare const jobs: JobService.Service
declare const declarations: ReadonlyArray<ToolDeclaration>
expectTypeOf(Effect.all([
  flows.execute("a/b/c", { tools: Tools.handle(declarations, () => Effect.succeed([])) }),
  flows.executeOnce("key", "a/b/c", {}),
  jobs.submitOnce("key", "a/b/c", {})
])).toMatchTypeOf<Effect.Effect<unknown, NoukaiError>>()
expectTypeOf<NoukaiError>().toMatchTypeOf<Parameters<typeof ErrorAnswer.fromError>[0]>()

const relay = Platform.relay({
  flow: "a/b/c",
  authorize: (request, body) => {
    expectTypeOf(request).toEqualTypeOf<HttpServerRequest.HttpServerRequest>()
    expectTypeOf(body).toEqualTypeOf<{ readonly [field: string]: unknown }>()
    return Effect.flatMap(Users, (users) => body.user === request.url ? users.find : Effect.fail(new NotFound()))
  }
})

const flow = "a/b/c"
declare const found: Effect.Effect<Option.Option<User>>

Platform.relay({ flow, authorize: () => Effect.map(found, Option.isSome) })
Platform.relay({ flow, authorize: () => Effect.map(found, Option.getOrElse(() => false as const)) })
// @ts-expect-error an Option is there either way
Platform.relay({ flow, authorize: () => found })
// @ts-expect-error who was not found is no refusal
Platform.relay({ flow, authorize: () => Effect.map(found, Option.getOrUndefined) })
// @ts-expect-error nothing lets nobody pass
Platform.relay({ flow, authorize: () => Effect.void })
// @ts-expect-error a promise is not waited for
Platform.relay({ flow, authorize: () => Effect.succeed(Promise.resolve(false)) })
// @ts-expect-error an Effect in an Effect is not run
Platform.relay({ flow, authorize: () => Effect.succeed(Effect.succeed(false)) })

// a refusal is an answer; a wrong flow is known when the app is made
expectTypeOf(relay).toEqualTypeOf<
  Effect.Effect<
    Effect.Effect<
      HttpServerResponse.HttpServerResponse,
      never,
      Users | Scope.Scope | HttpServerRequest.HttpServerRequest
    >,
    InvalidRequestError,
    NoukaiHttp
  >
>()
