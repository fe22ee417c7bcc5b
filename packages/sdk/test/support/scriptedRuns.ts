/** Programs over drawn servers, and all that can be seen of them. */
import {
  Budget,
  FlowService,
  isNoukaiError,
  JobService,
  NoukaiRecord,
  NoukaiReplay,
  ReplayCassette,
  Tools
} from "@effect-noukai/sdk"
import { layerServices, type Services } from "@effect-noukai/sdk/Noukai"
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FC from "effect/FastCheck"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { config } from "./client.js"
import { folder } from "./folder.js"
import { anyText } from "./fuzz.js"
import { type Mischief, type Plan, type Script, ScriptedRuns } from "./scriptedServer.js"
import { spanLog } from "./tracer.js"
import { serve } from "./WireServer.js"

/** A program that runs a flow, and goes on as its callers would. */
export interface Program {
  readonly operation: "execute" | "executeOnce" | "events" | "steps" | "submitOnce"
  readonly tools: "none" | "manual" | "handled" | "failing"
  /** The limit of the run; with one, `execute` walks step by step. */
  readonly maxCostUsd: string | undefined
  readonly budget: string | undefined
  readonly runRemaining: boolean
  readonly heals: boolean
  readonly maxRetries: 0 | 2
  /** The way in which a pause by hand is answered: by its own function, or from its state, as another process does. */
  readonly resume: "itself" | "state" | "wrongly"
  readonly key: { readonly takeOver: boolean; readonly rerunFailed: boolean; readonly isTwice: boolean }
  readonly failsAtPause: boolean
}

export interface Drawn extends Script {
  readonly program: Program
  /** Replays what was recorded, by the same program or by one with another input. Absent: nothing is recorded. */
  readonly replay: { readonly match: "position" | "input" | "strict"; readonly isOther: boolean } | undefined
}

export interface Observed {
  /** Each request with its body, in order. */
  readonly requests: ReadonlyArray<string>
  /** Events, states of pauses and calls of handlers, in order. */
  readonly seen: ReadonlyArray<readonly [kind: string, what: string]>
  /** The spans, in the order in which they ended. */
  readonly spans: ReadonlyArray<string>
  /** The ends of the calls, in order. */
  readonly ends: ReadonlyArray<string>
  /** Whatever failed with something other than an error of the SDK or of the program. */
  readonly defects: ReadonlyArray<string>
  /** How many runs the server has begun. */
  readonly begun: number
  /** The requests that named a run after its end had been told. */
  readonly afterEnd: ReadonlyArray<string>
  readonly replayed: Omit<Observed, "requests" | "begun" | "afterEnd" | "replayed"> | undefined
}

const value: FC.Arbitrary<unknown> = FC.oneof(
  FC.constantFrom<unknown>(null, "x", 1, 0.1, {}, { text: "hi" }, [1, 2]),
  FC.jsonValue({ maxDepth: 2 }).map((json): unknown => JSON.parse(JSON.stringify(json)))
)

const step = FC.record({
  rounds: FC.oneof({ weight: 4, arbitrary: FC.constant(0) }, { weight: 3, arbitrary: FC.integer({ min: 1, max: 2 }) }),
  calls: FC.oneof(
    { weight: 8, arbitrary: FC.integer({ min: 1, max: 2 }) },
    { weight: 1, arbitrary: FC.constant(0) }
  ),
  output: value,
  costUsd: FC.constantFrom("0.1", "0.25", undefined)
})

const plan: FC.Arbitrary<Plan> = FC.record({
  steps: FC.array(step, { minLength: 1, maxLength: 4 }),
  ending: FC.constantFrom("completed" as const, "completed" as const, "failed" as const, "without result" as const),
  before: FC.oneof(
    { weight: 2, arbitrary: FC.constant("none" as const) },
    { weight: 1, arbitrary: FC.constantFrom("completed" as const, "failed" as const, "running" as const) },
    { weight: 1, arbitrary: FC.constantFrom("running" as const, "two" as const) }
  )
})

const codes = [
  "RATE_LIMITED",
  "EXECUTION_ID_INVALID",
  "PAUSED_STEP_INVALID",
  "TOOL_RESULTS_MISMATCH",
  "INVALID_STEP_INDEX",
  "STALE_TREE",
  undefined
]

