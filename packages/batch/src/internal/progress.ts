/** How far a batch is, and how fast it goes. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { LedgerError } from "../BatchError.js"
import type { Progress } from "../BatchStatus.js"
import type { BatchStore } from "../BatchStore.js"
import * as Batches from "./ledger/batches.js"
import { standing, statusOf } from "./manage.js"

/** The time between two counts, in milliseconds, and how many times longer than a count it is at least. */
const [interval, share] = [1000, 20]

/** The time over which the rate is measured, in milliseconds. */
const window = 30_000

/** @internal */
export const progress = (batch: string): Stream.Stream<Progress, LedgerError, BatchStore> =>
  Stream.unwrap(Effect.map(standing("Batch.progress", batch), ([ledger]) => {
    const seen: Array<readonly [at: number, settled: number]> = []
    let took = 0

    const look = Effect.gen(function*() {
      const before = yield* Clock.currentTimeMillis
      const now = yield* Batches.get(ledger, batch)
      const status = yield* statusOf(ledger, now)
      const at = yield* Clock.currentTimeMillis
      took = at - before
      const { states } = status
      const settled = states.done + states.failed + states.cancelled + states.reported + states.invalid
      seen.push([at, settled])
      while (seen.length > 2 && at - seen[0]![0] > window) seen.shift()
      const [since, first] = seen[0]!
      const rowsPerSecond = at > since ? (settled - first) / (at - since) * 1000 : 0
      const found: Progress = {
        batch,
        status: status.status,
        rows: status.rows,
        done: states.done,
        failed: states.failed,
        uncertain: states.uncertain,
        running: states.intent + states.submitted,
        settled,
        rowsPerSecond,
        ...(rowsPerSecond > 0 && { etaMs: Math.round((status.rows - settled) / rowsPerSecond * 1000) }),
        ...(status.costUsd !== undefined && { costUsd: status.costUsd })
      }
      return [found, now.state === "running" || now.state === "planned"] as const
    })

    return Stream.unfoldEffect(0, (round) =>
      round === -1
        ? Effect.succeed(Option.none())
        : Effect.map(
          Effect.zipRight(round === 0 ? Effect.void : Effect.sleep(Math.max(interval, took * share)), look),
          ([found, goesOn]) => Option.some([found, goesOn ? round + 1 : -1] as const)
        ))
  }))
