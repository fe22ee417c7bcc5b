/** Recordings of Promise programs: what a signal ends is recorded again, what a loop leaves is not. */
import type { Noukai } from "@effect-noukai/promise"
import { NoukaiPromise } from "@effect-noukai/promise/effect"
import { completed, events, respond } from "@effect-noukai/report/testing"
import { NoukaiHttp, NoukaiRecord } from "@effect-noukai/sdk"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import { type Script } from "@effect-noukai/sdk/testing"
import { Effect, Layer, ManagedRuntime, Stream } from "effect"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { rejection, resultOf } from "./support/world.js"

let folder: string
const path = () => join(folder, "c.json")

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "noukai-"))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

const noLive = Layer.effect(NoukaiHttp, Effect.dieMessage("live was built"))

/** Runs a program with the recording of the file, in the mode `once`. */
const withRecording = async <A>(script: Script | undefined, use: (client: Noukai) => Promise<A>): Promise<A> => {
  const live: Layer.Layer<NoukaiHttp> = script === undefined ? noLive : layerScripted(script)
  const runtime = ManagedRuntime.make(NoukaiRecord.toFile(path(), { mode: "once", live }))
  try {
    return await use(await NoukaiPromise.fromRuntime(runtime))
  } finally {
    await runtime.dispose()
  }
}

const recorded = async (): Promise<{ entries: Array<{ endpoint: string }>; incomplete?: true } | undefined> => {
  const text = await readFile(path(), "utf8").catch(() => undefined)
  return text === undefined ? undefined : JSON.parse(text)
}

const ask = (client: Noukai, message: string, signal?: AbortSignal) =>
  client.flow("acme/test/a").execute({ message, ...(signal === undefined ? {} : { signal }) })

const whole = events.run({ a: 1, b: 2 })

describe("what a signal ends is recorded again", () => {
  it("a call", async () => {
    const controller = new AbortController()
    await withRecording({ execute: [completed("a"), Effect.never] }, async (client) => {
      await ask(client, "a")
      const reason = rejection(ask(client, "b", controller.signal))
      controller.abort("left")
      assert.strictEqual(await reason, "left")
    })
    const partly = await recorded()
    assert.isTrue(partly?.incomplete)
    assert.lengthOf(partly!.entries, 1)
    const both = async (client: Noukai) => [resultOf(await ask(client, "a")), resultOf(await ask(client, "b"))]
    assert.deepStrictEqual(await withRecording({ execute: [completed("b")] }, both), ["a", "b"])
    assert.deepStrictEqual(await withRecording(undefined, both), ["a", "b"])
  })

  for (
    const [when, response] of [
      ["while an event is awaited", Stream.concat(respond(...whole.slice(0, 2)), Stream.never)],
      ["while its loop works", respond(...whole.slice(0, 2))]
    ] as const
  ) {
    it(`a loop, ${when}`, async () => {
      const controller = new AbortController()
      await withRecording({ step: [response] }, async (client) => {
        const stream = client.flow("acme/test/a").events({ message: "hi", signal: controller.signal })
        const loop = stream[Symbol.asyncIterator]()
        await loop.next()
        if (when === "while an event is awaited") await loop.next()
        const next = when === "while an event is awaited" ? rejection(loop.next()) : undefined
        controller.abort("left")
        assert.strictEqual(await (next ?? rejection(loop.next())), "left")
      })
      assert.isUndefined(await recorded())
    })
  }
})

it("a loop that is left by break replays as far as it was read", async () => {
  const first = async (client: Noukai) => {
    for await (const event of client.flow("acme/test/a").events({ message: "hi" })) return event.type
    return undefined
  }
  assert.strictEqual(await withRecording({ step: [respond(...whole.slice(0, 2))] }, first), "run_started")
  assert.isUndefined((await recorded())?.incomplete)
  assert.strictEqual(await withRecording(undefined, first), "run_started")
  const error = await withRecording(undefined, (client) =>
    rejection((async () => {
      for await (const _ of client.flow("acme/test/a").events({ message: "hi" })) { /* reads on */ }
    })()))
  assert.strictEqual((error as Error).name, "ReplayMissError")
  assert.match((error as Error).message, /mode "all", or delete the file/)
})