const mischief: FC.Arbitrary<Mischief> = FC.oneof(
  { weight: 10, arbitrary: FC.constant<Mischief>({ _tag: "none" }) },
  {
    weight: 3,
    arbitrary: FC.record({
      _tag: FC.constant("refused" as const),
      status: FC.constantFrom(400, 401, 402, 403, 404, 409, 410, 429, 429, 500, 503),
      code: FC.constantFrom(...codes),
      names: FC.boolean()
    })
  },
  {
    weight: 1,
    arbitrary: FC.record({
      _tag: FC.constant("text" as const),
      status: FC.constantFrom(200, 200, 502),
      text: FC.oneof(
        FC.constantFrom("", "null", "[]", "{}", "<html>", "{\"status\":\"paused\"}"),
        anyText({ maxLength: 30 })
      )
    })
  },
  {
    weight: 2,
    arbitrary: FC.record({
      _tag: FC.constantFrom("cut" as const, "ended" as const),
      share: FC.nat(100).map((percent) => percent / 100)
    })
  },
  { weight: 1, arbitrary: FC.constant<Mischief>({ _tag: "reset" }) },
  { weight: 1, arbitrary: FC.record({ _tag: FC.constantFrom("other run" as const, "no run" as const) }) }
)

const rarely = FC.nat(7).map((n) => n === 0)

const program: FC.Arbitrary<Program> = FC.record({
  operation: FC.constantFrom(
    "execute" as const,
    "execute" as const,
    "events" as const,
    "events" as const,
    "executeOnce" as const,
    "steps" as const,
    "submitOnce" as const
  ),
  tools: FC.constantFrom("none" as const, "manual" as const, "manual" as const, "handled" as const, "failing" as const),
  maxCostUsd: FC.constantFrom(undefined, undefined, "0.3", "100"),
  budget: FC.constantFrom(undefined, undefined, undefined, "0.7", "100"),
  runRemaining: FC.boolean(),
  heals: FC.boolean(),
  maxRetries: FC.constantFrom(0 as const, 2 as const),
  resume: FC.constantFrom("itself" as const, "state" as const, "wrongly" as const),
  key: FC.record({ takeOver: FC.boolean(), rerunFailed: FC.boolean(), isTwice: FC.boolean() }),
  failsAtPause: rarely
})

/** Scripts of servers with the programs that they answer. `isSmooth` draws no mischief. */
export const drawn = (isSmooth: boolean): FC.Arbitrary<Drawn> => {
  const list = FC.array(mischief, { maxLength: isSmooth ? 0 : 5 })
  return FC.record({
    plan,
    posts: list,
    reads: list,
    program,
    replay: FC.option(
      FC.record({
        match: FC.constantFrom("position" as const, "input" as const, "strict" as const),
        isOther: rarely
      }),
      { nil: undefined, freq: 2 }
    )
  })
}

export const flow = "acme/support/answer"

const declared = [{ type: "function", function: { name: "lookup" } }] as const

class HandlerFailed {
  readonly _tag = "HandlerFailed"
}

/** The wait for the events that a stored trace shows to follow, in milliseconds. */
const patience = 5_000

/** A clock that wakes from the longest of the waits at once, and leaves the limits of calls as they are. */
const hasty: Effect.Effect<Clock.Clock> = Effect.clockWith((clock) =>
  Effect.sync((): Clock.Clock =>
    Object.assign(Object.create(clock), {
      sleep: (duration: Duration.Duration) =>
        clock.sleep(Duration.toMillis(duration) === patience ? Duration.millis(patience / 20) : duration)
    })
  )
)

const field = (u: unknown, name: string): unknown => Predicate.hasProperty(u, name) ? u[name] : undefined

const shown = (u: unknown): string =>
  JSON.stringify(u, (_, inner) => typeof inner === "bigint" ? String(inner) : inner === undefined ? "~" : inner) ?? "~"

const isExpected = (error: unknown): boolean => isNoukaiError(error) || error instanceof HandlerFailed

