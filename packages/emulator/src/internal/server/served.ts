/**
 * The endpoints that are served: those of the SDK, and those that no client of ours calls.
 *
 * @see docs/wire.md#endpoints
 * @see docs/wire.md#webhooks
 */
import { type Endpoint, type EndpointName, endpoints, type PathFields } from "@effect-noukai/sdk/kit/endpoints"

const management = {
  rotateWebhookSecret: {
    method: "POST",
    under: "api",
    path: "/organizations/{organisation}/webhooks/secret/rotate"
  },
  webhookDeliveries: { method: "GET", under: "api", path: "/organizations/{organisation}/webhooks/deliveries" }
} as const satisfies { readonly [name: string]: Endpoint }

export const served = { ...endpoints, ...management }

export type ServedName = keyof typeof served

export const servedNames = Object.keys(served) as ReadonlyArray<ServedName>

/** The fields of the path of an endpoint. */
export type ServedFields<N extends ServedName> = N extends EndpointName ? PathFields<N>
  : { readonly organisation: string }
