/**
 * `@noukai/sdk` as it is, with a note taken of everything that is used of it and of every field that it gives: in the
 * names of `publishedApi.ts`.
 */
import * as Sdk from "@noukai/sdk"
import { noukaiTraceMiddleware } from "@noukai/sdk/adapters/express"
import { withNoukaiTrace } from "@noukai/sdk/adapters/nextjs"
import type { Parsed } from "../client.js"

const seen = new Set<string>()

/** The names that have been used or given so far. */
export const seenNames: ReadonlySet<string> = seen

/** Notes the keys that have a value. */
export const note = (name: string, value: unknown): void => {
  if (typeof value !== "object" || value === null) return
  for (const key of Object.getOwnPropertyNames(value)) {
    const field: unknown = Reflect.get(value, key)
    if (field !== undefined && field !== null) seen.add(`${name}.${key}`)
  }
}

const eventNames: { readonly [type: string]: string } = {
  run_started: "RunStarted",
  step_started: "StepStarted",
  step_input: "StepInput",
  step_output: "StepOutput",
  step_completed: "StepCompleted",
  step_error: "StepFailed",
  step_paused: "StepPaused",
  tool_calls_required: "ToolCallsRequired",
  flow_completed: "FlowCompleted"
}

const eventsOf = async function*(events: AsyncIterable<Parsed>) {
  for await (const event of events) yield watch(eventNames[event.type] ?? "an event of no known type", event)
}

const stepTrace = (trace: Parsed): Parsed => {
  note("StepTrace", trace)
  note("TokenBreakdown", trace.tokens)
  return trace
}

const executed = async (result: Promise<Parsed>) => {
  const value = await result
  return watch(value.requiresToolCalls === true ? "PausedResult" : "ExecuteResult", value)
}

/** The results of methods, as far as there is something to watch in them. */
const results: { readonly [method: string]: (result: Parsed) => unknown } = {
  "Noukai.flow": (flow) => watch("Flow", flow),
  "Flow.execute": executed,
  "PausedResult.resume": executed,
  "Flow.executeAsync": async (job) => watch("Job", await job),
  "Flow.steps": eventsOf,
  "Flow.events": eventsOf,
  "Flow.run": (run) => watch("Run", run),
  "Run.liveTrace": eventsOf,
  "Run.trace": async (trace) => {
    const value = await trace
    note("RunSummary", value.flowRun)
    value.steps.forEach(stepTrace)
    return watch("Trace", value)
  },
  "Run.stepTrace": async (trace) => {
    const value = await trace
    if (value.attempts === undefined) return stepTrace(value)
    value.attempts.forEach(stepTrace)
    return watch("StepAttempts", value)
  },
  "Job.poll": async (status) => watch("JobStatus", await status),
  "Job.wait": async (status) => watch("JobStatus", await status)
}

/** Notes which error a promise rejects with. */
const noteError = (error: unknown): void => {
  for (let at: unknown = error; at instanceof Error; at = Object.getPrototypeOf(at)) {
    const { name } = at.constructor
    if (name !== "Error") seen.add(name)
  }
}

const called = (name: string, f: (...args: ReadonlyArray<unknown>) => unknown) => (...args: ReadonlyArray<unknown>) => {
  seen.add(`${name}()`)
  args.forEach((arg, at) => note(`${name}(${at})`, arg))
  const result = f(...args)
  if (result instanceof Promise) result.catch(noteError)
  return results[name]?.(result) ?? result
}

/** The name of a symbol depends on who polyfills it. */
const nameOfKey = (key: string | symbol): string => key === Symbol.asyncDispose ? "[Symbol.asyncDispose]" : String(key)

function watch<A extends object>(name: string, target: A): A {
  note(name, target)
  // what it gives may be frozen, and a proxy of that could not be watched
  const copy = Object.assign(Object.create(Object.getPrototypeOf(target) as object), target) as A
  return new Proxy(copy, {
    get: (_, key) => {
      const value = Reflect.get(target, key)
      return typeof value === "function"
        ? called(`${name}.${nameOfKey(key)}`, (...args) => Reflect.apply(value, target, args))
        : value
    }
  })
}

const watched = <F extends (...args: never) => unknown>(name: string, f: F): F =>
  called(name, f as unknown as (...args: ReadonlyArray<unknown>) => unknown) as unknown as F

export const traceScope = watched("traceScope", Sdk.traceScope)
export const currentScope = watched("currentScope", Sdk.currentScope)
export const currentSessionId = watched("currentSessionId", Sdk.currentSessionId)
export const expressMiddleware = watched("noukaiTraceMiddleware", noukaiTraceMiddleware)
export const nextHandler = watched("withNoukaiTrace", withNoukaiTrace)

export const VERSION = () => {
  seen.add("VERSION")
  return Sdk.VERSION
}

export const ServerErrorCode = () => {
  seen.add("ServerErrorCode")
  return Sdk.ServerErrorCode
}

export const newNoukai = (options: Sdk.NoukaiOptions): Sdk.Noukai => {
  seen.add("new Noukai()")
  note("new Noukai(0)", options)
  return watch("Noukai", new Sdk.Noukai(options))
}