/** Ports, paths, fibers and times differ from one run of a program to the next. */
const plain = (text: string): string =>
  text
    .replaceAll(/127\.0\.0\.1:\d+/g, "server")
    .replaceAll(/[^\s"]*noukai-[^\s"]*\.json/g, "file")
    .replaceAll(/#\d+/g, "#")
    .replaceAll(/after [\d.]+ ms/g, "after ms")

const shownError = (error: unknown): string =>
  plain(
    `${String(field(error, "_tag"))} ${field(error, "message") as string} ${shown(error)} ` +
      `cursor ${shown(field(error, "cursor"))} state ${shown(field(error, "state"))}`
  )

/** A defect without the places in the code. */
const defectOf = (cause: Cause.Cause<unknown>): string => plain(Cause.pretty(cause).replaceAll(/\n +at .*/g, ""))

class Watch {
  readonly seen: Array<readonly [string, string]> = []
  readonly spans: Array<string> = []
  readonly ends: Array<string> = []
  readonly defects: Array<string> = []

  get all() {
    const { defects, ends, seen, spans } = this
    return { defects, ends, seen, spans }
  }

  tell(kind: string, what: unknown): void {
    this.seen.push([kind, plain(shown(what))])
  }

  /** Notes the end of a call, and gives its value or error. */
  readonly ending = <A, E, R>(call: Effect.Effect<A, E, R>) =>
    Effect.map(Effect.exit(call), (exit) => {
      if (Exit.isSuccess(exit)) {
        this.ends.push(plain(shown(exit.value)))
        return { value: exit.value, error: undefined }
      }
      const error = Cause.squash(exit.cause)
      this.ends.push(shownError(error))
      if (!Cause.isFailType(exit.cause) || !isExpected(error)) this.defects.push(defectOf(exit.cause))
      return { value: undefined, error }
    })
}

const isPause = (u: unknown): u is { readonly type?: string; readonly toolCalls: ReadonlyArray<Tools.ToolCall> } =>
  field(u, "type") === "tool_calls_required" || field(u, "status") === "tool_calls_required"

/** The tools of a program, whose handler notes its calls. */
const toolsOf = ({ tools }: Program, watch: Watch) => {
  if (tools === "none") return undefined
  if (tools === "manual") return declared
  let rounds = 0
  return Tools.handle(declared, (calls) =>
    Effect.suspend(() => {
      watch.tell("handler", calls.map(({ arguments: given, id }) => [id, given]))
      if (tools === "failing" && ++rounds === 2) return Effect.fail(new HandlerFailed())
      return Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: `of ${id}` })))
    }))
}

const resultsOf = ({ toolCalls }: { readonly toolCalls: ReadonlyArray<Tools.ToolCall> }, { resume }: Program) =>
  toolCalls.slice(resume === "wrongly" ? 1 : 0).map(({ id }) => ({ toolCallId: id, content: `by hand ${id}` }))

/** The most pauses that a program answers, and places that it goes on from. */
const most = 5

// the drawn options are those of some overload or other
type Loose = (...args: ReadonlyArray<unknown>) => Effect.Effect<unknown, unknown>

type LooseStream = (...args: ReadonlyArray<unknown>) => Stream.Stream<unknown, unknown>

const executes = (
  flows: FlowService.Service,
  program: Program,
  watch: Watch,
  input: object,
  begin: Effect.Effect<unknown, unknown>
): Effect.Effect<void> =>
  Effect.gen(function*() {
    let { error, value } = yield* watch.ending(begin)
    for (let n = 0; n < most; n++) {
      const state = isPause(value) ? field(value, "state") : field(error, "state")
      if (state === undefined) return
      const results = resultsOf(state as never, program)
      const next = isPause(value) && program.resume === "itself"
        ? (field(value, "resume") as Loose)(results)
        : (flows.resume as Loose)(flow, JSON.parse(JSON.stringify(state)), results, input)
      const ended = yield* watch.ending(next)
      error = ended.error
      value = ended.value
    }
  })

const streams = (program: Program, watch: Watch, input: object, open: LooseStream) =>
  Effect.gen(function*() {
    let stream: Stream.Stream<unknown, unknown> = open(flow, input)
    for (let n = 0; n < most; n++) {
      let last: unknown
      const { error } = yield* watch.ending(Stream.runForEach(stream, (event) =>
        Effect.sync(() => {
          last = event
          watch.tell("event", event)
        })))
      const cursor = error === undefined ? field(last, "cursor") : field(error, "cursor")
      if (isPause(last) && error === undefined) {
        const results = resultsOf(last, program)
        stream = (field(last, "resume") as LooseStream)(results)
      } else if (cursor !== undefined && error !== undefined) {
        const { message: _, ...rest } = { message: "", ...input }
        stream = open(flow, { ...rest, from: JSON.parse(JSON.stringify(cursor)) })
      } else return
    }
  })

