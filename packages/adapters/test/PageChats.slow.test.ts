/** Turns of chats: which one runs, who may see it, and what is billed, over several servers too. */
import { flowPage } from "@effect-noukai/adapters/web"
import { defineTool } from "@effect-noukai/promise"
import { Schema } from "effect"
import { randomUUID } from "node:crypto"
import { assert, beforeEach, describe, it } from "vitest"
import * as P from "./support/pages.js"

const pages = P.withPages()

const steps = () => pages.emulator().ledger().requests.filter(({ endpoint }) => endpoint === "step").length

beforeEach(() => {
  P.weatherCalls.length = 0
  pages.lines.length = 0
  pages.gate.open()
  pages.emulator().clearFaults()
})

const codeOf = async (response: Response) => [response.status, (await response.json() as { code: string }).code]

/** Runs a turn to its end or to its pause. */
const turn = async (url: string, chat: string, id = "m1", text = "Hi") =>
  P.read(await P.post(url, chat, [P.user(id, text)]))

const errorOf = ({ chunks }: P.Read) => {
  const last = chunks.at(-1)
  return last?.type === "error" ? last.errorText : assert.fail(JSON.stringify(last))
}

/** Reads a stream until it has some text. */
const until = async (response: Response, part: RegExp) => {
  const reader = response.body!.getReader()
  const decoder = new TextDecoder()
  let text = ""
  while (!part.test(text)) {
    const { done, value } = await reader.read()
    if (done) assert.fail(`the stream ended: ${text}`)
    text += decoder.decode(value, { stream: true })
  }
  return { text, leave: () => reader.cancel() }
}

describe("the same message", () => {
  it("is one run, also at the same time", async () => {
    const url = await P.web.start(pages, { flow: "acme/support/gated" })
    const chat = randomUUID()
    const before = pages.runs()
    pages.gate.shut()
    const [one, two] = await Promise.all([
      P.post(url, chat, [P.user("m1", "Hi")]),
      P.post(url, chat, [P.user("m1", "Hi")])
    ])
    pages.gate.open()
    const reads = await Promise.all([P.read(one), P.read(two)])
    assert.deepStrictEqual(reads.map(P.textOf), ["Hi two!", "Hi two!"])
    assert.deepStrictEqual(reads[0].chunks, reads[1].chunks)
    const third = await turn(url, chat)
    assert.deepStrictEqual(third.chunks, reads[0].chunks)
    assert.strictEqual(pages.runs(), before + 1)
    const again = await P.read(await P.post(url, chat, [P.user("m1", "Hi")], { trigger: "regenerate-message" }))
    assert.notStrictEqual(P.idOf(again), P.idOf(third))
    assert.strictEqual(P.idOf(await turn(url, chat)), P.idOf(again))
    assert.strictEqual(pages.runs(), before + 2)
  })

  it("is one run over two servers that share a store, and another message waits", async () => {
    const turns = P.sharedTurns()
    const options = { flow: "acme/support/gated", turns }
    const [one, two] = await Promise.all([P.web.start(pages, options), P.platform.start(pages, options)])
    const chat = randomUUID()
    const before = pages.runs()
    pages.gate.shut()
    const responses = await Promise.all([one, two, one, two].map((url) => P.post(url, chat, [P.user("m1", "Hi")])))
    assert.deepStrictEqual(await codeOf(await P.post(two, chat, [P.user("m2", "Ho")])), [409, "RUN_IN_PROGRESS"])
    assert.strictEqual((await P.cancel(two, chat)).status === 204 ? 204 : 404, (await P.cancel(two, chat)).status)
    pages.gate.open()
    for (const response of responses) await response.text()
    assert.strictEqual(pages.runs(), before + 1)
    assert.isEmpty(pages.lines.filter((line) => line.includes("kept in this process")))
  })

  it("is another run after an edit, also of digits, and the first text again shows the first run", async () => {
    const url = await P.web.start(pages, { flow: "acme/support/chat" })
    const chat = randomUUID()
    const before = pages.runs()
    const first = await turn(url, chat)
    const edited = await turn(url, chat, "m1", "Ho")
    assert.deepStrictEqual([first, edited].map(P.textOf), ["You said: Hi", "You said: Ho"])
    assert.strictEqual(P.idOf(await turn(url, chat, "m1", "Ho")), P.idOf(edited))
    assert.strictEqual(P.idOf(await turn(url, chat)), P.idOf(first))
    assert.strictEqual(pages.runs(), before + 2)
    const data = (id: string) => `{"type":"data-input","data":{"id":${id}}}`
    const numbered = async (number: string) =>
      P.read(
        await fetch(url, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: `{"id":"${chat}","messages":[{"id":"m1","role":"user","parts":[{"type":"text","text":"Hi"},${
            data(number)
          }]}]}`
        })
      )
    const ids = [await numbered("12345678901234567890"), await numbered("12345678901234567891")].map(P.idOf)
    assert.notStrictEqual(ids[0], ids[1])
  })

  it("is a new run each time that the page asks to run it again, also after another message", async () => {
    const url = await P.web.start(pages, { flow: "acme/support/chat" })
    const chat = randomUUID()
    const again = async () =>
      P.idOf(await P.read(await P.post(url, chat, [P.user("m1", "Hi")], { trigger: "regenerate-message" })))
    const ids = [P.idOf(await turn(url, chat)), await again(), P.idOf(await turn(url, chat, "m2")), await again()]
    assert.strictEqual(new Set(ids).size, 4)
    assert.strictEqual(P.idOf(await turn(url, chat)), ids[3])
  })

  it("is kept in the process without a store, and the log says so once", async () => {
    const url = await P.web.start(pages, { flow: "acme/support/chat" })
    await turn(url, "a")
    await turn(url, "b")
    assert.lengthOf(pages.lines.filter((line) => line.includes("turns of chats are kept in this process")), 1)
  })
})

