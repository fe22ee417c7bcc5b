import * as RelayServer from "@effect-noukai/adapters/Relay"
import {
  type InvalidRequestError,
  type NoukaiHttp,
  type ReplayDisabledError,
  type ReplayOpenError,
  TraceScope
} from "@effect-noukai/sdk"
import type { CallError, ReplayLeftoverError } from "@effect-noukai/sdk/NoukaiError"
import type { Effect, Either, Scope } from "effect"
import { expectTypeOf } from "vitest"

expectTypeOf(RelayServer.forward("acme/support/agent", { version: "draft" })).toEqualTypeOf<
  Either.Either<RelayServer.Forward, InvalidRequestError>
>()

declare const forward: RelayServer.Forward

// every status is a success
expectTypeOf(forward({ body: { message: "hi" } })).toEqualTypeOf<
  Effect.Effect<RelayServer.ForwardResponse, CallError, NoukaiHttp>
>()

expectTypeOf(TraceScope.open("id")).toEqualTypeOf<
  Effect.Effect<TraceScope.Opened, ReplayOpenError | ReplayDisabledError, NoukaiHttp | Scope.Scope>
>()

declare const opened: TraceScope.Opened

expectTypeOf(opened.verify).toEqualTypeOf<Effect.Effect<void, ReplayLeftoverError>>()
expectTypeOf(TraceScope.runIn(opened.scope, () => 1)).toEqualTypeOf<number>()
