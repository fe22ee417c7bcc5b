/**
 * The outputs of steps, wherever they travel: with the completed step, or on events of their own before it.
 *
 * @see contract 7.8
 * @internal
 */
import type { WireEvent } from "../../FlowEvent.js"

type Wire<T extends WireEvent["type"]> = Extract<WireEvent, { readonly type: T }>

/** A carrier of a higher rank is not replaced by one of a lower rank. */
const ranks = { none: 0, outputData: 1, outputContext: 2, completed: 3 } as const

interface Carried {
  readonly rank: number
  readonly value: unknown
}

const nothing: Carried = { rank: ranks.none, value: undefined }

const carriedBy = (event: Wire<"step_output">): Carried =>
  event.outputContext !== undefined
    ? { rank: ranks.outputContext, value: event.outputContext }
    : event.outputData !== undefined
    ? { rank: ranks.outputData, value: event.outputData }
    : nothing

/**
 * The input of a step, `undefined` where the event carries none.
 *
 * @internal
 */
export const inputOf = (event: Wire<"step_input">): unknown =>
  event.inputContext === undefined ? event.inputData : event.inputContext

/**
 * The value of a partial output, `undefined` where the event carries none.
 *
 * @internal
 */
export const partialOutputOf = (event: Wire<"step_output">): unknown => carriedBy(event).value

/**
 * An output that is known, and the event that carried it.
 *
 * @internal
 */
export interface KnownOutput {
  readonly value: unknown
  readonly from: "completed" | "step_output"
}

/**
 * Outputs of one response: none of them outlives it, since a step that is cut off or paused runs again.
 *
 * @internal
 */
export class StepOutputs {
  /** Since the step last began or completed. */
  private readonly current = new Map<string, Carried>()
  /** Of steps that completed and have not begun again: the rank of what was taken. */
  private readonly completed = new Map<string, number>()

  /** Another response begins. */
  begin(): void {
    this.current.clear()
    this.completed.clear()
  }

  started(stepId: string): void {
    this.current.delete(stepId)
    this.completed.delete(stepId)
  }

  /** Takes an output; gives it back where the step has completed already and its output may be replaced. */
  arrived(event: Wire<"step_output">): { readonly value: unknown } | undefined {
    const carried = carriedBy(event)
    if (carried.rank === ranks.none) return undefined
    if (carried.rank >= (this.current.get(event.stepId)?.rank ?? ranks.none)) this.current.set(event.stepId, carried)
    const taken = this.completed.get(event.stepId)
    if (taken === undefined || taken > carried.rank) return undefined
    this.completed.set(event.stepId, carried.rank)
    return carried
  }

  /** The output of a step that completes, if any event carried one. */
  complete(event: Wire<"step_completed">): KnownOutput | undefined {
    const { output, stepId } = event
    const carried = output === undefined
      ? this.current.get(stepId) ?? nothing
      : { rank: ranks.completed, value: output }
    this.current.delete(stepId)
    this.completed.set(stepId, carried.rank)
    if (carried.rank === ranks.none) return undefined
    return { value: carried.value, from: carried.rank === ranks.completed ? "completed" : "step_output" }
  }
}

/**
 * The result of a run that is known, and where it comes from.
 *
 * @internal
 */
export interface KnownResult {
  readonly value: unknown
  readonly from: "completed" | "last_step"
}

/**
 * The result of a run that completes: its own, else the output of the step that completed last.
 *
 * @internal
 */
export const resultOf = (
  { result }: Wire<"flow_completed">,
  lastOutput: { readonly value: unknown } | undefined
): KnownResult | undefined =>
  result !== undefined
    ? { value: result, from: "completed" }
    : lastOutput === undefined
    ? undefined
    : { value: lastOutput.value, from: "last_step" }

/** @internal */
export const noResult = "the run completed, and no event carried its result"
