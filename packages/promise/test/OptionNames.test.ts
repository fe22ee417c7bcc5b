/** A misspelt option, or a wrong number, of any input is refused before anything is sent. */
import * as Noukai from "@effect-noukai/promise"
import { createRelayFlow, RelayExecuteTransport } from "@effect-noukai/promise/relay"
import * as Testing from "@effect-noukai/promise/testing"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, assert, beforeAll, describe, it } from "vitest"

const requests: Array<string> = []

const server = Http.createServer((request, response) => {
  requests.push(`${request.method} ${request.url}`)
  response.writeHead(500).end()
})

let port = 0

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  port = (server.address() as AddressInfo).port
})

afterAll(() => new Promise((resolve) => server.close(resolve)))

const any = (value: unknown) => value as never

const apiKey = `nk_test_${"a".repeat(32)}`

const file = "none/names.json"

const read = async (all: AsyncIterable<unknown>) => {
  for await (const one of all) assert.fail(String(one))
}

const client = () => new Noukai.Noukai({ apiKey, env: "dev", port, maxRetries: 0 })
const flow = () => client().flow("acme/test/a")
const run = () => flow().run("ex-1")
const job = () => flow().job("ex-1")
const url = () => `http://127.0.0.1:${port}/relay`
const schema = { type: "function", function: { name: "a" } }
const attachment = { url: "https://noukai.test/a.png", mime_type: "image/png" }

const inputs: { readonly [name: string]: (options: object) => unknown } = {
  "new Noukai": (options) => new Noukai.Noukai(any({ apiKey, ...options })),
  flow: (options) => client().flow(any({ org: "a", project: "b", slug: "c", ...options })).execute(),
  "schemas of a flow": (options) => client().flow("a/b/c", any(options)),
  execute: (options) => flow().execute(any({ message: "a", ...options })),
  "attachments of execute": (options) => flow().execute({ attachments: [any({ ...attachment, ...options })] }),
  "tools of execute": (options) =>
    flow().execute({ message: "a", tools: [any({ ...schema, function: { name: "a", ...options } })] }),
  executeOnce: (options) => flow().executeOnce("key", any({ message: "a", ...options })),
  submitOnce: (options) => flow().submitOnce("key", any({ message: "a", ...options })),
  executeAsync: (options) => flow().executeAsync(any({ message: "a", ...options })),
  executeAsyncOnce: (options) => flow().executeAsyncOnce("key", any({ message: "a", ...options })),
  steps: (options) => read(flow().steps(any({ message: "a", ...options }))),
  events: (options) => read(flow().events(any({ message: "a", ...options }))),
  eventsOnce: (options) => read(flow().eventsOnce("key", any({ message: "a", ...options }))),
  resume: (options) => flow().resume(any({ executionId: "e" }), any({ toolResults: [], ...options })),
  poll: (options) => job().poll(any(options)),
  wait: (options) => job().wait(any(options)),
  waitAll: (options) => read(client().waitAll([job()], any(options))),
  trace: (options) => run().trace(any(options)),
  cost: (options) => run().cost(any(options)),
  stepTrace: (options) => run().stepTrace("s", any(options)),
  liveTrace: (options) => read(run().liveTrace(any(options))),
  "new Budget": (options) => new Noukai.Budget(any({ limitUsd: 1, ...options })),
  traceScope: (options) => Noukai.traceScope(() => assert.fail("it began"), any(options)),
  replayScope: (options) => Noukai.replayScope(() => assert.fail("it began"), any(options)),
  defineTool: (options) => Noukai.defineTool(any({ name: "a", run: () => 1, ...options })),
  createRelayFlow: (options) => createRelayFlow(any({ url: url(), ...options })),
  "new RelayExecuteTransport": (options) => new RelayExecuteTransport(any({ url: url(), ...options })),
  "execute of a relay flow": (options) => createRelayFlow({ url: url() }).execute(any({ message: "a", ...options })),
  "attachments of a relay flow": (options) =>
    createRelayFlow({ url: url() }).execute({ attachments: [any({ ...attachment, ...options })] }),
  "tools of a relay flow": (options) =>
    createRelayFlow({ url: url() }).execute({ tools: [any({ ...schema, ...options })] }),
  record: (options) => Testing.record(file, () => assert.fail("it began"), any(options)),
  replay: (options) => Testing.replay(file, () => assert.fail("it began"), any(options))
}

