/** The parts that the error classes share: the line that they print, and what they keep beside their fields. */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { FlowCursor } from "../../FlowCursor.js"
import type { PausedState } from "../schema/pausedState.js"

export interface ErrorFields {
  readonly method: string
  readonly flow?: string | undefined
  readonly detail?: string | undefined
  readonly statusCode?: number | undefined
  readonly code?: string | undefined
  readonly executionId?: string | undefined
  readonly requestId?: string | undefined
}

/**
 * The message of an error in one line: the failure, the flow, the words of the server, advice, and the ids to quote.
 */
export const render = (error: ErrorFields, what: string, hint?: string): string => {
  const flow = error.flow === undefined ? "" : ` ${error.flow}`
  const detail = error.detail === undefined || error.detail === "" ? "" : `: ${error.detail}`
  const facts = [
    error.statusCode === undefined ? undefined : `status ${error.statusCode}`,
    error.code === undefined ? undefined : `code ${error.code}`,
    error.executionId === undefined ? undefined : `execution ${error.executionId}`,
    error.requestId === undefined ? undefined : `request ${error.requestId}`
  ].filter((fact) => fact !== undefined)
  return `${error.method}${flow}: ${what}${detail}${facts.length === 0 ? "" : ` (${facts.join(", ")})`}` +
    (hint === undefined ? "" : `; ${hint}`)
}

/**
 * `Schema.TaggedError`, with a `status` of 500 that is not enumerable. The default error handlers of Express and Koa
 * answer with the `status` of an error, and with its `statusCode` if it has none: a key of ours that Noukai refuses would
 * be a 401 for the caller of such a server. Koa writes `status` too.
 */
export const TaggedError =
  <Self = never>(identifier: string) =>
  <Tag extends string, Fields extends Schema.Struct.Fields>(tag: Tag, fields: Fields) => {
    const errorClass = Schema.TaggedError<Self>(identifier)(tag, fields)
    if (Predicate.isFunction(errorClass)) {
      Object.defineProperty(errorClass.prototype, "status", { value: 500, writable: true, configurable: true })
    }
    return errorClass
  }

/** Cursors by error. They are built when asked for, and are neither encoded nor printed with the fields. */
const marks = new WeakMap<object, () => FlowCursor>()

/** Sets the cursor of an error that has just been made. */
export const setCursor = (error: object, mark: () => FlowCursor): void => {
  marks.set(error, mark)
}

/** The builder of the cursor of an error, if it has one. */
export const markOf = (error: object): (() => FlowCursor) | undefined => marks.get(error)

export const cursorOf = (error: object): FlowCursor | undefined => markOf(error)?.()

/** States by error: like cursors, they are neither encoded nor printed with the fields. */
const states = new WeakMap<object, PausedState>()

/** Sets the paused state of an error that has just been made. */
export const setState = (error: object, state: PausedState): void => {
  states.set(error, state)
}

export const stateOf = (error: object): PausedState | undefined => states.get(error)

/** The received JSON by error: like cursors, it is neither encoded nor printed with the fields. */
const received = new WeakMap<object, unknown>()

/** Keeps the JSON that an error was made of, with an error that has just been made. */
export const receivedAs = <E extends object>(error: E, json: unknown): E => {
  if (json !== undefined) received.set(error, json)
  return error
}

export const receivedOf = (error: object): unknown => received.get(error)
