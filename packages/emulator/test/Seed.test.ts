import { Emulator, startEmulator } from "@effect-noukai/emulator"
import { layer } from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock, TestContext } from "effect"
import { connect } from "node:net"
import type { Parsed } from "./client.js"

const session = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

/** The bytes of one response, headers included. */
const bytesOf = (port: number, method: string, path: string, body?: object): Promise<string> =>
  new Promise((resolve) => {
    const text = body === undefined ? "" : JSON.stringify(body)
    let received = ""
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(
        `${method} /api/v1${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer nk_a\r\nX-Session-Id: ${session}\r\n` +
          `Connection: close\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
      )
    })
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString("latin1")
    })
    socket.on("error", () => {
      received += "[reset]"
    })
    socket.on("close", () => resolve(received))
  })

const transcript = async (seed: number): Promise<ReadonlyArray<string>> => {
  const emulator = await startEmulator({
    seed,
    faults: [{ match: { endpoint: "step" }, rate: 0.7, faults: ["cut:e2", "503", "split:9", "comment,crlf"] }]
  })
  const said: Array<string> = []
  const say = async (method: string, path: string, body?: object) => {
    const bytes = await bytesOf(emulator.port, method, path, body)
    said.push(bytes)
    return bytes
  }
  await say("POST", "/seq/acme/spelling/grade-3/execute", { message: "a", parameters: { difficulty: "easy" } })
  for (let count = 0; count < 30; count++) {
    await say("POST", "/seq/noukai/samples/two-step/step", { stepIndex: 0, message: "hi", runRemaining: true })
  }
  const paused = await say("POST", "/seq/noukai/samples/tools-enabled/execute", { message: "hi" })
  const pause = JSON.parse(paused.slice(paused.indexOf("\r\n\r\n") + 4)) as Parsed
  await say("POST", "/seq/noukai/samples/tools-enabled/execute", {
    ...pause,
    toolCallMessages: [...pause.toolCallMessages, { role: "tool", toolCallId: pause.toolCalls[0].id, content: "x" }]
  })
  await say("POST", "/seq/noukai/samples/hello-world/execute", {})
  await say("GET", "/keys/verify")
  await emulator.close()
  return said
}

describe("seeds", () => {
  it("one seed gives one transcript, byte for byte; another seed another", async () => {
    const first = await transcript(42)
    assert.deepStrictEqual(await transcript(42), first)
    assert.isTrue(first.some((bytes) => bytes.includes("HTTP/1.1 503")))
    assert.isTrue(first.some((bytes) => bytes.includes(": keep-alive\r\n\r\n")))
    const other = await transcript(43)
    assert.notDeepEqual(other, first)
  })
})

/** Traces and sessions hold times, which are the same where the clock is. */
const timed = Effect.gen(function*() {
  const { port } = yield* Emulator
  const said: Array<string> = []
  const say = (method: string, path: string, body?: object) =>
    Effect.promise(async () => {
      const bytes = await bytesOf(port, method, path, body)
      said.push(bytes)
      return bytes
    })
  const hello = "/seq/noukai/samples/hello-world"
  const executed = yield* say("POST", `${hello}/execute`, { message: "hi", trace: true })
  const { executionId } = JSON.parse(executed.slice(executed.indexOf("\r\n\r\n") + 4)) as Parsed
  yield* TestClock.adjust("1 hour")
  yield* say("POST", "/seq/noukai/samples/two-step/step", { stepIndex: 0, message: "hi", runRemaining: true })
  yield* say("GET", `${hello}/runs/${executionId}/trace`)
  yield* say("GET", `${hello}/runs/${executionId}/trace/stream`)
  yield* say("GET", `/seq/sessions/${session}`)
  return said
})

describe("seeds and clocks", () => {
  it.effect("one seed and one clock give one transcript of traces and sessions too", () =>
    Effect.gen(function*() {
      const once = Effect.provide(timed, layer({ seed: 7 }))
      const first = yield* Effect.provide(once, TestContext.TestContext)
      assert.deepStrictEqual(yield* Effect.provide(once, TestContext.TestContext), first)
      assert.include(first[4]!, "\"startedAt\":\"1970-01-01T01:00:00.000Z\"")
    }))
})
