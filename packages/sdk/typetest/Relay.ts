import {
  type InvalidRequestError,
  type NoukaiHttp,
  type ReplayDisabledError,
  type ReplayOpenError,
  TraceScope
} from "@effect-noukai/sdk"
import type { CallError, ReplayLeftoverError } from "@effect-noukai/sdk/NoukaiError"
import * as Relay from "@effect-noukai/sdk/Relay"
import type { Effect, Either, Scope } from "effect"
import { expectTypeOf } from "vitest"

expectTypeOf(Relay.forward("acme/support/agent", { version: "draft" })).toEqualTypeOf<
  Either.Either<Relay.Forward, InvalidRequestError>
>()

declare const forward: Relay.Forward

// every status is a success
expectTypeOf(forward({ body: { message: "hi" } })).toEqualTypeOf<
  Effect.Effect<Relay.ForwardResponse, CallError, NoukaiHttp>
>()

expectTypeOf(TraceScope.open("id")).toEqualTypeOf<
  Effect.Effect<TraceScope.Opened, ReplayOpenError | ReplayDisabledError, NoukaiHttp | Scope.Scope>
>()

declare const opened: TraceScope.Opened

expectTypeOf(opened.verify).toEqualTypeOf<Effect.Effect<void, ReplayLeftoverError>>()
expectTypeOf(TraceScope.runIn(opened.scope, () => 1)).toEqualTypeOf<number>()
