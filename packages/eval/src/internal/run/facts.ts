/** The facts of an eval run. Its batch keeps them as its note. */
import * as Batch from "@effect-noukai/batch/Batch"
import type { LedgerError } from "@effect-noukai/batch/BatchError"
import type { BatchStop } from "@effect-noukai/batch/BatchStatus"
import type { BatchStore } from "@effect-noukai/batch/BatchStore"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import { EvalNotFoundError } from "../../EvalError.js"
import type { EvalRunInfo } from "../../EvalOptions.js"
import { EvalReport, Selection, SideName } from "../../EvalReport.js"

const Amount = Schema.optional(Schema.Union(Schema.Number, Schema.String))

/** The facts of an eval run, known before anything is sent. */
export const Facts = Schema.Struct({
  ...Struct.pick(EvalReport.fields, "eval", "run", "startedAt", "candidate", "baseline", "repeat", "cases"),
  /** The candidates after the first. */
  others: Schema.optionalWith(Schema.Array(SideName), { exact: true }),
  /** The eval run that a stored baseline was blessed from. */
  stored: Schema.optionalWith(Schema.String, { exact: true }),
  /** The part of the cases that it has, with the keys of those that failed in another run. */
  selection: Schema.optionalWith(
    Schema.Struct({ ...Selection.fields, keys: Schema.optionalWith(Schema.Array(Schema.String), { exact: true }) }),
    { exact: true }
  ),
  /** Of all its cases, in their order. */
  hash: Schema.String,
  hasJudges: Schema.Boolean,
  /** The server of its runs. Empty with cassettes. */
  server: Schema.String,
  /** The hash of everything but the case, the flow, its version and the server that results depend on. */
  common: Schema.String,
  /** Its limits of cost. A resumed run keeps them. */
  budgetUsd: Amount,
  maxCostPerRow: Amount
})

export type Facts = typeof Facts.Type

const Note = Schema.parseJson(Schema.Struct({ eval: Facts }))

const decode = Schema.decodeUnknownOption(Note)

/** The note of the batch of an eval run. */
export const noteOf = (facts: Facts): string => Schema.encodeSync(Note)({ eval: facts })

type Named = Pick<Facts, "eval" | "run">

/** The id of the batch of an eval run. */
export const batchId = ({ eval: name, run }: Named): string => `eval/${name}/${run}`

/** The id of the batch of its judges. */
export const judgesId = (named: Named): string => `${batchId(named)}/judges`

/** A new id of an eval run: the time, and four random digits. */
export const newId: Effect.Effect<readonly [run: string, startedAt: number]> = Effect.gen(function*() {
  const now = yield* Clock.currentTimeMillis
  const [date, time] = new Date(now).toISOString().replace(/[-:]/g, "").slice(0, 15).split("T")
  const digits = (yield* Random.nextIntBetween(0x1000, 0x10000)).toString(16)
  return [`${date}-${time}-${digits}`, now]
})

/** The eval runs of a ledger, or those of one eval, in the order in which they began. */
export const all = (name?: string): Effect.Effect<ReadonlyArray<Facts>, LedgerError, BatchStore> =>
  Effect.map(Batch.list(name === undefined ? "eval/" : `eval/${name}/`), (batches) =>
    batches.flatMap(({ note }) => {
      const found = Option.getOrUndefined(decode(note))?.eval
      return found === undefined || (name !== undefined && found.eval !== name) ? [] : [found]
    }))

/** The advice of an eval whose batch has stopped, by the reason. */
const advices: { readonly [reason in BatchStop["reason"]]?: string } = {
  budget: "raise it and resume the run",
  killed: "resume the run to go on",
  paused: "resume its batch, and resume the run",
  refused: "to record it, run the eval with `record` (--record)",
  timeout: "Resume the run to read their results, with a longer rowTimeout to wait longer"
}

/** The message of a batch with the advice of an eval. */
const told = ({ advice, message, reason }: BatchStop): string =>
  advice === undefined ? message : message.replace(advice, () => advices[reason] ?? advice)

/** Why a batch is not over; `undefined` if it is. */
const stopOfBatch = (batch: string, what: string): Effect.Effect<string | undefined, LedgerError, BatchStore> =>
  Batch.status(batch).pipe(
    Effect.map(({ status, stop }) =>
      status === "completed" ? undefined : `${what} are ${status}${stop === undefined ? "" : `: ${told(stop)}`}`
    ),
    Effect.catchTag("BatchNotFoundError", () => Effect.succeed(`${what} did not begin`))
  )

/** Why an eval run is not complete, or its judges; `undefined` if all runs ended. */
export const stopOf = (
  facts: Facts,
  hasJudges: boolean = facts.hasJudges
): Effect.Effect<string | undefined, LedgerError, BatchStore> =>
  Effect.flatMap(
    stopOfBatch(batchId(facts), "the runs"),
    (stop) => stop === undefined && hasJudges ? stopOfBatch(judgesId(facts), "the judges") : Effect.succeed(stop)
  )

/** An eval run by its id, or the newest one. */
export const find = (
  name: string,
  run: string | undefined
): Effect.Effect<Facts, EvalNotFoundError | LedgerError, BatchStore> =>
  Effect.flatMap(all(name), (runs) => {
    const found = runs.findLast((one) => run === undefined || one.run === run)
    return found === undefined
      ? new EvalNotFoundError({ eval: name, ...(run !== undefined && { run }) })
      : Effect.succeed(found)
  })

/** The newest eval run that is complete, or that is not. */
export const newest = Effect.fnUntraced(function*(name: string, isComplete: boolean) {
  for (const one of (yield* all(name)).toReversed()) if (((yield* stopOf(one)) === undefined) === isComplete) return one
  return yield* new EvalNotFoundError({ eval: name, isIncomplete: !isComplete })
})

/** The selection of a run that does not have all cases. */
export const partOf = ({ cases, selection }: Facts): { readonly selection?: Selection } =>
  selection === undefined || cases === selection.of ? {} : { selection: Struct.omit(selection, "keys") }

/** The eval runs of a ledger. */
export const list = (name?: string): Effect.Effect<ReadonlyArray<EvalRunInfo>, LedgerError, BatchStore> =>
  Effect.flatMap(
    all(name),
    Effect.forEach((facts) =>
      Effect.map(stopOf(facts), (stop): EvalRunInfo => ({
        ...Struct.omit(facts, "budgetUsd", "common", "hash", "hasJudges", "maxCostPerRow", "selection", "server"),
        ...partOf(facts),
        isComplete: stop === undefined
      }))
    )
  )
