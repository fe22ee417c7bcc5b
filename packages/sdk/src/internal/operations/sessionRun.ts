/**
 * Turns an execution of a session into the run that it was.
 *
 * @see docs/wire.md#replays
 */
import * as Predicate from "effect/Predicate"
import { known } from "../core/makeError.js"
import { iterationLateness } from "../core/runProblem.js"
import { type Digits, digitsAt, digitsOf, withDigits } from "../kit/plainJson.js"
import type { SessionExecution, SessionStep } from "./requests.js"

export interface CompletedStep {
  readonly stepId: string
  readonly output: unknown
  readonly digits?: Digits
}

/**
 * The end of the run; `unfinished` if it had not ended when the session was fetched, with the reason for that verdict.
 */
export type RunEnding =
  | { readonly _tag: "completed"; readonly result: unknown; readonly digits?: Digits }
  | { readonly _tag: "failed"; readonly stepId: string | undefined; readonly error: unknown; readonly digits?: Digits }
  | { readonly _tag: "unfinished"; readonly reason: string }

export interface RunOfSession {
  readonly execution: SessionExecution
  /** The outputs of the last attempts, in order, each step once. */
  readonly completed: ReadonlyArray<CompletedStep>
  readonly ending: RunEnding
  /** The step that ran last, which a completed run has its result from. */
  readonly last: SessionStep | undefined
  /** Steps whose snapshots were cut when they were stored. */
  readonly truncated: ReadonlyArray<string>
}

const promptKey = "__rendered_prompt__"

/** An output without the prompt that the server stores beside it. */
export const withoutPrompt = (output: unknown): unknown =>
  Predicate.isRecord(output) && Object.hasOwn(output, promptKey)
    ? Object.fromEntries(Object.entries(output).filter(([key]) => key !== promptKey))
    : output ?? null

const errorOf = (step: SessionStep | undefined): { readonly error: unknown; readonly digits?: Digits } => ({
  error: step?.errorSnapshot,
  ...known({ digits: digitsAt(step?.digits, "errorSnapshot") })
})

const digitsOfOutput = (step: SessionStep | undefined) => known({ digits: digitsAt(step?.digits, "outputSnapshot") })

/** The input of a run, in the input of its first step: the message, and the parameters beside it. */
export interface InputOfRun {
  readonly message?: string
  readonly parameters?: { readonly [name: string]: unknown }
}

/** Reads the input of a run from the input of its first step; `undefined` if it is not stored. */
export const inputOf = (input: unknown): InputOfRun | undefined => {
  if (!Predicate.isRecord(input)) return undefined
  const { message, ...rest } = input
  const [text, parameters] = typeof message === "string"
    ? [message, withDigits(rest, digitsOf(input))]
    : [undefined, input]
  return {
    ...(text !== undefined && { message: text }),
    ...(Object.keys(parameters).length > 0 && { parameters })
  }
}

const hasError = (step: SessionStep): boolean => step.errorSnapshot !== undefined && step.errorSnapshot !== null

const hasFailed = (step: SessionStep): boolean => step.status === "failed" || hasError(step)

/** Whether a step was under way, so that its outcome is not known. */
export const isUnderWay = ({ status }: SessionStep): boolean => status === "running" || status === "pending"

/**
 * Whether the iterations of a loop are covered by the block before them, which is recorded too. The first of them tells:
 * it begins before its loop has ended, and after any other block.
 */
const isInside = (first: SessionStep, block: SessionStep | undefined): boolean => {
  if (block?.startedAt === undefined || block.completedAt === undefined) return false
  if (first.startedAt === undefined || first.completedAt === undefined) return false
  const [from, to] = [Date.parse(block.startedAt), Date.parse(block.completedAt)]
  const [began, ended] = [Date.parse(first.startedAt), Date.parse(first.completedAt)]
  return from <= began && ended <= (began < to ? to + iterationLateness : to)
}

