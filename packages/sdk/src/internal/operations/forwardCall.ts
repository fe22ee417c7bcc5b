/**
 * The request and response of `POST …/execute` for somebody else: a body that is not looked into, an answer that is left
 * as it is (contract 13.2).
 */
import type { FlowAddress, FlowVersion } from "../flow/flow.js"
import type { RequestContext } from "../input/callOptions.js"

/**
 * What the seam's `forward` takes.
 *
 * @since 0.1.0
 * @category models
 */
export interface ForwardRequest extends RequestContext {
  readonly flow: FlowAddress
  readonly version: FlowVersion
  readonly sessionId: string | undefined
  /** The JSON body, whole. */
  readonly body: { readonly [key: string]: unknown }
}

/**
 * A response of any status.
 *
 * @since 0.1.0
 * @category models
 */
export interface ForwardResponse {
  readonly status: number
  /** The body, with the key taken out should it ever be in there. */
  readonly text: string
}
