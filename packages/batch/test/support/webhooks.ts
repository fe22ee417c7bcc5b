/** A batch whose jobs call back: an emulator, and a receiver of its webhooks in the process of the test. */
import { Batch } from "@effect-noukai/batch"
import type { EmulatorOptions } from "@effect-noukai/emulator"
import * as Webhook from "@effect-noukai/sdk/Webhook"
import { Context, Effect, Layer } from "effect"
import { type Receiver, receiver } from "../../../emulator/test/support/receiver.js"
import { echo, flows, layer, type Row } from "./batches.js"

export const secret = "whsec_of_the_tests_of_batches"

/** A flow that takes a second. */
export const long = {
  ref: "acme/test/long",
  steps: [{ kind: "template" as const, id: "a", output: { said: "{{message}}" }, duration: "1 second" as const }]
}

/** The webhooks that arrive. */
export class Hooks extends Context.Tag("Hooks")<Hooks, {
  readonly url: string
  readonly nudges: Webhook.Nudges
  readonly received: Receiver["received"]
  /** The codes of the deliveries that were refused. */
  readonly refused: ReadonlyArray<string>
}>() {}

/** The key of the job in the address of a delivery. */
export const keyOf = (url: string): string | null => new URL(url, "http://127.0.0.1").searchParams.get("job")

/** Answers a delivery as a handler does: it is verified, and its job is told. */
export const handling = (nudges: Pick<Webhook.Nudges, "onEvent">, refused: Array<string> = []) =>
async (
  { body, header, url }: Receiver["received"][number]
): Promise<number> => {
  try {
    const event = await Webhook.verify(body, header, { secrets: secret })
    await nudges.onEvent({ ...event, job: keyOf(url)! })
    return 204
  } catch (error) {
    refused.push(error instanceof Webhook.WebhookError ? error.code : String(error))
    return error instanceof Webhook.WebhookError ? error.status : 500
  }
}

/** A ledger, the engine, a client, an emulator, and the receiver of its webhooks. */
export const layerHooked = (options: EmulatorOptions = {}) =>
  Layer.unwrapScoped(Effect.gen(function*() {
    const nudges = Webhook.nudges()
    const refused: Array<string> = []
    const to = yield* receiver(handling(nudges, refused))
    const webhooks = { secret, allow: [to.origin], retries: ["50 millis"] as const, ...options.webhooks }
    return Layer.merge(
      layer({ flows: [...flows!, long], ...options, webhooks }),
      Layer.succeed(Hooks, { url: `${to.origin}/hooks`, nudges, received: to.received, refused })
    )
  }))

/** A batch of jobs that call back, or not. */
export const hooked = (
  id: string,
  callback?: { readonly url: string; readonly nudges?: Webhook.Nudges | undefined },
  flow = echo
) => Batch.make({ id, flow, callback, key: (row: Row) => row.id, input: ({ id }) => ({ message: id }) })
