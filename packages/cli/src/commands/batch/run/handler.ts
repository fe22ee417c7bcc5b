/** Handles `noukai batch run`. */
import * as Batch from "@effect-noukai/batch/Batch"
import { BatchEngine } from "@effect-noukai/batch/BatchEngine"
import type { RunOptions } from "@effect-noukai/batch/BatchStatus"
import { BatchStore } from "@effect-noukai/batch/BatchStore"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Values from "../../../arguments/values.js"
import { CommandError, UsageError } from "../../../exit/CommandError.js"
import { exitCodes } from "../../../exit/exitCode.js"
import { services } from "../../../settings/services.js"
import { Settings } from "../../../settings/Settings.js"
import { jsonLine } from "../../../terminal/json.js"
import { confirmed } from "../../../terminal/question.js"
import { plain, Terminal } from "../../../terminal/Terminal.js"
import type { Handle } from "../../leaf.js"
import { definition } from "../definition.js"
import { failing } from "../failing.js"
import { selection } from "../flags.js"
import * as Ledger from "../ledger.js"
import { planned, refusals } from "../planned.js"
import * as Progress from "../progress.js"
import * as Source from "../source.js"
import { exitCodeOfBatch, summary } from "../told.js"
import type { Input } from "./input.js"

/** The most rows that are run on the hosted service unasked. */
const unasked = 1000

const dollars = (flag: string, value: Option.Option<string>) => Values.when(value, (text) => Values.dollars(flag, text))

const options = (input: Input): Effect.Effect<RunOptions, UsageError> =>
  Effect.gen(function*() {
    const budgetUsd = yield* dollars("--budget", input.budget)
    const maxCostPerRow = yield* dollars("--max-cost-per-row", input.maxCostPerRow)
    if (budgetUsd !== undefined && maxCostPerRow === undefined) {
      return yield* new UsageError({ message: "--budget requires --max-cost-per-row: no row has a known cost yet" })
    }
    return {
      budgetUsd,
      maxCostPerRow,
      concurrency: Option.getOrUndefined(input.concurrency),
      rate: Option.getOrUndefined(input.rate),
      maxFailures: Option.getOrUndefined(input.maxFailures),
      attempts: Option.getOrUndefined(input.attempts),
      backoff: yield* Values.when(input.backoff, (text) => Values.duration("--backoff", text)),
      select: selection(input.select),
      cost: input.cost || undefined,
      adopt: !input.noAdopt,
      grace: yield* Values.when(input.grace, (text) => Values.duration("--grace", text)),
      rowTimeout: yield* Values.when(input.rowTimeout, (text) => Values.duration("--row-timeout", text)),
      pendingTimeout: yield* Values.when(input.pendingTimeout, (text) => Values.duration("--pending-timeout", text)),
      stopWithin: yield* Values.when(input.stopWithin, (text) => Values.duration("--stop-within", text))
    }
  })

/** Asks before many rows are run where they cost money. */
const allowed = Effect.fnUntraced(function*(count: number, flow: string) {
  if (count <= unasked) return
  const terminal = yield* Terminal
  const many = `${count.toLocaleString("en-US")} rows of ${plain(flow)} would run on the hosted service`
  if (!terminal.canAsk) {
    return yield* new UsageError({ message: `${many}: confirm with --yes` })
  }
  if (!(yield* confirmed(`${many}. Run them?`))) {
    return yield* new CommandError({ code: exitCodes.refused, message: "nothing was run" })
  }
})

export const handle: Handle<Input> = Effect.fnUntraced(
  function*(input: Input) {
    const terminal = yield* Terminal
    const { id } = input
    const file = yield* Ledger.path(input)
    const given = yield* options(input)
    const { isHosted } = yield* Settings
    const batch = yield* definition(input)
    const isCounted = isHosted && !input.yes
    if (isCounted) yield* terminal.progress("… reading rows")
    const source = yield* Source.source(input, isCounted)
    if (isCounted) {
      const { toRun } = yield* planned(batch, source, file, selection(input.select))
      yield* terminal.progress("")
      yield* allowed(toRun, input.flow)
    }

    const again = "run the same command to continue"
    const running = Effect.gen(function*() {
      yield* Effect.forkScoped(Progress.shown(id))
      const run = yield* Effect.forkDaemon(Batch.run(batch, source, given))
      return yield* Fiber.join(run).pipe(
        Effect.onInterrupt(() =>
          Effect.gen(function*() {
            yield* terminal.note(
              "stopping after the rows in flight; a second Ctrl-C stops at once, and loses nothing"
            )
            yield* Fiber.interrupt(run)
            const status = yield* Effect.option(Batch.status(id))
            yield* terminal.progress("")
            yield* terminal.note(
              Option.match(status, { onNone: () => again, onSome: (at) => `${summary(at)}; ${again}` })
            )
          })
        )
      )
    })
    const ended = yield* running.pipe(
      Effect.scoped,
      Effect.provide(Layer.merge(BatchStore.layerFile(file), BatchEngine.layerLocal))
    )
    yield* terminal.progress("")
    if (input.json) yield* terminal.write(jsonLine(ended))
    yield* refusals(ended.plan)
    yield* terminal.note(summary(ended))
    const code = exitCodeOfBatch(ended)
    if (code === exitCodes.done) return
    const { states, stop } = ended
    return yield* new CommandError({
      code,
      message: stop === undefined ? "" : `the batch stopped: ${stop.message}`,
      advice: [
        // the same budget would stop it again
        ...stop?.reason === "paused"
          ? [`to continue: ${Ledger.about(input, "batch resume")}, then the same command`]
          : stop === undefined || stop.reason === "cancelled" || stop.reason === "budget"
          ? []
          : [again],
        ...states.failed + states.reported + states.invalid + states.cancelled === 0
          ? []
          : [`the result of each row: ${Ledger.about(input, "batch results")}`],
        ...states.failed === 0
          ? []
          : [`to run them again: ${Ledger.about(input, "batch retry", [["--only", "failed"]])}`],
        ...states.invalid === 0
          ? []
          : ["correct invalid rows in the file, and run the same command again"]
      ]
    })
  },
  Effect.scoped,
  (effect, input) => Effect.provide(effect, services(input, () => "for up to 5 minutes; no row is lost")),
  failing
)
