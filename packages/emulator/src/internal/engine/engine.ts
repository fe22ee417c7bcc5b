/**
 * Runs the steps of a flow, one segment at a time. A segment is a whole run for `/execute` and jobs, and one step or
 * the rest for `/step`.
 */
import * as Effect from "effect/Effect"
import type { StreamOutputs } from "../../EmulatorOptions.js"
import type { Step, StepFailure } from "../../Flow.js"
import { type Exact, type Exacts, objectOf } from "../exact.js"
import type { Tree } from "../flow/flows.js"
import { renderAt, type TemplateScope } from "../flow/template.js"
import type { Accounts } from "../store/accounts.js"
import { durationOf, type StepRecord } from "../store/history.js"
import type { Ledger } from "../store/ledger.js"
import type { Pause, Run, Runs } from "../store/runs.js"
import { giveWay, millis } from "../time/time.js"
import type { RunInput } from "../wire/requestBody.js"
import { outputEvents, type WireEvent, wireEvent } from "../wire/wireEvent.js"
import { inputOf, make as makeRunStep, overrideStep, type RunStep, type StepRun } from "./runStep.js"
import { exceedsLimit, type Resume, type StepOutcome, type ToolOptions } from "./toolStep.js"

export interface Segment<E> {
  readonly run: Run
  readonly tree: Tree
  /** The index of the first step. */
  readonly from: number
  /** Stops after one step. */
  readonly single: boolean
  /** The outputs of earlier steps. */
  readonly outputs: Exacts
  /**
   * The outputs that replace the real ones for later steps.
   *
   * @see docs/wire.md#step
   */
  readonly inputOverrides: Exacts
  readonly resume: Resume | undefined
  /** Whether the segment begins with `run_started`. */
  readonly first: boolean
  readonly emit: (event: WireEvent) => Effect.Effect<void, E>
}

/** A segment of all steps, without a reader of its events. */
export const wholeRun = (run: Run, tree: Tree): Segment<never> => ({
  run,
  tree,
  from: 0,
  single: false,
  outputs: {},
  inputOverrides: {},
  resume: undefined,
  first: true,
  emit: () => Effect.void
})

/** The end of a segment. */
export type SegmentOutcome =
  | { readonly type: "Completed"; readonly result: Exact }
  | { readonly type: "StepPaused" }
  | { readonly type: "ToolPause"; readonly pause: Pause }
  | { readonly type: "Failed"; readonly failure: StepFailure }

export interface EngineOptions extends ToolOptions {
  readonly legacyFields: boolean
  readonly streamOutputs: StreamOutputs
}

export interface Engine {
  readonly runSegment: <E>(segment: Segment<E>) => Effect.Effect<SegmentOutcome, E>
  /**
   * Whether the step would request one more round than the server allows.
   *
   * @see docs/wire.md#codes
   */
  readonly exceedsToolLimit: (step: Step, input: RunInput, resume: Resume) => boolean
}

/** The number of partial outputs before other fibers run. They take far less time than rounds of a loop. */
const partialsTurn = 2_000

const isOutput = ({ event }: WireEvent): boolean => event === "step_output" || event === "step_completed"

/** A copy without a prototype, so that `__proto__` is a key like any other. */
function ownCopy<A>(...objects: ReadonlyArray<{ readonly [key: string]: A }>): { [key: string]: A } {
  return Object.assign(Object.create(null) as { [key: string]: A }, ...objects)
}

/** A segment while it runs. */
interface Walk<E> {
  readonly segment: Segment<E>
  readonly ledger: Ledger
  readonly options: EngineOptions
  readonly shaped: (typeof outputEvents)[StreamOutputs]
  /** The id of the run under its older name, if the options ask for it. */
  readonly legacyRunId: { readonly runId?: string }
  /** The outputs so far. */
  readonly outputs: { [stepId: string]: Exact }
  /** The outputs that later steps get: those so far, with the overrides of the request. */
  readonly seen: { [stepId: string]: Exact }
  readonly send: (event: WireEvent) => Effect.Effect<void, E>
}

/** One step of a walk. */
interface Place {
  readonly step: Step
  readonly name: string
  readonly index: number
}

const beginWalk = <E>(ledger: Ledger, options: EngineOptions, segment: Segment<E>): Walk<E> => ({
  segment,
  ledger,
  options,
  shaped: outputEvents[options.streamOutputs],
  legacyRunId: options.legacyFields ? { runId: segment.run.id } : {},
  outputs: ownCopy(segment.outputs),
  seen: ownCopy(segment.outputs, segment.inputOverrides),
  send: (event) => {
    segment.run.events.append(event)
    if (isOutput(event)) segment.run.firstOutputAt ??= ledger.now()
    return segment.emit(event)
  }
})

const settle = ({ ledger, segment: { run } }: Walk<unknown>, status: "completed" | "failed"): void => {
  run.status = status
  ledger.runEnded(run.entry, status)
}

const failed = <E>(walk: Walk<E>, { name, step }: Place, failure: StepFailure): Effect.Effect<SegmentOutcome, E> => {
  const error = { code: failure.code, message: failure.message }
  walk.segment.run.error = { ...error, stepId: step.id }
  settle(walk, "failed")
  return Effect.as(walk.send(wireEvent("step_error", { stepId: step.id, name, error })), { type: "Failed", failure })
}

