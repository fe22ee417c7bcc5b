/**
 * Webhooks of jobs: `verify` checks that a delivery came from the service, and `nudges` tells the waiter of its job to ask
 * now. It needs no Effect, and runs wherever there is `crypto.subtle`.
 *
 * @since 0.1.0
 */
export {
  type Nudges,
  nudges,
  optionsProblem,
  verify,
  type VerifyOptions,
  WebhookError,
  type WebhookErrorCode,
  type WebhookEvent
} from "@effect-noukai/sdk/Webhook"
