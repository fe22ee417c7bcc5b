import type { ReplayAnswer } from "../../ReplayAnswer.js"
import { jsonAnswer } from "../jsonAnswer.js"
import type { NodeResponse } from "./messages.js"
import { send } from "./response.js"

/** @internal */
export interface ResponseHold {
  /** Whether the response was inspected before it began. */
  readonly isSettled: () => boolean
}

const isCallback = (argument: unknown): argument is () => void => typeof argument === "function"

/**
 * Inspects a response that is about to be sent in one piece, and sends another one if `instead` gives one. A response
 * that comes piece by piece has begun by its end, and is left alone.
 *
 * @internal
 */
export const holdResponse = (
  response: NodeResponse,
  instead: (status: number) => ReplayAnswer | undefined
): ResponseHold => {
  let isSettled = false
  const end = response.end
  response.end = (...args) => {
    response.end = end
    if (!response.headersSent && !response.writableEnded) {
      isSettled = true
      const answer = instead(response.statusCode)
      if (answer !== undefined) {
        const done = args.find(isCallback)
        if (done !== undefined) response.on("finish", done)
        send(response, jsonAnswer(answer))
        return response
      }
    }
    return end.apply(response, args)
  }
  return { isSettled: () => isSettled }
}
