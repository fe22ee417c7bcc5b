/** Runs one step on the clock: its attempts, their cost, and their records for traces and ledger. */
import { digitsOf, digitsWithin, parseJson, stringifyJson, withDigits } from "@effect-noukai/sdk/kit/plainJson"
import type * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { StepEntry } from "../../EmulatorLedger.js"
import {
  type CodeLoopStep,
  FlowDuration,
  type FunctionInput,
  type FunctionStep,
  Json,
  Money as MoneyText,
  type Step,
  type StepFailure,
  Tokens
} from "../../Flow.js"
import { at, type Exact, keeping, listOf, objectOf } from "../exact.js"
import type { Tree } from "../flow/flows.js"
import { renderAt, renderText, type TemplateScope } from "../flow/template.js"
import { errorText, isObject, type JsonObject } from "../json.js"
import type { Accounts } from "../store/accounts.js"
import type { StepRecord } from "../store/history.js"
import type { Ledger } from "../store/ledger.js"
import * as Money from "../store/money.js"
import type { Run } from "../store/runs.js"
import * as Snapshots from "../store/snapshots.js"
import { giveWay, millis, takeTime, turn } from "../time/time.js"
import type { RunInput } from "../wire/requestBody.js"
import { type WireEvent, wireEvent } from "../wire/wireEvent.js"
import { askOrAnswer, type Resume, type StepOutcome, type ToolOptions } from "./toolStep.js"

type LeafStep = Exclude<Step, CodeLoopStep>

export interface StepRun {
  readonly outcome: StepOutcome
  readonly record: StepRecord
}

export type RunStep = <E>(
  run: Run,
  tree: Tree,
  step: Step,
  stepIndex: number,
  scope: TemplateScope,
  resume: Resume | undefined,
  send: (event: WireEvent) => Effect.Effect<void, E>,
  /** Send the partial outputs of the step, over its duration. */
  partials: ReadonlyArray<Effect.Effect<void, E>>
) => Effect.Effect<StepRun, E>

/** The input of the step at that index, as traces show it. */
export const inputOf = ({ message, parameters }: RunInput, input: Exact, stepIndex: number): JsonObject => {
  if (stepIndex === 0) {
    return withDigits({ ...(message === null ? {} : { message }), ...parameters }, digitsOf(parameters))
  }
  return isObject(input.value) ? input.value : objectOf({ input })
}

const fields = {
  name: Schema.String,
  model: Schema.String,
  costUsd: MoneyText,
  tokens: Tokens,
  duration: FlowDuration,
  output: Json
} as const

const decoders = Object.entries(fields).map(([name, schema]) =>
  [name, Schema.decodeUnknownOption(schema as Schema.Schema<unknown>)] as const
)

/**
 * A step with the fields that `blockOverrides` replaces in one request. Ignores unknown fields, and values of a wrong
 * type.
 */
export const overrideStep = <S extends Step>(
  step: S,
  override: { readonly [field: string]: unknown } | undefined
): S => {
  if (override === undefined || step.kind === "loop") return step
  const replaced: Record<string, unknown> = {}
  for (const [name, decode] of decoders) {
    if (name === "output" && step.kind !== "template" && step.kind !== "tool") continue
    const value = Object.hasOwn(override, name) ? decode(override[name]) : Option.none()
    // the output itself, because reading it copies it without digits
    if (Option.isSome(value)) replaced[name] = name === "output" ? override[name] : value.value
  }
  return withDigits({ ...step, ...replaced }, digitsOf("output" in replaced ? override : step))
}

const internalError = (cause: unknown): StepFailure => ({
  code: "INTERNAL_ERROR",
  message: errorText(cause),
  status: 500
})

const isStepFailure = (value: unknown): value is StepFailure =>
  typeof value === "object" && value !== null && "code" in value && typeof value.code === "string"

const isThenable = (value: unknown): value is PromiseLike<Json> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function"

/** Runs the code of a function step. A thrown error, or an output that is not JSON, is `INTERNAL_ERROR`. */
export const runFunction = (step: FunctionStep, input: FunctionInput): Effect.Effect<Json, StepFailure> =>
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
    // a value that is not JSON could not be sent
    Effect.flatMap((output) =>
      Effect.try({
        try: (): Json => output === undefined ? null : parseJson(stringifyJson(output, digitsWithin(output))) as Json,
        catch: internalError
      })
    )
  )

const creditsExhausted: StepFailure = {
  code: "CREDITS_EXHAUSTED",
  message: "The credits ran out during the run.",
  status: 402
}

/** The accounts that pay for steps, and the ledger that records them. */
interface Billing {
  readonly ledger: Ledger
  readonly accounts: Accounts
  readonly options: ToolOptions
}

