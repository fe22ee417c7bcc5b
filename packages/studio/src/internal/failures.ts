/** The errors of the SDK as errors of the studio. */
import type { CallError } from "@effect-noukai/sdk/NoukaiError"
import { NotFound, Unavailable } from "../RunsApi.js"
import { masked } from "./text.js"

const adviceOf = (error: CallError): string | undefined => {
  switch (error._tag) {
    case "AuthenticationError":
    case "PermissionDeniedError":
      return "Check the key and its project: `noukai doctor` shows which key is used."
    case "APIConnectionError":
    case "APITimeoutError":
      return "Check the network: `noukai doctor` shows what can be reached."
    case "RateLimitError":
      return "The server limits requests. Wait a minute."
    default:
      return undefined
  }
}

/** Returns the message without the method of the SDK that it begins with. */
export const messageOf = ({ message, method }: CallError): string =>
  masked(message.startsWith(method) ? message.slice(method.length).replace(/^:? /, "") : message)

export const toUnavailable = (error: CallError): Unavailable => {
  const advice = adviceOf(error)
  return new Unavailable({ message: messageOf(error), ...advice !== undefined && { advice } })
}

export const toFailure = (error: CallError): NotFound | Unavailable =>
  error._tag === "FlowNotFoundError" || error._tag === "InvalidRequestError"
    ? new NotFound({ message: messageOf(error) })
    : toUnavailable(error)