const paused = <E>(
  { outputs, segment: { run }, send }: Walk<E>,
  { index, step }: Place,
  { calls, iterationsUsed, messages }: Extract<StepOutcome, { readonly type: "Ask" }>
): Effect.Effect<SegmentOutcome, E> => {
  const pause: Pause = { stepId: step.id, stepIndex: index, iterationsUsed, messages, calls, outputs: { ...outputs } }
  run.pause = pause
  run.pausedAt.add(step.id)
  const event = wireEvent("step_paused_for_tool_calls", {
    executionId: run.id,
    // clients of every version need it to see the pause
    runId: run.id,
    stepId: step.id,
    stepIndex: index,
    iterationsUsed,
    toolCallMessages: messages,
    toolCalls: calls,
    accumulatedOutputs: objectOf(pause.outputs)
  })
  return Effect.as(send(event), { type: "ToolPause", pause })
}

/** Effects that send the partial outputs of a step, one per item. */
const partialsOf = <E>(
  { send, shaped }: Walk<E>,
  step: Step,
  scope: TemplateScope
): ReadonlyArray<Effect.Effect<void, E>> =>
  step.kind !== "template" ? [] : (step.partials ?? []).map((_, index) =>
    Effect.gen(function*() {
      const event = shaped.partial(step.id, renderAt(step.partials, index, scope))
      const times = step.repeatPartials ?? 1
      for (let count = 0; count < times; count++) {
        yield* send(event)
        if (count % partialsTurn === partialsTurn - 1) yield* giveWay
      }
    })
  )

/** Sends the events of a completed step. Returns the outcome of the segment if this was its last step. */
const completed = Effect.fnUntraced(function*<E>(
  walk: Walk<E>,
  { index, name, step }: Place,
  partials: ReadonlyArray<Effect.Effect<void, E>>,
  output: Exact,
  record: StepRecord
) {
  const { legacyRunId, options, outputs, seen, segment, send, shaped } = walk
  const { run, tree: { steps } } = segment
  outputs[step.id] = output
  if (!Object.hasOwn(segment.inputOverrides, step.id)) seen[step.id] = output
  if (run.trigger === "step") run.outputs[step.id] = output
  const last = index === steps.length - 1
  // ends the run before its events are written, because the client may read slowly or never
  if (last) {
    if (run.trigger === "job") run.result = output
    settle(walk, "completed")
  }
  for (const partial of partials) yield* partial
  const measured = {
    durationMs: durationOf(record),
    ...(record.tokens === undefined ? {} : { tokens: record.tokens }),
    ...(record.costUsd === undefined ? {} : { costUsd: record.costUsd })
  }
  for (const event of shaped.completed(step.id, { name }, output, measured)) yield* send(event)
  if (last) {
    const summary = { steps: steps.length, costUsd: run.entry.billedUsd }
    yield* send(shaped.flowCompleted({ executionId: run.id, ...legacyRunId }, output, { summary }))
    return { type: "Completed", result: output } satisfies SegmentOutcome
  }
  if (segment.single) {
    yield* send(wireEvent("step_paused", {
      executionId: run.id,
      nextStepIndex: index + 1,
      ...(options.legacyFields ? { stepId: step.id } : {})
    }))
    return { type: "StepPaused" } satisfies SegmentOutcome
  }
  return undefined
})

const runSteps = Effect.fnUntraced(function*<E>(runStep: RunStep, walk: Walk<E>) {
  const { legacyRunId, seen, segment, send, shaped } = walk
  const { run, tree } = segment
  const { steps } = tree
  const { input } = run
  run.status = "running"
  run.pause = undefined
  run.entry.status = "running"
  if (segment.first) {
    yield* send(wireEvent("run_started", {
      executionId: run.id,
      flowId: tree.flowId,
      stepCount: steps.length,
      ...legacyRunId
    }))
  }
  for (let index = segment.from; index < steps.length; index++) {
    const step = overrideStep(steps[index]!, input.blockOverrides[steps[index]!.id])
    const place: Place = { step, name: step.name ?? step.id, index }
    const resume = index === segment.from ? segment.resume : undefined
    const scope: TemplateScope = {
      message: input.message,
      messages: input.messages,
      parameters: input.parameters,
      input: (index === 0 ? undefined : seen[steps[index - 1]!.id]) ?? { value: null },
      outputs: seen
    }
    yield* send(wireEvent("step_started", { stepId: step.id, name: place.name, stepIndex: index - segment.from }))
    if (input.trace) yield* send(shaped.input(step.id, inputOf(input, scope.input, index)))
    const partials = partialsOf(walk, step, scope)
    const { outcome, record }: StepRun = yield* runStep(run, tree, step, index, scope, resume, send, partials)
    if (outcome.type === "Fail") return yield* failed(walk, place, outcome.failure)
    if (outcome.type === "Ask") return yield* paused(walk, place, outcome)
    const end: SegmentOutcome | undefined = yield* completed(
      walk,
      place,
      // a step without a duration sends them when it has completed
      step.kind === "template" && millis(step.duration) > 0 ? [] : partials,
      outcome.output,
      record
    )
    if (end !== undefined) return end
  }
  // a flow without steps, and an index beyond the last step, are refused before a run
  return yield* Effect.dieMessage("a segment ended without a last step")
})

export const make = (ledger: Ledger, accounts: Accounts, runs: Runs, options: EngineOptions): Engine => {
  const runStep = makeRunStep(ledger, accounts, options)
  return {
    runSegment: (segment) =>
      Effect.suspend(() => {
        segment.run.wake()
        return runSteps(runStep, beginWalk(ledger, options, segment))
      }).pipe(Effect.ensuring(Effect.sync(() => runs.rest(segment.run)))),
    exceedsToolLimit: (step, input, resume) =>
      step.kind === "tool" && exceedsLimit(step, input, resume, options.toolIterationLimit)
  }
}
