/** `noukai batch run`. */
import * as Batch from "@effect-noukai/batch/Batch"
import { BatchEngine } from "@effect-noukai/batch/BatchEngine"
import type { Progress } from "@effect-noukai/batch/BatchStatus"
import { BatchStore } from "@effect-noukai/batch/BatchStore"
import * as Options from "@effect/cli/Options"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { createInterface } from "node:readline"
import { connection, flag, json, optional, whole } from "../../arguments/flags.js"
import * as Values from "../../arguments/values.js"
import { CommandError, wrong } from "../../exit/CommandError.js"
import { exitCodes, worst } from "../../exit/exitCode.js"
import { toCommandError } from "../../exit/failing.js"
import { services } from "../../settings/services.js"
import { Settings } from "../../settings/Settings.js"
import { counted, time } from "../../terminal/amounts.js"
import { jsonLine } from "../../terminal/json.js"
import { Terminal } from "../../terminal/Terminal.js"
import { plain } from "../../terminal/text.js"
import { type InputOf, leaf } from "../leaf.js"
import { definition } from "./definition.js"
import { defined, limited, limits, select, selection } from "./flags.js"
import * as Ledger from "./ledger.js"
import { planned, refusals } from "./planned.js"
import * as Source from "./source.js"
import { exitCodeOfBatch, knownCost, retrying, summary } from "./told.js"

const config = {
  ...defined,
  ...limited("row"),
  maxFailures: whole("max-failures", "Stop once more rows than this fail in this run (no limit)."),
  attempts: whole("attempts", "Run a row at most this often; each attempt is billed (1)."),
  backoff: optional("backoff", "Wait this long before attempt 2, doubling to 1m (1s)."),
  select,
  cost: flag("cost", "Read the cost of each row, in one more request."),
  noAdopt: flag("no-adopt", "Do not search for runs of rows that a lost ledger began."),
  grace: optional("grace", "Wait this long until the server lists a run (5s)."),
  rowTimeout: optional("row-timeout", "Time out a row after running this long (1h)."),
  pendingTimeout: optional("pending-timeout", "Time out a job after pending this long (no limit)."),
  stopWithin: optional("stop-within", "After Ctrl-C, let rows in flight run this long (30s)."),
  yes: Options.withAlias(flag("yes", "Run over 1,000 hosted rows without confirmation."), "y"),
  json,
  ...connection
}

type Input = InputOf<typeof config>

/** The time between two looks for the start of the batch, in milliseconds. */
const beginning = 200

/** Joins the first parts that fit into the width. */
const fitting = (parts: ReadonlyArray<string>, width: number): string => {
  let line = parts[0] ?? ""
  for (const part of parts.slice(1)) {
    if (line.length + 2 + part.length >= width) break
    line = `${line}, ${part}`
  }
  return line
}

/** A line of progress. */
export const line = (
  { done, etaMs, failed, reported, rows, rowsPerSecond, running, timedOut, uncertain, ...costs }: Progress,
  width: number
): string =>
  fitting([
    `… ${done} of ${rows} done`,
    `${failed} failed`,
    ...reported > 0 ? [`${reported} reported`] : [],
    ...timedOut > 0 ? [`${timedOut} timed out`] : [],
    ...uncertain === 0 ? [] : [`${uncertain} uncertain`],
    `${running} running`,
    ...rowsPerSecond === 0 ? [] : [`${rowsPerSecond.toFixed(1)} rows/s`],
    ...etaMs === undefined ? [] : [`${time(etaMs)} left`],
    ...Arr.fromNullable(knownCost(costs))
  ], width)

/** Shows the progress of a batch until it is interrupted. */
export const shown = (id: string): Effect.Effect<void, never, BatchStore | Terminal> =>
  Effect.flatMap(Terminal, (terminal) => {
    if (!terminal.isWatched) return Effect.void
    // skips the state of an earlier run
    const running = Stream.filter(Batch.progress(id), ({ running, status }) => status === "running" || running > 0)
    return Effect.zipRight(
      terminal.progress("… reading rows"),
      Stream.runForEach(running, (progress) => terminal.progress(line(progress, terminal.width()))).pipe(
        Effect.ignore,
        Effect.repeat(Schedule.spaced(beginning)),
        Effect.asVoid
      )
    )
  })

/** Runs an effect that the same command can continue. An interruption prints how, and waits for the rows in flight. */
export const stoppable = Effect.fnUntraced(function*<A, E, R, R2, R3>(
  running: Effect.Effect<A, E, R>,
  progress: Effect.Effect<void, never, R2>,
  left: Effect.Effect<string, never, R3>
) {
  const terminal = yield* Terminal
  yield* Effect.forkScoped(progress)
  const run = yield* Effect.forkDaemon(running)
  return yield* Fiber.join(run).pipe(
    Effect.onInterrupt(() =>
      Effect.gen(function*() {
        yield* terminal.note("stopping after the rows in flight; a second Ctrl-C stops at once, and loses nothing")
        yield* Fiber.interrupt(run)
        const text = yield* left
        yield* terminal.progress("")
        yield* terminal.note(text)
      })
    )
  )
}, Effect.scoped)

