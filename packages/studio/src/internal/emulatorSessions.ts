/** The sessions of an emulator of this process, read as the SDK reads them, and without a request. */
import type { EmulatorService } from "@effect-noukai/emulator/EmulatorService"
import * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
import * as NoukaiHttp from "@effect-noukai/sdk/NoukaiHttp"
import * as SessionService from "@effect-noukai/sdk/SessionService"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import { Unavailable } from "../RunsApi.js"
import * as SessionReads from "./sessionReads.js"

export const make = (
  runs: EmulatorService["runs"]
): Effect.Effect<SessionReads.SessionReads, never, Scope.Scope> =>
  Effect.gen(function*() {
    const runPromise = Runtime.runPromise(yield* Effect.runtime())
    const http = NoukaiHttp.layerFetch((target) => {
      const url = String(target)
      return runPromise(Effect.map(
        runs.session(decodeURIComponent(url.slice(url.lastIndexOf("/") + 1))),
        ({ body, status }) => Response.json(body, { status })
      ))
    })
    const config = Layer.effect(
      NoukaiConfig.NoukaiConfig,
      // neither leaves this process
      NoukaiConfig.make({ apiKey: Redacted.make("nk_test_studio"), baseUrl: "http://127.0.0.1/api/v1" })
    )
    const context = yield* Layer.build(SessionService.layer.pipe(Layer.provideMerge(http), Layer.provide(config)))
    return yield* Effect.provide(SessionReads.make, context)
  }).pipe(
    Effect.catchAll(({ message }) => {
      const failed = () => new Unavailable({ message })
      return Effect.succeed({ read: failed, cassette: failed })
    })
  )
