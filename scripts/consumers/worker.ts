/** A worker: it has the key, and relays one flow. */
import { relay } from "@effect-noukai/adapters/web"
import { Noukai } from "@effect-noukai/promise"

interface Environment {
  readonly NOUKAI_API_KEY: string
  readonly PORT: number
}

export default {
  async fetch(request: Request, { NOUKAI_API_KEY, PORT }: Environment): Promise<Response> {
    const client = new Noukai({ apiKey: NOUKAI_API_KEY, env: "dev", port: PORT })
    try {
      return await relay({ client, flow: "acme/support/agent", authorize: () => true })(request)
    } finally {
      await client.close()
    }
  }
}