describe("tools", () => {
  it("of the page answer on another server, also if the page sends its last message alone", async () => {
    const options = { flow: "acme/support/tools", turns: P.sharedTurns() }
    const [one, two] = await Promise.all([P.web.start(pages, options), P.express.start(pages, options)])
    const chat = randomUUID()
    const before = pages.runs()
    const first = await turn(one, chat)
    const call = first.chunks.findLast((chunk) => chunk.type === "tool-input-available")
    // a reload in the middle shows the call that waits
    const reloaded = await P.read(await P.resume(two, chat))
    assert.deepStrictEqual(reloaded.chunks, first.chunks)
    const answer = P.answered(P.idOf(first), [[call!.toolCallId, { yes: false }]])
    const second = await P.read(await P.post(two, chat, [answer]))
    assert.strictEqual(P.textOf(second), "18 °C in Lisbon, {\"yes\":false}")
    assert.strictEqual(pages.runs(), before + 1)
  })

  it("have results that fit their schemas, or nothing is sent", async () => {
    const url = await P.web.start(pages, { flow: "acme/support/tools" })
    const chat = randomUUID()
    const first = await turn(url, chat)
    const id = P.idOf(first)
    const call = first.chunks.findLast((chunk) => chunk.type === "tool-input-available")!
    const sent = steps()
    const wrong: ReadonlyArray<readonly [unknown, number, string]> = [
      [P.answered(id, [[call.toolCallId, { yes: "maybe" }]]), 400, "INVALID_RESULT"],
      [P.answered(id, [[call.toolCallId, null]]), 400, "INVALID_RESULT"],
      [P.answered(id, [["another", { yes: true }]]), 400, "RESULT_MISSING"],
      [P.answered(id, []), 400, "RESULT_MISSING"],
      [
        {
          id,
          role: "assistant",
          parts: [{
            type: "tool-confirm",
            toolCallId: call.toolCallId,
            state: "output-error",
            errorText: { toString: 1, valueOf: 1 }
          }]
        },
        400,
        "INVALID_MESSAGES"
      ],
      [P.answered("ex_other", [[call.toolCallId, { yes: true }]]), 409, "NO_PAUSE"]
    ]
    for (const [message, status, code] of wrong) {
      assert.deepStrictEqual(await codeOf(await P.post(url, chat, [message])), [status, code])
    }
    assert.deepStrictEqual(await codeOf(await P.post(url, "other", [wrong[0]![0]])), [409, "NO_PAUSE"])
    assert.strictEqual(steps(), sent)
    assert.deepStrictEqual(P.weatherCalls, [])
    // the pause still waits
    const part = { type: "tool-confirm", toolCallId: call.toolCallId, state: "output-error", errorText: "No hands" }
    const second = await P.read(await P.post(url, chat, [{ id, role: "assistant", parts: [part] }]))
    assert.strictEqual(P.textOf(second), "18 °C in Lisbon, {\"error\":\"No hands\"}")
  })

  it("of the server answer in the same response, round after round", async () => {
    const url = await P.web.start(pages, { flow: "acme/support/server", steps: "outputs" })
    const read = await turn(url, randomUUID())
    assert.deepStrictEqual(P.weatherCalls, ["Lisbon", "Rome"])
    assert.strictEqual(P.textOf(read), "18 °C in Rome")
    const calls = read.chunks.filter(({ type }) => type === "tool-input-available" || type === "tool-output-available")
    assert.deepInclude(calls[0], { input: { city: "Lisbon" }, providerExecuted: true })
    assert.deepInclude(calls[1], { output: "18 °C in Lisbon", providerExecuted: true })
    const limited = await P.web.start(pages, { flow: "acme/support/server", maxToolRounds: 1 })
    assert.strictEqual(errorOf(await turn(limited, randomUUID())), "{\"code\":\"TOOL_CALL_LIMIT\"}")
  })

  it("get calls of one id in two rounds under two ids", async () => {
    const url = await P.web.start(pages, { flow: "acme/support/twice" })
    const chat = randomUUID()
    const first = await turn(url, chat)
    const id = P.idOf(first)
    const second = await P.read(await P.post(url, chat, [P.answered(id, [["c", { yes: true }]])]))
    assert.deepInclude(second.chunks.find(({ type }) => type === "tool-input-available"), {
      toolCallId: "c#2",
      input: { text: "B?" }
    })
    // the page has the results of both rounds
    const both = P.answered(id, [["c", { yes: true }], ["c#2", { yes: false }]])
    const third = await P.read(await P.post(url, chat, [both]))
    assert.deepInclude(third.chunks.find(({ type }) => type === "data-result"), {
      data: [{ yes: true }, { yes: false }]
    })
  })

  it("of the page do not get arguments that do not fit", async () => {
    const url = await P.web.start(pages, { flow: "acme/support/unfit" })
    const read = await turn(url, randomUUID())
    assert.notInclude(read.text, "tool-input-available")
    const result = read.chunks.find(({ type }) => type === "data-result")
    assert.match(JSON.stringify(result), /"error":"bad arguments: /)
  })

  it("that fail end the stream with a code alone", async () => {
    const { POST } = flowPage({
      client: pages.client(),
      flow: "acme/support/server",
      authorize: () => true,
      owner: () => "all",
      serverTools: [
        defineTool({
          name: "get_weather",
          parameters: Schema.Struct({ city: Schema.String }),
          run: () => {
            throw new Error("planted-secret")
          }
        })
      ]
    })
    const request = new Request("http://localhost/api", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ id: randomUUID(), messages: [P.user("m", "Hi")] })
    })
    const read = await P.read(await POST(request))
    assert.strictEqual(errorOf(read), "{\"code\":\"TOOL_FAILED\"}")
    assert.notInclude(read.text, "planted")
  })
})

