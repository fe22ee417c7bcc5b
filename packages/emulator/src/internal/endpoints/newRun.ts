/**
 * Creates the row of a run.
 *
 * @internal
 */
import type { CaptureMode } from "../../Flow.js"
import type { JsonObject } from "../json/jsonObject.js"
import type { State } from "../state.js"
import * as EventLog from "../store/eventLog.js"
import type { Tree } from "../store/flows.js"
import type { Run, RunInput, Trigger } from "../store/runs.js"

/** `trace: true` asks for payloads; `off` stays off (contract 9.7). */
const captureOf = (configured: CaptureMode, trace: boolean): CaptureMode =>
  trace && configured === "metadata_only" ? "full" : configured

/** `message`, or the last of `messages` when that is what was sent. @internal */
export const messageOf = (
  message: string | undefined,
  messages: ReadonlyArray<JsonObject> | undefined
): string | null => {
  if (message !== undefined) return message
  const content = messages?.at(-1)?.content
  return typeof content === "string" ? content : null
}

/** @internal */
export interface NewRun {
  readonly tree: Tree
  readonly trigger: Trigger
  readonly input: RunInput
  readonly sessionId: string | undefined
  /** Bytes of the request. */
  readonly size: number
  /** ms before readers see the row */
  readonly rowDelay?: number
}

/** @internal */
export const startRun = (state: State, { input, rowDelay = 0, sessionId, size, tree, trigger }: NewRun): Run => {
  const now = state.ledger.now()
  const id = state.ids.uuid()
  const status = trigger === "job" ? "pending" : "running"
  const run: Run = {
    id,
    tree,
    trigger,
    input,
    sessionId,
    capture: captureOf(tree.capture ?? state.accounts.capture(tree.org), input.trace),
    createdAt: now,
    size,
    visibleAt: now + rowDelay,
    entry: state.ledger.runStarted({
      executionId: id,
      flow: tree.ref,
      flowId: tree.flowId,
      trigger,
      status,
      sessionId
    }),
    status,
    completedAt: undefined,
    result: undefined,
    error: undefined,
    steps: [],
    outputs: {},
    pause: undefined,
    pausedAt: new Set(),
    events: EventLog.make()
  }
  state.runs.add(run)
  return run
}
