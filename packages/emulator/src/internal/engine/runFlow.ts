/**
 * Runs the steps of a flow on the clock, one segment at a time: a whole run for `/execute` and jobs, one step or the
 * rest for `/step`.
 *
 * @internal
 */
import type * as BigDecimal from "effect/BigDecimal"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { StepEntry } from "../../EmulatorLedger.js"
import type { CodeLoopStep, FunctionStep, Json, Step, StepFailure, ToolStep } from "../../Flow.js"
import type { Accounts } from "../store/accounts.js"
import type { Ledger } from "../store/ledger.js"
import * as Money from "../store/money.js"
import type { Pause, Run, StepRecord } from "../store/runs.js"
import { millis } from "./duration.js"
import { overrideStep } from "./stepOverrides.js"
import { render, renderText } from "./template.js"
import type { TemplateScope } from "./template.js"
import { askingMessage, resultsOf, roundsOf } from "./toolConversation.js"
import type { Casing, Message, WireToolCall } from "./toolConversation.js"
import { wireEvent } from "./wireEvent.js"
import type { WireEvent } from "./wireEvent.js"

type Outputs = { readonly [stepId: string]: Json }

type LeafStep = Exclude<Step, CodeLoopStep>

/** Results that the caller brought for a paused step. @internal */
export interface Resume {
  readonly messages: ReadonlyArray<Message>
  readonly iterationsUsed: number
}

/** @internal */
export interface Segment<E> {
  readonly run: Run
  /** index of the first step */
  readonly from: number
  /** stops after one step */
  readonly single: boolean
  /** outputs of the steps before */
  readonly outputs: Outputs
  /** what later steps see in place of outputs (contract 7.1) */
  readonly inputOverrides: Outputs
  readonly resume: Resume | undefined
  /** whether `run_started` comes first */
  readonly first: boolean
  readonly emit: (event: WireEvent) => Effect.Effect<void, E>
}

/** @internal */
export type Outcome =
  | { readonly type: "Completed"; readonly result: Json }
  | { readonly type: "StepPaused"; readonly nextStepIndex: number }
  | { readonly type: "ToolPause"; readonly pause: Pause }
  | { readonly type: "Failed"; readonly stepId: string; readonly failure: StepFailure }

type Done =
  | { readonly type: "Output"; readonly output: Json }
  | {
    readonly type: "Ask"
    readonly iterationsUsed: number
    readonly calls: ReadonlyArray<WireToolCall>
    readonly messages: ReadonlyArray<Message>
  }
  | { readonly type: "Fail"; readonly failure: StepFailure }

/** @internal */
export interface EngineOptions {
  readonly toolIterationLimit: number
  readonly casing: Casing
  readonly legacyFields: boolean
}

/** @internal */
export interface Engine {
  readonly runSegment: <E>(segment: Segment<E>) => Effect.Effect<Outcome, E>
  /** whether the step would ask for one more round than the server allows (contract 11.3) */
  readonly exceedsToolLimit: (run: Run, stepIndex: number, resume: Resume) => boolean
}

const toolName = (tool: Json): string | undefined => {
  const declared = (tool as { readonly function?: { readonly name?: string } } | null)?.function
  return declared?.name
}

const nextRound = (step: ToolStep, run: Run, resume: Resume | undefined): ToolStep["rounds"][number] | undefined => {
  if (run.input.toolChoice === "none") return undefined
  const answered = resume === undefined ? 0 : roundsOf(resume.messages).length
  const round = step.rounds[answered] ?? (step.forever === true ? step.rounds.at(-1) : undefined)
  if (round === undefined || step.asks !== "declared") return round
  const declared = new Set((run.input.tools ?? []).map(toolName))
  return round.every((call) => declared.has(call.name)) ? round : undefined
}

const inputOf = (run: Run, input: Json, index: number): { readonly [key: string]: Json } => {
  if (index === 0) {
    return { ...(run.input.message === null ? {} : { message: run.input.message }), ...run.input.parameters }
  }
  return typeof input === "object" && input !== null && !Array.isArray(input)
    ? input as { readonly [key: string]: Json }
    : { input }
}

const limitReached = (limit: number): StepFailure => ({
  code: "TOOL_ITERATION_LIMIT",
  message: `The step asked for more than ${limit} rounds of tool calls.`,
  status: 409
})

const creditsExhausted: StepFailure = {
  code: "CREDITS_EXHAUSTED",
  message: "The credits ran out during the run.",
  status: 402
}

const internalError = (cause: unknown): StepFailure => ({
  code: "INTERNAL_ERROR",
  message: cause instanceof Error ? cause.message : String(cause),
  status: 500
})

const isStepFailure = (value: unknown): value is StepFailure =>
  typeof value === "object" && value !== null && "code" in value && typeof value.code === "string"

