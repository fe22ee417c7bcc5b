/** The relay flow and the client with Effect, against one server: the same requests, results and errors. */
import * as promise from "@effect-noukai/promise"
import { NoukaiError } from "@effect-noukai/promise"
import * as FC from "effect/FastCheck"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { size } from "../../sdk/test/support/size.js"
import { type PauseScript, pauseScripts, unholdable } from "./support/pauseScripts.js"

interface Answer {
  readonly status?: number
  readonly headers?: Record<string, string>
  /** Text, or JSON. */
  readonly body: unknown
}

let left: ReadonlyArray<Answer> = []
let received: Array<unknown> = []
let noukai: promise.Noukai
let relay: promise.RelayFlow

const trace = { flowRun: { id: "ex-1", status: "running" }, steps: [] }

const server = createServer((request, response) => {
  if (request.method === "GET") {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(trace))
    return
  }
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => {
    received.push(JSON.parse(Buffer.concat(chunks).toString()))
    const [{ body, headers = {}, status = 200 }, ...rest] = left as [Answer, ...Array<Answer>]
    left = rest
    response.writeHead(status, { "content-type": "application/json", "x-request-id": "req-1", ...headers })
      .end(typeof body === "string" ? body : JSON.stringify(body))
  })
})

beforeAll(async () => {
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  noukai = new promise.Noukai({ apiKey: "nk_contract", env: "dev", port, maxRetries: 0 })
  relay = promise.createRelayFlow({ url: `http://127.0.0.1:${port}/agent/execute` })
})

afterAll(async () => {
  await noukai.close()
  server.closeAllConnections()
  server.close()
})

const told = (error: unknown): unknown => {
  if (!(error instanceof NoukaiError)) return error
  const { message, requestId, statusCode, ...fields } = error
  const { cause: _, ...shown } = fields as typeof fields & { readonly cause?: unknown }
  const detail = JSON.stringify(error.responseBody)
  // the words are those of the server, where it sent any
  return {
    ...shown,
    class: error.constructor,
    name: error.name,
    statusCode,
    requestId: statusCode === undefined ? undefined : requestId,
    words: detail?.includes(JSON.stringify(message)) ? message : undefined
  }
}

const outcome = async (run: () => Promise<unknown>): Promise<unknown> => {
  try {
    const value = await run() as promise.ExecuteResult | promise.PausedResult
    return { value: JSON.parse(JSON.stringify(value)), paused: value.requiresToolCalls }
  } catch (error) {
    return { error: told(error) }
  }
}

interface Case {
  readonly name: string
  readonly options: promise.RelayExecuteOptions
  readonly answers: ReadonlyArray<Answer>
  /** The body of the first request. Default: any that both clients send. */
  readonly sent?: object
  /** Answers the pause by hand with these results. */
  readonly resume?: ReadonlyArray<Record<string, unknown>>
}

const observe = async ({ answers, options, resume }: Case, flow: promise.RelayFlow) => {
  left = answers
  received = []
  const seen = await outcome(async () => {
    const run = await flow.execute(options)
    return resume !== undefined && run.requiresToolCalls ? await run.resume({ toolResults: [...resume] }) : run
  })
  return { seen, received, left: left.length }
}

const agree = async (given: Case) => {
  const ours = await observe(given, noukai.flow("acme/support/agent") as unknown as promise.RelayFlow)
  const small = await observe(given, relay)
  assert.deepStrictEqual(small, ours, given.name)
  if (given.sent !== undefined) assert.deepStrictEqual(small.received[0], given.sent)
  return small
}

const done = { status: "completed", result: { a: 1 }, flowId: "f", blockCount: 2, executionId: "ex-1", extra: [1] }

const call = (id: string, name = "look", args: unknown = "{\"x\":1}") => ({
  id,
  type: "function",
  function: { name, arguments: args }
})

const paused = (calls: ReadonlyArray<unknown>, more: object = {}) => ({
  status: "tool_calls_required",
  executionId: "ex-1",
  pausedAtStep: "ask",
  iterationsUsed: 1,
  toolCallMessages: [{ role: "user", content: "hi" }, { role: "assistant", content: null, tool_calls: calls }],
  toolCalls: calls,
  accumulatedOutputs: { first: { n: 1 } },
  flowId: "f",
  blockCount: 2,
  ...more
})

const tools = [{ type: "function", function: { name: "look" } }]

const toolHandler: promise.ToolHandler = (calls) => calls.map(({ id }) => ({ tool_call_id: id, content: { at: id } }))

const hi = { message: "hi" }

