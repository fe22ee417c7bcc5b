/** The traces of runs of the hosted service, as they were read a moment ago. */
import type { CallError } from "@effect-noukai/sdk/NoukaiError"
import type { RunService } from "@effect-noukai/sdk/RunService"
import type { Trace } from "@effect-noukai/sdk/Trace"
import * as Cache from "effect/Cache"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { sharedSuccess } from "./shared.js"

/** The least time between two reads of one trace. */
export const traceAge = Duration.seconds(1)

/** The time in milliseconds after which a page that is loaded anew does not wait for the read of another one. */
const patience = 2_000

/** The traces of runs that have ended do not change. */
const endedTraceAge = Duration.minutes(10)

/** Whether a run has ended. A run with an unknown status may go on. */
export const isOver = (status: string): boolean =>
  status === "completed" || status === "failed" || status === "cancelled"

export interface Traces {
  readonly read: (flow: string, id: string) => Effect.Effect<Trace, CallError>
  /** Makes the next read ask the server. */
  readonly forget: (flow: string, id: string) => Effect.Effect<void>
}

export const make = (runs: RunService.Service): Effect.Effect<Traces> =>
  Effect.map(
    Cache.makeWith({
      capacity: 16,
      lookup: ([flow, id]: readonly [flow: string, id: string]) => runs.trace(flow, id),
      timeToLive: Exit.match({
        onFailure: () => Duration.zero,
        onSuccess: ({ flowRun }: Trace) => isOver(flowRun.status) ? endedTraceAge : traceAge
      })
    }),
    (cache) => {
      const read = sharedSuccess(cache, patience)
      return {
        read: (flow, id) => read(Data.tuple(flow, id)),
        forget: (flow, id) => cache.invalidate(Data.tuple(flow, id))
      }
    }
  )
