/** A flow in a page, without a framework: what it sends, and what it makes of the stream. */
import { createFlow, type PageFlow } from "@effect-noukai/promise/page"
import { FastCheck as fc } from "effect"
import { build } from "esbuild"
import { gzipSync } from "node:zlib"
import { assert, describe, it, vi } from "vitest"
import { z } from "zod"
import { frames } from "../src/internal/page/frames.js"
import { triage } from "./examples/page.js"
import {
  cutAfter,
  noContent,
  pageServer,
  pause,
  refused,
  start,
  streaming,
  streamOf,
  textRun
} from "./support/pageServer.js"

const url = "/api/triage"

const part = (body: { messages: ReadonlyArray<{ parts: ReadonlyArray<unknown> }> }) => body.messages[0]!.parts

/** Waits for a state. */
const until = (flow: PageFlow, is: (state: ReturnType<PageFlow["state"]>) => boolean) =>
  vi.waitFor(() => assert.isTrue(is(flow.state()), JSON.stringify(flow.state())), 30_000)

describe("frames", () => {
  it("are the same for any split of their bytes, with any ends of lines", () => {
    const data = fc.array(fc.string({ unit: "binary" }).map((text) => text.replace(/[\r\n]/g, "")), { minLength: 1 })
    const comment = fc.constantFrom("", ": keep-alive", "event: message", "id: 7", "database: no")
    fc.assert(
      fc.property(
        fc.array(fc.tuple(comment, data), { maxLength: 6 }),
        fc.constantFrom("\n", "\r", "\r\n"),
        fc.array(fc.nat({ max: 400 })),
        (events, end, cuts) => {
          const text = events.map(([before, lines]) =>
            [...(before === "" ? [] : [before]), ...lines.map((line) => `data: ${line}`), "", ""].join(end)
          ).join("")
          const bytes = new TextEncoder().encode(text)
          const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
          const decoder = new TextDecoder()
          const found: Array<string> = []
          const push = frames((each) => found.push(each))
          for (const [index, place] of places.slice(1).entries()) {
            push(decoder.decode(bytes.subarray(places[index], place), { stream: true }))
          }
          const decoded = (lines: ReadonlyArray<string>) =>
            new TextDecoder("utf-8", { ignoreBOM: true }).decode(new TextEncoder().encode(lines.join("\n")))
          assert.deepStrictEqual(found, events.map(([, lines]) => decoded(lines)))
        }
      ),
      { numRuns: 50 }
    )
  })

  it("are left out without their blank line, and one space after the colon is dropped", () => {
    const found: Array<string> = []
    const push = frames((each) => found.push(each))
    push("data:a\ndata\ndata:  b\n\ndata: c\n")
    assert.deepStrictEqual(found, ["a\n\n b"])
  })
})