describe("a chat that is shown again", () => {
  it("has its last answer with `latest`, and nothing of others", async () => {
    const url = await P.web.start(pages, { flow: "acme/support/chat", resume: "latest" })
    const chat = "with/odd ä"
    assert.strictEqual((await P.resume(url, chat)).status, 204)
    const first = await turn(url, chat)
    const last = await turn(url, chat, "m2", "again")
    assert.notDeepEqual(first.chunks, last.chunks)
    assert.deepStrictEqual((await P.read(await P.resume(url, chat))).chunks, last.chunks)
    assert.strictEqual((await P.resume(url, chat, { "x-user": "ben" })).status, 204)
  })

  it("has what came while the page was away", async () => {
    const url = await P.express.start(pages, {
      flow: "acme/support/gated",
      resume: "latest",
      onDisconnect: "continue"
    })
    const chat = randomUUID()
    const before = pages.runs()
    pages.gate.shut()
    const { leave } = await until(await P.post(url, chat, [P.user("m1", "Hi")]), /"second"/)
    await leave()
    const again = await until(await P.resume(url, chat), /"second"/)
    await again.leave()
    pages.gate.open()
    assert.strictEqual(P.textOf(await P.read(await P.resume(url, chat))), "Hi two!")
    assert.strictEqual(pages.runs(), before + 1)
  })

  it("is nothing after its run was stopped", async () => {
    const url = await P.web.start(pages, { flow: "acme/support/gated" })
    const chat = randomUUID()
    pages.gate.shut()
    const running = await P.post(url, chat, [P.user("m1", "Hi")])
    assert.strictEqual((await P.cancel(url, chat)).status, 204)
    await running.text()
    assert.strictEqual((await P.resume(url, chat)).status, 204)
    pages.gate.open()
  })

  it("is a 501 for a key that may not read live traces, and the log says so once", async () => {
    const url = await P.web.start(pages, { flow: "acme/support/tools" })
    const chat = randomUUID()
    const first = await turn(url, chat)
    pages.emulator().addFaults({
      match: { endpoint: "traceStream" },
      script: ["403", ...Array<string>(20).fill("403")]
    })
    assert.deepStrictEqual(await codeOf(await P.resume(url, chat)), [501, "RESUME_NOT_AVAILABLE"])
    assert.deepStrictEqual(await codeOf(await P.resume(url, chat)), [501, "RESUME_NOT_AVAILABLE"])
    const call = first.chunks.findLast((chunk) => chunk.type === "tool-input-available")!
    const answer = P.answered(P.idOf(first), [[call.toolCallId, { yes: true }]])
    assert.deepStrictEqual(await codeOf(await P.post(url, chat, [answer])), [501, "RESUME_NOT_AVAILABLE"])
    assert.lengthOf(pages.lines.filter((line) => line.includes("may not read sessions or live traces")), 1)
    // nothing was lost
    pages.emulator().clearFaults()
    assert.include(P.textOf(await P.read(await P.post(url, chat, [answer]))), "18 °C in Lisbon")
  })
})

