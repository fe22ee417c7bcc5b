/**
 * The parts that the error classes share: the line that they print, and the cursor.
 *
 * @internal
 */
import type { FlowCursor } from "../../FlowCursor.js"

/** @internal */
export interface Renderable {
  readonly method: string
  readonly flow?: string | undefined
  readonly detail?: string | undefined
  readonly statusCode?: number | undefined
  readonly code?: string | undefined
  readonly executionId?: string | undefined
  readonly requestId?: string | undefined
}

/**
 * One line: what failed, on which flow, what the server said, what to do, and the ids to quote.
 *
 * @internal
 */
export const render = (error: Renderable, what: string, hint?: string): string => {
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

/** Cursors are built when they are asked for, and are neither fields that are encoded nor ones that are printed. */
const marks = new WeakMap<object, () => FlowCursor>()

/** Only for an error that has just been made. @internal */
export const setCursor = (error: object, mark: () => FlowCursor): void => {
  marks.set(error, mark)
}

/** @internal */
export const cursorOf = (error: object): FlowCursor | undefined => marks.get(error)?.()
