/** Refuses unknown options: a server without an option that its author wrote is another server. */
import { misnamed, type Names, type Table } from "@effect-noukai/sdk/kit/names"
import type * as ErrorAnswer from "../ErrorAnswer.js"
import type { SessionsOptions } from "../SessionsOptions.js"
import { invalid } from "./relay/answer.js"

/** Throws an `InvalidRequestError` if an input is not an object, or has an unknown option. */
export const refuseMisnamed = (method: string, given: unknown, names: Table, whole = "options"): void => {
  const found = misnamed(whole, given, names)
  if (found !== undefined) throw invalid(found.field, found.reason, method)
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
