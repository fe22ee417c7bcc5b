/** A server of a page in a process of its own: `pageProcess PORT_OF_EMULATOR URL_OF_TURNS` writes its address. */
import type { Claim, Turn } from "@effect-noukai/adapters/Page"
import { flowPage } from "@effect-noukai/adapters/web"
import { Noukai } from "@effect-noukai/promise"
import { listenWeb } from "./listen.js"

const [port, store] = process.argv.slice(2)

const ask = async (question: object) => {
  const response = await fetch(store!, { method: "POST", body: JSON.stringify(question) })
  return await response.json() as { readonly answer?: unknown }
}

const { GET, POST } = flowPage({
  client: new Noukai({ env: "dev", port: Number(port), maxRetries: 0 }),
  flow: "acme/support/gated",
  authorize: () => ({ id: "anna" }),
  owner: ({ id }) => id,
  turns: {
    latest: async (chat) => (await ask({ chat })).answer as Turn | undefined,
    claim: async (claim: Claim) => (await ask({ claim })).answer as boolean
  }
})

const { url } = await listenWeb((request) => request.method === "GET" ? GET(request) : POST(request), async () => {})
process.stdout.write(`${url}/api/chat\n`)