describe("a flow in a page", () => {
  it("shows a run as it comes: its steps, its growing text, its result", async () => {
    const stream = streaming()
    const server = pageServer(stream.response)
    const flow = createFlow({ url, id: "order-17", fetch: server.fetch })
    assert.deepInclude(flow.state(), { status: "idle", text: "", steps: [], calls: [] })
    const run = flow.run("Where is it?", { order: 17 })
    assert.strictEqual(flow.state().status, "running")
    // a second click
    assert.strictEqual(await Promise.race([flow.run("Where is it?"), Promise.resolve("later")]), "later")
    const [begun, step, name, text, delta, ...rest] = textRun("It is here")
    stream.send(begun!, step!, name!, text!, delta!)
    await until(flow, (state) => state.text === "It is here")
    assert.deepStrictEqual(flow.state().steps, [
      { id: "answer#1", stepId: "answer", index: 0, name: "Answer", status: "running" }
    ])
    const before = flow.state()
    assert.strictEqual(flow.state(), before)
    stream.send({ type: "text-delta", id: "text-1", delta: "." }, ...rest)
    stream.end()
    const state = await run
    assert.deepInclude(state, { status: "completed", text: "It is here.", result: "It is here", error: undefined })
    assert.deepInclude(state.steps[0], { status: "completed" })
    assert.lengthOf(server.requests, 1)
    const [request] = server.requests
    assert.strictEqual(request!.method, "POST")
    assert.strictEqual(request!.headers.get("content-type"), "application/json")
    assert.strictEqual(request!.body.id, "order-17")
    assert.match(request!.body.messages[0].id, /^(\d+-){3}\d+$/)
    assert.deepStrictEqual(part(request!.body), [
      { type: "text", text: "Where is it?" },
      { type: "data-input", data: { order: 17 } }
    ])
  })

  it("keeps rounds of a loop apart, and starts the text again where it does not go on", async () => {
    const step = (round: number, status: "running" | "completed") => ({
      type: "data-step" as const,
      id: `write#${round}`,
      data: { stepId: "write", index: 0, status }
    })
    const server = pageServer(streamOf(
      start(),
      step(1, "running"),
      { type: "text-start", id: "text-1" },
      { type: "text-delta", id: "text-1", delta: "draft" },
      step(1, "completed"),
      step(2, "running"),
      { type: "text-start", id: "text-2" },
      { type: "text-delta", id: "text-2", delta: "final" },
      { type: "data-result", id: "result", data: { text: "final" } },
      { type: "finish" }
    ))
    const flow = createFlow({ url, id: "a", fetch: server.fetch })
    const state = await flow.run("hi")
    assert.strictEqual(state.text, "final")
    assert.deepStrictEqual(state.steps.map(({ id, status }) => [id, status]), [
      ["write#1", "completed"],
      ["write#2", "running"]
    ])
  })

  it("checks the result", async () => {
    const result = z.object({ score: z.number() })
    const made = (data: unknown) => {
      const server = pageServer(streamOf(start(), { type: "data-result", id: "result", data }, { type: "finish" }))
      return createFlow({ url, id: "a", result, fetch: server.fetch }).run("hi")
    }
    const good = await made({ score: 3, more: 1 })
    assert.deepStrictEqual(good.result, { score: 3 })
    const bad = await made({ score: "3" })
    assert.deepInclude(bad, { status: "failed", result: undefined })
    assert.strictEqual(bad.error?.code, "INVALID_RESULT")
  })

  it("fails with the code of the server, of a refusal and of a stream", async () => {
    const codes = async (response: Response) => {
      const { error, status } = await createFlow({ url, id: "a", fetch: pageServer(response).fetch }).run("hi")
      return [status, error?.code, error?.status]
    }
    const error = { type: "error" as const, errorText: "{\"code\":\"FLOW_FAILED\"}" }
    assert.deepStrictEqual(await codes(streamOf(start(), error)), ["failed", "FLOW_FAILED", undefined])
    assert.deepStrictEqual(await codes(refused(409, "RUN_IN_PROGRESS")), ["failed", "RUN_IN_PROGRESS", 409])
    assert.deepStrictEqual(await codes(new Response("<html>", { status: 502 })), ["failed", "BAD_RESPONSE", 502])
    const page = new Response("<html>", { headers: { "content-type": "text/html" } })
    assert.deepStrictEqual(await codes(page), ["failed", "BAD_RESPONSE", 200])
    const broken = streaming()
    broken.text("data: {\"type\":\n\n")
    broken.end()
    assert.deepStrictEqual(await codes(broken.response), ["failed", "BAD_RESPONSE", undefined])
    assert.deepStrictEqual(await codes(streamOf(start(), { type: "finish" })), ["failed", "BAD_RESPONSE", undefined])
  })

  it("sends a message again under its id until its run is known to have ended", async () => {
    const server = pageServer()
    const flow = createFlow({ url, id: "a", fetch: server.fetch })
    assert.strictEqual((await flow.run("hi")).error?.code, "CONNECTION")
    server.then(cutAfter(start()), noContent())
    assert.strictEqual((await flow.run("hi")).error?.code, "LOST")
    for (const code of ["UNAVAILABLE", "TIMEOUT", "RUN_STOPPED", "RUN_IN_PROGRESS"]) {
      server.then(streamOf(start(), { type: "error", errorText: JSON.stringify({ code }) }))
      assert.strictEqual((await flow.run("hi")).error?.code, code)
    }
    server.then(streamOf(...textRun("one")))
    assert.strictEqual((await flow.run("hi")).result, "one")
    server.then(streamOf(start("run-2"), { type: "error", errorText: "{\"code\":\"FLOW_FAILED\"}" }))
    assert.strictEqual((await flow.run("hi")).error?.code, "FLOW_FAILED")
    server.then(streamOf(...textRun("three", "run-3")))
    assert.strictEqual((await flow.run("hi")).result, "three")
    const ids = server.requests.flatMap(({ body }) => body === undefined ? [] : [body.messages[0].id])
    assert.deepStrictEqual(ids.map((id) => ids.indexOf(id)), [0, 0, 0, 0, 0, 0, 0, 7, 8])
  })

  it("sends another message under another id", async () => {
    const server = pageServer()
    const flow = createFlow({ url, id: "a", fetch: server.fetch })
    await flow.run("hi", { a: 1 })
    await flow.run("hi", { a: 2 })
    const [first, second] = server.requests.map(({ body }) => body.messages[0].id)
    assert.notStrictEqual(first, second)
  })
})

