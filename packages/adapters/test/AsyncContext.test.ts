/** The application's own `AsyncLocalStorage`, such as a tracer's, survives the middleware. */
import { noukaiRelayHandler, sessions } from "@effect-noukai/adapters/express"
import * as Web from "@effect-noukai/adapters/web"
import { Noukai } from "@effect-noukai/promise"
import express from "express"
import { AsyncLocalStorage } from "node:async_hooks"
import { afterAll, afterEach, assert, beforeAll, beforeEach, it, vi } from "vitest"
import { listen } from "./support/listen.js"
import { answer, plantedKey, startWorld, type World } from "./support/world.js"

let world: World
let client: Noukai

beforeAll(async () => {
  world = await startWorld()
})

afterAll(() => world.emulator.close())

beforeEach(() => {
  vi.stubEnv("NOUKAI_REPLAY_ENABLED", "true")
  client = new Noukai({ apiKey: plantedKey, env: "dev", port: world.emulator.port })
})

afterEach(async () => {
  await client.close()
  vi.unstubAllEnvs()
})

const store = new AsyncLocalStorage<string>()

const seen = async () => {
  const before = store.getStore()
  await client.flow(answer).execute({ message: "hi" })
  return { before, after: store.getStore() }
}

const all = (url: string) => {
  const one = async (n: number) => {
    const name = `request ${n}`
    const captured = await fetch(url, { method: "POST", headers: { "x-name": name } })
    const session = captured.headers.get("x-noukai-session") ?? ""
    const replayed = await fetch(url, { method: "POST", headers: { "x-name": name, "x-noukai-replay": session } })
    const expected = { before: name, after: name }
    assert.deepStrictEqual([await captured.json(), await replayed.json()], [expected, expected])
  }
  return Promise.all(Array.from({ length: 10 }, (_, n) => one(n)))
}

it("in Express, after the fetch of a session too", async () => {
  const app = express()
  app.use((request, _response, next) => store.run(String(request.headers["x-name"]), () => next()))
  app.use(sessions({ client }))
  app.post("/", async (_request, response) => {
    response.json(await seen())
  })
  const { close, url } = await listen(app, async () => {})
  await all(url)
  await close()
})

it("in a handler of web requests, and while its response is read", async () => {
  const handler = Web.sessions(async (_: Request) => Response.json(await seen()), { client })
  await Promise.all(Array.from({ length: 10 }, (_, n) =>
    store.run(`request ${n}`, async () => {
      const expected = { before: `request ${n}`, after: `request ${n}` }
      const captured = await handler(new Request("http://app/", { method: "POST" }))
      const replayed = await handler(
        new Request("http://app/", {
          method: "POST",
          headers: { "x-noukai-replay": captured.headers.get("x-noukai-session") ?? "" }
        })
      )
      assert.deepStrictEqual([await captured.json(), await replayed.json()], [expected, expected])
    })))
  const pulled: Array<string | undefined> = []
  const streaming = Web.sessions((_: Request) =>
    new Response(
      new ReadableStream<Uint8Array>({
        pull: async (controller) => {
          await new Promise((resolve) => setImmediate(resolve))
          pulled.push(store.getStore())
          if (pulled.length === 3) controller.close()
          else controller.enqueue(new Uint8Array(1))
        }
      }, { highWaterMark: 0 })
    ), { client })
  const response = await store.run("whose", () => streaming(new Request("http://app/")))
  await response.arrayBuffer()
  assert.deepStrictEqual(pulled, ["whose", "whose", "whose"])
})

it("in the authorize of a relay", async () => {
  const names: Array<string | undefined> = []
  const app = express()
  app.use((request, _response, next) => store.run(String(request.headers["x-name"]), () => next()))
  app.post("/", noukaiRelayHandler({ client, flow: answer, authorize: () => names.push(store.getStore()) > 0 }))
  const { close, url } = await listen(app, async () => {})
  const ask = (name: string) =>
    fetch(url, { method: "POST", headers: { "x-name": name, "content-type": "application/json" }, body: "{}" })
  await Promise.all(["a", "b", "c"].map(ask))
  assert.deepStrictEqual(names.sort(), ["a", "b", "c"])
  await close()
})