describe("the bytes of a page", () => {
  it("have no key, cost or input by default, and outputs on demand", async () => {
    const clean = async (steps: "none" | "names" | "outputs" | undefined) => {
      const url = await P.web.start(pages, { flow: "acme/support/chat", ...steps && { steps } })
      const read = await turn(url, randomUUID())
      for (const planted of [P.plantedCost, "nk_test", "costUsd"]) assert.notInclude(read.text, planted)
      return read
    }
    assert.notInclude((await clean(undefined)).text, "planted-output")
    const none = await clean("none")
    assert.isEmpty(none.chunks.filter(({ type }) => type === "data-step"))
    assert.strictEqual(P.textOf(none), "You said: Hi")
    const [output] = (await clean("outputs")).chunks.flatMap((chunk) =>
      chunk.type === "data-step" && chunk.data.status === "completed" ? [chunk.data.output] : []
    )
    assert.deepStrictEqual(output, { internal: "planted-output" })
  })

  it("have the code of a failed step, and no message", async () => {
    const url = await P.web.start(pages, { flow: "acme/support/failing" })
    const read = await turn(url, randomUUID())
    assert.strictEqual(errorOf(read), "{\"code\":\"MODEL_OVERLOADED\"}")
    assert.notInclude(read.text, "planted")
    assert.isTrue(read.isDone)
  })

  it("have the steps of a loop as one, and the result of a form", async () => {
    const loop = await P.web.start(pages, { flow: "acme/support/loop" })
    const ids = (await turn(loop, randomUUID())).chunks.flatMap((chunk) => chunk.type === "data-step" ? [chunk.id] : [])
    assert.includeMembers(ids, ["each#1", "say#1"])
    const { POST } = flowPage({
      client: pages.client(),
      flow: "acme/support/digits",
      authorize: () => true,
      owner: () => "all",
      input: (messages) => ({ parameters: JSON.parse(String(messages[0]?.parts[0]?.text)) })
    })
    const sent = new Request("http://localhost/api", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ id: randomUUID(), messages: [P.user("m", "{\"id\":1}")] })
    })
    assert.include((await P.read(await POST(sent))).text, "\"data\":{\"id\":1}")
  })

  it("have comments while a run is quiet", async () => {
    const url = await P.express.start(pages, { flow: "acme/support/gated", heartbeat: "5 millis" })
    pages.gate.shut()
    const { leave } = await until(
      await P.post(url, randomUUID(), [P.user("m", "Hi")]),
      /"second".*\n\n(: keep-alive\n\n){3}/
    )
    await leave()
  })
})

