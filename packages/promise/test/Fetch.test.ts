/** A client over a `fetch` that it was given, or that somebody put in the place of the global one. */
import type { RunningEmulator } from "@effect-noukai/emulator"
import {
  APIConnectionError,
  createRelayFlow,
  InvalidRequestError,
  Noukai,
  type NoukaiOptions,
  traceScope
} from "@effect-noukai/promise"
import { Agent } from "undici"
import { afterAll, afterEach, assert, beforeAll, describe, it, vi } from "vitest"
import { collect, hello, rejection, startWorldEmulator, twoStep } from "./support/world.js"

type Fetch = typeof globalThis.fetch

let emulator: RunningEmulator
const clients: Array<{ close(): Promise<void> }> = []
const live = globalThis.fetch

beforeAll(async () => {
  emulator = await startWorldEmulator()
})

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  await emulator.reset()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
  vi.unstubAllEnvs()
})

afterAll(() => emulator.close())

const client = (options: NoukaiOptions = {}): Noukai => {
  const made = new Noukai({ apiKey: emulator.apiKey, env: "dev", port: emulator.port, ...options })
  clients.push(made)
  return made
}

/** A `fetch` that notes what it is asked, and answers with what `answer` makes of it. */
const noting = (answer: Fetch) => {
  const asked: Array<string> = []
  const fetch: Fetch = (input, init) => {
    asked.push(`${init?.method} ${new URL(String(input)).pathname.replace("/api/v1/seq", "")}`)
    return answer(input, init)
  }
  return { asked, fetch }
}

const completed = () =>
  Response.json({ status: "completed", result: { made: "up" }, flowId: "f", blockCount: 1, executionId: "ex-1" })

/** The two ways for a `fetch` to get into a client. */
const ways: ReadonlyArray<readonly [name: string, use: (fetch: Fetch) => NoukaiOptions]> = [
  ["the option fetch", (fetch) => ({ fetch })],
  ["a replaced globalThis.fetch", (fetch) => {
    vi.spyOn(console, "debug").mockImplementation(() => {})
    vi.stubGlobal("fetch", fetch)
    return {}
  }]
]

for (const [name, use] of ways) {
  describe(name, () => {
    it("is what every call goes through, streams too", async () => {
      const { asked, fetch } = noting(live)
      const flow = client(use(fetch)).flow(twoStep)
      const { executionId } = await flow.execute({ message: "hi" })
      const job = await flow.executeAsync({ message: "hi" })
      await job.wait({ pollInterval: 5 })
      await collect(flow.steps({ message: "hi" }))
      await collect(flow.events({ message: "hi", runRemaining: true }))
      await flow.run(executionId!).trace()
      await collect(flow.run(executionId!).liveTrace())
      const { requestsReceived } = emulator.ledger()
      assert.strictEqual(asked.length, requestsReceived)
      const kinds = new Set(asked.map((request) => request.replace(/[0-9a-f-]{36}/, "id").replace(twoStep, "flow")))
      assert.includeMembers([...kinds], [
        "POST /flow/execute",
        "POST /flow/jobs",
        "GET /flow/jobs/id",
        "POST /flow/step",
        "GET /flow/runs/id/trace",
        "GET /flow/runs/id/trace/stream"
      ])
    })

    it("is what the session of a replay is fetched through", async () => {
      vi.stubEnv("NOUKAI_REPLAY_ENABLED", "true")
      const { asked, fetch } = noting(() => Promise.resolve(new Response("{}", { status: 404 })))
      const noukai = client(use(fetch))
      const session = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"
      await rejection(traceScope(() => {}, { client: noukai, replaySessionId: session }))
      assert.deepStrictEqual(asked, [`GET /sessions/${session}`])
    })

    it("may answer from memory: nothing reaches the network", async () => {
      const { asked, fetch } = noting(() => Promise.resolve(completed()))
      const done = await client(use(fetch)).flow(hello).execute({ message: "hi" })
      assert.deepStrictEqual(done.requiresToolCalls ? undefined : done.result, { made: "up" })
      assert.strictEqual(asked.length, 1)
      assert.strictEqual(emulator.ledger().requestsReceived, 0)
    })

    for (
      const [what, failing] of [
        ["rejects", () => Promise.reject(new TypeError("fetch failed"))],
        ["throws", () => {
          throw new TypeError("fetch failed")
        }],
        ["gives nothing", () => Promise.resolve(undefined as never)],
        ["gives what is no promise of a response", () => 7 as never]
      ] as ReadonlyArray<readonly [string, Fetch]>
    ) {
      it(`that ${what}: sent is "unknown", and nothing is retried`, async () => {
        const { asked, fetch } = noting(failing)
        const noukai = client({ ...use(fetch), maxRetries: 3 })
        const flow = noukai.flow(hello)
        const calls = [
          () => flow.execute({ message: "hi" }),
          () => flow.executeAsync({ message: "hi" }),
          () => noukai.job(hello, "ex-1").poll(),
          () => flow.run("ex-1").trace(),
          () => collect(flow.events({ message: "hi" }))
        ]
        for (const [index, call] of calls.entries()) {
          const error = await rejection(call())
          assert.instanceOf(error, APIConnectionError)
          assert.strictEqual((error as APIConnectionError).sent, "unknown")
          assert.strictEqual(asked.length, index + 1)
        }
      })
    }

    it("retries: whatever is answered, nothing is retried", async () => {
      for (const status of [429, 500, 502, 503, 504]) {
        const { asked, fetch } = noting(() => Promise.resolve(new Response("{}", { status })))
        const noukai = client({ ...use(fetch), maxRetries: 3 })
        await rejection(noukai.flow(hello).execute({ message: "hi" }))
        await rejection(noukai.job(hello, "ex-1").poll())
        assert.strictEqual(asked.length, 2)
      }
    })

    it("is told of an abort and of the end of the client", async () => {
      const signals: Array<AbortSignal> = []
      const begun: Array<() => void> = []
      const { fetch } = noting((_, init) => {
        signals.push(init!.signal!)
        begun.splice(0).forEach((tell) => tell())
        return new Promise(() => {})
      })
      const noukai = client(use(fetch))
      const controller = new AbortController()
      const arrived = () => new Promise<void>((resolve) => void begun.push(resolve))
      let sending = arrived()
      const first = rejection(noukai.flow(hello).execute({ message: "hi", signal: controller.signal }))
      await sending
      controller.abort("enough")
      assert.strictEqual(await first, "enough")
      assert.isTrue(signals[0]!.aborted)
      sending = arrived()
      const second = rejection(noukai.flow(hello).execute({ message: "hi" }))
      await sending
      await noukai.close()
      assert.strictEqual((await second as APIConnectionError).sent, "unknown")
      assert.isTrue(signals[1]!.aborted)
      assert.strictEqual((await rejection(noukai.flow(hello).execute()) as APIConnectionError).sent, "no")
      assert.strictEqual(signals.length, 2)
    })

    it("is what a relay is asked through", async () => {
      const { asked, fetch } = noting(() => Promise.resolve(completed()))
      const agent = createRelayFlow({ url: "http://127.0.0.1:1/agent/execute", fetch: use(fetch).fetch })
      const done = await agent.execute({ message: "hi" })
      assert.deepStrictEqual(done.requiresToolCalls ? undefined : done.result, { made: "up" })
      assert.deepStrictEqual(asked, ["POST /agent/execute"])
    })
  })
}