const isThenable = (value: unknown): value is PromiseLike<Json> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function"

const runFunction = (
  step: FunctionStep,
  input: Parameters<FunctionStep["run"]>[0]
): Effect.Effect<Json, StepFailure> =>
  Effect.try({ try: () => step.run(input), catch: internalError }).pipe(
    Effect.flatMap((result): Effect.Effect<Json, StepFailure> => {
      if (Effect.isEffect(result)) {
        return Effect.mapError(result, (failure) => isStepFailure(failure) ? failure : internalError(failure))
      }
      return isThenable(result)
        ? Effect.tryPromise({ try: () => Promise.resolve(result), catch: internalError })
        : Effect.succeed(result)
    }),
    Effect.catchAllDefect((defect) => Effect.fail(internalError(defect))),
    // what is no JSON value could not be sent
    Effect.flatMap((output) =>
      Effect.try({
        try: (): Json => output === undefined ? null : JSON.parse(JSON.stringify(output)) as Json,
        catch: internalError
      })
    )
  )

/**
 * Waits on the clock. The timer is set before `announce`, so whoever hears of it may move a test clock at once.
 *
 * @internal
 */
export const takeTime = (ms: number, announce: () => void): Effect.Effect<void> =>
  ms <= 0
    ? Effect.sync(announce)
    : Effect.gen(function*() {
      const timer = yield* Effect.fork(Effect.sleep(ms))
      yield* Effect.yieldNow()
      announce()
      yield* Fiber.join(timer)
    })