/** The step at which a run that did not end stood, for people. */
export const stoodAt = ({ completed, last }: RunOfSession): string => {
  if (last !== undefined && isUnderWay(last)) return JSON.stringify(last.stepId)
  const before = completed.at(-1)
  return before === undefined ? "1" : `${completed.length + 1}, after ${JSON.stringify(before.stepId)}`
}

/** The last attempt at each step, in the order in which the steps began. */
const lastAttempts = (steps: ReadonlyArray<SessionStep>): ReadonlyArray<SessionStep> => {
  const last = new Map<string, SessionStep>()
  let block: SessionStep | undefined
  /** Whether the iterations that follow the block are covered by it; unknown before the first of them. */
  let covers: boolean | undefined
  for (const step of steps) {
    if (step.loopIndex === undefined) {
      block = step
      covers = undefined
    } else {
      covers ??= isInside(step, block)
      if (covers) continue
    }
    const key = `${step.loopIndex ?? ""} ${step.stepId}`
    const before = last.get(key)
    if (before === undefined || step.attempt >= before.attempt) last.set(key, step)
  }
  return [...last.values()]
}

/** Whether the step that a failed run names succeeded when it was tried again. */
const hasRecovered = (execution: SessionExecution, step: SessionStep): boolean =>
  execution.status === "completed" && !hasFailed(step) && step.status === "completed" &&
  execution.steps.some((other) => other.stepId === step.stepId && other.attempt < step.attempt && hasFailed(other))

const endingOf = (execution: SessionExecution, steps: ReadonlyArray<SessionStep>): RunEnding => {
  const { errorAtStep, status } = execution
  if (errorAtStep !== undefined) {
    // it may be a step of a loop, which is not a step of the run
    const step = steps.findLast(({ stepId }) => stepId === errorAtStep) ??
      execution.steps.findLast((one) => one.stepId === errorAtStep && hasError(one))
    if (step === undefined || !hasRecovered(execution, step)) {
      return { _tag: "failed", stepId: errorAtStep, ...errorOf(step) }
    }
  }
  const last = steps.at(-1)
  if (status === "failed" || status === "cancelled") {
    const failed = steps.findLast(hasFailed)
    const step = failed !== undefined && hasError(failed) ? failed : execution.steps.findLast(hasError)
    return {
      _tag: "failed",
      stepId: failed?.stepId,
      ...errorOf(step),
      ...(step === undefined && status === "cancelled" && { error: "the recorded run was cancelled" })
    }
  }
  if (status !== "completed") return { _tag: "unfinished", reason: `its status is ${JSON.stringify(status)}` }
  if (last !== undefined && isUnderWay(last) && !hasError(last)) {
    const reason = `its last step, ${JSON.stringify(last.stepId)}, is ${JSON.stringify(last.status)}`
    return { _tag: "unfinished", reason }
  }
  return last !== undefined && hasFailed(last)
    ? { _tag: "failed", stepId: last.stepId, ...errorOf(last) }
    : { _tag: "completed", result: withoutPrompt(last?.outputSnapshot), ...digitsOfOutput(last) }
}

/** How a run of a session ended, and the payloads that the server cut. */
export const runOf = (execution: SessionExecution): RunOfSession => {
  const steps = lastAttempts(execution.steps).filter(({ status }) => status !== "skipped")
  const ending = endingOf(execution, steps)
  const end = ending._tag === "failed" && ending.stepId !== undefined
    ? steps.findLastIndex(({ stepId }) => stepId === ending.stepId)
    : -1
  return {
    execution,
    completed: (end < 0 ? steps : steps.slice(0, end))
      .filter((step) => !isUnderWay(step) && !hasFailed(step))
      .map((step) => ({
        stepId: step.stepId,
        output: withoutPrompt(step.outputSnapshot),
        ...digitsOfOutput(step)
      })),
    ending,
    last: steps.at(-1),
    truncated: steps.filter(({ truncated }) => truncated).map(({ stepId }) => stepId)
  }
}
