import type { FlowAddress, FlowRef, FlowVersion } from "../flow/flow.js"
import type { HttpService } from "../operations/operations.js"
import type { AnswerStrategy } from "../tools/toolAnswering.js"

/** The constants of a run, from its first request to its last. */
export interface FlowCall<E, R> {
  readonly http: HttpService
  readonly method: string
  readonly flow: FlowRef<never>
  readonly address: FlowAddress
  readonly addressText: string
  readonly version: FlowVersion
  readonly sessionId: string | undefined
  readonly answering: AnswerStrategy<E, R>
  /** The limit of what the run may cost, in US dollars. */
  readonly maxCostUsd: number | string | undefined
}