/** Every option that the body of the first request has. `messages` excludes `message`. */
const everyOption: Required<
  Omit<promise.RelayExecuteOptions, "message" | "toolHandler" | "maxToolRounds" | "timeout" | "signal">
> = {
  messages: [{ role: "user", content: "hi" }],
  parameters: { n: 1 },
  blockOverrides: { ask: { model: "m" } },
  attachments: [{ url: "https://a.example/b.png", mimeType: "image/png" }],
  tools,
  toolChoice: "auto",
  trace: true
}

const cases: ReadonlyArray<Case> = [
  { name: "a result", options: hi, answers: [{ body: done }] },
  {
    name: "every option on the wire",
    options: everyOption,
    answers: [{ body: done }],
    sent: { ...everyOption, attachments: [{ kind: "url", url: "https://a.example/b.png", mime_type: "image/png" }] }
  },
  { name: "no options", options: {}, answers: [{ body: done }] },
  { name: "an empty conversation", options: { message: "hi", messages: [] }, answers: [{ body: done }] },
  { name: "a failed run", options: hi, answers: [{ body: { ...done, status: "failed", result: { error: "x" } } }] },
  { name: "fields of another type", options: hi, answers: [{ body: { ...done, flowId: null, blockCount: "2" } }] },
  {
    name: "tool rounds",
    options: { ...hi, tools, toolHandler },
    answers: [
      { body: paused([call("t1"), call("t2")]) },
      { body: paused([call("t3", "look", { x: 2 })], { iterationsUsed: 2 }) },
      { body: done }
    ]
  },
  {
    name: "a call that is repeated",
    options: { ...hi, tools, toolHandler },
    answers: [
      { body: paused([call("t1"), call("t1")]) },
      { body: paused([call("t1"), call("t2")]) },
      { body: done }
    ]
  },
  {
    name: "one id of two calls",
    options: { ...hi, tools, toolHandler },
    answers: [
      { body: paused([call("t1"), call("t1", "other")]) }
    ]
  },
  {
    name: "camel case",
    options: { ...hi, tools, toolHandler },
    answers: [
      { body: paused([], { toolCallMessages: [{ role: "assistant", toolCalls: [call("t1")] }] }) },
      { body: done }
    ]
  },
  { name: "a pause for the caller", options: { ...hi, tools }, answers: [{ body: paused([call("t1")]) }] },
  {
    name: "a pause without its lists",
    options: { ...hi, tools },
    answers: [
      { body: paused([call("t1")], { toolCalls: undefined, accumulatedOutputs: null, iterationsUsed: undefined }) }
    ]
  },
  {
    name: "resume by hand",
    options: { ...hi, tools, parameters: { n: 1 } },
    answers: [{ body: paused([call("t1")]) }, { body: { ...done, executionId: undefined } }],
    resume: [{ tool_call_id: "t1", output: 7 }]
  },
  {
    name: "resume of another id",
    options: { ...hi, tools },
    answers: [{ body: paused([call("t1")]) }],
    resume: [{ tool_call_id: "t2", content: "x" }]
  },
  {
    name: "resume without results",
    options: { ...hi, tools },
    answers: [{ body: paused([call("t1"), call("t2")]) }],
    resume: [{ tool_call_id: "t1", content: "x" }]
  },
  {
    name: "resume with two results of one call",
    options: { ...hi, tools },
    answers: [{ body: paused([call("t1")]) }],
    resume: [{ tool_call_id: "t1", content: "x" }, { toolCallId: "t1", content: "y" }]
  },
  ...unholdable.flatMap(([name, content]): ReadonlyArray<Case> =>
    ["content", "output"].map((key) => ({
      name: `resume with ${name} as its ${key}`,
      options: { ...hi, tools },
      answers: [{ body: paused([call("t1"), call("t2")]) }],
      resume: [{ tool_call_id: "t1", content: "x" }, { tool_call_id: "t2", [key]: content() }]
    }))
  ),
  { name: "a pause without tools", options: hi, answers: [{ body: paused([call("t1")]) }] },
  {
    name: "a pause without calls",
    options: { ...hi, tools },
    answers: [{ body: paused([], { toolCallMessages: [] }) }]
  },
  {
    name: "a pause without a run",
    options: { ...hi, tools },
    answers: [
      { body: paused([call("t1")], { executionId: undefined }) }
    ]
  },
  {
    name: "the limit of rounds",
    options: { ...hi, tools, toolHandler, maxToolRounds: 1 },
    answers: [
      { body: paused([call("t1")]) },
      { body: paused([call("t2")]) }
    ]
  },
  {
    name: "no rounds",
    options: { ...hi, tools, toolHandler, maxToolRounds: 0 },
    answers: [{ body: paused([call("t1")]) }]
  },
  {
    name: "another run",
    options: { ...hi, tools, toolHandler },
    answers: [
      { body: paused([call("t1")]) },
      { body: { ...done, executionId: "ex-2" } }
    ]
  },
  {
    name: "a 429 after a round",
    options: { ...hi, tools, toolHandler },
    answers: [
      { body: paused([call("t1")]) },
      { status: 429, body: { detail: { code: "RATE_LIMITED", message: "slow down" } }, headers: { "retry-after": "3" } }
    ]
  },
  {
    name: "a 429 to an answer by hand",
    options: { ...hi, tools },
    answers: [{ body: paused([call("t1")]) }, { status: 429, body: { detail: "slow down" } }],
    resume: [{ tool_call_id: "t1", content: "x" }]
  },
  { name: "an empty body", options: hi, answers: [{ body: "" }] },
  { name: "HTML", options: hi, answers: [{ body: "<html>hello</html>" }] },
  { name: "no JSON", options: hi, answers: [{ body: "hello" }] },
  { name: "an unknown status", options: hi, answers: [{ body: { ...done, status: "paused" } }] },
  { name: "a redirect", options: hi, answers: [{ status: 302, body: "", headers: { location: "/other" } }] },
  {
    name: "a date to retry after",
    options: hi,
    answers: [{ status: 429, body: "{}", headers: { "retry-after": "Fri, 01 Jan 2021 00:00:00 GMT" } }]
  },
  {
    name: "a 401 with a challenge",
    options: hi,
    answers: [{ status: 401, body: { detail: "LOG_IN" }, headers: { "www-authenticate": "Bearer" } }]
  },
  {
    name: "a 429 that names a run",
    options: hi,
    answers: [{ status: 429, body: { detail: { message: "no", executionId: "ex-9" } } }]
  },
  ...["message", "messages", "parameters", "blockOverrides", "attachments", "tools", "maxToolRounds", "trace"]
    .map((field): Case => ({ name: `a wrong ${field}`, options: { [field]: -1 }, answers: [] })),
  { name: "a wrong role", options: { messages: [{ role: "system", content: "x" }] }, answers: [] },
  { name: "two inputs", options: { message: "", messages: [{ role: "user", content: "x" }] }, answers: [] }
]

