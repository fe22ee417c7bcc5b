/** The kept runs for the program that started the emulator. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { EmulatorRuns, RunChange, RunFacts, RunRecord } from "../../EmulatorRuns.js"
import { isObject } from "../json.js"
import type { Ids } from "./ids.js"
import type { Ledger, Moment } from "./ledger.js"
import type { Run, Runs } from "./runs.js"

const versionOf = ({ flow: { version } }: Run): string | undefined =>
  version === 0 ? "draft" : version === undefined ? undefined : String(version)

/** Since when a run waits for its caller. */
const waitsSinceOf = ({ pauses, status, steps, trigger }: Run): number | undefined => {
  if (status !== "running") return undefined
  const pause = pauses.at(-1)
  if (pause !== undefined && pause.endedAt === undefined) return pause.startedAt
  return trigger === "step" ? steps.idleSince() : undefined
}

const recordOf = (run: Run): RunRecord => {
  const version = versionOf(run)
  const waitsSince = waitsSinceOf(run)
  return {
    executionId: run.id,
    flow: run.flow.ref,
    flowId: run.flow.flowId,
    ...(version === undefined ? undefined : { version }),
    trigger: run.trigger,
    status: run.status,
    ...(run.sessionId === undefined ? undefined : { sessionId: run.sessionId }),
    startedAt: run.createdAt,
    ...(run.completedAt === undefined ? undefined : { endedAt: run.completedAt }),
    ...(waitsSince === undefined ? undefined : { waitsSince }),
    billedUsd: run.entry.billedUsd,
    ...(run.unknownCosts === 0 ? undefined : { unknownCosts: run.unknownCosts })
  }
}

const conversationsOf = (run: Run): RunFacts["conversations"] =>
  Object.fromEntries(
    run.events.from(0).events.flatMap(({ data, event }) =>
      event === "step_paused_for_tool_calls" && typeof data.stepId === "string" && Array.isArray(data.toolCallMessages)
        ? [[data.stepId, data.toolCallMessages as ReadonlyArray<unknown>]]
        : []
    )
  )

const factsOf = (run: Run): RunFacts => {
  const { firstOutputAt, pauses, request } = run
  return {
    ...(isObject(request.value) && !request.truncated ? { request: request.value } : undefined),
    ...(firstOutputAt === undefined ? undefined : { firstOutputAt }),
    pauses: pauses.map((pause) => ({ ...pause })),
    conversations: conversationsOf(run)
  }
}

const runOf = ({ event }: Moment): string | undefined => "executionId" in event ? event.executionId : undefined

export const make = (
  ledger: Ledger,
  runs: Runs,
  ids: Ids,
  traceOf: (run: Run) => unknown,
  session: EmulatorRuns["session"]
): EmulatorRuns => {
  const found = (executionId: string) => Effect.sync(() => Option.fromNullable(runs.get(executionId)))

  /** The changes of some moments. A run is told once, in its newest state. */
  const changesOf = (moments: ReadonlyArray<Moment>, evictedBefore: number): ReadonlyArray<RunChange> => {
    const resetAt = moments.findLastIndex(({ event }) => event.type === "Reset")
    const isReset = resetAt !== -1 || runs.evictedCount() < evictedBefore
    const changed = new Set(moments.slice(resetAt + 1).flatMap((moment) => runOf(moment) ?? []))
    const evicted = isReset ? [] : Array.from(
      { length: runs.evictedCount() - evictedBefore },
      (_, index) => ids.run(evictedBefore + index)
    )
    return [
      ...(isReset ? [{ type: "Reset" } as const] : []),
      ...evicted.map((executionId) => ({ type: "Evicted", executionId }) as const),
      ...[...changed].flatMap((executionId): ReadonlyArray<RunChange> => {
        const run = runs.get(executionId)
        return run === undefined ? [] : [{ type: "Changed", run: recordOf(run) }]
      })
    ]
  }

  return {
    list: Effect.sync(() => Array.from(runs.newestFirst(), recordOf)),
    get: (executionId) => Effect.map(found(executionId), Option.map(recordOf)),
    trace: (executionId) => Effect.map(found(executionId), Option.map(traceOf)),
    session,
    facts: (executionId) => Effect.map(found(executionId), Option.map(factsOf)),
    changes: Effect.sync(() =>
      Stream.unfoldChunkEffect(
        { id: ledger.lastId(), evicted: runs.evictedCount() },
        ({ evicted, id }) =>
          Effect.map(ledger.awaitAfter(id), () => {
            const moments = ledger.after(id)
            const isBehind = moments[0] !== undefined && moments[0].id > id + 1
            return Option.some([
              Chunk.unsafeFromArray<RunChange>(isBehind ? [{ type: "Reset" }] : changesOf(moments, evicted)),
              { id: ledger.lastId(), evicted: runs.evictedCount() }
            ])
          })
      )
    )
  }
}
