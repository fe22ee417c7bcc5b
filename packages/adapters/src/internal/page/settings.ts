/** Checks the options of a page, once, when its handler is made. */
import { type Defaults, type FlowAddress, resolve } from "@effect-noukai/sdk/Flow"
import { isVersion, misnamed, type Names } from "@effect-noukai/sdk/kit/names"
import type { InvalidRequestError } from "@effect-noukai/sdk/NoukaiError"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type { FlowInput, Limits, Message, PageRequest } from "../../Page.js"
import { clock, invalid, limit } from "../relay/answer.js"
import { defaults } from "./defaults.js"
import { checkTools, type PageTools } from "./tools.js"

/** The functions of a page. `V` is the verdict of `authorize`. */
export interface Functions<in Request, V, AE, AR, IE, IR> {
  readonly authorize: (request: Request, asked: PageRequest) => Effect.Effect<V, AE, AR>
  readonly owner: (caller: Exclude<V, false>) => string
  readonly input:
    | ((messages: ReadonlyArray<Message>, caller: Exclude<V, false>) => Effect.Effect<FlowInput, IE, IR>)
    | undefined
}

/** The checked limits of a page. */
export interface Settings extends Pick<Limits, "maxCostUsd" | "version" | "turns"> {
  readonly steps: NonNullable<Limits["steps"]>
  readonly onDisconnect: NonNullable<Limits["onDisconnect"]>
  readonly resume: NonNullable<Limits["resume"]>
  readonly maxToolRounds: number
  readonly flow: FlowAddress
  readonly timeout: Duration.Duration | undefined
  readonly read: { readonly maxBytes: number; readonly timeout: Duration.Duration }
  readonly authorizeTimeout: Duration.Duration
  readonly heartbeat: Duration.Duration
}

const method = "flowPage"

/** The names of the limits. */
export const limitNames: Names<Limits> = {
  flow: true,
  version: true,
  steps: true,
  onDisconnect: true,
  resume: true,
  maxCostUsd: true,
  timeout: true,
  maxToolRounds: true,
  // a store may have more members than these two
  turns: true,
  maxBodyBytes: true,
  bodyTimeout: true,
  authorizeTimeout: true,
  heartbeat: true
}

const refuse = (field: string, reason: string) => Either.left(invalid(field, reason, method))

const word = <const W extends string>(
  field: string,
  given: W | undefined,
  words: readonly [otherwise: W, ...more: ReadonlyArray<W>]
): Either.Either<W, InvalidRequestError> => {
  const [otherwise] = words
  if (given === undefined || words.includes(given)) return Either.right(given ?? otherwise)
  return refuse(field, `must be ${words.map((one) => JSON.stringify(one)).join(" or ")}`)
}

const isAmount = (value: unknown): boolean =>
  typeof value === "number" || (typeof value === "string" && /^\d*\.?\d+$/.test(value))
    ? Number.isFinite(Number(value)) && Number(value) > 0
    : false

/** Checks functions that must, or may, be there. */
export const checkFunctions = (
  functions: { readonly [name: string]: unknown },
  optional: ReadonlyArray<string>
): Either.Either<void, InvalidRequestError> => {
  const wrong = Object.entries(functions).find(([name, value]) =>
    !Predicate.isFunction(value) && !(value === undefined && optional.includes(name))
  )
  return wrong === undefined ? Either.void : refuse(wrong[0], "must be a function")
}

/** Checks the names of all options. */
export const checkNames = (given: unknown, names: Names<object>): Either.Either<void, InvalidRequestError> => {
  const unknown = misnamed("options", given, names)
  return unknown === undefined ? Either.void : refuse(unknown.field, unknown.reason)
}

/** Completes the limits, and checks them. */
export const settingsOf = (
  given: Limits,
  defaultsOfClient: Defaults
): Either.Either<Settings, InvalidRequestError> =>
  Either.gen(function*() {
    const { maxCostUsd, turns, version } = given
    if (version !== undefined && (!isVersion(version) || Object.is(version, "draft") || version === 0)) {
      return yield* refuse("version", "must be \"production\" or the number of a version")
    }
    if (maxCostUsd !== undefined && !isAmount(maxCostUsd)) {
      return yield* refuse("maxCostUsd", "must be an amount above 0: a number, or decimal text such as \"0.05\"")
    }
    if (turns !== undefined) {
      if (!Predicate.isObject(turns)) return yield* refuse("turns", "must be an object")
      yield* checkFunctions({ "turns.latest": turns.latest, "turns.claim": turns.claim }, [])
    }
    const heartbeat = yield* clock("heartbeat", given.heartbeat, defaults.heartbeat, method)
    if (Duration.equals(heartbeat, Duration.zero)) return yield* refuse("heartbeat", "must be longer than 0")
    return {
      flow: yield* resolve(given.flow, defaultsOfClient),
      version,
      turns,
      maxCostUsd,
      steps: yield* word("steps", given.steps, ["names", "none", "outputs"]),
      onDisconnect: yield* word("onDisconnect", given.onDisconnect, ["stop", "continue"]),
      resume: yield* word("resume", given.resume, ["active", "latest"]),
      maxToolRounds: yield* limit("maxToolRounds", given.maxToolRounds, defaults.maxToolRounds, method),
      timeout: given.timeout === undefined ? undefined : yield* clock("timeout", given.timeout, 0, method),
      read: {
        maxBytes: yield* limit("maxBodyBytes", given.maxBodyBytes, defaults.maxBodyBytes, method),
        timeout: yield* clock("bodyTimeout", given.bodyTimeout, defaults.bodyTimeout, method)
      },
      authorizeTimeout: yield* clock("authorizeTimeout", given.authorizeTimeout, defaults.authorizeTimeout, method),
      heartbeat
    }
  })

/** All that a page is made of, checked. */
export interface Made<in Request, V, AE, AR, IE, IR, TE, TR> {
  readonly settings: Settings
  readonly functions: Functions<Request, V, AE, AR, IE, IR>
  readonly tools: PageTools<TE, TR>
}

/** Checks the options of a page. */
export const made = <Request, V, AE, AR, IE, IR, TE, TR>(
  limits: Limits,
  functions: Functions<Request, V, AE, AR, IE, IR>,
  tools: PageTools<TE, TR>,
  defaultsOfClient: Defaults
): Either.Either<Made<Request, V, AE, AR, IE, IR, TE, TR>, InvalidRequestError> =>
  Either.gen(function*() {
    yield* checkFunctions({ ...functions }, ["input"])
    return { settings: yield* settingsOf(limits, defaultsOfClient), functions, tools: yield* checkTools(tools) }
  })
