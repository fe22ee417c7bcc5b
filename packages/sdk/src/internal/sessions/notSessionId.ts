import { ReplayInvalidSessionError } from "../../NoukaiError.js"
import { unchecked } from "../errors/makeError.js"

const maxQuoted = 60

/**
 * The error of an id that no session can have, found before anything is sent.
 *
 * @see contract 10.4
 */
export const notSessionId = (method: string, id: unknown): ReplayInvalidSessionError => {
  const quoted = typeof id === "string" ? JSON.stringify(id.slice(0, maxQuoted)) : "the session id"
  return new ReplayInvalidSessionError({
    method,
    detail: `${quoted} is not a UUID`,
    statusCode: 400,
    isRetryable: false
  }, unchecked)
}
