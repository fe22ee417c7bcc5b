/**
 * The fiber that runs an effect, and its parts that Effect keeps in references of its own: the services that every program
 * has, and settings of logs, metrics and spans.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import type * as HashMap from "effect/HashMap"
import * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricKey from "effect/MetricKey"
import type * as MetricKeyType from "effect/MetricKeyType"
import * as MetricLabel from "effect/MetricLabel"
import * as Random from "effect/Random"
import * as Tracer from "effect/Tracer"

export type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

/** An effect of the fiber that runs it. */
export const withFiber: <A, E = never, R = never>(
  use: (fiber: AnyFiber) => Effect.Effect<A, E, R>
) => Effect.Effect<A, E, R> = Effect.withFiberRuntime

/** Reads from the fiber that runs it. */
export const readFiber = <A>(read: (fiber: AnyFiber) => A): Effect.Effect<A> =>
  withFiber((fiber) => Effect.succeed(read(fiber)))

export const liveClock: Clock.Clock = Context.get(DefaultServices.liveServices, Clock.Clock)

export const liveRandom: Random.Random = Context.get(DefaultServices.liveServices, Random.Random)

const liveTracer: Tracer.Tracer = Context.get(DefaultServices.liveServices, Tracer.Tracer)

const serviceOf = <I, S>(fiber: AnyFiber, tag: Context.Tag<I, S>): S =>
  Context.unsafeGet(fiber.getFiberRef(DefaultServices.currentServices), tag)

export const clockOf = (fiber: AnyFiber): Clock.Clock => serviceOf(fiber, Clock.Clock)

/** The tracer of a fiber; `undefined` where it is Effect's built-in one, or switched off. */
export const tracerOf = (fiber: AnyFiber): Tracer.Tracer | undefined => {
  const tracer = serviceOf(fiber, Tracer.Tracer)
  return tracer !== liveTracer && fiber.getFiberRef(FiberRef.currentTracerEnabled) ? tracer : undefined
}

export const spanAnnotationsOf = (fiber: AnyFiber): HashMap.HashMap<string, unknown> =>
  fiber.getFiberRef(FiberRef.currentTracerSpanAnnotations)

export const metricLabelsOf = (fiber: AnyFiber): UpdateLabels => fiber.getFiberRef(FiberRef.currentMetricLabels)

/** Whether a debug line of a fiber would be written. */
export const writesDebug = (fiber: AnyFiber): boolean =>
  LogLevel.lessThanEqual(fiber.getFiberRef(FiberRef.currentMinimumLogLevel), LogLevel.Debug)

export { gauge, update } from "effect/Metric"

/** The labels of an update beside those of its metric. */
export type UpdateLabels = ReadonlyArray<MetricLabel.MetricLabel>

export const noLabels: UpdateLabels = []

type Labels = Readonly<Record<string, string>>

const labelled = <Type extends MetricKeyType.MetricKeyType.Counter<number> | MetricKeyType.MetricKeyType.Histogram>(
  key: MetricKey.MetricKey<Type>,
  labels: Labels
) =>
  Metric.fromMetricKey(
    MetricKey.taggedWithLabels(key, Object.entries(labels).map(([name, value]) => MetricLabel.make(name, value)))
  )

export const counter = (name: string, description: string, labels: Labels = {}): Metric.Metric.Counter<number> =>
  labelled(MetricKey.counter(name, { description, incremental: true }), labels)

/** A histogram, whose `count` boundaries grow by a factor. */
export const histogram = (
  name: string,
  description: string,
  boundaries: { readonly start: number; readonly factor: number; readonly count: number },
  labels: Labels
): Metric.Metric.Histogram<number> => {
  // Effect counts the infinite one
  const all = MetricBoundaries.exponential({ ...boundaries, count: boundaries.count + 1 })
  return labelled(MetricKey.histogram(name, all, description), labels)
}