describe("a stream that was cut", () => {
  it("is read again from its start, and nothing is shown twice", async () => {
    const chunks = textRun("It is here.")
    const server = pageServer(cutAfter(...chunks.slice(0, 5)), refused(503, "X"))
    const flow = createFlow({ url, id: "order/17", fetch: server.fetch })
    const failed = await flow.run("Where?")
    assert.deepInclude(failed, { status: "failed", text: "It is here." })
    assert.strictEqual(failed.error?.code, "X")
    assert.deepStrictEqual(server.requests.map(({ method, url }) => [method, url]), [
      ["POST", "/api/triage"],
      ["GET", "/api/triage/order%2F17/stream"]
    ])
    server.then(cutAfter(...chunks.slice(0, 4)), cutAfter(...chunks.slice(0, 6)), streamOf(...chunks))
    const done = await flow.run("Where?")
    assert.deepInclude(done, { status: "completed", text: "It is here.", result: "It is here." })
    assert.lengthOf(done.steps, 1)
    assert.lengthOf(server.requests.filter(({ method }) => method === "POST"), 2)
  })

  it("fails if the server shows another run, or none", async () => {
    for (const response of [noContent(), streamOf(...textRun("of yesterday", "run-0"))]) {
      const server = pageServer(cutAfter(start()), response)
      const state = await createFlow({ url, id: "a", fetch: server.fetch }).run("hi")
      assert.deepInclude(state, { status: "failed", text: "" })
      assert.strictEqual(state.error?.code, "LOST")
    }
  })

  it("fails when it is cut again and again", async () => {
    vi.useFakeTimers()
    const server = pageServer(...Array.from({ length: 9 }, () => cutAfter(start())))
    const run = createFlow({ url, id: "a", fetch: server.fetch }).run("hi")
    await vi.runAllTimersAsync()
    assert.strictEqual((await run).error?.code, "STREAM_CUT")
    assert.lengthOf(server.requests, 6)
    vi.useRealTimers()
  })
})