const begin = (
  { ledger }: Billing,
  run: Run,
  step: Step,
  stepIndex: number,
  loopIndex: number | undefined,
  input: Exact
): StepRecord => {
  const record = run.steps.begin(step.id, loopIndex, (attempt) => ({
    stepId: step.id,
    attempt,
    loopIndex,
    status: "running",
    startedAt: ledger.now(),
    completedAt: undefined,
    busyMs: 0,
    pausedAt: undefined,
    waitingMs: 0,
    model: step.kind === "loop" ? undefined : step.model,
    tokens: undefined,
    costUsd: undefined,
    input: Snapshots.take(run.capture, inputOf(run.input, input, stepIndex)),
    output: undefined,
    prompted: undefined,
    error: undefined
  }))
  if (record.pausedAt !== undefined) {
    record.waitingMs += ledger.now() - record.pausedAt
    record.pausedAt = undefined
    run.resumedNow(step.id, ledger.now())
  }
  return record
}

const end = (
  { capture }: Run,
  record: StepRecord,
  busyMs: number,
  result: { readonly output: Exact; readonly prompt?: string | undefined } | StepFailure
): void => {
  record.busyMs += busyMs
  // the configured time, so that one seed always gives the same trace. Timers of a live clock are late
  record.completedAt = record.startedAt + record.busyMs + record.waitingMs
  if ("output" in result) {
    const { output, prompt } = result
    record.status = "completed"
    record.output = Snapshots.take(capture, output.value, output.digits)
    // an output that is an object is stored with its prompt
    if (prompt !== undefined && isObject(output.value)) {
      record.prompted = Snapshots.take(
        capture,
        withDigits({ ...output.value, __rendered_prompt__: prompt }, digitsOf(output.value))
      )
    }
  } else {
    record.status = "failed"
    record.error = { code: result.code, message: result.message }
  }
}

const compute = (
  { options }: Billing,
  run: Run,
  step: LeafStep,
  record: StepRecord,
  scope: TemplateScope,
  resume: Resume | undefined
): Effect.Effect<StepOutcome> => {
  switch (step.kind) {
    case "template":
      return Effect.sync(() => ({
        type: "Output",
        output: renderAt(step, "output", scope),
        prompt: step.prompt === undefined ? undefined : renderText(step.prompt, scope)
      }))
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
        input: scope.input.value,
        outputs: objectOf(scope.outputs),
        executionId: run.id,
        attempt: record.attempt
      }).pipe(
        Effect.map((value): StepOutcome => ({ type: "Output", output: { value } })),
        Effect.catchAll((failure) => Effect.succeed<StepOutcome>({ type: "Fail", failure }))
      )
    case "tool":
      return Effect.sync(() => askOrAnswer(step, run.input, scope, resume, options))
  }
}

/** Runs all attempts of one step. */
const runLeaf = Effect.fnUntraced(function*<E = never>(
  billing: Billing,
  run: Run,
  tree: Tree,
  step: LeafStep,
  stepIndex: number,
  scope: TemplateScope,
  resume: Resume | undefined,
  partials: ReadonlyArray<Effect.Effect<void, E>> = []
) {
  const { accounts, ledger } = billing
  const cost = Money.parse(step.costUsd)
  const durationMs = millis(step.duration)
  for (let failures = 0;; failures++) {
    const record = begin(billing, run, step, stepIndex, scope.loop?.index, scope.input)
    const entry = ledger.stepStarted(run.entry, {
      executionId: run.id,
      stepId: step.id,
      stepIndex,
      attempt: record.attempt,
      ...(record.loopIndex === undefined ? undefined : { loopIndex: record.loopIndex })
    })
    const close = (outcome: StepEntry["outcome"], billed: BigDecimal.BigDecimal = Money.zero) =>
      ledger.stepEnded(run.entry, entry, outcome, billed)
    if (!accounts.canPay(tree.org, cost)) {
      ledger.announceStep(entry)
      end(run, record, 0, creditsExhausted)
      close("failed")
      return { outcome: { type: "Fail", failure: creditsExhausted }, record } satisfies StepRun
    }
    const failsNow = resume === undefined && failures < (step.failsFirst?.times ?? 0)
    const from = ledger.now()
    const interrupted = Effect.sync(() => {
      end(run, record, ledger.now() - from, { code: "INTERRUPTED", message: "The step was interrupted." })
      close("interrupted")
    })
    const outcome = yield* Effect.gen(function*() {
      yield* takeTime(durationMs, () => ledger.announceStep(entry), failsNow ? [] : partials)
      if (failsNow) {
        const { code = "MODEL_OVERLOADED", message = "The model did not answer." } = step.failsFirst ?? {}
        return { type: "Fail", failure: { code, message } } satisfies StepOutcome
      }
      return yield* compute(billing, run, step, record, scope, resume)
    }).pipe(
      Effect.onInterrupt(() => interrupted),
      // the reader of the stream has left
      Effect.tapError(() => interrupted)
    )
    const took = step.kind === "function" ? ledger.now() - from : durationMs
    if (outcome.type === "Fail" && failsNow) {
      end(run, record, took, outcome.failure)
      close("failed")
      continue
    }
    if (outcome.type === "Ask") {
      record.busyMs += took
      record.pausedAt = ledger.now()
      run.pausedNow(step.id, record.pausedAt)
      close("paused")
      return { outcome, record } satisfies StepRun
    }
    record.tokens = step.tokens && { ...step.tokens, total: step.tokens.prompt + step.tokens.completion }
    record.costUsd = step.costUsd
    if (step.costUsd === undefined && (record.tokens?.total ?? 0) > 0) run.unknownCosts++
    accounts.pay(tree.org, cost)
    end(run, record, took, outcome.type === "Fail" ? outcome.failure : outcome)
    close(outcome.type === "Fail" ? "failed" : "completed", cost)
    return { outcome, record } satisfies StepRun
  }
})

