/** A flow in a page, over real sockets: `createFlow`, `flowPage` in Express, and the emulator. */
import { flowPage, type PageOptions } from "@effect-noukai/adapters/express"
import { type Flow, type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import { Noukai } from "@effect-noukai/promise"
import { createFlow, type PageOptions as Options } from "@effect-noukai/promise/page"
import express, { type Request, type RequestHandler } from "express"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { afterEach, assert, beforeEach, describe, it, onTestFinished, vi } from "vitest"
import { z } from "zod"

const flows: ReadonlyArray<Flow> = [
  {
    // long enough to be cancelled while it writes
    ref: "acme/support/essay",
    steps: [
      { kind: "template", id: "plan", output: { topic: "{{message}}" }, costUsd: "0.01" },
      {
        kind: "template",
        id: "write",
        duration: 30_000,
        partials: Array.from({ length: 60 }, (_, n) => `Dear ${"x".repeat(n)}`),
        output: "Dear {{message}}, hello.",
        costUsd: "0.02"
      }
    ]
  },
  {
    ref: "acme/support/write",
    steps: [
      { kind: "template", id: "plan", name: "Plan", output: { topic: "{{message}}" }, costUsd: "0.01" },
      {
        kind: "template",
        id: "write",
        name: "Write",
        duration: 400,
        partials: ["Dear", "Dear {{message}}", "Dear {{message}},"],
        output: "Dear {{message}}, hello.",
        costUsd: "0.02"
      }
    ]
  },
  {
    ref: "acme/support/ask",
    steps: [{
      kind: "tool",
      id: "ask",
      rounds: [[{ name: "confirm", arguments: { question: "Really?" } }], [{
        name: "confirm",
        arguments: { question: "Sure?" }
      }]],
      output: "{{results}}"
    }]
  },
  { ref: "acme/support/fail", steps: [{ kind: "fail", id: "a", code: "MODEL_DOWN", message: "of a secret input" }] }
]

let emulator: RunningEmulator

beforeEach(async () => {
  emulator = await startEmulator({ flows })
})

afterEach(() => emulator.close())

/** Starts a server, and returns a flow of a page that it has. */
const start = async <R = unknown, T extends object = Record<string, unknown>>(
  flow: string,
  { client, before, server = {} }: {
    readonly client?: Partial<Options<R, T>>
    readonly before?: RequestHandler
    readonly server?: Partial<PageOptions<Request, { id: string }>>
  } = {}
) => {
  const noukai = new Noukai({ apiKey: emulator.apiKey, env: "dev", port: emulator.port })
  const app = express()
  if (before !== undefined) app.use(before)
  app.use(
    "/api/flow",
    flowPage<{ id: string }, Request>({
      client: noukai,
      flow,
      authorize: () => ({ id: "ann" }),
      owner: ({ id }) => id,
      ...server
    })
  )
  const listening = app.listen(0, "127.0.0.1")
  await once(listening, "listening")
  onTestFinished(async () => {
    listening.closeAllConnections()
    listening.close()
    await noukai.close()
  })
  const url = `http://127.0.0.1:${(listening.address() as AddressInfo).port}/api/flow`
  const made = (more: Partial<Options<R, T>> = {}) => createFlow<R, T>({ url, id: "order-17", ...client, ...more })
  return { page: made(), made }
}

/** Destroys the sockets of the first responses, each after some writes. */
const cutting = (...writes: ReadonlyArray<number>): RequestHandler => {
  const left = [...writes]
  return (_, response, next) => {
    let most = left.shift()
    if (most !== undefined) {
      const write = response.write.bind(response) as (chunk: unknown, ...rest: Array<unknown>) => boolean
      response.write = (chunk: unknown, ...rest: Array<unknown>) => {
        if (most!-- > 0) return write(chunk, ...rest)
        response.destroy()
        return false
      }
    }
    next()
  }
}

const confirm = { parameters: z.object({ question: z.string() }) }
const clientTools = { confirm: { parameters: confirm.parameters, result: z.boolean() } }

describe("a flow in a page, over sockets", () => {
  it("grows, and completes with its result", async () => {
    const { page } = await start("acme/support/write", { client: { result: z.string() } })
    const texts = new Set<string>()
    page.subscribe(() => void texts.add(page.state().text))
    const state = await page.run("Ann")
    assert.deepInclude(state, { status: "completed", result: "Dear Ann, hello.", text: "Dear Ann, hello." })
    assert.deepStrictEqual(state.steps.map(({ name, status }) => [name, status]), [
      ["Plan", "completed"],
      ["Write", "completed"]
    ])
    assert.isAtLeast(texts.size, 3)
    assert.strictEqual(emulator.ledger().runsStarted, 1)
  })

  it("is one run for a page whose streams are cut", async () => {
    const { page } = await start("acme/support/write", {
      before: cutting(4, 2),
      server: { onDisconnect: "continue", resume: "latest" }
    })
    const state = await page.run("Ann")
    assert.deepInclude(state, { status: "completed", result: "Dear Ann, hello." })
    assert.lengthOf(state.steps, 2)
    const { billedUsd, runsStarted } = emulator.ledger()
    assert.deepStrictEqual([runsStarted, billedUsd], [1, "0.03"])
  })

  it("shows a run again that the page lost", async () => {
    // the stream breaks off, and the run ends before the page asks for it
    const { page } = await start("acme/support/write", {
      before: (request, response, next) => {
        if (request.method === "GET" && emulator.ledger().runs[0]?.status === "running") {
          void vi.waitUntil(() => emulator.ledger().runs[0]!.status === "completed", 30_000).then(() => next())
        } else {cutting(...request.method === "POST" && emulator.ledger().runsStarted === 0 ? [4] : [])(
            request,
            response,
            next
          )}
      },
      server: { onDisconnect: "continue" }
    })
    const lost = await page.run("Ann")
    assert.strictEqual(lost.error?.code, "LOST")
    const found = await page.run("Ann")
    assert.deepInclude(found, { status: "completed", result: "Dear Ann, hello." })
    assert.strictEqual(emulator.ledger().runsStarted, 1)
  })

  it("asks twice, also a page that comes later; an answer that does not fit changes nothing", async () => {
    const { made, page } = await start("acme/support/ask", { client: { tools: { confirm } }, server: { clientTools } })
    const first = await page.run("hi")
    assert.deepStrictEqual(first.calls.map(({ input }) => input), [{ question: "Really?" }])
    const wrong = await page.answer(first.calls[0]!.id, "yes")
    assert.deepStrictEqual([wrong.error?.code, wrong.error?.status], ["INVALID_RESULT", 400])

    const later = made()
    later.subscribe(() => {})
    await vi.waitUntil(() => later.state().status === "waiting", 30_000)
    const second = await later.answer(later.state().calls[0]!.id, true)
    assert.deepStrictEqual(second.calls.map(({ input }) => input), [{ question: "Sure?" }])
    const done = await later.answer(second.calls[0]!.id, false)
    assert.deepInclude(done, { status: "completed", result: [true, false] })
    assert.strictEqual(emulator.ledger().runsStarted, 1)
  })

  it("fails with a code alone", async () => {
    const { page } = await start("acme/support/fail")
    const { error, status } = await page.run("secret")
    assert.deepStrictEqual([status, error?.code, error?.message], ["failed", "MODEL_DOWN", "MODEL_DOWN"])
  })

  it("is cancelled in its process, whoever looks", async () => {
    const { made, page } = await start("acme/support/essay", { server: { onDisconnect: "continue" } })
    const run = page.run("Ann")
    await vi.waitUntil(() => page.state().text.startsWith("Dear"), 30_000)
    const other = made()
    other.subscribe(() => {})
    await vi.waitUntil(() => other.state().text.startsWith("Dear"), 30_000)
    assert.isTrue(await page.cancel())
    assert.strictEqual((await run).status, "cancelled")
    await vi.waitUntil(() => emulator.ledger().steps.at(-1)!.outcome === "interrupted", 30_000)
    assert.strictEqual(emulator.ledger().billedUsd, "0.01")
  })

  it("is refused to a caller without a login", async () => {
    const { page } = await start("acme/support/write", { server: { authorize: () => false as never } })
    const { error } = await page.run("Ann")
    assert.deepStrictEqual([error?.code, error?.status], ["FORBIDDEN", 403])
    assert.lengthOf(emulator.ledger().requests, 0)
  })
})
