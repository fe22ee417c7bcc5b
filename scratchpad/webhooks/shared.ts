import type { Nudges } from "@effect-noukai/sdk/Webhook"

// anything that carries a text from one process to the others
declare const bus: {
  readonly publish: (job: string) => Promise<void>
  readonly next: (job: string, signal: AbortSignal) => Promise<void>
}

export const inbox: Nudges = {
  onEvent: async ({ job }) => {
    if (job !== undefined) await bus.publish(job)
  },
  wait: (job, signal) => bus.next(job, signal)
}
