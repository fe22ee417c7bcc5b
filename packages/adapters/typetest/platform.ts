import * as Platform from "@effect-noukai/adapters/platform"
import type { InvalidRequestError, NoukaiHttp } from "@effect-noukai/sdk"
import type { HttpApp, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { Context, Effect, type Scope } from "effect"
import { expectTypeOf } from "vitest"

class Users extends Context.Tag("Users")<Users, { readonly find: Effect.Effect<string> }>() {}

class NotFound {
  readonly _tag = "NotFound"
}

declare const app: HttpApp.Default<NotFound, Users>

// what the app fails with and needs stays
expectTypeOf(Platform.trace()(app)).toEqualTypeOf<
  Effect.Effect<
    HttpServerResponse.HttpServerResponse,
    NotFound,
    Users | NoukaiHttp | Scope.Scope | HttpServerRequest.HttpServerRequest
  >
>()

const relay = Platform.relay({
  flow: "a/b/c",
  authorize: (request, body) => {
    expectTypeOf(request).toEqualTypeOf<HttpServerRequest.HttpServerRequest>()
    expectTypeOf(body).toEqualTypeOf<{ readonly [field: string]: unknown }>()
    return Effect.flatMap(Users, (users) => body.user === request.url ? users.find : Effect.fail(new NotFound()))
  }
})

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