describe("the tools of a page", () => {
  const Confirm = z.object({ question: z.string() })
  const calls = { c1: ["confirm", { question: "Really?" }], c2: ["where", {}] } as const
  const rest = textRun("Thanks").filter(({ type }) => type !== "start")

  it("answer by themselves or by the user, all in one request; the run goes on", async () => {
    const server = pageServer(streamOf(...pause(calls)), streamOf(start(), ...rest))
    const flow = createFlow({
      url,
      id: "a",
      fetch: server.fetch,
      tools: {
        confirm: { parameters: Confirm },
        where: { parameters: z.object({}), answer: (_, { id }) => `Lisbon of ${id}` }
      }
    })
    const waiting = await flow.run("hi")
    assert.strictEqual(waiting.status, "waiting")
    assert.deepStrictEqual(waiting.calls, [{ id: "c1", name: "confirm", input: { question: "Really?" } }])
    assert.strictEqual((await flow.answer("other", true)).status, "waiting")
    const done = await flow.answer("c1", true)
    assert.deepInclude(done, { status: "completed", text: "Thanks", calls: [] })
    assert.lengthOf(server.requests, 2)
    assert.deepStrictEqual(server.requests[1]!.body, {
      id: "a",
      messages: [{
        id: "run-1",
        role: "assistant",
        parts: [
          { type: "tool-where", toolCallId: "c2", state: "output-available", output: "Lisbon of c2" },
          { type: "tool-confirm", toolCallId: "c1", state: "output-available", output: true }
        ]
      }]
    })
  })

  it("send an error that they throw", async () => {
    const server = pageServer(streamOf(...pause({ c1: calls.c1 })), streamOf(start(), ...rest))
    const flow = createFlow({
      url,
      id: "a",
      fetch: server.fetch,
      tools: {
        confirm: {
          parameters: Confirm,
          answer: () => {
            throw new Error("the user left")
          }
        }
      }
    })
    assert.strictEqual((await flow.run("hi")).status, "completed")
    assert.deepStrictEqual(part(server.requests[1]!.body), [
      { type: "tool-confirm", toolCallId: "c1", state: "output-error", errorText: "the user left" }
    ])
  })

  it.each([
    new Map([["a", 1]]),
    { set: new Set() },
    Promise.resolve(1),
    [() => 1],
    { at: NaN },
    1n,
    new Error("no")
  ])("send no answer that JSON does not keep: %s", async (output) => {
    const server = pageServer(streamOf(...pause(calls)), streamOf(...pause(calls)), streamOf(start(), ...rest))
    const flow = createFlow({ url, id: "a", fetch: server.fetch })
    const failed = async (state: Promise<ReturnType<PageFlow["state"]>>) => {
      const { calls, error, status } = await state
      assert.deepStrictEqual([status, error?.code, calls], ["failed", "NOT_JSON", []])
    }
    await failed(flow.run("hi", output))
    assert.lengthOf(server.requests, 0)
    await flow.run("hi")
    await failed(flow.answer("c1", output))
    assert.lengthOf(server.requests, 1)
    // the same message shows the pause again
    assert.strictEqual((await flow.run("hi")).status, "waiting")
    await flow.answer("c1", { at: new Date(0), of: undefined })
    assert.strictEqual((await flow.answer("c2", [1, "2", null])).status, "completed")
    assert.strictEqual(server.requests[1]!.body.messages[0].id, server.requests[0]!.body.messages[0].id)
  })

  it("send none of a tool's own that JSON does not keep", async () => {
    const server = pageServer(streamOf(...pause(calls)))
    const tool = { parameters: z.object({}), answer: () => ({ found: new Map() }) }
    const flow = createFlow({ url, id: "a", fetch: server.fetch, tools: { confirm: tool, where: tool } })
    assert.strictEqual((await flow.run("hi")).error?.code, "NOT_JSON")
    assert.lengthOf(server.requests, 1)
  })

  it("take no input that does not fit, and no call that they do not know", async () => {
    const code = async (...call: readonly [string, unknown]) => {
      const server = pageServer(streamOf(...pause({ c1: call })))
      const flow = createFlow({ url, id: "a", fetch: server.fetch, tools: { confirm: { parameters: Confirm } } })
      return (await flow.run("hi")).error?.code
    }
    assert.strictEqual(await code("confirm", { question: 1 }), "INVALID_INPUT")
    assert.strictEqual(await code("constructor", {}), "UNKNOWN_TOOL")
  })

  it("of the server are not the page's", async () => {
    const server = pageServer(streamOf(
      start(),
      { type: "tool-input-available", toolCallId: "s1", toolName: "weather", input: null, providerExecuted: true },
      { type: "tool-output-available", toolCallId: "s1", output: null, providerExecuted: true },
      ...rest
    ))
    const flow = createFlow({ url, id: "a", fetch: server.fetch, tools: {} })
    assert.strictEqual((await flow.run("hi")).status, "completed")
  })

  it("are asked again after a reload, but not for answers that the run has", async () => {
    const server = pageServer(streamOf(
      ...pause(calls),
      { type: "tool-output-available", toolCallId: "c2", output: null },
      { type: "finish" }
    ))
    const flow = createFlow({ url, id: "a", fetch: server.fetch })
    flow.subscribe(() => {})
    await until(flow, ({ status }) => status === "waiting")
    assert.deepStrictEqual(flow.state().calls.map(({ id }) => id), ["c1"])
  })
})