describe("globalThis.fetch", () => {
  const lines = () => {
    const debug = vi.spyOn(console, "debug").mockImplementation(() => {})
    return () => debug.mock.calls.map(([line]) => String(line))
  }

  it("that was replaced is told of in one line of debug, of each client", async () => {
    const told = lines()
    vi.stubGlobal("fetch", noting(() => Promise.resolve(completed())).fetch)
    const noukai = client()
    await noukai.flow(hello).execute({ message: "hi" })
    await noukai.flow(hello).execute({ message: "hi" })
    assert.strictEqual(told().length, 1)
    assert.match(told()[0]!, /^noukai: globalThis\.fetch .*nothing is retried.*"unknown"/)
  })

  it("that is as it was, and one that is given, are not told of", async () => {
    const told = lines()
    await client().flow(hello).execute({ message: "hi" })
    await client({ fetch: live }).flow(hello).execute({ message: "hi" })
    assert.deepStrictEqual(told(), [])
  })

  it("is looked at when the client is made: what comes later makes no difference", async () => {
    const { asked, fetch } = noting(live)
    const noukai = client()
    vi.stubGlobal("fetch", fetch)
    await noukai.flow(hello).execute({ message: "hi" })
    assert.strictEqual(asked.length, 0)
    vi.spyOn(console, "debug").mockImplementation(() => {})
    const later = client()
    vi.unstubAllGlobals()
    await later.flow(hello).execute({ message: "hi" })
    assert.strictEqual(asked.length, 1)
  })

  it("loses to a fetch and to a dispatcher that are given", async () => {
    const { asked, fetch } = noting(live)
    const given = noting(live)
    vi.stubGlobal("fetch", fetch)
    await client({ fetch: given.fetch }).flow(hello).execute({ message: "hi" })
    const agent = new Agent()
    await client({ dispatcher: agent }).flow(hello).execute({ message: "hi" })
    await agent.close()
    assert.deepStrictEqual([asked.length, given.asked.length], [0, 1])
  })
})

describe("a fetch that is none", () => {
  it("is refused by name, as is one beside a dispatcher", () => {
    const wrong: ReadonlyArray<NoukaiOptions> = [
      { fetch: 7 as never },
      { fetch: {} as never },
      { fetch: live, dispatcher: {} }
    ]
    for (const options of wrong) {
      try {
        client(options)
        assert.fail("it was accepted")
      } catch (error) {
        assert.instanceOf(error, InvalidRequestError)
        assert.strictEqual((error as InvalidRequestError).field, "fetch")
      }
    }
  })

  it("json: null is as good as absent", async () => {
    assert.strictEqual(
      (await client({ fetch: null as never }).flow(hello).execute({ message: "hi" })).status,
      "completed"
    )
  })
})

describe("a response", () => {
  const text = JSON.stringify({ status: "completed", result: 1, flowId: "f", blockCount: 1, executionId: "ex-1" })

  it("may be no more than what the reference looks at", async () => {
    const bare = { ok: true, status: 200, headers: new Headers(), text: () => Promise.resolve(text) }
    const done = await client({ fetch: () => Promise.resolve(bare as Response) }).flow(hello).execute({ message: "hi" })
    assert.strictEqual(done.status, "completed")
  })

  it("may have a body that is iterated, as those of Node's streams are", async () => {
    const body = (async function*() {
      for (const part of [text.slice(0, 9), text.slice(9)]) yield new TextEncoder().encode(part)
    })()
    const iterated = { ok: true, status: 200, headers: new Headers(), body }
    const fetch = () => Promise.resolve(iterated as unknown as Response)
    assert.strictEqual((await client({ fetch }).flow(hello).execute({ message: "hi" })).status, "completed")
  })

  it("whose body fails has begun", async () => {
    const body = new ReadableStream({
      pull: (controller) => controller.error(new TypeError("terminated"))
    })
    const fetch = () => Promise.resolve(new Response(body))
    const error = await rejection(client({ fetch }).flow(hello).execute({ message: "hi" }))
    assert.strictEqual((error as APIConnectionError).sent, "yes")
  })
})
