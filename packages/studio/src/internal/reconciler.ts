/** Compares expected runs with those of the server. */
import * as Reconcile from "@effect-noukai/report/Reconcile"
import { RunService } from "@effect-noukai/sdk/RunService"
import { SessionService } from "@effect-noukai/sdk/SessionService"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as RateLimiter from "effect/RateLimiter"
import * as Stream from "effect/Stream"
import type { Reconciler } from "../StudioSource.js"
import { toUnavailable } from "./failures.js"

/** Reads through services of the SDK, which are slowed down unless the reads are free. */
export const make = (
  runs: RunService.Service,
  sessions: SessionService.Service,
  isFree: boolean
): Reconciler => ({
  isFree,
  findings: (expected, perSecond) =>
    Stream.unwrapScoped(Effect.gen(function*() {
      const slowly = isFree
        ? identity
        : yield* RateLimiter.make({ limit: 1, interval: Duration.millis(1_000 / perSecond), algorithm: "fixed-window" })
      return Reconcile.findings(expected).pipe(
        Stream.provideService(RunService, { ...runs, cost: (...given) => slowly(runs.cost(...given)) }),
        Stream.provideService(SessionService, { ...sessions, get: (...given) => slowly(sessions.get(...given)) }),
        Stream.mapError((error) => error._tag === "Unavailable" ? error : toUnavailable(error))
      )
    }))
})
