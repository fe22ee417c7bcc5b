/**
 * Runs the steps of a flow, one segment at a time. A segment is a whole run for `/execute` and jobs, and one step or
 * the rest for `/step`.
 */
import * as Effect from "effect/Effect"
import type { StreamOutputs } from "../../EmulatorOptions.js"
import type { Json, Step, StepFailure } from "../../Flow.js"
import type { Tree } from "../flow/flows.js"
import { render } from "../flow/template.js"
import type { TemplateScope } from "../flow/template.js"
import type { Accounts } from "../store/accounts.js"
import { durationOf } from "../store/history.js"
import type { Ledger } from "../store/ledger.js"
import type { Pause, Run, RunInput, Runs } from "../store/runs.js"
import { giveWay } from "../time/time.js"
import { outputEvents, wireEvent } from "../wire/wireEvent.js"
import type { WireEvent } from "../wire/wireEvent.js"
import { inputOf, make as makeRunStep, overrideStep } from "./runStep.js"
import type { StepRun } from "./runStep.js"
import { exceedsLimit } from "./toolStep.js"
import type { Resume, ToolOptions } from "./toolStep.js"

type Outputs = { readonly [stepId: string]: Json }

export interface Segment<E> {
  readonly run: Run
  readonly tree: Tree
  /** The index of the first step. */
  readonly from: number
  /** Stops after one step. */
  readonly single: boolean
  /** The outputs of earlier steps. */
  readonly outputs: Outputs
  /**
   * The outputs that replace the real ones for later steps.
   *
   * @see contract 7.1
   */
  readonly inputOverrides: Outputs
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
  | { readonly type: "Completed"; readonly result: Json }
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
   * @see contract 11.3
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

export const make = (ledger: Ledger, accounts: Accounts, runs: Runs, options: EngineOptions): Engine => {
  const runStep = makeRunStep(ledger, accounts, options)
  const shaped = outputEvents[options.streamOutputs]

  const settle = (run: Run, status: "completed" | "failed"): void => {
    run.status = status
    ledger.runEnded(run.entry, status)
  }

  const runSteps = Effect.fnUntraced(function*<E>(segment: Segment<E>) {
    const { run, tree } = segment
    const { steps } = tree
    const legacyRunId = options.legacyFields ? { runId: run.id } : {}
    const send = (event: WireEvent): Effect.Effect<void, E> => {
      run.events.append(event)
      if (isOutput(event)) run.firstOutputAt ??= ledger.now()
      return segment.emit(event)
    }
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
    const outputs = ownCopy(segment.outputs)
    const seen = ownCopy(segment.outputs, segment.inputOverrides)
    const { input } = run
    for (let index = segment.from; index < steps.length; index++) {
      const step = overrideStep(steps[index]!, input.blockOverrides[steps[index]!.id])
      const name = step.name ?? step.id
      const resume = index === segment.from ? segment.resume : undefined
      const scope: TemplateScope = {
        message: input.message,
        messages: input.messages,
        parameters: input.parameters,
        input: index === 0 ? null : seen[steps[index - 1]!.id] ?? null,
        outputs: seen
      }
      yield* send(wireEvent("step_started", { stepId: step.id, name, stepIndex: index - segment.from }))
      if (input.trace) {
        yield* send(shaped.input(step.id, inputOf(input, scope.input, index)))
      }
      const { outcome, record }: StepRun = yield* runStep(run, tree, step, index, scope, resume, send)
      if (outcome.type === "Fail") {
        const { failure } = outcome
        const error = { code: failure.code, message: failure.message }
        run.error = { ...error, stepId: step.id }
        settle(run, "failed")
        yield* send(wireEvent("step_error", { stepId: step.id, name, error }))
        return { type: "Failed", failure } satisfies SegmentOutcome
      }
      if (outcome.type === "Ask") {
        const { calls, iterationsUsed, messages } = outcome
        const pause: Pause = {
          stepId: step.id,
          stepIndex: index,
          iterationsUsed,
          messages,
          calls,
          outputs: { ...outputs }
        }
        run.pause = pause
        run.pausedAt.add(step.id)
        yield* send(wireEvent("step_paused_for_tool_calls", {
          executionId: run.id,
          // clients of every version need it to see the pause
          runId: run.id,
          stepId: step.id,
          stepIndex: index,
          iterationsUsed,
          toolCallMessages: messages,
          toolCalls: calls,
          accumulatedOutputs: pause.outputs
        }))
        return { type: "ToolPause", pause } satisfies SegmentOutcome
      }
      const { output } = outcome
      outputs[step.id] = output
      if (!Object.hasOwn(segment.inputOverrides, step.id)) seen[step.id] = output
      if (run.trigger === "step") run.outputs[step.id] = output
      const last = index === steps.length - 1
      // ends the run before its events are written, because the client may read slowly or never
      if (last) {
        if (run.trigger === "job") run.result = output
        settle(run, "completed")
      }
      if (step.kind === "template") {
        for (const partial of step.partials ?? []) {
          const event = shaped.partial(step.id, render(partial, scope))
          const times = step.repeatPartials ?? 1
          for (let count = 0; count < times; count++) {
            yield* send(event)
            if (count % partialsTurn === partialsTurn - 1) yield* giveWay
          }
        }
      }
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
    }
    // a flow without steps, and an index beyond the last step, are refused before a run
    return yield* Effect.dieMessage("a segment ended without a last step")
  })

  function runSegment<E>(segment: Segment<E>): Effect.Effect<SegmentOutcome, E> {
    return Effect.suspend(() => {
      segment.run.wake()
      return runSteps(segment)
    }).pipe(Effect.ensuring(Effect.sync(() => runs.rest(segment.run))))
  }

  return {
    runSegment,
    exceedsToolLimit: (step, input, resume) =>
      step.kind === "tool" && exceedsLimit(step, input, resume, options.toolIterationLimit)
  }
}
