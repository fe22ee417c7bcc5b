/** `noukai run`. */
import * as StoredRuns from "@effect-noukai/report/StoredRuns"
import type { FlowCursor } from "@effect-noukai/sdk/FlowCursor"
import type { FlowCompleted } from "@effect-noukai/sdk/FlowEvent"
import { FlowService } from "@effect-noukai/sdk/FlowService"
import { digitsOf, withDigits } from "@effect-noukai/sdk/kit/plainJson"
import { RunService } from "@effect-noukai/sdk/RunService"
import type { ToolDeclaration } from "@effect-noukai/sdk/Tools"
import * as Trace from "@effect-noukai/sdk/Trace"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { randomUUID } from "node:crypto"
import { flag, flow, json, jsonl, optional, repeated, seeing } from "../arguments/flags.js"
import { runFlags, runInput } from "../arguments/runInput.js"
import * as Values from "../arguments/values.js"
import { CommandError, failed, type UsageError, wrong } from "../exit/CommandError.js"
import { exitCodes } from "../exit/exitCode.js"
import { ending, toCommandError, withoutMethod } from "../exit/failing.js"
import { findable } from "../exit/interrupted.js"
import { History, note, versionText } from "../settings/History.js"
import { once } from "../settings/once.js"
import { services } from "../settings/services.js"
import { counted } from "../terminal/amounts.js"
import { jsonLine, printed } from "../terminal/json.js"
import { flagsOf, hint } from "../terminal/shell.js"
import * as Steps from "../terminal/steps.js"
import { Terminal } from "../terminal/Terminal.js"
import { plain } from "../terminal/text.js"
import { type InputOf, leaf } from "./leaf.js"
import { failedStep, paused } from "./outcome.js"

const config = {
  flow,
  ...runFlags,
  attach: repeated("attach", "Attach an https image URL or image/png=URL. Repeatable."),
  tools: optional("tools", "Declare tools from this JSON file; a tool call exits with 4."),
  session: optional("session", "Use this session id (a new one)."),
  once: optional("once", "Run once per key; calls at the same moment may both run."),
  rerunFailed: flag("rerun-failed", "With --once: run a failed run again."),
  stream: flag("stream", "Print steps as they happen; with --jsonl, every event."),
  noSteps: flag("no-steps", "Run in one request and show no steps."),
  like: optional("like", "Repeat this run with its input; message and -p change it."),
  inputOverride: repeated("input-override", "Let later steps see this output: step=text or step:=JSON."),
  continued: optional("continue", "Continue this run: run only its remaining steps."),
  timeout: optional("timeout", "Wait at most this long for the run, such as 90s or 2m."),
  maxCost: optional("max-cost", "Stop between steps above this US dollar cost (no limit)."),
  json,
  jsonl,
  ...seeing
}

type Input = InputOf<typeof config>

/** Reads the tools of a file. The SDK checks each tool. */
const declared = (path: string): Effect.Effect<ReadonlyArray<ToolDeclaration>, UsageError> =>
  Effect.flatMap(
    Effect.flatMap(Values.textOf("--tools", path), (text) => Values.parsed("--tools", text)),
    (value) =>
      Array.isArray(value)
        ? Effect.succeed(value as ReadonlyArray<ToolDeclaration>)
        : wrong("--tools must be a JSON array")
  )

