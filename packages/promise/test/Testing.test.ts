/** Cassettes of Promise programs: recorded over real sockets once, then replayed. */
import { type RunningEmulator, samples, startEmulator } from "@effect-noukai/emulator"
import {
  AuthenticationError,
  CassetteError,
  InvalidRequestError,
  type Noukai,
  type NoukaiOptions,
  ReplayLeftoverError,
  ReplayMissError
} from "@effect-noukai/promise"
import { record, replay } from "@effect-noukai/promise/testing"
import { existsSync } from "node:fs"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, assert, beforeAll, beforeEach, describe, it, vi } from "vitest"
import { rejection, resultOf } from "./support/world.js"

const twoStep = "noukai/samples/two-step"
const slow = "noukai/tests/slow"
const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object" } } }]

let emulator: RunningEmulator
let folder: string
let path: string
let client: NoukaiOptions

beforeAll(async () => {
  const sleep = { kind: "template", id: "sleep", output: 1, duration: "1 hour" } as const
  emulator = await startEmulator({ flows: [...samples, { ref: slow, steps: [sleep] }], capture: "full" })
  folder = await mkdtemp(join(tmpdir(), "cassettes-"))
})

beforeEach(({ task }) => {
  vi.stubEnv("CI", undefined)
  vi.stubEnv("NOUKAI_API_KEY", undefined)
  path = join(folder, task.id, "cassette.json")
  client = { apiKey: emulator.apiKey, env: "dev", port: emulator.port }
})

afterEach(() => {
  vi.unstubAllEnvs()
  emulator.reset()
})

afterAll(async () => {
  await rm(folder, { recursive: true })
  await emulator.close()
})

const ask = (message: string) => async (noukai: Noukai) => resultOf(await noukai.flow(twoStep).execute({ message }))

