/** The sessions and runs of an emulator of this process, read as the SDK reads them, and without a request. */
import type { EmulatorService } from "@effect-noukai/emulator/EmulatorService"
import * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
import * as NoukaiHttp from "@effect-noukai/sdk/NoukaiHttp"
import * as RunService from "@effect-noukai/sdk/RunService"
import * as SessionService from "@effect-noukai/sdk/SessionService"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import { Unavailable } from "../RunsApi.js"
import type { Reconciler } from "../StudioSource.js"
import * as Reconcilers from "./reconciler.js"
import * as SessionReads from "./sessionReads.js"

const noRun = { status: 404, body: { detail: { code: "RUN_NOT_FOUND", message: "There is no such run." } } }

export const make = (
  runs: EmulatorService["runs"]
): Effect.Effect<SessionReads.SessionReads & { readonly reconciler: Reconciler }, never, Scope.Scope> =>
  Effect.gen(function*() {
    const runPromise = Runtime.runPromise(yield* Effect.runtime())
    const traceOf = (id: string) =>
      Effect.map(
        runs.trace(id),
        Option.match({ onNone: () => noRun, onSome: (body) => ({ status: 200, body }) })
      )
    const http = NoukaiHttp.layerFetch((target) => {
      const [, trace, session = ""] = /\/runs\/([^/]+)\/trace$|([^/]+)$/.exec(String(target)) ?? []
      return runPromise(Effect.map(
        trace === undefined ? runs.session(decodeURIComponent(session)) : traceOf(decodeURIComponent(trace)),
        ({ body, status }) => Response.json(body, { status })
      ))
    })
    const config = Layer.effect(
      NoukaiConfig.NoukaiConfig,
      // neither leaves this process
      NoukaiConfig.make({ apiKey: Redacted.make("nk_test_studio"), baseUrl: "http://127.0.0.1/api/v1" })
    )
    const services = Layer.merge(SessionService.layer, RunService.layer)
    const context = yield* Layer.build(services.pipe(Layer.provideMerge(http), Layer.provide(config)))
    return {
      ...yield* Effect.provide(SessionReads.make, context),
      reconciler: Reconcilers.make(
        Context.get(context, RunService.RunService),
        Context.get(context, SessionService.SessionService),
        true
      )
    }
  }).pipe(
    Effect.catchAll(({ message }) => {
      const failed = () => new Unavailable({ message })
      return Effect.succeed({ read: failed, cassette: failed, reconciler: { isFree: true, findings: failed } })
    })
  )
