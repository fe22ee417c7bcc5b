/**
 * At most once, and the caller is told: random fault schedules over executions, tool loops, healing streams and jobs,
 * and what the client says of each against the emulator's ledger. No run starts twice without consent, no success is
 * told that the ledger does not hold, and a run that started is never reported as one that may be sent again.
 *
 * `npm run test:faults` runs 10,000 schedules, `npm test` 150; a failure prints its seed and the fewest faults that
 * still fail. `RUN_ONCE_SEED=<seed>` runs that one.
 */
import { Emulator } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import type { EmulatorError } from "@effect-noukai/emulator/EmulatorError"
import { FlowService, JobService, Noukai, type NoukaiError, Tools } from "@effect-noukai/sdk"
import { isNoukaiError } from "@effect-noukai/sdk/NoukaiError"
import { assert, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Logger, LogLevel, Schedule, Stream } from "effect"
import { isWhole, size } from "./support/size.js"

/** A linear congruential generator: the same seed, the same numbers. */
const numbers = (seed: number) => {
  let state = (seed * 2654435761) % 2147483648
  return (below: number): number => {
    state = (state * 1103515245 + 12345) % 2147483648
    return Math.floor(state / 2147483648 * below)
  }
}

const randomFault = (below: (n: number) => number): string => {
  const event = `e${1 + below(6)}`
  const bytes = `b${below(400)}`
  const kinds = [
    "ok",
    "ok",
    "reset",
    "reset:late",
    `reset:${bytes}`,
    `reset:${event}`,
    `cut:${bytes}`,
    `cut:${event}`,
    `end:${bytes}`,
    `end:${event}`,
    "408",
    "429:retry=0",
    "500",
    "502:html",
    "503",
    "404",
    "html",
    "empty",
    "split:7",
    "crlf",
    "cr",
    "bom",
    "comment",
    "unknown",
    "unterminated",
    "malformed",
    `malformed:${event}`,
    `drop:${event}`,
    `repeat:${event}`,
    "delay:2"
  ]
  return kinds[below(kinds.length)]!
}

type Told =
  | { readonly _tag: "completed"; readonly executionId: string | undefined; readonly result: unknown }
  | {
    readonly _tag: "failed"
    readonly error: NoukaiError
    /** The id of the run that the caller holds already. */
    readonly known: string | undefined
    /** Whether the failed operation only read the run, so that repeating it starts nothing. */
    readonly isRead: boolean
  }

type Services = Emulator | FlowService | JobService

interface Operation {
  readonly name: string
  readonly result: unknown
  /** Runs that may start. */
  readonly mayStart: number
  /** Whether the result travels on an event, which a fault may take. */
  readonly readsEvents?: true
  readonly run: Effect.Effect<Told, unknown, FlowService | JobService>
}

const failed = (known?: string, isRead = false) => (error: unknown): Effect.Effect<Told, unknown> =>
  isNoukaiError(error) ? Effect.succeed<Told>({ _tag: "failed", error, known, isRead }) : Effect.fail(error)

const completed = (executionId: string | undefined, result: unknown): Told => ({
  _tag: "completed",
  executionId,
  result
})

const tools = Tools.handle(
  [{ type: "function", function: { name: "get_weather" } }],
  (calls) => Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: "sunny" })))
)

const hello = { text: "Hello! You said: hi" }

const executing = (
  name: string,
  slug: string,
  result: unknown,
  retryPost: boolean,
  more: { tools?: typeof tools }
) => ({
  name,
  result,
  mayStart: retryPost ? 3 : 1,
  run: Effect.flatMap(FlowService, (flows) => flows.execute(slug, { message: "hi", retryPost, ...more })).pipe(
    Effect.map((done) => completed(done.executionId, "result" in done ? done.result : undefined)),
    Effect.catchAll(failed())
  )
})

const streaming = (
  name: string,
  slug: string,
  result: unknown,
  more: { tools?: typeof tools; runRemaining?: true }
) => ({
  name,
  result,
  mayStart: 1,
  readsEvents: true as const,
  run: Effect.flatMap(FlowService, (flows) => {
    let told: Told | undefined
    let known: string | undefined
    return Stream.runForEach(
      flows.events(slug, { message: "hi", heal: Schedule.recurs(3), ...more }),
      (event) =>
        Effect.sync(() => {
          if (event.type === "run_started") known = event.executionId
          if (event.type === "flow_completed") told = completed(event.executionId ?? known, event.result)
        })
    ).pipe(
      Effect.flatMap(() =>
        told === undefined ? Effect.dieMessage("the stream ended and said nothing") : Effect.succeed(told)
      ),
      Effect.catchAll((error) => failed(known)(error))
    )
  })
})

const weather = { text: "The weather, as get_weather says: sunny" }

