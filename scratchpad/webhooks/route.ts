import { webhooks } from "@effect-noukai/adapters/web"
import type { Deliveries } from "@effect-noukai/adapters/Webhooks"

// a table of yours, where several processes receive
declare const deliveries: Deliveries
declare const queue: { readonly add: (job: { readonly executionId: string | undefined }) => Promise<void> }

export const POST = webhooks({
  secrets: process.env.NOUKAI_WEBHOOK_SECRET!,
  deliveries,
  onEvent: ({ executionId }) => queue.add({ executionId })
})
