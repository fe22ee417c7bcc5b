/** The limits of a client: further calls wait their turn, and are ended as every other call. */
import { APIConnectionError } from "@effect-noukai/promise"
import { assert, describe, it } from "vitest"
import { ownEmulator } from "./support/ownEmulator.js"
import { answers, hello, rejection, tools, weather } from "./support/world.js"

const { client, emulator } = ownEmulator()

const slow = "noukai/tests/slow"

const turns = async () => {
  for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve))
}

const arrived = async (count: number) => {
  while (emulator().ledger().requestsReceived < count) await turns()
}

describe("maxConcurrency", () => {
  it("further calls wait, and go on when one ends", async () => {
    const noukai = client({ maxConcurrency: 1 })
    const stop = new AbortController()
    const first = rejection(noukai.flow(slow).execute({ message: "1", signal: stop.signal }))
    await arrived(1)
    const second = noukai.flow(hello).execute({ message: "2" })
    await turns()
    assert.strictEqual(emulator().ledger().requestsReceived, 1)
    stop.abort("enough")
    assert.strictEqual(await first, "enough")
    assert.strictEqual((await second).status, "completed")
  })

  it("one that waits is ended by its signal, and by closing the client", async () => {
    const noukai = client({ maxConcurrency: 1, rate: { limit: 1000, interval: 60_000 } })
    const first = rejection(noukai.flow(slow).execute({ message: "1" }))
    await arrived(1)
    const stop = new AbortController()
    const second = rejection(noukai.flow(hello).execute({ message: "2", signal: stop.signal }))
    const third = rejection(noukai.flow(hello).execute({ message: "3" }))
    const fourth = rejection(noukai.flow(hello).events({ message: "4" })[Symbol.asyncIterator]().next())
    await turns()
    stop.abort("enough")
    assert.strictEqual(await second, "enough")
    await noukai.close()
    for (const ended of [first, third, fourth]) assert.instanceOf(await ended, APIConnectionError)
    assert.strictEqual(emulator().ledger().requestsReceived, 1)
  })

  it("a tool handler may call the client, whose run is paused", async () => {
    const noukai = client({ maxConcurrency: 1 })
    const done = await noukai.flow(weather).execute({
      message: "hi",
      tools,
      toolHandler: async (calls) => {
        await noukai.flow(hello).execute({ message: "within" })
        return answers(calls)
      }
    })
    assert.strictEqual(done.status, "completed")
    assert.strictEqual(emulator().ledger().runsStarted, 2)
  })

  it("with a fetch of one's own too", async () => {
    let open = 0
    let most = 0
    const noukai = client({
      maxConcurrency: 3,
      fetch: async (url, init) => {
        most = Math.max(most, ++open)
        try {
          const response = await fetch(url, init)
          return new Response(await response.text(), response)
        } finally {
          open--
        }
      }
    })
    const done = await Promise.all(Array.from({ length: 30 }, () => noukai.flow(hello).execute({ message: "hi" })))
    assert.strictEqual(most, 3)
    assert.strictEqual(new Set(done.map(({ executionId }) => executionId)).size, 30)
  })
})
