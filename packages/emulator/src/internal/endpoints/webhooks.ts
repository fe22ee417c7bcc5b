/**
 * `POST /organizations/{organisation}/webhooks/secret/rotate` and `GET /organizations/{organisation}/webhooks/deliveries`.
 * Their answers are assumed. An emulator has one secret for all organisations.
 *
 * @see docs/wire.md#webhooks
 */
import * as Effect from "effect/Effect"
import { coded } from "../apiError.js"
import { type ApiRequest, type Endpoint, json } from "../server/endpoint.js"
import type { Route } from "../server/router.js"
import type { State } from "../state.js"

type Managed = Route<"rotateWebhookSecret" | "webhookDeliveries">

const answer = ({ caller, route }: ApiRequest<Managed>, of: (organisation: string) => unknown) =>
  caller.org === undefined || caller.org === route.organisation
    ? Effect.sync(() => json(of(route.organisation)))
    : coded(403, "FORBIDDEN", `The API key is bound to another organisation than ${route.organisation}.`)

export const make = ({ ledger, webhooks }: State): {
  readonly rotateWebhookSecret: Endpoint<Route<"rotateWebhookSecret">>
  readonly webhookDeliveries: Endpoint<Route<"webhookDeliveries">>
} => ({
  rotateWebhookSecret: (request) => answer(request, () => ({ secret: webhooks.rotate() })),
  webhookDeliveries: (request) =>
    answer(request, (organisation) => ({
      deliveries: ledger.webhooks().filter(({ flow }) => flow.startsWith(`${organisation}/`))
    }))
})
