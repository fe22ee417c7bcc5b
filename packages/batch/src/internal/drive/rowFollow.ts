/** A row whose run is known: the run is polled until it ends. */
import type { NoukaiError } from "@effect-noukai/sdk"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { BatchStoreError } from "../../BatchError.js"
import { done, isBeyond, isOver, type Next, report, type Row, type Step, to } from "./row.js"
import { isUnreachable, pause, pollWait, shortestWait, stop, succeeded, unknownStatus, untilPoll } from "./running.js"
import { isAbsence, mayPass, ofFollowing, rowError } from "./verdict.js"

/** How often a poll may fail for this row alone before it is reported. */
const pollFailures = 8

/** Leaves a run to the next run of the batch. The reservation of the row stays. */
export const timedOut = (row: Row, executionId: string, status: "pending" | "running"): Step => {
  const { pendingTimeout = Infinity, rowTimeout = Infinity } = row.running.record.settings
  const limit = Duration.format(status === "running" ? rowTimeout : pendingTimeout)
  const transition = to(row, "timedOut", {
    from: ["intent", "uncertain", "submitted"],
    executionId,
    ...(row.runningAt !== undefined && { runningAt: row.runningAt }),
    error: JSON.stringify({
      kind: "TimedOut",
      message: `its run ${executionId} is still ${status} after ${limit}; it goes on at the server, may be billed, ` +
        "and is asked for again by the next run of the batch"
    })
  })
  return Effect.as(transition, done)
}

/** The milliseconds until a limit of the run is reached, at least a moment. */
const untilOver = ({ running, runningAt }: Row, now: number, since: number): number => {
  const { pendingTimeout = Infinity, rowTimeout = Infinity } = running.record.settings
  return Math.max(shortestWait, runningAt === undefined ? since + pendingTimeout - now : runningAt + rowTimeout - now)
}

/** Continues after a poll that failed: the next step, or none if the run is polled again. */
const afterFailure = (
  row: Row,
  executionId: string,
  error: NoukaiError,
  failures: number,
  now: number
): Effect.Effect<Next | undefined, BatchStoreError> =>
  Effect.gen(function*() {
    const { live, running } = row
    const verdict = ofFollowing(error, live.key)
    if (verdict._tag === "stop") return yield* Effect.as(stop(running, verdict.stop), done)
    if (isAbsence(error)) {
      const message = `its run ${executionId} was begun, and is not known to the server any more`
      return yield* report(row, { ...rowError(error), kind: "RunNotFound", message }, executionId)
    }
    if (!mayPass(error) && failures >= pollFailures) return yield* report(row, rowError(error), executionId)
    const isWait = verdict._tag === "wait"
    if (!isWait && isUnreachable(running, now)) {
      return yield* Effect.as(stop(running, { reason: "unreachable", message: error.message }), done)
    }
    // its status is unknown: it may be running
    if (isOver(row, now)) return yield* timedOut(row, executionId, "running")
    const seconds = isWait ? verdict.seconds : undefined
    if (isWait) yield* pause(running, seconds)
    const wait = seconds === undefined ? 250 * 2 ** Math.min(failures, 7) : seconds * 1000
    yield* Effect.sleep(Math.min(60_000, wait))
    return undefined
  })

/** Polls the run of a row until it ends, or a limit of the row is reached. */
export const onFollow = (row: Row, executionId: string, since: number): Step =>
  Effect.gen(function*() {
    const { live, running, runs } = row
    const found = yield* Effect.either(runs.follow(executionId, live))
    if (Either.isLeft(found)) return yield* report(row, rowError(found.left), executionId)
    const waits = runs.waits === undefined ? undefined : yield* runs.waits(executionId, live)
    for (let [polls, failures] = [0, 0];;) {
      const now = yield* Clock.currentTimeMillis
      const wait = waits?.next() ?? pollWait(polls++)
      yield* untilPoll(running, Math.min(wait, untilOver(row, now, since)), waits?.nudged)
      const polled = yield* Effect.either(found.right)
      if (Either.isLeft(polled)) {
        const next = yield* afterFailure(row, executionId, polled.left, failures++, now)
        if (next !== undefined) return next
        continue
      }
      failures = 0
      const status = polled.right
      const then = yield* Clock.currentTimeMillis
      succeeded(running, then)
      if (status._tag === "ended") {
        if (waits !== undefined) yield* waits.ended
        return { _tag: "ended", settled: status.settled } as const
      }
      const isRunning = status._tag === "running"
      if (isRunning && status.unknown !== undefined) yield* unknownStatus(running, status.unknown, executionId)
      const isLate = isRunning
        ? isOver(row, then)
        : isBeyond(running.record.settings.pendingTimeout, then - since)
      if (isLate) return yield* timedOut(row, executionId, status._tag)
    }
  })
