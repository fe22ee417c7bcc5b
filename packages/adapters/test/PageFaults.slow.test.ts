/** Pages of a service whose streams break off, stall, drip or are refused, and whose sessions lag. */
import { randomUUID } from "node:crypto"
import { assert, beforeEach, describe, it } from "vitest"
import * as P from "./support/pages.js"

const pages = P.withPages()

const code = ({ chunks }: P.Read) => {
  const last = chunks.at(-1)
  return last?.type === "error" ? (JSON.parse(last.errorText) as { code: string }).code : last?.type
}

const count = (endpoint: string) =>
  pages.emulator().ledger().requests.filter((request) => request.endpoint === endpoint).length

beforeEach(() => {
  pages.emulator().clearFaults()
  pages.gate.open()
})

const faulty = (endpoint: "step" | "traceStream" | "session", ...script: readonly [string, ...Array<string>]) =>
  pages.emulator().addFaults({ match: { endpoint }, script })

const cases: ReadonlyArray<readonly [fault: string, code: string]> = [
  ["cut:e2", "UNAVAILABLE"],
  ["cut:b40", "UNAVAILABLE"],
  ["end:e2", "UNAVAILABLE"],
  ["reset", "UNAVAILABLE"],
  ["reset:late", "UNAVAILABLE"],
  ["stall:60000", "TIMEOUT"],
  ["malformed", "finish"],
  ["html", "UNAVAILABLE"],
  ["429:retry=1", "RATE_LIMITED"],
  ["503", "UNAVAILABLE"],
  ["401", "UNAVAILABLE"],
  ["402", "UNAVAILABLE"],
  ["drip:9:1", "finish"],
  ["split:1", "finish"],
  ["crlf", "finish"],
  ["comment", "finish"],
  ["unknown", "finish"]
]

describe("a page of a service with faults", () => {
  it.each(cases)("ends its stream after %s with %s, and bills one run at most", async (fault, expected) => {
    const url = await P.web.start(pages, {
      flow: "acme/support/chat",
      ...fault.startsWith("stall") && { timeout: "500 millis" as const }
    })
    const before = pages.runs()
    faulty("step", fault)
    const read = await P.read(await P.post(url, randomUUID(), [P.user("m1", "Hi")]))
    assert.strictEqual(code(read), expected, read.text)
    assert.isTrue(read.isDone)
    assert.notInclude(read.text, "nk_test")
    assert.isAtMost(pages.runs() - before, 1)
    if (expected === "finish") assert.strictEqual(P.textOf(read), "You said: Hi")
  })

  it.each(["shared", "own"])(
    "goes on with a run that broke off when the message is sent again: %s store",
    async (store) => {
      const turns = store === "shared" ? P.sharedTurns() : undefined
      const url = await P.web.start(pages, { flow: "acme/support/chat", turns })
      const before = pages.runs()
      const chat = randomUUID()
      faulty("step", "ok", "cut:e2")
      assert.strictEqual(code(await P.read(await P.post(url, chat, [P.user("m1", "Hi")]))), "UNAVAILABLE")
      const read = await P.read(await P.post(url, chat, [P.user("m1", "Hi")]))
      assert.strictEqual(P.textOf(read), "You said: Hi")
      assert.strictEqual(pages.runs(), before + 1)
    },
    30_000
  )

  it("names a run whose first answer was lost, so that the page can answer it", async () => {
    const turns = P.sharedTurns()
    const url = await P.web.start(pages, { flow: "acme/support/tools", turns })
    const before = pages.runs()
    const chat = randomUUID()
    faulty("step", "cut:b0")
    assert.strictEqual(code(await P.read(await P.post(url, chat, [P.user("m1", "Hi")]))), "UNAVAILABLE")
    const first = await P.read(await P.post(url, chat, [P.user("m1", "Hi")]))
    const call = first.chunks.findLast((chunk) => chunk.type === "tool-input-available")!
    const again = P.answered(P.idOf(first), [[call.toolCallId, { yes: true }]])
    const second = await P.read(await P.post(url, chat, [again]))
    assert.strictEqual(code(second), "finish", second.text)
    assert.strictEqual(pages.runs(), before + 1)
  }, 30_000)

  it("follows a live trace over its cuts", async () => {
    const url = await P.web.start(pages, { flow: "acme/support/chat", resume: "latest" })
    const chat = randomUUID()
    const first = await P.read(await P.post(url, chat, [P.user("m1", "Hi")]))
    for (const fault of ["cut:e3", "drip:40:1", "503", "429:retry=0", "malformed", "unknown"]) {
      faulty("traceStream", fault)
      const again = await P.resume(url, chat)
      if (fault === "malformed") assert.include([200, 502], again.status)
      else assert.deepStrictEqual((await P.read(again)).chunks, first.chunks, fault)
    }
    assert.isAbove(count("traceStream"), 6)
  })

  it("is a 502 where sessions cannot be read", async () => {
    const url = await P.web.start(pages, { flow: "acme/support/chat", resume: "latest" })
    const chat = randomUUID()
    await P.read(await P.post(url, chat, [P.user("m1", "Hi")]))
    faulty("session", "500", "500", "500")
    assert.strictEqual((await P.resume(url, chat)).status, 502)
  })
})

describe("a page of a service whose sessions lag", () => {
  const late = P.withPages({ sessions: { lag: "700 millis" } })

  it("looks for a run again", async () => {
    const options = { flow: "acme/support/tools", turns: P.sharedTurns() }
    const [one, two] = await Promise.all([P.web.start(late, options), P.web.start(late, options)])
    const before = late.runs()
    const chat = randomUUID()
    const first = await P.read(await P.post(one, chat, [P.user("m1", "Hi")]))
    const [again, third] = await Promise.all([P.resume(two, chat), P.post(one, chat, [P.user("m1", "Hi")])])
    assert.deepStrictEqual((await P.read(again)).chunks, first.chunks)
    assert.deepStrictEqual((await P.read(third)).chunks, first.chunks)
    const call = first.chunks.findLast((chunk) => chunk.type === "tool-input-available")!
    const read = await P.read(
      await P.post(two, chat, [P.answered(P.idOf(first), [[call.toolCallId, { yes: true }]])])
    )
    assert.include(P.textOf(read), "18 °C in Lisbon")
    assert.strictEqual(late.runs(), before + 1)
  })
})
