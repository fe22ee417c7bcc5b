/** The parts of a relay as Promises. */
import * as FlowRelay from "@effect-noukai/adapters/relay"
import type { Noukai } from "@effect-noukai/promise"
import { expectTypeOf } from "vitest"

declare const client: Noukai

expectTypeOf(FlowRelay.DEFAULT_RELAY_PATH).toEqualTypeOf<"/agent/execute">()
expectTypeOf(FlowRelay.DEFAULT_MAX_BODY_BYTES).toEqualTypeOf<262_144>()
expectTypeOf(FlowRelay.DEFAULT_MAX_MESSAGES).toEqualTypeOf<40>()
expectTypeOf(FlowRelay.TRACE_CONTEXT_HEADERS).toEqualTypeOf<readonly ["traceparent", "tracestate"]>()
expectTypeOf(FlowRelay.resolveBounds).returns.toEqualTypeOf<Required<FlowRelay.RelayBounds>>()
const parsed = FlowRelay.boundAndParseBody("{}", FlowRelay.resolveBounds())
if ("reject" in parsed) expectTypeOf(parsed.reject).toEqualTypeOf<FlowRelay.RelayReject>()
else expectTypeOf(parsed.payload).toEqualTypeOf<Record<string, unknown>>()
const config: FlowRelay.FlowRelayConfig = { client, org: "a", project: "b", slug: "c", version: "draft" }
expectTypeOf(FlowRelay.forwardToFlow(config, {}, FlowRelay.extractTraceHeaders(new Headers()))).toEqualTypeOf<
  Promise<FlowRelay.RelayOutcome>
>()
expectTypeOf(FlowRelay.authRejectionResponse(new Error("no"))).toEqualTypeOf<FlowRelay.RelayReject>()
// @ts-expect-error a flow has a project
void FlowRelay.forwardToFlow({ client, org: "a", slug: "c" }, {})
