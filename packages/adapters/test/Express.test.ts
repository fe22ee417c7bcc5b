/** Cases of Express alone: responses that begin behind the back of the middleware. */
import { errorHandler, relay, requestSignal, sessions } from "@effect-noukai/adapters/express"
import { currentSessionId, Noukai, traceScope } from "@effect-noukai/promise"
import express5 from "express"
import express4 from "express4"
import { afterAll, afterEach, assert, beforeAll, describe, expect, it, vi } from "vitest"
import { listen } from "./support/listen.js"
import { resultOf } from "./support/promiseClient.js"
import { answer, plantedKey, startWorld, type World } from "./support/world.js"

let world: World
let client: Noukai

beforeAll(async () => {
  world = await startWorld()
  vi.stubEnv("NOUKAI_REPLAY_ENABLED", "true")
  client = new Noukai({ apiKey: plantedKey, env: "dev", port: world.emulator.port })
})

afterAll(async () => {
  await client.close()
  await world.emulator.close()
  vi.unstubAllEnvs()
})

afterEach(() => world.emulator.reset())

for (
  const [name, express] of [["Express 4", express4 as unknown as typeof express5], ["Express 5", express5]] as const
) {
  describe(name, () => {
    it("a caller that leaves ends its call, and no error handler is called", async () => {
      const told: Array<unknown> = []
      const app = express()
      const caller = new AbortController()
      const left = new Promise<unknown>((resolve) => {
        app.get("/", (_request, response, next) => {
          const signal = requestSignal(response)
          client.flow(answer).execute({ message: "hi", signal }).catch((error: unknown) => {
            next(error)
            resolve(error === signal.reason)
          })
          caller.abort()
        })
      })
      app.use(errorHandler({ onError: (error) => told.push(error) }))
      app.use(((error, _request, _response, _next) => void told.push(error)) as express5.ErrorRequestHandler)
      world.emulator.addFaults({ script: ["stall:60000"] })
      const running = await listen(app, async () => {})
      await fetch(running.url, { signal: caller.signal }).catch(() => {})
      assert.deepStrictEqual([await left, told], [true, []])
      await running.close()
    })

    it("replay-headers: an answer in place of another says nothing of that one, and no cache keeps it", async () => {
      const session = (await traceScope(() => client.flow(answer).execute({ message: "hi" }))).sessionId!
      const app = express()
      app.use(sessions({ client }))
      app.get("/", (_request, response) => {
        response.set({
          "cache-control": "public, max-age=600",
          "cdn-cache-control": "max-age=600",
          "surrogate-control": "max-age=600",
          expires: "Thu, 01 Jan 2099 00:00:00 GMT",
          age: "1",
          etag: "\"a\"",
          "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT",
          "content-language": "en",
          "accept-ranges": "bytes",
          "access-control-allow-origin": "*",
          "content-security-policy": "default-src 'none'"
        })
        response.send("much more than that, and in text")
      })
      const { close, url } = await listen(app, async () => {})
      const response = await fetch(url, { headers: { "x-noukai-replay": session } })
      assert.deepStrictEqual([response.status, (await response.json()).error], [500, "replay_error"])
      for (
        const [name, value] of Object.entries({
          "cache-control": "no-store",
          "access-control-allow-origin": "*",
          "content-security-policy": "default-src 'none'",
          "x-noukai-session": session
        })
      ) assert.strictEqual(response.headers.get(name), value)
      for (
        const name of [
          "cdn-cache-control",
          "surrogate-control",
          "expires",
          "age",
          "etag",
          "last-modified",
          "content-language",
          "accept-ranges"
        ]
      ) assert.isNull(response.headers.get(name), name)
      await close()
    })

    it("replay-headers: who waits for the end of a response that was replaced is told", async () => {
      const session = (await traceScope(() => client.flow(answer).execute({ message: "hi" }))).sessionId!
      const app = express()
      app.use(sessions({ client }))
      const told = new Promise<void>((resolve) => {
        app.get("/", (_request, response) => {
          response.end("text", resolve)
        })
      })
      const { close, url } = await listen(app, async () => {})
      const response = await fetch(url, { headers: { "x-noukai-replay": session } })
      assert.deepStrictEqual([response.status, (await response.json()).error], [500, "replay_error"])
      await told
      await close()
    })

    it("replay-headers: what is done when an event of the request or the response comes belongs to the scope", async () => {
      const app = express()
      app.use(sessions({ client }))
      const seen: { [event: string]: string | null } = {}
      const see = (event: string) => () => {
        seen[event] = currentSessionId()
      }
      app.post("/", (request, response, next) => {
        request.on("data", see("data"))
        response.on("finish", see("finish"))
        response.on("close", see("close"))
        request.on("end", () => next())
      })
      app.post("/", (_request, response) => {
        see("next")()
        response.json({})
      })
      const { close, url } = await listen(app, async () => {})
      const response = await fetch(url, { method: "POST", body: "x".repeat(1_000_000) })
      const session = response.headers.get("x-noukai-session")
      await expect.poll(() => seen).toEqual({ data: session, next: session, finish: session, close: session })
      await close()
    })

    it("replay-headers: nothing goes live in a replay whose body is read by events", async () => {
      const session = (await traceScope(() => client.flow(answer).execute({ message: "hi" }))).sessionId!
      const app = express()
      app.use(sessions({ client }), (request, _response, next) => {
        request.resume().on("end", () => next())
      })
      app.post("/", async (_request, response) => {
        response.json(resultOf(await client.flow(answer).execute({ message: "again" })))
      })
      const { close, url } = await listen(app, async () => {})
      const { runs } = world.counts()
      const response = await fetch(url, {
        method: "POST",
        body: "x".repeat(1_000_000),
        headers: { "x-noukai-replay": session }
      })
      assert.deepStrictEqual([response.status, await response.json()], [200, { text: "You said: hi" }])
      assert.strictEqual(world.counts().runs, runs)
      await close()
    })

    it("replay-headers: used twice, it is one scope", async () => {
      const app = express()
      app.use(sessions({ client }), sessions({ client }))
      app.get("/", async (_request, response) => {
        response.json([currentSessionId(), resultOf(await client.flow(answer).execute({ message: "hi" }))])
      })
      app.get("/none", (_request, response) => {
        response.json([])
      })
      const { close, url } = await listen(app, async () => {})
      const response = await fetch(url)
      const session = response.headers.get("x-noukai-session")!
      assert.deepStrictEqual(await response.json(), [session, { text: "You said: hi" }])
      const again = await fetch(url, { headers: { "x-noukai-replay": session } })
      assert.deepStrictEqual([again.status, await again.json()], [200, [session, { text: "You said: hi" }]])
      const leftover = await fetch(`${url}/none`, { headers: { "x-noukai-replay": session } })
      assert.deepStrictEqual([leftover.status, (await leftover.json()).error], [500, "replay_error"])
      await close()
    })

    it("13.2, 5: a relay with a client that was closed is 502 UPSTREAM_UNAVAILABLE, which no cache keeps", async () => {
      const closed = new Noukai({ apiKey: plantedKey, env: "dev", port: 9 })
      await closed.close()
      const app = express()
      app.post("/", relay({ client: closed, flow: "a/b/c", authorize: () => true }))
      const { close, url } = await listen(app, async () => {})
      const response = await fetch(url, { method: "POST" })
      assert.deepStrictEqual([response.status, await response.json()], [502, { detail: "UPSTREAM_UNAVAILABLE" }])
      assert.strictEqual(response.headers.get("cache-control"), "no-store")
      await close()
    })

    it("replay-headers: a response that was sent while the session was fetched is left alone", async () => {
      const session = (await traceScope(() => client.flow(answer).execute({ message: "hi" }))).sessionId!
      const errors: Array<unknown> = []
      let handled = false
      const app = express()
      app.use((_request, response, next) => {
        next()
        response.status(503).write("one, ")
        setTimeout(() => response.end("two"), 50)
      })
      app.use(sessions({ client }))
      app.get("/", () => {
        handled = true
      })
      app.use(
        ((error, _request, _response, next) => {
          errors.push(error)
          next(error)
        }) as express5.ErrorRequestHandler
      )
      const { close, url } = await listen(app, async () => {})
      const response = await fetch(url, { headers: { "x-noukai-replay": session } })
      assert.deepStrictEqual([response.status, await response.text()], [503, "one, two"])
      await expect.poll(() => handled).toBe(true)
      assert.deepStrictEqual(errors, [])
      await close()
    })
  })
}
