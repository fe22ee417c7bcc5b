/** The interface of every endpoint: its request, and its reply before encoding. */
import type * as Effect from "effect/Effect"
import type { ApiError } from "../apiError.js"
import type { Plan } from "../faults/plan.js"
import type { JsonObject } from "../json.js"
import type { Caller } from "../store/accounts.js"
import type { Run } from "../store/runs.js"
import type { WireEvent } from "../wire/wireEvent.js"
import type { ConnectionGone } from "./readBody.js"
import type { Route } from "./router.js"

export interface ApiRequest<R extends Route = Route> {
  readonly route: R
  readonly caller: Caller
  readonly query: URLSearchParams
  readonly headers: { readonly [name: string]: string }
  /** The body of a POST; empty otherwise. */
  readonly body: JsonObject
  /** Bytes of the body. */
  readonly size: number
  /** The faults of the request, for endpoints that apply some themselves. */
  readonly plan: Plan
  /** Names the run that the request began or continues, before its steps run. */
  readonly of: (run: Run) => void
}

export type Emit = (event: WireEvent) => Effect.Effect<void, ConnectionGone>

export type Reply =
  | {
    readonly type: "json"
    readonly status: number
    readonly body: unknown
    readonly headers: { readonly [name: string]: string }
  }
  | { readonly type: "events"; readonly run: (emit: Emit) => Effect.Effect<void, ConnectionGone> }

export const json = (body: unknown, status = 200, headers: { readonly [name: string]: string } = {}): Reply => ({
  type: "json",
  status,
  body,
  headers
})

export type Endpoint<R extends Route = Route> = (request: ApiRequest<R>) => Effect.Effect<Reply, ApiError>
