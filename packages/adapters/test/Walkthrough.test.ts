/** Capture in production, replay locally, fix the handler: as a user does it, in Express on the emulator. */
import { sessions } from "@effect-noukai/adapters/express"
import { startEmulator } from "@effect-noukai/emulator"
import { Noukai } from "@effect-noukai/promise"
import express from "express"
import { afterEach, assert, expect, it, vi } from "vitest"
import { listen } from "./support/listen.js"
import { resultOf } from "./support/promiseClient.js"

type Handler = (noukai: Noukai, question: string) => Promise<{ readonly reply: string }>

/** The application; each start of it is a new process' worth of clients and servers. */
const startApp = async (port: number, handler: Handler) => {
  const noukai = new Noukai({ apiKey: "nk_test_anything", env: "dev", port })
  const app = express()
  app.use(sessions({ client: noukai }))
  app.use(express.json())
  app.post("/ask", async (request, response) => {
    response.json(await handler(noukai, request.body.question))
  })
  return listen(app, () => noukai.close())
}

const ask = (url: string, question: string, headers: Record<string, string> = {}) =>
  fetch(`${url}/ask`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ question })
  })

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

it("a request of production is replayed against an edited handler, and no run is started", async () => {
  await using emulator = await startEmulator({
    flows: [
      { ref: "acme/support/classify", steps: [{ kind: "template", id: "label", output: { label: "order" } }] },
      {
        ref: "acme/support/answer",
        steps: [{ kind: "template", id: "text", output: { text: "It shipped. ({{message}})" }, costUsd: "0.02" }]
      }
    ],
    organisations: { acme: { capture: "full" } }
  })

  // production: replay is off, and a stranger's header is nothing
  vi.spyOn(console, "warn").mockImplementation(() => {})
  const first: Handler = async (noukai, question) => {
    await noukai.flow("acme/support/classify").execute({ message: question })
    const answer = await noukai.flow("acme/support/answer").execute({ message: question })
    return { reply: (resultOf(answer) as { readonly text: string }).text.toLowerCase() }
  }
  const production = await startApp(emulator.port, first)
  const original = await ask(production.url, "Where is A17?", {
    "x-noukai-replay": "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"
  })
  const session = original.headers.get("x-noukai-session")
  assert.isNotNull(session)
  assert.deepStrictEqual(await original.json(), { reply: "it shipped. (where is a17?)" })
  assert.deepStrictEqual(emulator.ledger().runs.map((run) => run.sessionId), [session, session])
  await production.close()

  // at home: the same application, replay on
  vi.stubEnv("NOUKAI_REPLAY_ENABLED", "true")
  const before = emulator.ledger()
  const local = await startApp(emulator.port, first)
  const again = await ask(local.url, "Where is A17?", { "x-noukai-replay": session })
  assert.strictEqual(again.headers.get("x-noukai-session"), session)
  assert.deepStrictEqual(await again.json(), { reply: "it shipped. (where is a17?)" })
  await local.close()

  // the bug is fixed: what the flows gave stays, what the handler makes of it changes
  const edited: Handler = async (noukai, question) => {
    await noukai.flow("acme/support/classify").execute({ message: question })
    const answer = await noukai.flow("acme/support/answer").execute({ message: "whatever is asked now" })
    return { reply: (resultOf(answer) as { readonly text: string }).text }
  }
  const fixed = await startApp(emulator.port, edited)
  const better = await ask(fixed.url, "Where is A17?", { "x-noukai-replay": session })
  assert.deepStrictEqual(await better.json(), { reply: "It shipped. (Where is A17?)" })

  // an edit that runs other flows is told so
  await fixed.close()
  const rewritten = await startApp(emulator.port, async (noukai, question) => {
    await noukai.flow("acme/support/translate").execute({ message: question })
    return { reply: "?" }
  })
  const missed = await ask(rewritten.url, "Where is A17?", { "x-noukai-replay": session })
  assert.strictEqual(missed.status, 500)
  expect(await missed.json()).toEqual({ error: "replay_error", message: expect.stringContaining("translate") })
  await rewritten.close()

  const after = emulator.ledger()
  assert.strictEqual(after.runsStarted, before.runsStarted)
  assert.strictEqual(after.billedUsd, "0.02")
  const asked = after.requests.slice(before.requests.length).map(({ method, target }) => `${method} ${target}`)
  assert.deepStrictEqual(asked, Array.from({ length: 3 }, () => `GET /api/v1/seq/sessions/${session}`))
})