describe("a page that comes and goes", () => {
  it("finds a run that is under way, and sends one request for it", async () => {
    const stream = streaming()
    const server = pageServer(stream.response)
    const flow = createFlow({ url, id: "a", fetch: server.fetch, headers: () => ({ "x-token": "t" }) })
    const leave = flow.subscribe(() => {})
    leave()
    const stay = flow.subscribe(() => {})
    assert.strictEqual(flow.state().status, "idle")
    stream.send(...textRun("Hello"))
    stream.end()
    await until(flow, ({ status }) => status === "completed")
    assert.deepStrictEqual(server.requests.map(({ headers, method, url }) => [method, url, headers.get("x-token")]), [
      ["GET", "/api/triage/a/stream", "t"]
    ])
    stay()
    flow.subscribe(() => {})
    assert.lengthOf(server.requests, 1)
  })

  it("stays idle where nothing is to be shown, or nothing can be", async () => {
    for (const response of [noContent(), refused(501, "RESUME_UNSUPPORTED")]) {
      const server = pageServer(response, streamOf(...textRun("Hello")))
      const flow = createFlow({ url, id: "a", fetch: server.fetch })
      flow.subscribe(() => {})
      await vi.waitFor(() => assert.lengthOf(server.requests, 1), 30_000)
      assert.strictEqual(flow.state().status, "idle")
      assert.strictEqual((await flow.run("hi")).status, "completed")
    }
  })

  it("asks for no run if it is told so", () => {
    const server = pageServer()
    createFlow({ url, id: "a", fetch: server.fetch, resume: false }).subscribe(() => {})
    assert.lengthOf(server.requests, 0)
  })

  it("closes its stream when the last subscriber leaves, and finds the run again", async () => {
    const stream = streaming()
    const server = pageServer(noContent(), stream.response, streamOf(...textRun("Hello")))
    const flow = createFlow({ url, id: "a", fetch: server.fetch })
    const leave = flow.subscribe(() => {})
    const run = flow.run("hi")
    stream.send(start())
    leave()
    assert.strictEqual((await run).status, "idle")
    assert.isTrue(server.requests[1]!.signal!.aborted)
    flow.subscribe(() => {})
    await until(flow, ({ status }) => status === "completed")
    assert.deepStrictEqual(server.requests.map(({ method }) => method), ["GET", "POST", "GET"])
  })

  it("cancels a run once", async () => {
    const stream = streaming()
    const server = pageServer(stream.response, noContent())
    const flow = createFlow({ url, id: "a", fetch: server.fetch })
    assert.isFalse(await flow.cancel())
    const run = flow.run("hi")
    stream.send(...textRun("Hel").slice(0, 5))
    await until(flow, ({ text }) => text === "Hel")
    const [confirmed, again] = await Promise.all([flow.cancel(), flow.cancel()])
    assert.deepStrictEqual([confirmed, again], [true, false])
    assert.deepInclude(await run, { status: "cancelled", text: "Hel" })
    assert.isTrue(server.requests[0]!.signal!.aborted)
    assert.deepStrictEqual(server.requests.slice(1).map(({ method, url }) => [method, url]), [
      ["DELETE", "/api/triage/a"]
    ])
    // the stream of a cancelled run changes nothing
    stream.send(...textRun("late"))
    await new Promise((resolve) => setImmediate(resolve))
    assert.strictEqual(flow.state().text, "Hel")
  })
})

it("the program of the README", async () => {
  const server = pageServer(
    noContent(),
    streamOf(...pause({ c1: ["confirm", { question: "Really?" }] })),
    streamOf(
      start(),
      { type: "text-start", id: "text-2" },
      { type: "text-delta", id: "text-2", delta: "On its way" },
      { type: "data-result", id: "result", data: { label: "order" } },
      { type: "finish" }
    )
  )
  vi.stubGlobal("fetch", server.fetch)
  const shown = new Set<string>()
  const asked: Array<string> = []
  const label = await triage(url, (text) => void shown.add(text), (question) => asked.push(question) === 1)
  vi.unstubAllGlobals()
  assert.strictEqual(label, "order")
  assert.deepStrictEqual([[...shown], asked], [["", "On its way"], ["Really?"]])
})

describe("the modules of a page", () => {
  it("weigh at most 3.1 kB together, without Effect and without React of their own", async () => {
    const { metafile, outputFiles } = await build({
      stdin: {
        contents: `export { createFlow } from "@effect-noukai/promise/page"
          export { useFlow } from "@effect-noukai/promise/react"`,
        resolveDir: import.meta.dirname
      },
      bundle: true,
      minify: true,
      write: false,
      metafile: true,
      format: "esm",
      target: "es2022",
      platform: "browser",
      conditions: process.env.TEST_DIST === undefined ? ["@effect-noukai/source"] : [],
      external: ["react"]
    })
    assert.isAtMost(gzipSync(outputFiles[0]!.contents, { level: 9 }).length, 3_100)
    const inputs = Object.keys(metafile.inputs).filter((path) => path !== "<stdin>")
    assert.deepStrictEqual(
      inputs.filter((path) => !/promise\/(src|dist)\/(internal\/page\/)?\w+\.(ts|js)$/.test(path)),
      []
    )
  })
})