/** Reads and checks the input before anything is sent. */
const read = Effect.fnUntraced(function*(input: Input) {
  const isContinued = Option.isSome(input.continued)
  if (isContinued && (Option.isSome(input.once) || input.noSteps || input.attach.length > 0)) {
    return yield* wrong("--continue cannot be combined with --once, --no-steps or --attach")
  }
  const inputOverrides = Values.assigned(yield* Values.assignments(input.inputOverride, "--input-override"))
  const isOverridden = input.inputOverride.length > 0
  if (isOverridden && (Option.isSome(input.once) || input.noSteps)) {
    return yield* wrong("--input-override cannot be combined with --once or --no-steps")
  }
  if (input.noSteps && input.stream) return yield* wrong("give --stream or --no-steps, not both")
  if (Option.isSome(input.once) && (input.stream || Option.isSome(input.session))) {
    return yield* wrong("--once cannot be combined with --session or --stream")
  }
  if (input.rerunFailed && Option.isNone(input.once)) return yield* wrong("--rerun-failed requires --once")
  if (input.jsonl && !input.stream) return yield* wrong("--jsonl requires --stream; use --json for the result as JSON")
  if (input.json && input.jsonl) return yield* wrong("give --json for the result, or --jsonl for all events")
  if (isContinued && Option.isSome(input.like)) return yield* wrong("give --like or --continue, not both")
  const continued = yield* Values.when(input.continued, Values.executionId)
  const like = yield* Values.when(input.like, Values.executionId)
  const given = yield* runInput(input, input.tools, isContinued || like !== undefined)
  if (isContinued && (given.message !== undefined || given.parameters !== undefined)) {
    return yield* wrong("--continue uses the input of the run: leave out the message and parameters")
  }
  const attachments = yield* Effect.forEach(input.attach, Values.attachment)
  const session = yield* Values.when(input.session, (text) => Values.sessionId("--session", text))
  const tools = yield* Values.when(input.tools, declared)
  const timeout = yield* Values.durationOf("--timeout", input.timeout)
  const maxCostUsd = yield* Values.dollarsOf("--max-cost", input.maxCost)
  if (Option.isSome(input.once) && maxCostUsd !== undefined) {
    return yield* wrong(
      "--max-cost cannot be combined with --once: a run that stops there could not go on under its key"
    )
  }
  const isAsked = input.stream || isContinued || isOverridden
  if ((isAsked || maxCostUsd !== undefined) && given.version === "draft") {
    const flag = input.stream
      ? "--stream"
      : isContinued
      ? "--continue"
      : isOverridden
      ? "--input-override"
      : "--max-cost"
    return yield* wrong(`a draft runs in one request: leave out ${flag}`)
  }
  const { isWatched } = yield* Terminal
  // a program that reads the state of a pause needs one request
  const isShown = isAsked || (isWatched && !input.noSteps && Option.isNone(input.once) && given.version !== "draft" &&
    !(tools !== undefined && input.json))
  return {
    isShown,
    continued,
    like,
    inputOverrides,
    isWalked: isShown || maxCostUsd !== undefined,
    sessionId: session ?? randomUUID(),
    call: {
      ...given,
      timeout,
      maxCostUsd,
      tools,
      attachments: attachments.length === 0 ? undefined : attachments
    }
  }
})

/** Reads the cursor of a run from its trace. Fails if the run has ended, or if a step is running. */
const placeOf = Effect.fnUntraced(
  function*(input: Input, executionId: string, flowVersion: "production" | number = "production") {
    const { address } = yield* History
    const { flowRun, steps } = yield* Effect.flatMap(RunService, (runs) => runs.trace(input.flow, executionId))
    if (flowRun.status !== "running") {
      return yield* wrong(`run ${executionId} is ${flowRun.status}: it cannot be continued`)
    }
    const running = steps.find(({ status }) => status === "running")
    if (running !== undefined) {
      return yield* new CommandError({
        code: exitCodes.refused,
        message: `step ${
          JSON.stringify(running.stepId)
        } of run ${executionId} is still running: continue the run when it has ended`,
        advice: [hint(input, "trace", [input.flow, executionId])]
      })
    }
    const done = steps.flatMap(({ loopIndex, status, stepId }) =>
      loopIndex === undefined && (status === "completed" || status === "skipped") ? [stepId] : []
    )
    // the server keeps the outputs; a trace may contain only parts of them
    const cursor: FlowCursor = {
      version: 1,
      flow: address(input.flow),
      flowVersion,
      executionId,
      stepIndex: new Set(done).size,
      outputs: {},
      rounds: 0
    }
    return cursor
  }
)

/** The number of runs whose costs are printed before a run is repeated. */
const priced = 20

const nameOfVersion = (version: string): string =>
  version === "production" ? "its version in production" : version === "draft" ? "its draft" : `its version ${version}`

/**
 * Prints the costs of runs of a version, and returns the input of a run. Errors are those of reads. The service does not
 * tell versions: those of runs that this machine began are known.
 */