/** @internal */
export const make = (ledger: Ledger, accounts: Accounts, options: EngineOptions): Engine => {
  const begin = (run: Run, step: Step, index: number, loopIndex: number | undefined, input: Json): StepRecord => {
    const before = run.steps.filter((record) => record.stepId === step.id && record.loopIndex === loopIndex)
    const last = before.at(-1)
    // a step that goes on after a tool pause is the same attempt
    if (last?.status === "running") return last
    const record: StepRecord = {
      stepId: step.id,
      attempt: before.length + 1,
      loopIndex,
      status: "running",
      startedAt: ledger.now(),
      completedAt: undefined,
      durationMs: undefined,
      model: step.kind === "loop" ? undefined : step.model,
      tokens: undefined,
      costUsd: undefined,
      input: inputOf(run, input, index),
      output: undefined,
      prompt: undefined,
      error: undefined
    }
    run.steps.push(record)
    return record
  }

  const end = (record: StepRecord, durationMs: number, result: { readonly output: Json } | StepFailure): void => {
    record.completedAt = ledger.now()
    record.durationMs = durationMs
    if ("output" in result) {
      record.status = "completed"
      record.output = result.output
    } else {
      record.status = "failed"
      record.error = { code: result.code, message: result.message }
    }
  }

  const compute = (
    run: Run,
    step: LeafStep,
    record: StepRecord,
    scope: TemplateScope,
    resume: Resume | undefined
  ): Effect.Effect<Done> => {
    switch (step.kind) {
      case "template":
        record.prompt = step.prompt === undefined ? undefined : renderText(step.prompt, scope)
        return Effect.sync(() => ({ type: "Output", output: render(step.output, scope) }))
      case "fail":
        return Effect.succeed({
          type: "Fail",
          failure: { code: step.code, message: step.message ?? `The step ${step.id} failed.`, status: step.status }
        })
      case "function":
        return runFunction(step, {
          message: scope.message,
          messages: scope.messages,
          parameters: scope.parameters,
          input: scope.input,
          outputs: scope.outputs,
          executionId: run.id,
          attempt: record.attempt
        }).pipe(
          Effect.map((output): Done => ({ type: "Output", output })),
          Effect.catchAll((failure) => Effect.succeed<Done>({ type: "Fail", failure }))
        )
      case "tool":
        return Effect.sync(() => askOrAnswer(run, step, scope, resume))
    }
  }

  const askOrAnswer = (run: Run, step: ToolStep, scope: TemplateScope, resume: Resume | undefined): Done => {
    const earlier = resume?.messages ?? []
    const full = { ...scope, ...resultsOf(earlier) }
    const round = scope.loop === undefined ? nextRound(step, run, resume) : undefined
    if (round === undefined) return { type: "Output", output: render(step.output, full) }
    const iterationsUsed = (resume?.iterationsUsed ?? 0) + 1
    if (iterationsUsed > options.toolIterationLimit) {
      return { type: "Fail", failure: limitReached(options.toolIterationLimit) }
    }
    const number = roundsOf(earlier).length + 1
    const calls = round.map((call, index): WireToolCall => ({
      id: call.id ?? `tc_${step.id}_${number}_${index + 1}`,
      type: "function",
      function: { name: call.name, arguments: call.rawArguments ?? JSON.stringify(render(call.arguments ?? {}, full)) }
    }))
    const messages = [...earlier, askingMessage(calls, options.casing, step.assistantExtra)]
    return { type: "Ask", iterationsUsed, calls, messages }
  }

  /** All attempts of one step. */
  const runLeaf = Effect.fnUntraced(function*(
    run: Run,
    step: LeafStep,
    stepIndex: number,
    scope: TemplateScope,
    resume: Resume | undefined
  ) {
    const cost = Money.parse(step.costUsd)
    const durationMs = millis(step.duration)
    for (let failures = 0;; failures++) {
      const record = begin(run, step, stepIndex, scope.loop?.index, scope.input)
      const entry = ledger.stepStarted(run.entry, {
        executionId: run.id,
        stepId: step.id,
        stepIndex,
        attempt: record.attempt,
        loopIndex: record.loopIndex
      })
      const close = (outcome: StepEntry["outcome"], billed: BigDecimal.BigDecimal = Money.zero) =>
        ledger.stepEnded(run.entry, entry, outcome, billed)
      if (!accounts.canPay(run.tree.org, cost)) {
        ledger.announceStep(entry)
        end(record, 0, creditsExhausted)
        close("failed")
        return { type: "Fail", failure: creditsExhausted } satisfies Done
      }
      const from = yield* Clock.currentTimeMillis
      const done = yield* Effect.gen(function*() {
        yield* takeTime(durationMs, () => ledger.announceStep(entry))
        if (resume === undefined && failures < (step.failsFirst?.times ?? 0)) {
          const { code = "MODEL_OVERLOADED", message = "The model did not answer." } = step.failsFirst!
          return { type: "Fail", failure: { code, message } } satisfies Done
        }
        return yield* compute(run, step, record, scope, resume)
      }).pipe(Effect.onInterrupt(() =>
        Effect.sync(() => {
          end(record, ledger.now() - from, { code: "INTERRUPTED", message: "The step was interrupted." })
          close("interrupted")
        })
      ))
      const took = step.kind === "function" ? (yield* Clock.currentTimeMillis) - from : durationMs
      if (done.type === "Fail") {
        end(record, took, done.failure)
        close("failed")
        if (resume === undefined && failures < (step.failsFirst?.times ?? 0)) continue
        return done
      }
      if (done.type === "Ask") {
        close("paused")
        return done
      }
      record.tokens = step.tokens && { ...step.tokens, total: step.tokens.prompt + step.tokens.completion }
      record.costUsd = step.costUsd
      accounts.pay(run.tree.org, cost)
      end(record, took, done)
      close("completed", cost)
      return done
    }
  })

  const runLoop = Effect.fnUntraced(function*<E>(
    run: Run,
    loop: CodeLoopStep,
    stepIndex: number,
    scope: TemplateScope,
    send: (event: WireEvent) => Effect.Effect<void, E>
  ) {
    const over = loop.over === undefined ? undefined : render(loop.over, scope)
    const items: ReadonlyArray<Json> = loop.over === undefined
      ? Array.from({ length: loop.times ?? 0 }, (_, index) => index)
      : Array.isArray(over)
      ? over
      : []
    const record = begin(run, loop, stepIndex, undefined, scope.input)
    const from = yield* Clock.currentTimeMillis
    const results: Array<Json> = []
    for (const [index, item] of items.entries()) {
      let outputs = scope.outputs
      let input: Json = item
      for (const step of loop.steps) {
        if (step.kind === "loop") continue
        const overridden = overrideStep(step, run.input.blockOverrides[step.id])
        const inner: TemplateScope = { ...scope, outputs, input, loop: { index, item } }
        const done: Done = yield* runLeaf(run, overridden, stepIndex, inner, undefined)
        if (done.type === "Fail") {
          end(record, (yield* Clock.currentTimeMillis) - from, done.failure)
          return done
        }
        input = done.type === "Output" ? done.output : null
        outputs = { ...outputs, [step.id]: input }
      }
      results.push(input)
      yield* send(wireEvent("step_progress", { stepId: loop.id, completed: index + 1, total: items.length }))
    }
    end(record, (yield* Clock.currentTimeMillis) - from, { output: results })
    yield* send(wireEvent("loop_completed", { stepId: loop.id, iterations: items.length }))
    return { type: "Output", output: results } satisfies Done
  })

  const sendPartials = Effect.fnUntraced(function*<E>(
    step: Step,
    scope: TemplateScope,
    send: (event: WireEvent) => Effect.Effect<void, E>
  ) {
    if (step.kind !== "template" || step.partials === undefined) return
    for (const partial of step.partials) {
      const event = wireEvent("step_output", { stepId: step.id, outputData: render(partial, scope) })
      const times = step.repeatPartials ?? 1
      for (let count = 0; count < times; count++) yield* send(event)
    }
  })

  const settle = (run: Run, status: "completed" | "failed"): void => {
    run.status = status
    run.completedAt = ledger.now()
    ledger.runEnded(run.entry, status)
  }

  const runSegment = Effect.fnUntraced(function*<E>(segment: Segment<E>) {
    const { run } = segment
    const { steps } = run.tree
    const legacy = options.legacyFields ? { runId: run.id } : {}
    const send = (event: WireEvent): Effect.Effect<void, E> => {
      run.events.append(event)
      return segment.emit(event)
    }
    run.status = "running"
    run.pause = undefined
    run.entry.status = "running"
    if (segment.first) {
      yield* send(
        wireEvent("run_started", { executionId: run.id, flowId: run.tree.flowId, stepCount: steps.length, ...legacy })
      )
    }
    let outputs: Outputs = segment.outputs
    for (let index = segment.from; index < steps.length; index++) {
      const step = overrideStep(steps[index]!, run.input.blockOverrides[steps[index]!.id])
      const name = step.name ?? step.id
      const resume = index === segment.from ? segment.resume : undefined
      const seen = { ...outputs, ...segment.inputOverrides }
      const scope: TemplateScope = {
        message: run.input.message,
        messages: run.input.messages,
        parameters: run.input.parameters,
        input: index === 0 ? null : seen[steps[index - 1]!.id] ?? null,
        outputs: seen
      }
      yield* send(wireEvent("step_started", { stepId: step.id, name, stepIndex: index - segment.from }))
      if (run.input.trace) {
        yield* send(wireEvent("step_input", { stepId: step.id, inputData: inputOf(run, scope.input, index) }))
      }
      const done: Done = step.kind === "loop"
        ? yield* runLoop(run, step, index, scope, send)
        : yield* runLeaf(run, step, index, scope, resume)
      if (done.type === "Fail") {
        run.error = { code: done.failure.code, message: done.failure.message, stepId: step.id }
        settle(run, "failed")
        const error = { code: done.failure.code, message: done.failure.message }
        yield* send(wireEvent("step_error", { stepId: step.id, name, error }))
        return { type: "Failed", stepId: step.id, failure: done.failure } satisfies Outcome
      }
      if (done.type === "Ask") {
        const pause: Pause = {
          stepId: step.id,
          stepIndex: index,
          iterationsUsed: done.iterationsUsed,
          messages: done.messages,
          calls: done.calls,
          outputs
        }
        run.pause = pause
        run.pausedAt.add(step.id)
        yield* send(wireEvent("step_paused_for_tool_calls", {
          executionId: run.id,
          ...legacy,
          stepId: step.id,
          stepIndex: index,
          iterationsUsed: pause.iterationsUsed,
          toolCallMessages: pause.messages,
          toolCalls: pause.calls,
          accumulatedOutputs: outputs
        }))
        return { type: "ToolPause", pause } satisfies Outcome
      }
      outputs = { ...outputs, [step.id]: done.output }
      const record = run.steps.filter((made) => made.stepId === step.id && made.loopIndex === undefined).at(-1)!
      const last = index === steps.length - 1
      if (last) {
        run.result = done.output
        settle(run, "completed")
      }
      yield* sendPartials(step, scope, send)
      yield* send(wireEvent("step_completed", {
        stepId: step.id,
        name,
        output: done.output,
        durationMs: record.durationMs,
        ...(record.tokens === undefined ? {} : { tokens: record.tokens }),
        ...(record.costUsd === undefined ? {} : { costUsd: record.costUsd })
      }))
      if (last) {
        yield* send(wireEvent("flow_completed", {
          executionId: run.id,
          ...legacy,
          result: done.output,
          summary: { steps: steps.length, costUsd: run.entry.billedUsd }
        }))
        return { type: "Completed", result: done.output } satisfies Outcome
      }
      if (segment.single) {
        yield* send(wireEvent("step_paused", {
          executionId: run.id,
          nextStepIndex: index + 1,
          ...(options.legacyFields ? { stepId: step.id } : {})
        }))
        return { type: "StepPaused", nextStepIndex: index + 1 } satisfies Outcome
      }
    }
    // a tree without steps is refused before a run, and an index beyond the last one as well
    return yield* Effect.dieMessage("a segment ended without a last step")
  })

  return {
    runSegment,
    exceedsToolLimit: (run, stepIndex, resume) => {
      const step = run.tree.steps[stepIndex]
      return step?.kind === "tool" && nextRound(step, run, resume) !== undefined &&
        resume.iterationsUsed + 1 > options.toolIterationLimit
    }
  }
}
