/** The parts that the error classes share: the line that they print, and what they keep beside their fields. */
import type { FlowCursor, PausedState } from "../../FlowCursor.js"

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

/** The parts of an error that are neither encoded nor printed with its fields. */
interface Hidden {
  /** Builds the cursor when it is needed. */
  mark?: () => FlowCursor
  state?: PausedState
  /** The received JSON that the error was made of. */
  received?: unknown
}

const hiddenKey: unique symbol = Symbol("@effect-noukai/sdk/NoukaiError/hidden")

const hiddenOf = (error: object): Hidden | undefined => (error as { readonly [hiddenKey]?: Hidden })[hiddenKey]

/** Adds hidden parts to an error that has just been made. */
const hide = <E extends object>(error: E, parts: Hidden): E =>
  Object.defineProperty(error, hiddenKey, { value: { ...hiddenOf(error), ...parts }, configurable: true })

export const setCursor = (error: object, mark: () => FlowCursor): void => void hide(error, { mark })

/** The builder of the cursor of an error, if it has one. */
export const markOf = (error: object): (() => FlowCursor) | undefined => hiddenOf(error)?.mark

export const cursorOf = (error: object): FlowCursor | undefined => markOf(error)?.()

export const setState = (error: object, state: PausedState): void => void hide(error, { state })

export const stateOf = (error: object): PausedState | undefined => hiddenOf(error)?.state

export const receivedAs = <E extends object>(error: E, received: unknown): E =>
  received === undefined ? error : hide(error, { received })

export const receivedOf = (error: object): unknown => hiddenOf(error)?.received

/** A copy of the hidden parts of an error, in another that has just been made. */
export const hiddenAs = <E extends object>(error: E, original: object): E => hide(error, hiddenOf(original) ?? {})