const inputLike = (input: Input, run: string, version: string) =>
  Effect.gen(function*() {
    const { runs: seen } = yield* History
    const versions = new Map((yield* seen).map((one) => [one.run, one.version]))
    const isOfVersion = (id: string): boolean => versions.get(id) === version
    const terminal = yield* Terminal
    const runs = yield* RunService
    const trace = yield* runs.trace(input.flow, run)
    const { flowRun: { flowId } } = trace
    const others = flowId === undefined ? [] : yield* runs.list({ flowId, limit: priced }).pipe(
      Stream.take(priced),
      Stream.filter(({ id, status }) => id !== run && status === "completed" && isOfVersion(id)),
      Stream.mapEffect(({ id }) => runs.cost(input.flow, id), { concurrency: 4 }),
      Stream.runCollect,
      Effect.catchAll((error) =>
        Effect.as(terminal.note(`the costs of other runs cannot be read: ${withoutMethod(error)}`), [])
      )
    )
    const costs = Option.map(
      StoredRuns.costRange([...isOfVersion(run) ? [Trace.costOf(trace, run)] : [], ...others]),
      ({ least, median, most, runs }) =>
        `${counted(runs, "run")} of ${nameOfVersion(version)} cost $${least} to $${most}, median $${median}`
    )
    yield* terminal.note(
      `a new run pays for all of its steps; ${
        Option.getOrElse(costs, () => `what a run of ${nameOfVersion(version)} costs is not known`)
      }`
    )
    return yield* Option.match(StoredRuns.inputOf(trace), {
      onNone: () => failed(`the input of run ${run} is not stored whole: give it`),
      onSome: Effect.succeed
    })
  }).pipe(Effect.mapError((error) => toCommandError(error, "reads", input)))

/** Returns the command that continues a run. */
const continuing = (input: Input, executionId: string, sessionId: string): string =>
  hint(input, "run", [input.flow], [
    ["--continue", executionId],
    ["--session", sessionId],
    ...flagsOf(input, ["version", "tools", "maxCost"]),
    ...input.snapshots ? [["--snapshots"] as const] : []
  ])

type Call = Effect.Effect.Success<ReturnType<typeof read>>

/** A run that the command begins or continues. */
interface Running extends Pick<Call, "continued" | "inputOverrides" | "sessionId"> {
  readonly input: Input
  readonly begun: number
  /** The run, as soon as the server has named it. */
  executionId: string | undefined
}

/** The facts of a run for the history. */
const learnt = ({ flow }: Input, { version }: Call["call"]) => ({ flow, version: versionText(version) })

/** Prints the state with which another process can answer the tool calls. */
const printPause = ({ input }: Running, pause: object) =>
  input.json
    ? Effect.flatMap(Terminal, ({ write }) => write(jsonLine({ status: "tool_calls_required", ...pause })))
    : Effect.void

const ended = ({ begun, input }: Running, executionId: string | undefined, cost?: string) =>
  executionId === undefined
    ? Effect.void
    : Effect.flatMap(Clock.currentTimeMillis, (now) => Steps.summary(input, { executionId, millis: now - begun, cost }))

/** Runs the flow in one request. */
const executed = Effect.fnUntraced(function*(running: Running, given: Call["call"]) {
  const { input, sessionId } = running
  const terminal = yield* Terminal
  const flows = yield* FlowService
  const whole = { ...given, attemptTimeout: given.timeout }
  const outcome = yield* Option.match(input.once, {
    onNone: () => flows.execute(input.flow, { ...whole, sessionId }),
    onSome: (key) => {
      const { attachments, message, parameters, tools, version } = given
      const call = flows.executeOnce(key, input.flow, { ...whole, rerunFailed: input.rerunFailed })
      return once(key, input.flow, { attachments, message, parameters, tools, version }, call)
    }
  })
  const { executionId, flowId } = outcome
  yield* note({ ...learnt(input, given), run: executionId, flowId, sessionId: outcome.sessionId })
  if (outcome.status === "tool_calls_required") {
    const { executionId, state, toolCalls } = outcome
    yield* printPause(running, { executionId, toolCalls, state })
    yield* ended(running, executionId)
    return yield* paused(executionId, toolCalls)
  }
  if ("reused" in outcome && outcome.reused) {
    yield* terminal.note("nothing ran: this is the result of an earlier call with this --once key")
  }
  if (executionId !== undefined) yield* terminal.detail(`run ${plain(executionId)}`)
  yield* terminal.write(printed(input.json, outcome))
  yield* ended(running, executionId)
})

