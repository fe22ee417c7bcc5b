import type { FlowAddress, FlowRef, FlowVersion } from "../flow/flow.js"
import type { HttpService } from "../operations/operations.js"
import type { Answering } from "../tools/toolAnswering.js"

/**
 * What stays the same from the first request of a run to its last, however it is run.
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
  readonly answering: Answering<E, R>
}
