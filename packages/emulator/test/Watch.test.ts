import { type EmulatorOptions, type RunningEmulator, samples, startEmulator } from "@effect-noukai/emulator"
import { afterEach, assert, describe, it, vi } from "vitest"
import { type Parsed, statusWith } from "./client.js"

const hello = "/api/v1/seq/noukai/samples/hello-world"
const weather = "/api/v1/seq/noukai/samples/tools-enabled"

let emulator: RunningEmulator

afterEach(() => emulator.close())

const start = async (options: EmulatorOptions = {}) => {
  emulator = await startEmulator(options)
}

const send = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
  const response = await fetch(emulator.url + path, {
    method,
    headers: { authorization: `Bearer ${emulator.apiKey}`, ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
  return { status: response.status, json: await response.json() as Parsed }
}

const execute = async (headers = {}) =>
  (await send("POST", `${hello}/execute`, { message: "hi" }, headers)).json.executionId as string

const runs = async (query = "") => (await send("GET", `/_emulator/runs${query}`)).json

const idsOf = (page: Parsed): ReadonlyArray<string> => page.runs.map((run: Parsed) => run.executionId)

const session = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

describe("GET /_emulator/runs", () => {
  it("says of each run what there is to show", async () => {
    await start({
      flows: [...samples, {
        ref: "acme/test/failing",
        steps: [{ kind: "template", id: "a", output: 1 }, { kind: "fail", id: "b", code: "X", message: "no" }]
      }]
    })
    await execute({ "x-session-id": session })
    await send("POST", "/api/v1/seq/acme/test/failing/execute", {})
    await send("POST", `${weather}/execute`, { message: "hi" })
    const { runs: [paused, failed, completed], ...rest } = await runs()
    const ledger = emulator.ledger()
    assert.deepStrictEqual(rest, { next: null, evicted: 0, lastEventId: rest.lastEventId })
    assert.deepStrictEqual(completed, {
      executionId: ledger.runs[0]!.executionId,
      flow: "noukai/samples/hello-world",
      flowId: ledger.runs[0]!.flowId,
      trigger: "execute",
      status: "completed",
      sessionId: session,
      startedAt: ledger.runs[0]!.startedAt,
      endedAt: ledger.runs[0]!.endedAt,
      durationMs: ledger.runs[0]!.endedAt! - ledger.runs[0]!.startedAt,
      stepCount: 1,
      billedUsd: "0.00012",
      pausedAtStep: null,
      error: null
    })
    assert.deepInclude(failed, { status: "failed", error: { code: "X", message: "no", stepId: "b" }, stepCount: 2 })
    assert.deepInclude(paused, { status: "running", pausedAtStep: "assistant", endedAt: null, durationMs: null })
    // who looks is not in it
    assert.strictEqual(ledger.requestsReceived, 3)
  })

  it("tells the times that the ledger has, on a clock that moves with every look", async () => {
    await start()
    const first = Date.now()
    let looks = 0
    vi.spyOn(Date, "now").mockImplementation(() => first + looks++)
    try {
      await execute()
    } finally {
      vi.restoreAllMocks()
    }
    const { runs: [run] } = await runs()
    const { endedAt, startedAt } = emulator.ledger().runs[0]!
    assert.isAbove(looks, 4)
    assert.deepInclude(run, { startedAt, endedAt, durationMs: endedAt! - startedAt })
  })

  it("filters by flow, status and session, together too", async () => {
    await start()
    const first = await execute({ "x-session-id": session })
    const second = await execute()
    await send("POST", `${weather}/execute`, { message: "hi" }, { "x-session-id": session })
    const third = idsOf(await runs("?limit=1"))[0]!
    assert.deepStrictEqual(idsOf(await runs()), [third, second, first])
    assert.deepStrictEqual(idsOf(await runs("?flow=noukai/samples/hello-world")), [second, first])
    assert.deepStrictEqual(idsOf(await runs("?status=running")), [third])
    assert.deepStrictEqual(idsOf(await runs(`?session=${session.toUpperCase()}`)), [third, first])
    assert.deepStrictEqual(idsOf(await runs(`?session=${session}&status=completed`)), [first])
    assert.deepStrictEqual(idsOf(await runs("?flow=noukai%2Fsamples%2Ftwo-step")), [])
    assert.deepStrictEqual(idsOf(await runs("?status=cancelled")), [])
  })

  it("pages newest first; a page stays as it is when more runs come", async () => {
    await start()
    const ids: Array<string> = []
    for (let count = 0; count < 5; count++) ids.unshift(await execute())
    const first = await runs("?limit=2")
    assert.deepStrictEqual(idsOf(first), ids.slice(0, 2))
    await execute()
    const second = await runs(`?limit=2&cursor=${first.next}`)
    assert.deepStrictEqual(idsOf(second), ids.slice(2, 4))
    const third = await runs(`?limit=2&cursor=${second.next}`)
    assert.deepStrictEqual([idsOf(third), third.next], [ids.slice(4), null])
    assert.strictEqual((await runs("?limit=6")).next, null)
    for (let count = 0; count < 30; count++) await execute()
    assert.strictEqual((await runs()).runs.length, 20)
  })

  it("shows those that are kept, and how many are not", async () => {
    await start({ limits: { runs: 2 } })
    const ids = [await execute(), await execute(), await execute()]
    const page = await runs()
    assert.deepStrictEqual([idsOf(page), page.evicted], [[ids[2], ids[1]], 1])
  })

  it("says what is wrong with a question", async () => {
    await start()
    for (
      const [query, message] of [
        ["?status=done", /^status is one of pending, running, completed, failed, cancelled, not "done"\.$/],
        ["?limit=0", /^limit is a whole number from 1 to 100, not "0"\.$/],
        ["?limit=101", /^limit/],
        ["?limit=x", /^limit/],
        ["?cursor=-1", /^cursor/],
        ["?session=mine", /^session is a UUID\.$/],
        ["?flows=a", /^flows is not one of flow, status, session, limit, cursor\.$/]
      ] as const
    ) {
      const { json, status } = await send("GET", `/_emulator/runs${query}`)
      assert.strictEqual(status, 400, query)
      assert.match(json.detail.message, message)
    }
    assert.strictEqual((await send("GET", "/_emulator/runs/x")).status, 404)
    assert.strictEqual((await send("POST", "/_emulator/runs", {})).status, 404)
  })
})

interface Told {
  readonly id: number
  readonly event: string
  readonly data: Parsed
}

/** Reads events until it is let go. */
const watch = async (headers: Record<string, string> = {}, query = "") => {
  const abort = new AbortController()
  const response = await fetch(`${emulator.url}/_emulator/events${query}`, { headers, signal: abort.signal })
  assert.strictEqual(response.status, 200)
  assert.strictEqual(response.headers.get("content-type"), "text/event-stream; charset=utf-8")
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ""
  const told: Array<Told> = []
  const next = async (): Promise<void> => {
    const { done, value } = await reader.read()
    assert.isFalse(done)
    const frames = (text + value).split("\n\n")
    text = frames.pop()!
    for (const frame of frames) {
      const [, id, event, data] = /^id: (\d+)\nevent: (\w+)\ndata: (.+)$/.exec(frame)!
      told.push({ id: Number(id), event: event!, data: JSON.parse(data!) as Parsed })
    }
  }
  return {
    told,
    until: async (predicate: (event: Told) => boolean): Promise<Told> => {
      for (;;) {
        const found = told.find(predicate)
        if (found !== undefined) return found
        await next()
      }
    },
    stop: async () => {
      abort.abort()
      await reader.cancel().catch(() => undefined)
    }
  }
}

const ended = (executionId: string) => ({ data, event }: Told) =>
  event === "RunEnded" && data.executionId === executionId

const namesOf = (told: ReadonlyArray<Told>) => told.map(({ event }) => event).filter((name) => !name.startsWith("Conn"))

const whole = ["RequestReceived", "RunStarted", "StepStarted", "StepEnded", "RunEnded", "RequestEnded"]

describe("GET /_emulator/events", () => {
  it("tells what has happened, then what happens, as it happens", async () => {
    await start()
    const before = await execute()
    const events = await watch()
    await events.until(ended(before))
    const after = await execute()
    const { data } = await events.until(ended(after))
    assert.deepStrictEqual(data, {
      eventType: "RunEnded",
      type: "RunEnded",
      executionId: after,
      status: "completed",
      at: emulator.ledger().runs[1]!.endedAt
    })
    await events.until(({ data, event }) => event === "RequestEnded" && data.request !== events.told[1]!.data.request)
    assert.deepStrictEqual(namesOf(events.told), [...whole, ...whole])
    assert.deepStrictEqual(events.told.map(({ id }) => id), events.told.map((_, at) => at + 1))
    await events.stop()
  })

  for (
    const [name, headers, query] of [
      ["Last-Event-ID", (id: number) => ({ "last-event-id": String(id) }), () => ""],
      ["?lastEventId", () => ({}), (id: number) => `?lastEventId=${id}`]
    ] as const
  ) {
    it(`goes on after the id of ${name}, with nothing lost and nothing twice`, async () => {
      await start()
      const ids = [await execute()]
      const first = await watch()
      const { id } = await first.until(({ event }) => event === "StepStarted")
      await first.stop()
      ids.push(await execute())
      const second = await watch(headers(id), query(id))
      await second.until(ended(ids[1]!))
      assert.strictEqual(second.told[0]!.id, id + 1)
      assert.strictEqual(second.told[0]!.event, "StepEnded")
      const seen = [...first.told.filter((event) => event.id <= id), ...second.told].map((event) => event.id)
      assert.deepStrictEqual(seen, seen.map((_, at) => at + 1))
      await second.stop()
    })
  }

  it("goes on after what GET /_emulator/runs showed", async () => {
    await start()
    await execute()
    const { lastEventId } = await runs()
    const later = await execute()
    const events = await watch({}, `?lastEventId=${lastEventId}`)
    await events.until(ended(later))
    assert.strictEqual(events.told.filter(({ event }) => event === "RunStarted").length, 1)
    await events.stop()
  })

  it("says that a reset made everything before it void; ids go on", async () => {
    await start()
    await execute()
    const events = await watch()
    await events.until(({ event }) => event === "RequestEnded")
    await emulator.reset()
    const { id } = await events.until(({ event }) => event === "Reset")
    assert.strictEqual(id, events.told.at(-2)!.id + 1)
    const late = await watch({ "last-event-id": "2" })
    const after = await execute()
    await late.until(ended(after))
    assert.strictEqual(late.told[0]!.event, "Reset")
    assert.strictEqual(late.told[0]!.id, id)
    await events.until(ended(after))
    await Promise.all([events.stop(), late.stop()])
  })

  it("says how many it no longer has", async () => {
    await start({
      flows: [...samples, {
        ref: "acme/test/loop",
        steps: [{ kind: "loop", id: "each", times: 6_000, steps: [{ kind: "template", id: "in", output: 1 }] }]
      }]
    })
    await execute()
    await send("POST", "/api/v1/seq/acme/test/loop/execute", {})
    const later = await execute()
    const events = await watch({ "last-event-id": "2" })
    await events.until(ended(later))
    const [missed, next] = events.told
    assert.strictEqual(missed!.event, "Missed")
    assert.strictEqual(missed!.data.count, missed!.id - 2)
    assert.strictEqual(next!.id, missed!.id + 1)
    await events.stop()
    // whoever begins is told what is kept, and misses nothing
    const fresh = await watch()
    await fresh.until(ended(later))
    assert.isFalse(fresh.told.some(({ event }) => event === "Missed"))
    await fresh.stop()
  })

  it("begins anew for whoever comes from an emulator that ran there before", async () => {
    await start()
    const id = await execute()
    const events = await watch({ "last-event-id": "123456" })
    await events.until(ended(id))
    assert.deepStrictEqual(events.told.slice(0, 2).map((event) => [event.id, event.event]), [
      [0, "Reset"],
      [1, "ConnectionOpened"]
    ])
    await events.stop()
  })

  it("refuses an id that is none, and ends with the emulator", async () => {
    await start()
    assert.strictEqual((await send("GET", "/_emulator/events", undefined, { "last-event-id": "x" })).status, 400)
    const events = await watch()
    const gone = events.until(({ event }) => event === "never").then(() => false, () => true)
    await emulator.close()
    assert.isTrue(await gone)
  })
})

describe("who may watch", () => {
  it("nobody but programs on this machine, without a key", async () => {
    await start()
    for (const path of ["/_emulator/runs", "/_emulator/events?lastEventId=x"]) {
      const open = path === "/_emulator/runs" ? 200 : 400
      for (
        const [headers, status] of [
          [{}, open],
          [{ host: "evil.example" }, 403],
          [{ origin: "http://localhost:3000" }, 403],
          [{ origin: "https://evil.example" }, 403],
          [{ "sec-fetch-site": "cross-site" }, 403]
        ] as const
      ) {
        assert.strictEqual(await statusWith(emulator.url + path, headers), status, `${path} ${JSON.stringify(headers)}`)
      }
    }
  })
})
