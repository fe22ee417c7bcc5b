/** A relay whose `authorize` is not an Effect. */
import { isFields, type Names } from "@effect-noukai/sdk/kit/names"
import type { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import type { RelayBounds, RelayHandlerOptions } from "../../FlowRelay.js"
import * as Relay from "../../Relay.js"
import type { ContextRunner } from "../asyncContext.js"
import { refuseWithoutClient } from "../names.js"
import { promised } from "../untrusted.js"
import { invalid, refusal } from "./answer.js"

/** A request and the asynchronous context in which it arrived. */
export interface RequestInContext<out Request> {
  readonly request: Request
  readonly within: ContextRunner
}

const boundNames: Names<RelayBounds> = { maxBodyBytes: true, maxMessages: true }

const names: Names<RelayHandlerOptions<never>> = {
  authorize: true,
  bounds: boundNames,
  client: true,
  flow: true,
  org: true,
  project: true,
  slug: true,
  version: true,
  maxBodyBytes: true,
  maxMessages: true,
  maxDepth: true,
  bodyTimeout: true,
  authorizeTimeout: true,
  timeout: true
}

const isOptions = (bounds: unknown): boolean => bounds === undefined || isFields(bounds)

/**
 * The rules of a relay. Throws an `InvalidRequestError` when an option is unknown, the flow, the version or a limit is wrong, or the flow is
 * named twice.
 */
export const promiseRelay = <Request>(
  options: RelayHandlerOptions<Request>
): Relay.Relay<RequestInContext<Request>, NoukaiHttp> => {
  refuseWithoutClient("relay", options, names)
  const { authorize, bounds, client, flow, org, project, slug, ...given } = options
  if (!isOptions(bounds)) throw invalid("bounds", "must be an object")
  const { maxBodyBytes = bounds?.maxBodyBytes, maxMessages = bounds?.maxMessages, ...limits } = given
  if (flow !== undefined && (org ?? project ?? slug) !== undefined) {
    throw invalid("flow", "give either flow, or org, project and slug")
  }
  const rules = Relay.make({
    ...limits,
    flow: flow ?? { org, project, slug },
    maxBodyBytes,
    maxMessages,
    authorize: ({ request, within }: RequestInContext<Request>, body) =>
      promised(() => within(() => authorize(request, body)))
  }, { org: client.defaultOrg, project: client.defaultProject })
  return Either.getOrThrowWith(rules, identity)
}

/** The response of a closed client. Nothing of the request has been read. */
export const unavailable: Relay.Answer = refusal(502, "UPSTREAM_UNAVAILABLE", false)
