/** Writes the metrics that `Telemetry.metricNames` lists. */
import * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import * as MetricLabel from "effect/MetricLabel"
import { isNoukaiError, type NoukaiError } from "../../NoukaiError.js"
import { attributeKeys, genAi, metricNames } from "../../Telemetry.js"
import { knownCount } from "../core/cost.js"
import * as Fibers from "../core/fiber.js"
import { unsafeMonotonic } from "../core/time.js"
import type { CallDefaults } from "../operations/operations.js"
import { type FlowAddress, format } from "../options/address.js"

export type CountedOperation = "execute" | "events" | "steps" | "submit" | "forward"

/** The flow of a call, and the server that it is sent to. */
export interface CountedCall {
  readonly address: FlowAddress
  readonly http: { readonly defaults: CallDefaults }
}

/** The labels of the updates of one call: of this package's metrics, and of those of the GenAI conventions. */
export interface CallLabels {
  readonly ours: Fibers.UpdateLabels
  readonly genAi: Fibers.UpdateLabels
}

/** The number of values with a label of their own, in a process: of flows, tools, models and errors. */
const maxValues = 100

/** Returns a value that is one of the first 100, and another text for each later value. */
const limited = (
  seen: { readonly size: number; readonly has: (value: string) => boolean },
  value: string,
  other: string
) => seen.has(value) || seen.size < maxValues ? value : other

interface FlowLabels extends CallLabels {
  readonly own: Fibers.UpdateLabels
  readonly server: CallDefaults["server"]
}

/** The lists of labels made last for each flow: Effect finds metrics by their list of labels. */
const byFlow = new Map<string, FlowLabels>()

/** Returns the labels of a fiber's updates, with the label of a flow: `other` for all flows after the first 100. */
export const labelsOfCall = (
  fiber: Fibers.AnyFiber,
  address: FlowAddress,
  server: CallDefaults["server"]
): CallLabels => {
  const flow = limited(byFlow, format(address), "other")
  const own = Fibers.metricLabelsOf(fiber)
  let known = byFlow.get(flow)
  if (known?.own !== own || known.server !== server) {
    const genAi = [...own, MetricLabel.make(attributeKeys.agentName, flow)]
    if (server !== undefined) {
      genAi.push(
        MetricLabel.make(attributeKeys.serverAddress, server.address),
        MetricLabel.make(attributeKeys.serverPort, String(server.port))
      )
    }
    byFlow.set(flow, known = { own, server, ours: [...own, MetricLabel.make("flow", flow)], genAi })
  }
  return known
}

type Labels = Readonly<Record<string, string>>

/** The labels that all metrics of the conventions have. Exporters read the unit from its label. */
const conventional = (unit: string, operationName: string): Labels => ({
  unit,
  [attributeKeys.operationName]: operationName,
  [attributeKeys.provider]: genAi.provider
})

const seconds = (name: string, description: string, labels: Labels) =>
  Fibers.histogram(name, description, { start: 0.01, factor: 2, count: 14 }, labels)

/** Metrics that differ in one label alone, by its value; all after the first 100 share one. */
const byValue = <A>(make: (value: string) => A, other: string): (value: string) => A => {
  const made = new Map<string, A>()
  return (given) => {
    const value = limited(made, given, other)
    let metric = made.get(value)
    if (metric === undefined) made.set(value, metric = make(value))
    return metric
  }
}

const ofError = (errorType: string): Labels => errorType === "" ? {} : { [attributeKeys.errorType]: errorType }

/** By the type of the error; empty: none. */
const operationDuration = byValue((errorType) =>
  seconds(metricNames.operationDuration, "duration of runs", {
    ...conventional("s", genAi.run),
    ...ofError(errorType)
  }), "_OTHER")

const toolDuration = byValue(
  (tool) =>
    byValue((errorType) =>
      seconds(metricNames.toolDuration, "duration of calls of tools", {
        ...conventional("s", genAi.tool),
        [attributeKeys.toolName]: tool,
        [attributeKeys.toolType]: "function",
        ...ofError(errorType)
      }), "_OTHER"),
  "other"
)

const ofOperation = byValue((operation) => ({
  duration: Fibers.histogram(
    metricNames.executionDuration,
    "milliseconds from the call to its end",
    { start: 16, factor: 2, count: 15 },
    { operation }
  ),
  byOutcome: byValue(
    (outcome) => Fibers.counter(metricNames.executions, "executions that ended", { operation, outcome }),
    "other"
  )
}), "other")

/** The outcome of a failed call in one word: the tag of its error, if that is one of this package. */
export const failureOutcome = (cause: Cause.Cause<unknown>): string => {
  if (Cause.isInterruptedOnly(cause)) return "interrupted"
  const failure = Cause.failureOption(cause)
  if (failure._tag === "None") return "defect"
  return isNoukaiError(failure.value) ? failure.value._tag : "handler_failed"
}