const runRounds = Effect.fnUntraced(function*<E>(
  billing: Billing,
  run: Run,
  tree: Tree,
  loop: CodeLoopStep,
  stepIndex: number,
  scope: TemplateScope,
  items: ReadonlyArray<Exact>,
  send: (event: WireEvent) => Effect.Effect<void, E>,
  stepEnded: (record: StepRecord) => void
) {
  const results: Array<Exact> = []
  for (const [index, item] of items.entries()) {
    if (index % turn === turn - 1) yield* giveWay
    let outputs = scope.outputs
    let input = item
    for (const step of loop.steps) {
      // a loop inside a loop is refused before a run
      if (step.kind === "loop") continue
      const overridden = overrideStep(step, run.input.blockOverrides[step.id])
      const inner: TemplateScope = {
        ...scope,
        outputs,
        input,
        loop: keeping({ index, item: item.value }, "item", item)
      }
      const { outcome, record }: StepRun = yield* runLeaf(billing, run, tree, overridden, stepIndex, inner, undefined)
      stepEnded(record)
      if (outcome.type === "Fail") return outcome
      input = outcome.type === "Output" ? outcome.output : { value: null }
      outputs = { ...outputs, [step.id]: input }
    }
    results.push(input)
    yield* send(wireEvent("step_progress", { stepId: loop.id, completed: index + 1, total: items.length }))
  }
  return { type: "Output", output: { value: listOf(results) } } satisfies StepOutcome
})

const runLoop = Effect.fnUntraced(function*<E>(
  billing: Billing,
  run: Run,
  tree: Tree,
  loop: CodeLoopStep,
  stepIndex: number,
  scope: TemplateScope,
  send: (event: WireEvent) => Effect.Effect<void, E>
) {
  const over = loop.over === undefined ? undefined : renderAt(loop, "over", scope).value
  const items: ReadonlyArray<Exact> = loop.over === undefined
    ? Array.from({ length: loop.times ?? 0 }, (_, value) => ({ value }))
    : Array.isArray(over)
    ? over.map((_, index) => at(over, index)!)
    : []
  const record = begin(billing, run, loop, stepIndex, undefined, scope.input)
  let ended = record.startedAt
  const stepEnded = ({ completedAt }: StepRecord) => {
    if (completedAt !== undefined && completedAt > ended) ended = completedAt
  }
  // timers of a live clock may be early, and a loop must not end before its iterations
  const close = (result: Parameters<typeof end>[3]) =>
    end(run, record, Math.max(billing.ledger.now(), ended) - record.startedAt, result)
  const outcome = yield* runRounds(billing, run, tree, loop, stepIndex, scope, items, send, stepEnded).pipe(
    Effect.onInterrupt(() => Effect.sync(() => close({ code: "INTERRUPTED", message: "The step was interrupted." }))),
    // the reader of the stream has left
    Effect.tapError(() => Effect.sync(() => close({ code: "INTERRUPTED", message: "The step was interrupted." })))
  )
  if (outcome.type === "Fail") close(outcome.failure)
  if (outcome.type === "Output") {
    close(outcome)
    yield* send(wireEvent("loop_completed", { stepId: loop.id, iterations: items.length }))
  }
  return { outcome, record } satisfies StepRun
})

export const make = (ledger: Ledger, accounts: Accounts, options: ToolOptions): RunStep => {
  const billing: Billing = { ledger, accounts, options }
  return (run, tree, step, stepIndex, scope, resume, send, partials) =>
    step.kind === "loop"
      ? runLoop(billing, run, tree, step, stepIndex, scope, send)
      : runLeaf(billing, run, tree, step, stepIndex, scope, resume, partials)
}