/** Runs the flow step by step, and prints its steps. */
const streamed = Effect.fnUntraced(function*(running: Running, given: Call["call"]) {
  const { continued, input, inputOverrides, sessionId } = running
  const terminal = yield* Terminal
  const flows = yield* FlowService
  const { version, ...rest } = given
  if (version === "draft") return yield* wrong("a draft runs in one request")
  const from = continued === undefined ? undefined : yield* placeOf(input, continued, version)
  running.executionId = continued
  const { cost, show } = yield* Steps.make
  // no event tells the cost of a step that failed or waits, nor of steps before the place where a run goes on
  let completed: FlowCompleted | undefined
  yield* flows.events(input.flow, { ...rest, version, sessionId, from, inputOverrides }).pipe(
    Stream.runForEach((event) =>
      Effect.gen(function*() {
        yield* show(event)
        if (input.jsonl) yield* terminal.write(jsonLine(event))
        if (event.type === "run_started") {
          running.executionId = event.executionId || undefined
          yield* note({ ...learnt(input, given), run: event.executionId, flowId: event.flowId, sessionId })
        }
        if (event.type === "tool_calls_required") {
          const { cursor, executionId, toolCalls } = event
          yield* printPause(running, { executionId, toolCalls, cursor })
          yield* ended(running, executionId, cost(false))
          return yield* paused(executionId, toolCalls)
        }
        if (event.type === "flow_completed") completed = event
        if (event.type === "step_error") {
          yield* ended(running, running.executionId, cost(false))
          return yield* failedStep(event)
        }
      })
    )
  )
  if (!input.jsonl && completed !== undefined) yield* terminal.write(printed(input.json, completed))
  yield* ended(running, running.executionId, cost(continued === undefined))
})

/** Returns the call with the input of a run, which the flags change. */
const likeRun = Effect.fnUntraced(function*(input: Input, run: string, asked: Call["call"]) {
  const { message, parameters } = yield* inputLike(input, run, versionText(asked.version))
  const all = withDigits({ ...parameters, ...asked.parameters }, digitsOf(parameters))
  return {
    ...asked,
    // the message of the run would replace the parameter
    message: asked.message ?? (Object.hasOwn(all, "message") ? undefined : message),
    parameters: Object.keys(all).length > 0 ? all : undefined
  }
})

const handle = Effect.fnUntraced(function*(input: Input) {
  const { call: asked, continued, inputOverrides, isShown, isWalked, like, sessionId } = yield* read(input)
  const running: Running = {
    input,
    continued,
    inputOverrides,
    sessionId,
    begun: yield* Clock.currentTimeMillis,
    executionId: undefined
  }
  yield* Effect.suspend(() => like === undefined ? Effect.succeed(asked) : likeRun(input, like, asked)).pipe(
    Effect.flatMap((given) => isShown ? streamed(running, given) : executed(running, given)),
    Effect.tapError((error) =>
      note({ ...learnt(input, asked), run: "executionId" in error ? error.executionId : undefined })
    ),
    Effect.provide(services(input)),
    findable(
      input.once,
      sessionId,
      input,
      { isListed: "a run continues", isGiven: "the result of a run that continues" },
      () =>
        running.executionId === undefined
          ? undefined
          : `run ${running.executionId} stopped after its current step. To continue it (that step may run, and be billed, again): ${
            continuing(input, running.executionId, sessionId)
          }`
    ),
    ending("begins", input, {
      flow: input.flow,
      isWalked,
      continuing: (id: string) => continuing(input, id, sessionId),
      ...Option.isNone(input.once) ? { sessionId } : { isOnce: true }
    })
  )
})

export const command = leaf("run", "Run a flow and print its result.", config, handle)
