import type { FlowAddress, FlowRef, FlowVersion } from "../flow/flow.js"
import type { HttpService } from "../operations/operations.js"
import type { AnswerStrategy } from "../tools/toolAnswering.js"
import type { RunCosts } from "./runCosts.js"

/**
 * The constants of a run, from its first request to its last.
 *
 * @internal
 */
export interface FlowCall<E, R> {
  readonly http: HttpService
  readonly method: string
  readonly flow: FlowRef<never>
  readonly address: FlowAddress
  readonly addressText: string
  readonly version: FlowVersion
  readonly sessionId: string | undefined
  readonly answering: AnswerStrategy<E, R>
  /** The costs of a run with a limit. */
  readonly costs: RunCosts | undefined
}