/** Asks a question and returns whether the answer is yes. The end of input is a no. */
export const confirmed = (question: string): Effect.Effect<boolean> =>
  Effect.acquireUseRelease(
    // without terminal mode, Ctrl-C arrives as a signal
    Effect.sync(() => createInterface({ input: process.stdin, terminal: false })),
    (lines) =>
      Effect.async<boolean>((resume) => {
        process.stderr.write(`${plain(question)} [y/N] `)
        lines.once("line", (line) => resume(Effect.succeed(/^y(es)?$/i.test(line.trim()))))
        lines.once("close", () => resume(Effect.succeed(false)))
      }),
    // this pauses stdin too
    (lines) => Effect.sync(() => lines.close())
  )

/** The number of rows that run on the hosted service without confirmation. */
const unasked = 1000

const options = Effect.fnUntraced(function*(input: Input) {
  return {
    ...yield* limits("row", input),
    maxFailures: Option.getOrUndefined(input.maxFailures),
    attempts: Option.getOrUndefined(input.attempts),
    backoff: yield* Values.durationOf("--backoff", input.backoff),
    select: selection(input.select),
    cost: input.cost || undefined,
    adopt: !input.noAdopt,
    grace: yield* Values.durationOf("--grace", input.grace),
    rowTimeout: yield* Values.durationOf("--row-timeout", input.rowTimeout),
    pendingTimeout: yield* Values.durationOf("--pending-timeout", input.pendingTimeout),
    stopWithin: yield* Values.durationOf("--stop-within", input.stopWithin)
  }
})

/** Asks for confirmation before many paid runs begin. */
export const allowed = Effect.fnUntraced(function*(count: number, what: string) {
  if (count <= unasked) return
  const terminal = yield* Terminal
  const many = `${count.toLocaleString("en-US")} ${plain(what)} would run on the hosted service`
  if (!terminal.canAsk) return yield* wrong(`${many}: confirm with --yes`)
  if (!(yield* confirmed(`${many}. Run them?`))) {
    return yield* new CommandError({ code: exitCodes.refused, message: "nothing was run" })
  }
})

const handle = Effect.fnUntraced(
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
      yield* allowed(toRun, `rows of ${input.flow}`)
    }

    const again = "run the same command to continue"
    const store = BatchStore.layerFile(file)
    const reached = Effect.option(Batch.status(id))
    const running = Effect.catchTag(
      Batch.run(batch, source, given),
      "BatchStoreError",
      (error) =>
        Effect.flatMap(Effect.option(Ledger.live(id)), (live) => {
          const { code, kind, message } = toCommandError(error, Option.contains(live, 0) ? "reads" : "begins", input)
          return new CommandError({ code, kind, message, advice: [again] })
        })
    )
    const [before, ended] = yield* Effect.all([
      reached,
      stoppable(
        running,
        shown(id),
        Effect.map(reached, Option.match({ onNone: () => again, onSome: (at) => `${summary(at)}; ${again}` }))
      )
    ]).pipe(Effect.provide(Layer.merge(store, BatchEngine.layerLocal)))
    yield* terminal.progress("")
    if (input.json) yield* terminal.write(jsonLine(ended))
    yield* refusals(ended.plan)
    const { key } = given.select
    const found = Effect.provide(Stream.runHead(Batch.results(id, { select: { key } })), store)
    const isUnmatched = key !== undefined && Option.isNone(yield* found)
    yield* terminal.note(summary(ended))
    const adopted = ended.adopted - Option.match(before, { onNone: () => 0, onSome: ({ adopted }) => adopted })
    if (adopted > 0) {
      yield* terminal.note(
        `${counted(adopted, "result")} of earlier runs, found at the server under this batch id and these keys; ` +
          "if the texts have changed since, run them under another id",
        "yellow"
      )
    }
    const code = worst([exitCodeOfBatch(ended), isUnmatched ? exitCodes.usage : exitCodes.done])
    if (code === exitCodes.done) return
    const { states, stop } = ended
    const isWrong = code === exitCodes.usage
    return yield* new CommandError({
      code,
      kind: isWrong ? "UsageError" : undefined,
      message: isWrong
        ? `no row has a key that matches --select ${input.select.join(", ")}: no row was begun`
        : stop === undefined
        ? ""
        : `the batch stopped: ${stop.message}`,
      advice: [
        // the same budget would stop the batch again
        ...stop?.reason === "paused"
          ? [`to continue: ${Ledger.about(input, "batch resume")}, then the same command`]
          : stop === undefined || isWrong || ["cancelled", "budget"].includes(stop.reason)
          ? []
          : [again],
        ...states.failed + states.reported + states.invalid + states.cancelled === 0
          ? []
          : [`the result of each row: ${Ledger.about(input, "batch results")}`],
        ...(["failed", "cancelled", "reported"] as const).filter((only) => states[only] > 0).map((only) =>
          retrying(input, only)
        ),
        ...states.invalid === 0
          ? []
          : ["correct invalid rows in the file, and run the same command again"]
      ]
    })
  },
  (effect, input) => Effect.provide(Effect.scoped(effect), services(input, () => "for up to 5 minutes; no row is lost"))
)

export const command = leaf("run", "Run each row of a file once; continue an earlier run.", config, handle)
