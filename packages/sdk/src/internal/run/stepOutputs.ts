/**
 * The outputs of steps, wherever they travel: with the completed step, or on events of their own before it.
 *
 * @see contract 7.8
 */
import type { WireEventOf } from "../../FlowEvent.js"

/** A carrier of a higher rank is not replaced by one of a lower rank. */
const ranks = { none: 0, outputData: 1, outputContext: 2 } as const

interface CarriedOutput {
  readonly rank: number
  readonly value: unknown
}

const nothing: CarriedOutput = { rank: ranks.none, value: undefined }

const carriedBy = (event: WireEventOf<"step_output">): CarriedOutput =>
  event.outputContext !== undefined
    ? { rank: ranks.outputContext, value: event.outputContext }
    : event.outputData !== undefined
    ? { rank: ranks.outputData, value: event.outputData }
    : nothing

/** The input of a step, `undefined` where the event carries none. */
export const inputOf = (event: WireEventOf<"step_input">): unknown =>
  event.inputContext === undefined ? event.inputData : event.inputContext

/** The value of a partial output, `undefined` where the event carries none. */
export const partialOutputOf = (event: WireEventOf<"step_output">): unknown => carriedBy(event).value

/** A known output, and the event that carried it. */
export interface KnownOutput {
  readonly value: unknown
  readonly from: "completed" | "step_output"
}

interface OutputState {
  /** The rank of its best output since it last began or completed. */
  rank: number
  value: unknown
  /** The rank of the output that it completed with. */
  taken: number | undefined
}

/** Outputs of one response: none of them outlives it, since a step that is cut off or paused runs again. */
export class StepOutputs {
  /**
   * The outputs by step, since it last began; none for a step whose last event completed it with an output of its own.
   */
  private readonly kept = new Map<string, OutputState>()

  /** Begins another response. */
  begin(): void {
    this.kept.clear()
  }

  started(stepId: string): void {
    if (this.kept.size > 0) this.kept.delete(stepId)
  }

  /** Takes an output; gives it back where the step has completed already and its output is replaced by it. */
  arrived(event: WireEventOf<"step_output">): { readonly value: unknown } | undefined {
    const { rank, value } = carriedBy(event)
    if (rank === ranks.none) return undefined
    const kept = this.kept.get(event.stepId)
    if (kept === undefined) {
      this.kept.set(event.stepId, { rank, value, taken: undefined })
      return undefined
    }
    if (rank >= kept.rank) {
      kept.rank = rank
      kept.value = value
    }
    if (kept.taken === undefined || kept.taken > rank) return undefined
    kept.taken = rank
    return { value }
  }

  /** The output of a step that completes, if an event carried one. */
  complete({ output, stepId }: WireEventOf<"step_completed">): KnownOutput | undefined {
    const kept = this.kept.size === 0 ? undefined : this.kept.get(stepId)
    if (output !== undefined) {
      if (kept !== undefined) this.kept.delete(stepId)
      return { value: output, from: "completed" }
    }
    if (kept === undefined) {
      this.kept.set(stepId, { ...nothing, taken: ranks.none })
      return undefined
    }
    const { rank, value } = kept
    kept.rank = ranks.none
    kept.value = undefined
    kept.taken = rank
    return rank === ranks.none ? undefined : { value, from: "step_output" }
  }
}

/** A known result of a run, and its origin. */
export interface KnownResult {
  readonly value: unknown
  readonly from: "completed" | "last_step"
}

/** The result of a run that completes: its own, else the output of the step that completed last. */
export const resultOf = (
  { result }: WireEventOf<"flow_completed">,
  lastOutput: { readonly value: unknown } | undefined
): KnownResult | undefined =>
  result !== undefined
    ? { value: result, from: "completed" }
    : lastOutput === undefined
    ? undefined
    : { value: lastOutput.value, from: "last_step" }

/** The step that failed, of a run that ends with a summary of it. */
export const failedStepIn = ({ summary }: WireEventOf<"flow_completed">): string | undefined => {
  const step = summary?.failedAtStep ?? summary?.failed_at_step
  return typeof step === "string" ? step : undefined
}

export const noResult = "the run completed, and no event carried its result"
