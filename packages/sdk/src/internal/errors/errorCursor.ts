/**
 * The cursors of errors. They are kept beside the errors: a cursor is built when it is asked for, and is neither a field
 * that is encoded nor one that is printed.
 *
 * @internal
 */
import type { FlowCursor } from "../../FlowCursor.js"

const marks = new WeakMap<object, () => FlowCursor>()

/** Only for an error that has just been made. @internal */
export const setCursor = (error: object, mark: () => FlowCursor): void => {
  marks.set(error, mark)
}

/** @internal */
export const cursorOf = (error: object): FlowCursor | undefined => marks.get(error)?.()
