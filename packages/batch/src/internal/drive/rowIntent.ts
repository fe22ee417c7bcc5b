/** A row with an intent: it is sent in its turn. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { BatchStoreError } from "../../BatchError.js"
import * as Rows from "../ledger/rows.js"
import { again, awaitListing, done, foundListed, type Next, reread, type Row, type Step, to } from "./row.js"
import { insisting, mostLarge, succeeded } from "./running.js"
import { ofReading, ofSending } from "./verdict.js"

/** The limit of a request that begins a run, in milliseconds. */
const sendingLimit = 30_000

const mebibytes = ({ inputBytes }: Rows.LiveRow): number => Math.min(mostLarge, Math.round(inputBytes / (1024 * 1024)))

/** Sends with the input of the row: a large one is not in memory while the row waits, and few are sent at once. */
const withInput = (row: Row, use: (input: string) => Step): Step => {
  const { live, running, runs } = row
  if (live.input !== undefined) return use(live.input)
  const sending = Effect.flatMap(
    insisting(Rows.inputOf(running.ledger, live.id)),
    (input) => input === undefined ? Effect.succeed(done) : use(input)
  )
  // a request that waits for its run would keep others waiting as long
  return runs.beginLooks ? sending : running.large.withPermits(mebibytes(live))(sending)
}

/** Sends the row, as it is in the ledger or in a later state. */
const request = (row: Row, input: string, as = row.live): Step =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    row.sentAt = now
    return Effect.matchEffect(row.runs.begin(as, input, sendingLimit), {
      onFailure: (error): Step =>
        error._tag === "BatchStoreError" ? Effect.fail(error) : Effect.succeed({
          _tag: "refused",
          verdict: ofSending(error, row.live.key),
          state: as.state,
          executionId: error.executionId
        }),
      onSuccess: (outcome): Step =>
        Effect.succeed(
          outcome._tag === "submitted"
            ? { _tag: "begun", executionId: outcome.executionId, adopted: false, isListed: false }
            : {
              _tag: "ended",
              settled: outcome.settled,
              listing: { isListed: outcome.isListed, look: outcome.look }
            }
        )
    })
  })

/** Sends an intent that is young: another process may have given up an old one while this process was stopped. */
const requestYoung = (row: Row, input: string, intentAt: number): Step =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const { running } = row
    // the batch may have stopped or paused during the look-up or the wait for a turn
    if (running.isStopping || running.pausedUntil > now) return again(row)
    if (now - intentAt <= running.record.settings.grace / 2) return request(row, input)
    return Effect.flatMap(
      to(row, "intent", { from: ["intent"], intentAt: now }),
      (isTaken) => isTaken ? requestYoung(row, input, now) : Effect.succeed(reread)
    )
  })

const send = (row: Row): Step => row.turn(withInput(row, (input) => requestYoung(row, input, row.live.intentAt)))

/** Sends a row again whose request looks for its run first. */
export const sendAgain = (row: Row): Step =>
  row.turn(withInput(row, (input) =>
    // nothing begins after a stop
    row.running.isStopping ? Effect.succeed(done) : request(row, input, { ...row.live, state: "uncertain" })))

/** Sends a row, or adopts the run that its session lists. */
export const onIntent = (row: Row): Step => {
  const { live, running: { record: { settings: { adopt } } }, runs } = row
  if (!adopt || runs.beginLooks) return send(row)
  return Effect.matchEffect(runs.look(live), {
    onFailure: (error): Step =>
      Effect.succeed({ _tag: "refused", verdict: ofReading(error, live.key), state: live.state }),
    onSuccess: (look): Step => {
      switch (look._tag) {
        case "absent":
          return send(row)
        case "found":
          return Effect.succeed({ _tag: "begun", executionId: look.executionId, adopted: true, isListed: true })
        case "ended":
          return Effect.succeed({ _tag: "ended", settled: { ...look.settled, adopted: true } })
      }
    }
  })
}

/** Stores the run of a row. */
export const onBegun = (
  row: Row,
  { adopted, executionId, isListed }: Extract<Next, { readonly _tag: "begun" }>
): Effect.Effect<Next, BatchStoreError> =>
  Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    succeeded(row.running, now)
    if (!(yield* to(row, "submitted", { executionId, adopted }))) return reread
    yield* isListed ? foundListed(row) : awaitListing(row, Effect.suspend(() => row.runs.look(row.live)), now)
    return { _tag: "follow", executionId, since: now } as const
  })
