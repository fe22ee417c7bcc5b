/** What is Express' alone: responses that begin behind the back of the middleware. */
import { trace } from "@effect-noukai/adapters/express"
import { Noukai, traceScope } from "@effect-noukai/promise"
import express5 from "express"
import express4 from "express4"
import { afterAll, afterEach, assert, beforeAll, describe, expect, it, vi } from "vitest"
import { listen } from "./support/listen.js"
import type { World } from "./support/world.js"
import { answer, plantedKey, startWorld } from "./support/world.js"

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
    it("10.8: a response that was sent while the session was fetched is left alone", async () => {
      const session = (await traceScope(() => client.flow(answer).execute({ message: "hi" }))).sessionId!
      const errors: Array<unknown> = []
      let handled = false
      const app = express()
      app.use((_request, response, next) => {
        next()
        response.status(503).write("one, ")
        setTimeout(() => response.end("two"), 50)
      })
      app.use(trace({ client }))
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
