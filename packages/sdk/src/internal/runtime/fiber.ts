/**
 * The parts of a fiber that Effect keeps in references of its own: the services that every program has, and settings of
 * logs, metrics and spans.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import type * as HashMap from "effect/HashMap"
import * as LogLevel from "effect/LogLevel"
import * as Random from "effect/Random"
import * as Tracer from "effect/Tracer"
import type { UpdateLabels } from "./metric.js"

export type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

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