describe("record", () => {
  it("records once, then replays without a key, and sends nothing", async () => {
    const recorded = await record(path, ask("A17"), { client })
    assert.deepStrictEqual(recorded, { text: "About your order: A17" })
    assert.strictEqual(emulator.ledger().runsStarted, 1)
    const before = await readFile(path, "utf8")
    assert.notInclude(before, emulator.apiKey)
    assert.deepStrictEqual(await record(path, ask("A17")), recorded)
    assert.deepStrictEqual(await replay(path, ask("A17")), recorded)
    assert.strictEqual(emulator.ledger().runsStarted, 1)
    assert.strictEqual(await readFile(path, "utf8"), before)
  })

  it("tools, streams, jobs and errors are replayed as they were", async () => {
    const program = async (noukai: Noukai) => {
      const cities: Array<string> = []
      const handled = await noukai.flow("noukai/samples/tools-enabled").execute({
        message: "What is the weather in Lisbon?",
        tools,
        toolHandler: (calls) =>
          calls.map((call) => {
            cities.push(String(JSON.parse(call.function.arguments).city))
            return { tool_call_id: call.id, content: "18 °C" }
          })
      })
      const types: Array<string> = []
      for await (const { type } of noukai.flow(twoStep).events({ message: "A17" })) types.push(type)
      const job = await noukai.flow(twoStep).executeAsync({ message: "A17" })
      const { status } = await job.wait({ pollInterval: 10 })
      const error = await rejection(noukai.flow("noukai/samples/absent").execute({ message: "hi" })) as Error
      return { cities, result: resultOf(handled), types, status, error: error.name }
    }
    const recorded = await record(path, program, { client })
    assert.strictEqual(recorded.error, "FlowNotFoundError")
    const { runsStarted } = emulator.ledger()
    assert.deepStrictEqual(await replay(path, program), recorded)
    assert.strictEqual(emulator.ledger().runsStarted, runsStarted)
  })

  it("a call that was not recorded is a ReplayMissError, an unused recording a ReplayLeftoverError", async () => {
    await record(path, ask("A17"), { client })
    const miss = await rejection(replay(path, ask("A18"))) as Error
    assert.instanceOf(miss, ReplayMissError)
    assert.include(miss.message, "A18")
    assert.instanceOf(await rejection(replay(path, () => 1)), ReplayLeftoverError)
    assert.strictEqual(await replay(path, () => 1, { allowUnused: true }), 1)
    assert.strictEqual(emulator.ledger().runsStarted, 1)
  })

  it("modes: new adds calls, all records again, none and CI only replay", async () => {
    await record(path, ask("A17"), { client })
    const both = async (noukai: Noukai) => [await ask("A17")(noukai), await ask("A18")(noukai)]
    assert.lengthOf(await record(path, both, { client, mode: "new" }), 2)
    assert.strictEqual(emulator.ledger().runsStarted, 2)
    await record(path, both, { client, mode: "all" })
    assert.strictEqual(emulator.ledger().runsStarted, 4)
    assert.lengthOf(await record(path, both, { mode: "none" }), 2)
    vi.stubEnv("CI", "true")
    const missing = await rejection(record(`${path}.missing`, both, { client })) as Error
    assert.instanceOf(missing, CassetteError)
    assert.include(missing.message, `${path}.missing`)
    assert.strictEqual(emulator.ledger().runsStarted, 4)
  })

  it("without a key the test does not begin; a new call of a replay rejects", async () => {
    let began = false
    const error = await rejection(record(path, () => {
      began = true
    }))
    assert.instanceOf(error, AuthenticationError)
    assert.isFalse(began)
    assert.isFalse(existsSync(path))
    await record(path, ask("A17"), { client })
    assert.instanceOf(await rejection(record(path, ask("A18"), { mode: "new" })), AuthenticationError)
  })

  it("an error of the test is what it rejects with, and its calls are written", async () => {
    const failing = async (noukai: Noukai) => {
      await ask("A17")(noukai)
      throw new TypeError("expected 8")
    }
    assert.deepStrictEqual(await rejection(record(path, failing, { client })), new TypeError("expected 8"))
    assert.deepStrictEqual(await replay(path, ask("A17")), { text: "About your order: A17" })
    const unwritable = join(path, "is a file", "cassette.json")
    assert.deepStrictEqual(await rejection(record(unwritable, failing, { client })), new TypeError("expected 8"))
    assert.instanceOf(await rejection(record(unwritable, ask("A17"), { client })), CassetteError)
  })

  it("ends its calls by the signal of its client, and starts none when it is aborted", async () => {
    const stopped = new AbortController()
    const stopping = async (noukai: Noukai) => {
      const running = noukai.flow(slow).execute({ message: "hi" })
      while (emulator.ledger().runsStarted === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      stopped.abort("enough")
      return running
    }
    const options = { client: { ...client, signal: stopped.signal } }
    assert.strictEqual(await rejection(record(path, stopping, options)), "enough")
    assert.strictEqual(await rejection(record(path, ask("A17"), options)), "enough")
    assert.strictEqual(emulator.ledger().runsStarted, 1)
    const wrong = await rejection(record(path, ask("A17"), { client: { ...client, signal: 1 as never } }))
    assert.deepInclude(wrong, { name: "InvalidRequestError", field: "signal" })
  })

  it("removes the key and the values of redact", async () => {
    const apiKey = "nk_planted_4711"
    const server = createServer((request, response) => {
      request.resume().on("end", () =>
        response.end(JSON.stringify({
          status: "completed",
          result: { echo: `key ${apiKey}`, email: "ann@example.com" },
          flowId: "f",
          blockCount: 1,
          executionId: "ex-1"
        })))
    }).listen(0, "127.0.0.1")
    await new Promise((resolve) => server.once("listening", resolve))
    const redact = { paths: ["**.email"], patterns: [/card \d+/] }
    const { port } = server.address() as AddressInfo
    await record(path, ask("card 4711"), { client: { apiKey, env: "dev", port }, redact })
    server.close()
    const written = await readFile(path, "utf8")
    for (const secret of [apiKey, "ann@example.com", "card 4711"]) assert.notInclude(written, secret)
    assert.deepStrictEqual(await replay(path, ask("card 4711"), { redact }), {
      echo: "key <redacted>",
      email: "[redacted]"
    })
  })

  it("wrong options are refused before anything is read or sent", async () => {
    const refused = async (call: Promise<unknown>) => {
      const error = await rejection(call) as InvalidRequestError
      assert.instanceOf(error, InvalidRequestError)
      return error.message
    }
    assert.include(await refused(record(path, ask("A17"), { mode: "twice" as never, client })), "record: invalid mode")
    assert.include(await refused(record(path, ask("A17"), { moed: "all" } as never)), "did you mean mode?")
    assert.include(await refused(record(path, ask("A17"), { client: { apikey: 1 } as never })), "did you mean apiKey?")
    assert.include(
      await refused(record(path, ask("A17"), { redact: { pattern: [/x/g] } as object, client })),
      "record: redact: invalid pattern: is not an option: did you mean patterns?"
    )
    assert.include(await refused(record(path, 1 as never)), "record: invalid test: must be a function")
    assert.include(await refused(replay("", ask("A17"))), "replay: invalid path")
    assert.include(await refused(replay(path, ask("A17"), { match: "x" as never })), "replay: invalid match")
  })
})
