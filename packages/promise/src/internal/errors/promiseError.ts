/** Translates the tagged errors of the SDK into the classes of this package. */
import { messageIn, type Terms } from "@effect-noukai/sdk/kit/names"
import * as Sdk from "@effect-noukai/sdk/NoukaiError"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as NoukaiError from "../../NoukaiError.js"
import { jsonOrText } from "../json.js"
import { Thrown } from "./thrown.js"

type Tag = Sdk.NoukaiError["_tag"]

type Of<T extends Tag> = Extract<Sdk.NoukaiError, { readonly _tag: T }>

type Init = NoukaiError.NoukaiErrorInit

type Table = { readonly [T in Tag]: (error: Of<T>, message: string, init: Init) => NoukaiError.NoukaiError }

const table: Table = {
  AuthenticationError: ({ wwwAuthenticate }, message, init) =>
    new NoukaiError.AuthenticationError(message, { ...init, wwwAuthenticate }),
  PermissionDeniedError: (_, message, init) => new NoukaiError.PermissionDeniedError(message, init),
  FlowNotFoundError: (_, message, init) => new NoukaiError.FlowNotFoundError(message, init),
  InsufficientCreditsError: (_, message, init) => new NoukaiError.InsufficientCreditsError(message, init),
  RateLimitError: ({ retryAfter }, message, init) => new NoukaiError.RateLimitError(message, { ...init, retryAfter }),
  FlowExecutionError: ({ stepId }, message, init) => new NoukaiError.FlowExecutionError(message, { ...init, stepId }),
  APIConnectionError: ({ sent }, message, init) => new NoukaiError.APIConnectionError(message, { ...init, sent }),
  APITimeoutError: ({ clock, sent }, message, init) =>
    new NoukaiError.APITimeoutError(message, { ...init, clock, sent }),
  ToolCallLimitError: (_, message, init) => new NoukaiError.ToolCallLimitError(message, init),
  CostLimitError: ({ maxCostUsd, spentUsd }, message, init) =>
    new NoukaiError.CostLimitError(message, { ...init, maxCostUsd, spentUsd }),
  BudgetExceededError: ({ leftUsd, limitUsd, neededUsd }, message, init) =>
    new NoukaiError.BudgetExceededError(message, { ...init, limitUsd, leftUsd, neededUsd }),
  InvalidRequestError: ({ field, reason }, message, init) =>
    new NoukaiError.InvalidRequestError(message, { ...init, field: nameOf(field), reason }),
  UnexpectedResponseError: ({ reason, result }, message, init) =>
    new NoukaiError.UnexpectedResponseError(message, { ...init, reason, result }),
  RunInProgressError: (_, message, init) => new NoukaiError.RunInProgressError(message, init),
  ResultNotStoredError: ({ reason }, message, init) =>
    new NoukaiError.ResultNotStoredError(message, { ...init, reason }),
  AmbiguousRunError: ({ executionIds }, message, init) =>
    new NoukaiError.AmbiguousRunError(message, { ...init, executionIds }),
  ReplayMissError: (_, message, init) => new NoukaiError.ReplayMissError(message, init),
  ReplayLeftoverError: (_, message, init) => new NoukaiError.ReplayLeftoverError(message, init),
  ReplayForbiddenError: (_, message, init) => new NoukaiError.ReplayForbiddenError(message, init),
  ReplaySessionNotFoundError: (_, message, init) => new NoukaiError.ReplaySessionNotFoundError(message, init),
  ReplaySessionExpiredError: (_, message, init) => new NoukaiError.ReplaySessionExpiredError(message, init),
  ReplayInvalidSessionError: (_, message, init) => new NoukaiError.ReplayInvalidSessionError(message, init),
  ReplayNoSnapshotsError: (_, message, init) => new NoukaiError.ReplayNoSnapshotsError(message, init),
  ReplayDisabledError: (_, message, init) => new NoukaiError.ReplayDisabledError(message, init),
  CassetteError: (_, message, init) => new NoukaiError.CassetteError(message, init)
}

/** Services of the SDK, and the objects of this package that have their operations. */
const places: { readonly [service: string]: string } = {
  FlowService: "flow",
  JobService: "flow",
  RunService: "run",
  Job: "job"
}

/** Operations of the SDK that are in another place here, or have another name. */
const operations: { readonly [method: string]: string } = {
  "Budget.make": "new Budget",
  NoukaiConfig: "new Noukai",
  "Flow.resolve": "noukai.flow",
  "JobService.submit": "flow.executeAsync",
  "JobService.attach": "noukai.job",
  "Job.waitAll": "noukai.waitAll",
  "TraceScope.replay": "traceScope",
  "NoukaiRecord.toFile": "record",
  "NoukaiReplay.fromFile": "replay"
}

const operationOf = (method: string): string => {
  const [service = "", name] = method.split(".")
  const place = name === undefined ? undefined : places[service]
  return operations[method] ?? (place === undefined ? method : `${place}.${name}`)
}

/** Fields of the SDK, and their names in this package. */
const fields: { readonly [field: string]: string } = {
  attemptTimeout: "timeout",
  snapshots: "trace",
  firstByteTimeout: "timeout",
  idleTimeout: "timeout",
  log: "onLog",
  results: "toolResults"
}

const nameOf = (field: string): string => field.replace(/^\w+/, (name) => fields[name] ?? name)

/** The words of this package in messages. */
const terms: Terms = {
  operation: operationOf,
  option: nameOf,
  reader: "flow.run(id).trace()",
  takeOver: "set `takeOver`"
}

/** Returns the server's text, as `@noukai/sdk` does. `cause` has the full message. */
const messageOf = (error: Sdk.NoukaiError): string =>
  error.detail !== undefined && (error.statusCode !== undefined || error._tag === "FlowExecutionError")
    ? error.detail
    : messageIn(error, terms)

const translate = <T extends Tag>(error: Of<T>): NoukaiError.NoukaiError => {
  const { code, executionId, isRetryable, requestId, responseBody, statusCode } = error as Sdk.NoukaiError
  const make: Table[T] = table[error._tag as T]
  return make(error, messageOf(error), {
    statusCode,
    code,
    executionId,
    requestId,
    responseBody: responseBody === undefined ? undefined : jsonOrText(responseBody),
    isRetryable,
    cause: error
  })
}

/**
 * Returns the error of this package for an error of the SDK. Errors of the caller's code are returned unchanged.
 */
export const promiseError = (error: unknown): unknown =>
  error instanceof Thrown ? error.reason : Sdk.isNoukaiError(error) ? translate(error) : error

/** Returns the value of an effect, or throws its translated error. */
export const valueOrThrow = <A>(exit: Exit.Exit<A, unknown>): A => {
  if (Exit.isSuccess(exit)) return exit.value
  throw promiseError(Cause.squash(exit.cause))
}
