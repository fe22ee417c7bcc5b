/** The answer of an endpoint, before it is bytes. */
import type * as Effect from "effect/Effect"
import type { WireEvent } from "../wire/wireEvent.js"
import type { ConnectionGone } from "./readBody.js"

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
