/**
 * What the client that was recorded added to calls, as JSON, and back.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import type { Defaults } from "../operations/operations.js"
import type { RecordedCassette } from "./RecordedCassette.js"
import type { Redaction } from "./redaction.js"

/** @internal */
export type Client = RecordedCassette["client"]

/** @internal */
export const clientOf = ({ org, project, replayEnabled, timeout }: Defaults, redact: Redaction): Client => ({
  ...(org === undefined ? undefined : { org: redact.text(org) }),
  ...(project === undefined ? undefined : { project: redact.text(project) }),
  ...(timeout === undefined || !Duration.isFinite(timeout) ? undefined : { timeout: Duration.toMillis(timeout) }),
  ...(replayEnabled === true ? { replayEnabled } : undefined)
})

/** @internal */
export const defaultsOf = ({ org, project, replayEnabled, timeout }: Client): Defaults => ({
  ...(org === undefined ? undefined : { org }),
  ...(project === undefined ? undefined : { project }),
  ...(timeout === undefined ? undefined : { timeout: Duration.millis(timeout) }),
  ...(replayEnabled === undefined ? undefined : { replayEnabled })
})
