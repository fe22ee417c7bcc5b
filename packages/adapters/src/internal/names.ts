/** Refuses unknown options: a server without an option that its author wrote is another server. */
import { misnamed, type Names, type Table } from "@effect-noukai/sdk/kit/names"
import * as Predicate from "effect/Predicate"
import type * as ErrorAnswer from "../ErrorAnswer.js"
import type { SessionsOptions } from "../SessionsOptions.js"
import { invalid } from "./relay/answer.js"

/** Throws an `InvalidRequestError` if an input is not an object, or has an unknown option. */
export const refuseMisnamed = (method: string, given: unknown, names: Table, whole = "options"): void => {
  const found = misnamed(whole, given, names)
  if (found !== undefined) throw invalid(found.field, found.reason, method)
}

/** Throws an `InvalidRequestError` if the options of an adapter are wrong in that way, or have no client. */
export const refuseWithoutClient = (method: string, given: { readonly client: unknown }, names: Table): void => {
  refuseMisnamed(method, given, names)
  if (!Predicate.hasProperty(given.client, "_transport")) throw invalid("client", "must be a Noukai client", method)
}

/** Throws an `InvalidRequestError` if a handler is not a function. */
export const refuseNoHandler = (method: string, handler: unknown): void => {
  if (typeof handler !== "function") throw invalid("handler", "must be a function of a request", method)
}

const sessionsNames: Names<SessionsOptions> = { exclude: true, exposeSession: true, whenDisabled: true }

/** The options of sessions on a server of the Effect platform. */
export const platformNames: Names<SessionsOptions & { readonly onReplayError?: object | undefined }> = {
  ...sessionsNames,
  onReplayError: true
}

/** The options of sessions on a server with a client. */
export const clientNames: Names<
  SessionsOptions & { readonly client: object; readonly onReplayError?: object | undefined }
> = {
  ...platformNames,
  client: true
}

export const errorNames: Names<ErrorAnswer.Options> = { onError: true }
