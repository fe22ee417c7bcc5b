/** Sends Node's responses and waits for their ends. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ReplayAnswer } from "../../ReplayAnswer.js"
import { type JsonAnswer, jsonAnswer } from "../jsonAnswer.js"
import type { StreamAnswer } from "../page/handler.js"
import { linger, type Pull } from "../relay/readBody.js"
import type { NodeRequest, NodeResponse } from "./messages.js"

/** Waits until the system has taken a response, or the response was cut off. */
export const over = (response: NodeResponse): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (response.writableFinished || response.destroyed) return resume(Effect.void)
    const done = () => resume(Effect.void)
    response.on("finish", done)
    response.on("close", done)
    return Effect.sync(() => {
      response.off("finish", done)
      response.off("close", done)
    })
  })

const encoder = new TextEncoder()

/** Headers about a body or its caching. They do not fit a response that replaces it. */
const ofBody =
  /^(content-(?!security-policy)|etag$|last-modified$|accept-ranges$|transfer-encoding$|location$|expires$|age$|.*cache-control$|surrogate-control$)/

/** Sets the status and headers of a response, unless it has begun. Drops the headers of a response that it replaces. */
const begin = (response: NodeResponse, { headers, status }: Pick<JsonAnswer, "headers" | "status">): boolean => {
  if (response.headersSent || response.writableEnded) return false
  for (const name of response.getHeaderNames()) {
    if (ofBody.test(name)) response.removeHeader(name)
  }
  response.statusCode = status
  response.statusMessage = ""
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  return true
}

/** Sends a response, unless one has begun. */
export const send = (response: NodeResponse, answer: JsonAnswer): void => {
  if (!begin(response, answer)) return
  if (answer.body === undefined) response.end()
  else response.end(answer.body)
}

/**
 * Sends a response to a request whose body has not been read to its end, unless a response has begun. Sends all of it
 * at once. The response ends when the rest of the request has been read, up to a limit.
 */
export const sendEarly = (
  request: NodeRequest,
  pull: Pull,
  response: NodeResponse,
  answer: JsonAnswer
): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (!begin(response, answer)) return Effect.void
    const body = answer.body ?? ""
    response.setHeader("content-length", String(encoder.encode(body).length))
    response.write(body)
    return Effect.flatMap(linger(pull), (isEnded) => {
      response.end()
      return isEnded ? Effect.void : Effect.andThen(over(response), Effect.sync(() => request.destroy()))
    })
  })

/** Waits until a response takes more. */
const drained = (response: NodeResponse): Effect.Effect<void> =>
  Effect.async((resume) => {
    const done = () => resume(Effect.void)
    response.on("drain", done)
    return Effect.sync(() => response.off("drain", done))
  })

/** Sends a response piece by piece, as fast as the caller reads. A caller who leaves ends the pieces. */
export const sendPieces = (
  response: NodeResponse,
  { headers, leave, next, status }: StreamAnswer
): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (!begin(response, { headers, status })) return leave
    const more: Effect.Effect<void> = Effect.flatMap(
      next,
      Option.match({
        onNone: () => Effect.sync(() => void response.end()),
        onSome: (text) =>
          response.write(text) === false ? Effect.zipRight(drained(response), more) : Effect.suspend(() => more)
      })
    )
    return Effect.raceFirst(Effect.zipRight(more, Effect.never), Effect.zipRight(over(response), leave))
  })

const controllers = new WeakMap<object, AbortController>()

/** A signal that is aborted when a response is cut off before its end. */
export const cutOff = (response: NodeResponse): AbortSignal => {
  const known = controllers.get(response)
  if (known !== undefined) return known.signal
  const controller = new AbortController()
  controllers.set(response, controller)
  const abort = () => {
    if (!response.writableFinished) controller.abort(new Error("the caller closed the connection"))
  }
  if (response.destroyed) abort()
  else response.on("close", abort)
  return controller.signal
}

/** Whether an error is the reason of the signal of a caller who left, so that nobody reads an answer. */
export const isOfCallerWhoLeft = (response: NodeResponse, error: unknown): boolean =>
  response.destroyed && error !== undefined && controllers.get(response)?.signal.reason === error

export interface ResponseHold {
  /** Whether the response was inspected before it began. */
  readonly isSettled: () => boolean
}

const isCallback = (argument: unknown): argument is () => void => typeof argument === "function"

/**
 * Inspects a response before it is sent in one piece, and sends the response of `instead` if there is one. Does not
 * change a response that is written piece by piece, because it has begun before its end.
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