describe("the bounds of a run", () => {
  it("are its cost and its time", async () => {
    const costly = await P.web.start(pages, { flow: "acme/support/chat", maxCostUsd: "0.01" })
    assert.strictEqual(errorOf(await turn(costly, randomUUID())), "{\"code\":\"COST_LIMIT\"}")
    const slow = await P.web.start(pages, { flow: "acme/support/gated", timeout: "300 millis" })
    pages.gate.shut()
    assert.strictEqual(errorOf(await turn(slow, randomUUID())), "{\"code\":\"TIMEOUT\"}")
  })

  it("are those of every part of a run with tools", async () => {
    const url = await P.web.start(pages, { flow: "acme/support/tools", maxCostUsd: "10" })
    const chat = randomUUID()
    const first = await turn(url, chat)
    const call = first.chunks.findLast((chunk) => chunk.type === "tool-input-available")!
    const read = await P.read(
      await P.post(url, chat, [P.answered(P.idOf(first), [[call.toolCallId, { yes: true }]])])
    )
    assert.include(P.textOf(read), "18 °C")
  })
})

describe("the functions of a page", () => {
  const asked = (more: Partial<P.Options>) => {
    const { POST } = flowPage({
      client: pages.client(),
      flow: "acme/support/form",
      authorize: () => ({ id: "anna" }),
      owner: ({ id }) => id,
      ...more
    })
    return POST(
      new Request("http://localhost/api", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ id: randomUUID(), messages: [P.user("m1", "planted-input")] })
      })
    )
  }

  it("make the input of a conversation and its caller", async () => {
    const read = await P.read(
      await asked({ input: (_, { id }) => ({ parameters: { topic: id, secret: "planted-input" } }) })
    )
    assert.deepInclude(read.chunks.find(({ type }) => type === "data-result"), { data: { score: 9, of: "anna" } })
    assert.notInclude(read.text, "planted")
  })

  it("may refuse with a status, and show no other error", async () => {
    const before = pages.runs()
    const thrown = (error: unknown) => () => {
      throw error
    }
    assert.deepStrictEqual(await codeOf(await asked({ input: thrown({ status: 422, detail: "TOO_LONG" }) })), [
      422,
      "TOO_LONG"
    ])
    assert.deepStrictEqual(await codeOf(await asked({ input: thrown(new Error("planted")) })), [500, "INPUT_FAILED"])
    assert.deepStrictEqual(await codeOf(await asked({ input: (() => "Hi") as never })), [500, "INPUT_FAILED"])
    assert.deepStrictEqual(await codeOf(await asked({ owner: () => "" })), [403, "FORBIDDEN"])
    assert.deepStrictEqual(await codeOf(await asked({ authorize: thrown({ status: 401, detail: "LOG_IN" }) })), [
      401,
      "LOG_IN"
    ])
    assert.deepStrictEqual(await codeOf(await asked({ authorize: thrown(new Error("planted")) })), [403, "FORBIDDEN"])
    const turns = { latest: () => undefined, claim: () => Promise.reject(new Error("no database")) }
    assert.deepStrictEqual(await codeOf(await asked({ turns })), [503, "UNAVAILABLE"])
    assert.deepStrictEqual(await codeOf(await asked({ turns: { ...turns, latest: thrown(new Error("none")) } })), [
      503,
      "UNAVAILABLE"
    ])
    assert.strictEqual(pages.runs(), before)
    assert.include(pages.lines.join("\n"), "no database")
  })

  it("may be those of a closed client, which answers no more", async () => {
    const client = pages.client()
    await client.close()
    assert.deepStrictEqual(await codeOf(await asked({ client })), [502, "UPSTREAM_UNAVAILABLE"])
  })
})