const misspelt: ReadonlyArray<readonly [name: string, options: object, meant: string]> = [
  ["new Noukai", { maxRetrys: 1 }, "maxRetries"],
  ["new Noukai", { rate: { limits: 1, interval: 1 } }, "limit"],
  ["flow", { slg: "d" }, "slug"],
  ["schemas of a flow", { reslt: {} }, "result"],
  ["execute", { mesage: "b" }, "message"],
  ["execute", { maxCostUSD: 1 }, "maxCostUsd"],
  ["attachments of execute", { filname: "a" }, "filename"],
  ["tools of execute", { descripton: "a" }, "description"],
  ["executeOnce", { rerunfailed: true }, "rerunFailed"],
  ["eventsOnce", { silense: 1 }, "silence"],
  ["submitOnce", { setle: 1 }, "settle"],
  ["executeAsync", { verson: 1 }, "version"],
  ["executeAsyncOnce", { timeot: 1 }, "timeout"],
  ["steps", { inputOverride: {} }, "inputOverrides"],
  ["events", { runRemainin: true }, "runRemaining"],
  ["events", { heal: { atempts: 1 } }, "attempts"],
  ["resume", { toolHandlr: 1 }, "toolHandler"],
  ["poll", { timeot: 1 }, "timeout"],
  ["wait", { pollinterval: 1 }, "pollInterval"],
  ["waitAll", { concurency: 1 }, "concurrency"],
  ["waitAll", { rate: { limit: 1, intervall: 1 } }, "interval"],
  ["trace", { timeot: 1 }, "timeout"],
  ["cost", { signl: 1 }, "signal"],
  ["stepTrace", { loopindex: 1 }, "loopIndex"],
  ["liveTrace", { timeot: 1 }, "timeout"],
  ["new Budget", { perrun: 1 }, "perRun"],
  ["traceScope", { captur: true }, "capture"],
  ["replayScope", { clients: 1 }, "client"],
  ["defineTool", { jsonschema: {} }, "jsonSchema"],
  ["createRelayFlow", { timeot: 1 }, "timeout"],
  ["new RelayExecuteTransport", { timeot: 1 }, "timeout"],
  ["execute of a relay flow", { mesage: "b" }, "message"],
  ["attachments of a relay flow", { filname: "a" }, "filename"],
  ["tools of a relay flow", { typ: "a" }, "type"],
  ["record", { mde: "once" }, "mode"],
  ["record", { redact: { path: [] } }, "paths"],
  ["record", { client: { apikey: "a" } }, "apiKey"],
  ["replay", { mach: "input" }, "match"],
  ["replay", { redact: { pattern: [] } }, "patterns"]
]

/** Whole numbers, amounts, and times. A time may be a part of a millisecond; one that limits may be endless. */
const counts = [NaN, -1, 0.5, Infinity]
const amounts = [NaN, -1, Infinity]
const times = [NaN, -1]

const numbers: ReadonlyArray<readonly [name: string, field: string, values: ReadonlyArray<number>]> = [
  ...["port", "maxRetries", "maxConcurrency", "rate", "rate.limit"].map((field) =>
    ["new Noukai", field, counts] as const
  ),
  ["new Noukai", "rate.interval", amounts],
  ["new Noukai", "timeout", times],
  ...["execute", "executeOnce", "executeAsync", "executeAsyncOnce", "steps", "events"].flatMap((name) => [
    [name, "timeout", times] as const,
    [name, "version", counts] as const
  ]),
  ...["execute", "executeOnce", "steps", "events"].map((name) => [name, "maxToolRounds", counts] as const),
  ...["execute", "steps", "events"].map((name) => [name, "maxCostUsd", amounts] as const),
  ...["executeOnce", "submitOnce"].map((name) => [name, "settle", amounts] as const),
  ...["poll", "wait", "waitAll", "trace", "cost", "stepTrace", "liveTrace"].map((name) =>
    [name, "timeout", times] as const
  ),
  ...["wait", "waitAll"].map((name) => [name, "pollInterval", amounts] as const),
  ...["concurrency", "rate", "rate.limit"].map((field) => ["waitAll", field, counts] as const),
  ["waitAll", "rate.interval", amounts],
  ["stepTrace", "loopIndex", counts],
  ["stepTrace", "attempt", counts],
  ["new Budget", "limitUsd", amounts],
  ["new Budget", "perRun", amounts],
  ["resume", "maxToolRounds", counts],
  ["resume", "maxCostUsd", amounts],
  ["resume", "timeout", times],
  ...["steps", "events"].flatMap((name) => [
    [name, "heal.attempts", [...counts, 0]] as const,
    [name, "heal.delay", amounts] as const
  ]),
  ["createRelayFlow", "timeout", times],
  ["new RelayExecuteTransport", "timeout", times],
  ["execute of a relay flow", "maxToolRounds", counts],
  ["execute of a relay flow", "timeout", counts]
]

const optionsOf = (field: string, value: number): object =>
  field === "rate.limit"
    ? { rate: { limit: value, interval: 1 } }
    : field === "rate.interval"
    ? { rate: { limit: 1, interval: value } }
    : field.startsWith("heal.")
    ? { heal: { [field.slice("heal.".length)]: value } }
    : { [field]: value }

const refusalOf = async (name: string, options: object): Promise<Noukai.InvalidRequestError> => {
  requests.length = 0
  const error: unknown = await (async () => inputs[name]!(options))().then(
    () => assert.fail(`${name} took ${JSON.stringify(options)}`),
    (error: unknown) => error
  )
  assert.instanceOf(error, Noukai.InvalidRequestError, `${name}: ${error}`)
  assert.deepStrictEqual(requests, [])
  return error
}

describe("promise", () => {
  for (const [name, options, meant] of misspelt) {
    it(`refuses a misspelt option of ${name}, and names ${meant}`, async () => {
      assert.include(
        (await refusalOf(name, options)).message,
        `is not an option${
          /relay|Relay/.test(name) && !/attachments|tools/.test(name) ? " of a relay flow" : ""
        }: did you mean ${meant}?`
      )
    })
  }

  it("refuses a version after the schemas of a flow, where it would run production", () => {
    const schemas = { result: { "~standard": { version: 1, vendor: "a", validate: (value: unknown) => ({ value }) } } }
    const noukai = client()
    for (const given of [schemas, undefined]) {
      assert.throws(
        () => Reflect.apply(noukai.flow, noukai, ["a/b/c", given, { version: 1 }]),
        /noukai\.flow: invalid options: .* pass the version with the call/
      )
    }
  })

  it("knows a misspelt option of every input", () => {
    assert.sameMembers([...new Set(misspelt.map(([name]) => name))], Object.keys(inputs))
  })

  for (const [name, field, values] of numbers) {
    it(`refuses numbers of ${name} that are wrong: ${field}`, async () => {
      for (const value of values) assert.strictEqual((await refusalOf(name, optionsOf(field, value))).field, field)
    })
  }
})