const run = (program: Program, message: string, watch: Watch): Effect.Effect<void, never, Services> =>
  Effect.gen(function*() {
    const flows = yield* FlowService
    const jobs = yield* JobService
    const { budget, failsAtPause, heals, key, maxCostUsd, operation, runRemaining } = program
    const tools = toolsOf(program, watch)
    const common = { tools, maxCostUsd }
    const onPause = (state: unknown) => {
      watch.tell("onPause", state)
      return failsAtPause ? Effect.fail(new HandlerFailed()) : Effect.void
    }
    const ofRun = { ...common, onPause }
    const once = { message, settle: "0 seconds", rerunFailed: key.rerunFailed }
    const twice = (call: Effect.Effect<unknown, unknown>) =>
      key.isTwice ? Effect.all([call, call], { concurrency: 2 }) : Effect.zip(call, call)
    const called = Effect.suspend((): Effect.Effect<unknown, unknown> => {
      switch (operation) {
        case "execute":
          return executes(flows, program, watch, ofRun, (flows.execute as Loose)(flow, { message, ...ofRun }))
        case "executeOnce": {
          const { maxCostUsd: _, ...rest } = ofRun
          const input = { ...once, ...rest, takeOver: key.takeOver }
          const begin = Effect.suspend(() => (flows.executeOnce as Loose)("k", flow, input))
          return twice(executes(flows, program, watch, rest, begin))
        }
        case "submitOnce":
          return twice(watch.ending((jobs.submitOnce as Loose)("k", flow, once)))
        default: {
          const input = {
            message,
            ...common,
            ...(operation === "events" && { runRemaining }),
            ...(heals && { heal: Schedule.recurs(2) })
          }
          return streams(program, watch, input, flows[operation] as LooseStream)
        }
      }
    })
    const within = budget === undefined
      ? called
      : Effect.flatMap(Budget.make({ limitUsd: budget, perRun: "0.1" }), (made) =>
        Effect.ensuring(
          Budget.within(called, made),
          Effect.flatMap(Budget.state(made), (state) => Effect.sync(() => watch.tell("budget", state)))
        ))
    const exit = yield* Effect.exit(
      Effect.withTracer(within, spanLog((...told) => watch.spans.push(plain(shown(told.slice(0, 2))))))
    )
    if (Exit.isFailure(exit)) watch.defects.push(defectOf(exit.cause))
  })

const unlogged = Logger.remove(Logger.defaultLogger)

/** Runs a drawn program against its server, and its replay where it was recorded. */
export const observe = ({ program, replay, ...script }: Drawn): Effect.Effect<Observed> =>
  Effect.gen(function*() {
    const runs = new ScriptedRuns(script)
    const server = yield* serve(...Array.from({ length: 200 }, () => runs.answer))
    const settings = config({
      baseUrl: server.baseUrl,
      ...(program.maxRetries === 0 ? { maxRetries: 0 } : { retry: Schedule.recurs(program.maxRetries) })
    })
    const live = Layer.provide(layerServices, settings)
    const watch = new Watch()
    const path = `${yield* folder}/noukai-recorded.json`
    const services = replay === undefined ? live : NoukaiRecord.toFile(path, { live, mode: "new", match: replay.match })
    const recorded = yield* Effect.exit(Effect.provide(run(program, "hi", watch), services))
    if (Exit.isFailure(recorded)) watch.defects.push(defectOf(recorded.cause))
    const requests = server.requests.map(({ body, headers, method, path }) =>
      `${method} ${path} ${shown(headers["x-session-id"])} ${body}`
    )
    const again = new Watch()
    if (replay !== undefined) {
      const layer = NoukaiReplay.fromFile(path, { match: replay.match })
      const program2 = run(program, replay.isOther ? "another" : "hi", again)
      yield* again.ending(Effect.provide(
        Effect.zipRight(program2, Effect.flatMap(ReplayCassette, ({ verify }) => verify)),
        layer
      ))
    }
    const replayed = replay === undefined ? undefined : again.all
    return { ...watch.all, requests, begun: runs.runs.length, afterEnd: runs.afterEnd, replayed }
  }).pipe(
    (self) => Effect.flatMap(hasty, (clock) => Effect.withClock(self, clock)),
    Effect.provide(unlogged),
    Effect.scoped
  )