/** The fields of a refusal: the paths and words of the two clients differ. */
const fieldOf = (observed: { readonly seen: unknown }): unknown => {
  const { error } = observed.seen as { readonly error?: { readonly field?: string } }
  return error?.field?.replace(/[[.].*/, "")
}

/** Plays a script over one wire. */
const playing = async (
  { handled, handler, name, rounds, sent }: PauseScript,
  wire: string,
  run: (options: promise.RelayExecuteOptions) => Promise<unknown>
): Promise<void> => {
  const isStep = wire === "step" || wire === "walk"
  const headers = { "content-type": "text/event-stream" }
  const frame = (event: string, data: object) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
  left = [
    ...rounds.map((fields, place): Answer => {
      const { pausedAtStep, status: _, ...rest } = paused([], {
        toolCalls: undefined,
        iterationsUsed: place + 1,
        ...fields
      }) as {
        readonly pausedAtStep: string
        readonly status: string
      }
      const events = frame("run_started", { executionId: "ex-1", stepCount: 2 }) +
        frame("step_paused_for_tool_calls", { ...rest, stepId: pausedAtStep, stepIndex: 1 })
      return isStep ? { headers, body: events } : { body: { pausedAtStep, status: "tool_calls_required", ...rest } }
    }),
    isStep ? { headers, body: frame("flow_completed", { executionId: "ex-1", result: 1 }) } : { body: done }
  ]
  received = []
  const seen: Array<ReadonlyArray<string>> = []
  const ended = await run({
    message: "hi",
    tools,
    toolHandler: (calls, context) => {
      seen.push(calls.map(({ id }) => id))
      return handler(calls, context)
    }
  }).then(() => undefined, (error: unknown) => String(error))
  const reason = sent.find((one) => typeof one === "string")
  if (reason === undefined) assert.isUndefined(ended, `${name}, ${wire}`)
  // the Promise client calls the option by its own name
  else assert.include(ended?.replace("toolResults", "results"), reason, `${name}, ${wire}`)
  const answers = received.slice(1).map((body) => {
    const { toolCallMessages = [] } = body as { readonly toolCallMessages?: ReadonlyArray<{ readonly role?: unknown }> }
    return toolCallMessages.filter(({ role }) => role === "tool")
  })
  assert.deepStrictEqual(answers, sent.filter((one) => typeof one !== "string") as never, `${name}, ${wire}`)
  assert.deepStrictEqual(seen, handled, `${name}, ${wire}`)
}

describe("the relay flow and the client with Effect", () => {
  for (const given of cases.filter(({ answers }) => answers.length > 0)) {
    it(given.name, async () => void await agree(given))
  }

  for (const given of cases.filter(({ answers }) => answers.length === 0)) {
    it(given.name, async () => {
      const small = await observe(given, relay)
      const ours = await observe(given, noukai.flow("acme/support/agent") as unknown as promise.RelayFlow)
      assert.isString(fieldOf(small))
      assert.deepStrictEqual([fieldOf(small), small.received, ours.received], [fieldOf(ours), [], []])
    })
  }

  for (const given of pauseScripts) {
    it(`${given.name}, on every wire`, async () => {
      const flow = noukai.flow("acme/support/agent")
      const wires = {
        relay: (options: promise.RelayExecuteOptions) => relay.execute(options),
        execute: (options: promise.RelayExecuteOptions) => flow.execute(options as promise.ExecuteOptions),
        walk: (options: promise.RelayExecuteOptions) =>
          flow.execute({ ...options, maxCostUsd: 5 } as promise.ExecuteOptions),
        step: async ({ message, toolHandler, tools }: promise.RelayExecuteOptions) => {
          for await (const _ of flow.events({ message, tools, toolHandler } as promise.EventsOptions)) {
            /* to its end */
          }
        }
      }
      for (const [wire, run] of Object.entries(wires)) {
        await playing(given, wire, run)
      }
    })
  }

  it("a first pause that does not name its run is not answered, on every wire", async () => {
    const flow = noukai.flow("acme/support/agent")
    const headers = { "content-type": "text/event-stream" }
    const pause = { ...paused([call("t1")]) as object, executionId: undefined }
    const events = ["event: run_started\ndata: {\"executionId\":\"\"}\n\n"]
      .concat(`event: step_paused_for_tool_calls\ndata: ${JSON.stringify(pause)}\n\n`).join("")
    const input = { message: "hi", tools, toolHandler }
    const drained = async () => {
      for await (const _ of flow.events(input as promise.EventsOptions)) { /* to its end */ }
    }
    for (
      const [answer, run] of [
        [{ body: pause }, () => relay.execute(input)],
        [{ body: pause }, () => flow.execute(input)],
        [{ body: events, headers }, drained],
        [{ body: events, headers }, () => flow.execute({ ...input, maxCostUsd: 5 })]
      ] as ReadonlyArray<readonly [Answer, () => Promise<unknown>]>
    ) {
      left = [answer]
      received = []
      const error = await run().then(() => undefined, (failure: unknown) => failure as NoukaiError)
      assert.deepInclude(error, { name: "UnexpectedResponseError", code: "TOOL_CALLS_UNANSWERED_CLIENT" })
      assert.include(error?.message, "without an executionId")
      assert.strictEqual(received.length, 1)
    }
  })

  const code = FC.constantFrom("FLOW_NOT_FOUND", "FORBIDDEN", "not a code", "")
  const words = FC.constantFrom("no such flow", "UPSTREAM_UNAVAILABLE", "", 7, null)
  const detail = FC.oneof(
    code,
    words,
    FC.record({ code, message: words, executionId: FC.constantFrom("ex-7", "", 3) }, { requiredKeys: [] }),
    FC.array(FC.oneof(words, FC.record({ loc: FC.constant(["body", "n", 0]), msg: words })), { maxLength: 2 })
  )
  const body = FC.oneof(
    FC.constantFrom("", "<h1>Bad&nbsp;Gateway</h1>", "plain words", "\"a text\"", "[1]", "{\"executionId\":\"ex-5\"}"),
    FC.record({ detail, error: detail, message: words, code, executionId: words }, { requiredKeys: [] })
  )

  it("make the same error of any status and body", async () => {
    await FC.assert(
      FC.asyncProperty(
        FC.constantFrom(301, 400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504),
        body,
        async (
          status,
          body
        ) => {
          const { received } = await agree({
            name: `${status} ${JSON.stringify(body)}`,
            options: hi,
            answers: [{ status, body }]
          })
          assert.lengthOf(received, 1)
        }
      ),
      { numRuns: size(500, 30) }
    )
  })
})