const operations: ReadonlyArray<Operation> = [
  executing("execute", "noukai/samples/hello-world", hello, false, {}),
  executing("execute, with consent", "noukai/samples/hello-world", hello, true, {}),
  executing("execute with tools", "noukai/samples/tools-enabled", weather, false, { tools }),
  streaming("events, healing", "noukai/samples/two-step", undefined, {}),
  streaming("events in one response, healing", "noukai/samples/two-step", undefined, { runRemaining: true }),
  streaming("events with tools, healing", "noukai/samples/tools-enabled", weather, { tools }),
  {
    name: "job",
    result: hello,
    mayStart: 1,
    run: Effect.flatMap(JobService, (jobs) => jobs.submit("noukai/samples/hello-world", { message: "hi" })).pipe(
      Effect.matchEffect({
        onFailure: failed(),
        onSuccess: (job) =>
          job.result({ schedule: Schedule.spaced("1 millis"), timeout: "1 seconds" }).pipe(
            Effect.map((result) => completed(job.executionId, result)),
            Effect.catchAll(failed(job.executionId, true))
          )
      })
    )
  }
]

const settled: Effect.Effect<void, never, Emulator> = Effect.flatMap(
  Effect.flatMap(Emulator, (emulator) => emulator.ledger),
  ({ requests }) =>
    requests.some(({ outcome }) => outcome === "open")
      ? Effect.zipRight(Effect.sleep("1 millis"), settled)
      : Effect.void
)

/** Whether a fault may take the event that carries an output: the result is then not known, and absent. */
const losesEvents = (fault: string): boolean => /^(?:drop|malformed|repeat):e/.test(fault)

/** The fault of a report, if it has one. */
const judge = (
  operation: Operation,
  told: Told,
  runs: ReadonlyArray<{ executionId: string; status: string }>,
  faults: ReadonlyArray<string>
) => {
  if (runs.length > operation.mayStart) return `${runs.length} runs started`
  if (told._tag === "completed") {
    const run = runs.find(({ executionId }) => executionId === told.executionId)
    if (run === undefined) return `success of a run that is not in the ledger: ${told.executionId}`
    if (run.status !== "completed") return `success of a run that is ${run.status}`
    if (operation.readsEvents && told.result === undefined && faults.some(losesEvents)) return undefined
    return operation.result === undefined || JSON.stringify(told.result) === JSON.stringify(operation.result)
      ? undefined
      : `a wrong result: ${JSON.stringify(told.result)}`
  }
  const { error, isRead, known } = told
  const id = error.executionId ?? known
  if (id !== undefined && !runs.some(({ executionId }) => executionId === id)) return `a run that never was: ${id}`
  if (known !== undefined && error.executionId !== known) {
    return `${error._tag} of ${error.executionId}, not of ${known}`
  }
  if (runs.length === 0 || isRead) return undefined
  if ("sent" in error && error.sent === "no") return `${error._tag} says "no", and a run started`
  return error.isRetryable ? `${error._tag} may be sent again, and a run started` : undefined
}

const attempt = (operation: Operation, faults: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator
    yield* emulator.reset
    const [first, ...others] = faults
    if (first !== undefined) yield* emulator.addFaults({ script: [first, ...others] })
    const exit = yield* Effect.exit(operation.run.pipe(
      Effect.timeoutFail({ duration: "10 seconds", onTimeout: () => "it hangs" })
    ))
    if (Exit.isFailure(exit)) return Cause.pretty(exit.cause)
    yield* settled
    return judge(operation, exit.value, (yield* emulator.ledger).runs, faults)
  })

const plan = (seed: number) => {
  const below = numbers(seed)
  const operation = operations[below(operations.length)]!
  return { operation, faults: Array.from({ length: 1 + below(5) }, () => randomFault(below)) }
}

/** The fewest of these faults that still fail, as far as leaving out one at a time finds them. */
const shrink = (
  operation: Operation,
  faults: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<string>, EmulatorError, Services> =>
  Effect.gen(function*() {
    for (let i = 0; i < faults.length; i++) {
      const fewer = faults[i] === "ok" ? faults : faults.map((fault, at) => at === i ? "ok" : fault)
      if (fewer !== faults && (yield* attempt(operation, fewer)) !== undefined) return yield* shrink(operation, fewer)
    }
    return faults
  })

const check = (seed: number) =>
  Effect.gen(function*() {
    const { faults, operation } = plan(seed)
    const problem = yield* attempt(operation, faults)
    if (problem === undefined) return undefined
    const least = yield* shrink(operation, faults)
    return `seed ${seed}: ${operation.name} with ${least.join(" | ")}: ${yield* attempt(operation, least)}`
  })

const only = process.env["RUN_ONCE_SEED"]
const seeds = only === undefined ? Array.from({ length: size(10_000, 100) }, (_, n) => n + 1) : [Number(only)]

const layer = Layer.provideMerge(
  Noukai.layerServices,
  Emulators.layer({ config: { retry: Schedule.recurs(2), timeout: "5 seconds" } })
)

it.live(`${seeds.length} schedules of faults: at most once, and the caller is told`, () =>
  Effect.gen(function*() {
    const problems: Array<string> = []
    for (const seed of seeds) {
      const problem = yield* check(seed)
      if (problem !== undefined) problems.push(problem)
      if (problems.length === 20) break
    }
    if (isWhole) process.stdout.write(`\nrun-once: ${seeds.length} schedules, ${problems.length} wrong\n`)
    assert.deepStrictEqual(problems, [])
  }).pipe(Logger.withMinimumLogLevel(LogLevel.None), Effect.provide(layer)), isWhole ? 1_200_000 : 60_000)