const now = (fiber: Fibers.AnyFiber): number => unsafeMonotonic(Fibers.clockOf(fiber))

/** How an execution ended, and the type of its error. */
export type Outcome = readonly [outcome: string, errorType?: string | undefined]

/** Counts one execution when it ends. */
export const executionStarted = (
  fiber: Fibers.AnyFiber,
  operation: CountedOperation,
  call: CountedCall
): (...outcome: Outcome) => void => {
  const began = now(fiber)
  const labels = labelsOfCall(fiber, call.address, call.http.defaults.server)
  return (outcome, errorType = "") => {
    const { byOutcome, duration } = ofOperation(operation)
    const elapsed = now(fiber) - began
    byOutcome(outcome).unsafeUpdate(1, labels.ours)
    duration.unsafeUpdate(elapsed, labels.ours)
    // a run that was found was only read
    if (outcome !== "reused") operationDuration(errorType).unsafeUpdate(elapsed / 1000, labels.genAi)
  }
}

/** Counts calls of tools that begin now. Names that a model made up have no label of their own. */
export const toolCalled = (
  fiber: Fibers.AnyFiber
): (tool: string | undefined, errorType: string | undefined) => void => {
  const began = now(fiber)
  return (tool = "other", errorType = "") =>
    toolDuration(tool)(errorType).unsafeUpdate((now(fiber) - began) / 1000, Fibers.metricLabelsOf(fiber))
}

const retries = byValue(
  (reason) => Fibers.counter(metricNames.retries, "attempts after the first", { reason }),
  "other"
)

/** Counts a retry after an error. */
export const countRetry = (error: NoukaiError): Effect.Effect<void> =>
  Fibers.update(retries(error._tag === "RateLimitError" ? "throttled" : "transient"), 1)

const tokensLeft = Fibers.gauge(metricNames.retryTokens, {
  description: "retries that are left to the client that changed it last, in tokens"
})

export const retryTokens = (tokens: number): void => tokensLeft.unsafeUpdate(tokens, Fibers.noLabels)

const open = Fibers.gauge(metricNames.openStreams, { description: "event streams that are open" })

/**
 * Counts an event stream as open until the returned function is called, under the labels of the fiber that opened it:
 * another one may close it.
 */
export const streamOpened = (fiber: Fibers.AnyFiber): () => void => {
  const labels = Fibers.metricLabelsOf(fiber)
  open.unsafeModify(1, labels)
  return () => open.unsafeModify(-1, labels)
}

const tokensOf = byValue((type) => {
  const name = type === "input" ? metricNames.inputTokens : metricNames.outputTokens
  const labels = conventional("{token}", genAi.model)
  return {
    ours: Fibers.counter(metricNames.tokens, "tokens of steps, as streams and traces tell them", { type }),
    sum: Fibers.counter(name, `${type} tokens of steps`, { ...labels, [attributeKeys.tokenModality]: "unknown" }),
    usage: Fibers.histogram(metricNames.tokenUsage, "tokens of a step", { start: 1, factor: 4, count: 14 }, {
      ...labels,
      [attributeKeys.tokenType]: type
    })
  }
}, "other")

const cost = Fibers.counter(metricNames.cost, "USD that steps cost, as streams and traces tell it")

/** The tokens and the cost of a completed step. */
interface Usage {
  readonly tokens?:
    | { readonly prompt?: number | null | undefined; readonly completion?: number | null | undefined }
    | null
    | undefined
  readonly costUsd?: string | null | undefined
  readonly modelUsed?: string | undefined
}

const ofModel = byValue((model) => [
  MetricLabel.make(attributeKeys.model, model),
  MetricLabel.make(attributeKeys.responseModel, model)
], "other")

/** Counts the usage of completed steps. */
export const countSteps = ({ genAi, ours }: CallLabels, steps: ReadonlyArray<Usage>): void => {
  for (const { costUsd, modelUsed, tokens } of steps) {
    const labels = modelUsed === undefined ? genAi : [...genAi, ...ofModel(modelUsed)]
    for (const [type, given] of [["input", tokens?.prompt], ["output", tokens?.completion]] as const) {
      const known = knownCount(given)
      if (known === undefined) continue
      const { ours: counter, sum, usage } = tokensOf(type)
      counter.unsafeUpdate(known, ours)
      sum.unsafeUpdate(known, labels)
      usage.unsafeUpdate(known, labels)
    }
    const usd = knownCount(costUsd ? Number(costUsd) : 0)
    if (usd !== undefined) cost.unsafeUpdate(usd, ours)
  }
}
