/** Checks of single fields of an input. Each gives the problem, or `undefined`; an absent field has none. */
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import { headersProblem, isHeaderValue } from "../config/headers.js"
import { type Problem, problem } from "../errors/makeError.js"
import { durationReason, toMillis } from "../time/duration.js"
import type { CallOptions, StreamOptions } from "./callOptions.js"

export const checkText = (field: string, value: unknown): Problem | undefined =>
  value === undefined || typeof value === "string" ? undefined : problem(field, "must be a string")

export const checkFlag = (field: string, value: unknown): Problem | undefined =>
  value === undefined || typeof value === "boolean" ? undefined : problem(field, "must be true or false")

export const checkFunction = (field: string, value: unknown): Problem | undefined =>
  value === undefined || typeof value === "function" ? undefined : problem(field, "must be a function")

export const checkOneOf = (field: string, value: unknown, values: ReadonlyArray<string>): Problem | undefined =>
  value === undefined || values.some((one) => one === value)
    ? undefined
    : problem(field, `must be ${values.map((one) => JSON.stringify(one)).join(" or ")}`)

export const checkCount = (field: string, value: unknown, minimum: number): Problem | undefined =>
  value === undefined || (typeof value === "number" && Number.isSafeInteger(value) && value >= minimum)
    ? undefined
    : problem(field, `must be an integer of at least ${minimum}`)

/** Checks a duration, which may be infinite. */
export const checkDuration = (field: string, value: unknown): Problem | undefined =>
  value === undefined || toMillis(value) !== undefined ? undefined : problem(field, durationReason)

export const checkSchedule = (field: string, value: unknown): Problem | undefined =>
  value === undefined || Schedule.isSchedule(value) ? undefined : problem(field, "must be a Schedule")

export const checkSessionId = (field: string, value: unknown): Problem | undefined =>
  value === undefined || isHeaderValue(value)
    ? undefined
    : problem(field, "must be text that a header can carry")

export const checkHeaders = (field: string, value: unknown): Problem | undefined =>
  value === undefined ? undefined : headersProblem(field, value)

export const checkRecord = (field: string, value: unknown, reason: string): Problem | undefined =>
  value === undefined || Predicate.isRecord(value) ? undefined : problem(field, reason)

/** Checks the options of every call. */
export const checkCall = (options: CallOptions): Problem | undefined =>
  checkHeaders("headers", options.headers) ??
    checkDuration("connectTimeout", options.connectTimeout) ??
    checkDuration("attemptTimeout", options.attemptTimeout) ??
    checkSchedule("retry", options.retry) ??
    checkFlag("retryPost", options.retryPost)

/** Checks the options of every event stream. */
export const checkStream = (options: StreamOptions): Problem | undefined =>
  checkCall(options) ??
    checkDuration("firstByteTimeout", options.firstByteTimeout) ??
    checkDuration("idleTimeout", options.idleTimeout)
