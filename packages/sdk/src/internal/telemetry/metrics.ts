/** Writes the metrics that `Telemetry.metricNames` lists. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as MetricLabel from "effect/MetricLabel"
import { isNoukaiError, type NoukaiError } from "../../NoukaiError.js"
import { metricNames } from "../../Telemetry.js"
import * as Fibers from "../core/fiber.js"
import { unsafeMonotonic } from "../core/time.js"
import { type FlowAddress, format } from "../options/address.js"

export type CountedOperation = "execute" | "events" | "steps" | "submit" | "forward"

/** The number of flows with a label of their own, in a process. */
const maxFlows = 100

/** The list of labels made last for each flow: Effect finds metrics by their list of labels. */
const byFlow = new Map<string, { readonly own: Fibers.UpdateLabels; readonly labels: Fibers.UpdateLabels }>()

/** Returns the labels of a fiber's updates, with the label of a flow: `other` for all flows after the first 100. */
export const labelsWithFlow = (fiber: Fibers.AnyFiber, address: FlowAddress): Fibers.UpdateLabels => {
  const text = format(address)
  const flow = byFlow.has(text) || byFlow.size < maxFlows ? text : "other"
  const own = Fibers.metricLabelsOf(fiber)
  let known = byFlow.get(flow)
  if (known?.own !== own) byFlow.set(flow, known = { own, labels: [...own, MetricLabel.make("flow", flow)] })
  return known.labels
}

/** Metrics are made when they are first written: a program that starts names all of them and writes one. */
function late<A>(make: () => A): () => A {
  let made: A | undefined
  return () => made ??= make()
}

const ofOperation = (operation: CountedOperation) => ({
  duration: Fibers.durations(metricNames.executionDuration, "milliseconds from the call to its end", { operation }),
  byOutcome: new Map<string, ReturnType<typeof Fibers.counter>>()
})

const operations: { [K in CountedOperation]?: ReturnType<typeof ofOperation> } = {}

/** The outcome of a failed call in one word: the tag of its error, if that is one of this package. */
export const failureOutcome = (cause: Cause.Cause<unknown>): string => {
  if (Cause.isInterruptedOnly(cause)) return "interrupted"
  const failure = Cause.failureOption(cause)
  if (failure._tag === "None") return "defect"
  return isNoukaiError(failure.value) ? failure.value._tag : "handler_failed"
}

const now = (fiber: Fibers.AnyFiber): number => unsafeMonotonic(Fibers.clockOf(fiber))

/** Counts one execution when it ends. */
export const executionStarted = (
  fiber: Fibers.AnyFiber,
  operation: CountedOperation,
  address: FlowAddress
): (outcome: string) => void => {
  const began = now(fiber)
  const labels = labelsWithFlow(fiber, address)
  return (outcome) => {
    const { byOutcome, duration } = operations[operation] ??= ofOperation(operation)
    let executions = byOutcome.get(outcome)
    if (executions === undefined) {
      executions = Fibers.counter(metricNames.executions, "executions that ended", { operation, outcome })
      byOutcome.set(outcome, executions)
    }
    executions.unsafeUpdate(1, labels)
    duration.unsafeUpdate(now(fiber) - began, labels)
  }
}

/** Counts the execution of an effect. */
export const counted = <A, E, R>(
  fiber: Fibers.AnyFiber,
  operation: CountedOperation,
  address: FlowAddress,
  outcomeOf: (value: A) => string,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const ended = executionStarted(fiber, operation, address)
  return Effect.onExit(
    self,
    (exit) => Effect.sync(() => ended(Exit.isSuccess(exit) ? outcomeOf(exit.value) : failureOutcome(exit.cause)))
  )
}

const retries = (reason: "throttled" | "transient") =>
  late(() => Fibers.counter(metricNames.retries, "attempts after the first", { reason }))
const throttled = retries("throttled")
const transient = retries("transient")

/** Counts a retry after an error. */
export const countRetry = (error: NoukaiError): Effect.Effect<void> =>
  Fibers.update(error._tag === "RateLimitError" ? throttled() : transient(), 1)

const tokensLeft = Fibers.gauge(metricNames.retryTokens, {
  description: "retries that are left to the client that changed it last, in tokens"
})

export const retryTokens = (tokens: number): void => tokensLeft.unsafeUpdate(tokens, Fibers.noLabels)

const open = late(() => Fibers.gauge(metricNames.openStreams, { description: "event streams that are open" }))

/**
 * Counts an event stream as open until the returned function is called, under the labels of the fiber that opened it:
 * another one may close it.
 */
export const streamOpened = (fiber: Fibers.AnyFiber): () => void => {
  const labels = Fibers.metricLabelsOf(fiber)
  open().unsafeModify(1, labels)
  return () => open().unsafeModify(-1, labels)
}

const tokens = (type: "input" | "output") =>
  late(() => Fibers.counter(metricNames.tokens, "tokens of steps, as streams and traces tell them", { type }))
const inputTokens = tokens("input")
const outputTokens = tokens("output")
const cost = late(() => Fibers.counter(metricNames.cost, "USD that steps cost, as streams and traces tell it"))

/** The tokens and the cost of a completed step. */
interface Usage {
  readonly tokens?:
    | { readonly prompt?: number | null | undefined; readonly completion?: number | null | undefined }
    | null
    | undefined
  readonly costUsd?: string | null | undefined
}

/**
 * Adds up the tokens and costs of completed steps, and counts them when told to, since updating metrics for every event
 * is measurable.
 */
export class Meter {
  private input = 0
  private output = 0
  private usd = 0

  constructor(private readonly labels: Fibers.UpdateLabels) {}

  add({ costUsd, tokens }: Usage): void {
    if (tokens) {
      this.input += positive(tokens.prompt)
      this.output += positive(tokens.completion)
    }
    if (costUsd) this.usd += positive(Number(costUsd))
  }

  count(): void {
    if (this.input > 0) inputTokens().unsafeUpdate(this.input, this.labels)
    if (this.output > 0) outputTokens().unsafeUpdate(this.output, this.labels)
    if (this.usd > 0) cost().unsafeUpdate(this.usd, this.labels)
    this.input = 0
    this.output = 0
    this.usd = 0
  }
}

const positive = (value: number | null | undefined): number =>
  typeof value === "number" && value > 0 && Number.isFinite(value) ? value : 0
