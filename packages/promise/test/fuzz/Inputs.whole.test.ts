/** Whatever is given to whatever can be called: a result, or an error of this package, and then nothing was sent. */
import { createRelayFlow, InvalidRequestError, Noukai, NoukaiError, trace, traceScope } from "@effect-noukai/promise"
import { NoukaiPromise } from "@effect-noukai/promise/effect"
import { Effect } from "effect"
import * as FC from "effect/FastCheck"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, afterEach, assert, beforeAll, describe, it, vi } from "vitest"
import { fuzzAsync, fuzzTimeout } from "../../../sdk/test/support/fuzz.js"
import { spoiled, type Wrong, wrong } from "../../../sdk/test/support/wrongValues.js"
import { paused } from "../support/pausedRun.js"

const apiKey = "nk_test_planted8_0123456789abcdef0123456789abcdef"

const frames = (...events: ReadonlyArray<readonly [string, object]>): string =>
  events.map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`).join("")

const pause = frames(
  ["run_started", { executionId: "ex-1", stepCount: 1 }],
  ["step_started", { stepId: "s", stepIndex: 0 }],
  ["step_paused_for_tool_calls", { ...paused, stepId: "s", stepIndex: 0 }]
)

/** Pauses runs that have tools, and completes the others. */
const answerTo = (path: string, body: string): string =>
  path.endsWith("/step")
    ? body.includes("\"tools\"") && !body.includes("\"toolCallMessages\"")
      ? pause
      : frames(["run_started", { executionId: "ex-1", stepCount: 1 }], ["flow_completed", { result: 1 }])
    : path.endsWith("/execute") && body.includes("\"tools\"") && !body.includes("\"executionId\"")
    ? JSON.stringify(paused)
    : JSON.stringify({ status: "completed", result: 1, flowId: "f", blockCount: 1, executionId: "ex-1" })

let requests = 0
let server: Server
let port = 0
const unhandled: Array<unknown> = []
const note = (reason: unknown) => void unhandled.push(reason)

beforeAll(async () => {
  vi.stubEnv("NOUKAI_REPLAY_ENABLED", "true")
  vi.stubEnv("NOUKAI_API_KEY", "")
  process.on("unhandledRejection", note)
  process.on("uncaughtException", note)
  server = createServer((request, response) => {
    requests++
    let body = ""
    request.on("data", (chunk) => body += String(chunk))
    request.on("end", () => response.end(answerTo(request.url ?? "", body)))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  port = (server.address() as AddressInfo).port
})

afterEach(() => assert.deepStrictEqual(unhandled, []))

afterAll(async () => {
  process.off("unhandledRejection", note)
  process.off("uncaughtException", note)
  vi.unstubAllEnvs()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

/** Types are what this is not about. */
const any = (u: unknown): never => u as never

const flow = "acme/support/answer"

const executionId: FC.Arbitrary<Wrong> = FC.oneof(FC.constant<Wrong>({ name: "an id", make: () => "ex-1" }), wrong)

const options = (...fields: ReadonlyArray<string>): FC.Arbitrary<Wrong> => spoiled({}, [...fields, "signal", "timeout"])

const runFields = [
  "message",
  "messages",
  "parameters",
  "blockOverrides",
  "attachments",
  "tools",
  "toolChoice",
  "toolHandler",
  "maxToolRounds",
  "trace",
  "version",
  "sessionId"
]

const tools = [{ type: "function", function: { name: "n" } }]

const result = FC.oneof(
  wrong,
  spoiled({ tool_call_id: "t", content: "x" }, ["tool_call_id", "toolCallId", "content", "output"])
)

const answers: FC.Arbitrary<Wrong> = FC.oneof(
  wrong,
  spoiled({ toolResults: [] }, ["toolResults"]),
  result.map(({ make, name }) => ({ name, make: () => ({ toolResults: [make()] }) }))
)

const drained = async (events: AsyncIterable<unknown>): Promise<void> => {
  for await (const _ of events);
}

interface Operation {
  readonly values: ReadonlyArray<FC.Arbitrary<Wrong>>
  readonly call: (noukai: Noukai, ...given: ReadonlyArray<unknown>) => Promise<unknown>
  /** The number of requests that it sends before it is given anything. */
  readonly sends?: number
}

const onceFields = ["rerunFailed", "settle"]

const key: FC.Arbitrary<Wrong> = FC.oneof(FC.constant<Wrong>({ name: "a key", make: () => "row 1" }), wrong)

const operations: { readonly [name: string]: Operation } = {
  "noukai.flow": {
    values: [FC.oneof(wrong, spoiled({ org: "acme", project: "support", slug: "answer" }, ["org", "project", "slug"]))],
    call: async (noukai, ref) => noukai.flow(any(ref)).execute()
  },
  "flow.execute": {
    values: [spoiled({ message: "hi" }, [...runFields, "signal", "timeout"])],
    call: (noukai, options) => noukai.flow(flow).execute(any(options))
  },
  "flow.executeAsync": {
    values: [spoiled({ message: "hi" }, [...runFields, "signal", "timeout"])],
    call: (noukai, options) => noukai.flow(flow).executeAsync(any(options))
  },
  "flow.executeOnce": {
    values: [key, spoiled({ message: "hi" }, [...runFields, ...onceFields, "takeOver", "signal", "timeout"])],
    call: (noukai, key, options) => noukai.flow(flow).executeOnce(any(key), any(options))
  },
  "flow.submitOnce": {
    values: [key, spoiled({ message: "hi" }, [...runFields, ...onceFields, "signal", "timeout"])],
    call: (noukai, key, options) => noukai.flow(flow).submitOnce(any(key), any(options))
  },
  "flow.steps": {
    values: [spoiled({ message: "hi" }, [...runFields, "inputOverrides", "signal", "timeout"])],
    call: (noukai, options) => drained(noukai.flow(flow).steps(any(options)))
  },
  "flow.events": {
    values: [spoiled({ message: "hi" }, [...runFields, "inputOverrides", "runRemaining", "signal", "timeout"])],
    call: (noukai, options) => drained(noukai.flow(flow).events(any(options)))
  },
  "resume of a pause": {
    values: [answers],
    sends: 1,
    call: async (noukai, answer) => {
      const run = await noukai.flow(flow).execute({ message: "hi", tools })
      return run.status === "tool_calls_required" ? await run.resume(any(answer)) : assert.fail("no pause")
    }
  },
  "resume in a stream": {
    values: [answers],
    sends: 1,
    call: async (noukai, answer) => {
      for await (const event of noukai.flow(flow).events({ message: "hi", tools })) {
        if (event.type === "tool_calls_required") await event.resume(any(answer))
      }
    }
  },
  "noukai.job": {
    values: [wrong, executionId, options(), options("pollInterval")],
    call: async (noukai, ref, id, poll, wait) => {
      const job = noukai.job(flow, any(id))
      await job.poll(any(poll))
      await job.wait(any(wait))
      await noukai.job(any(ref), "ex-1").poll()
    }
  },
  "noukai.waitAll": {
    values: [wrong, options("pollInterval", "concurrency", "rate")],
    call: async (noukai, jobs, wait) => {
      await drained(noukai.waitAll([], any(wait)))
      await drained(noukai.waitAll(any(jobs)))
    }
  },
  "flow.run": {
    values: [executionId, executionId, options(), options("attempt", "loopIndex"), options()],
    call: async (noukai, id, step, read, readStep, watch) => {
      const run = noukai.flow(flow).run(any(id))
      const outcomes = await Promise.allSettled([
        run.trace(any(read)),
        run.stepTrace(any(step), any(readStep)),
        drained(run.liveTrace(any(watch)))
      ])
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason
    }
  },
  "new Noukai": {
    values: [spoiled({ apiKey }, [
      "apiKey",
      "env",
      "port",
      "org",
      "project",
      "timeout",
      "maxRetries",
      "maxConcurrency",
      "rate",
      "onLog",
      "logPayloads",
      "sessionId",
      "signal",
      "dispatcher"
    ])],
    call: async (_, options) => {
      await using made = new Noukai(any(options))
      return made.defaultOrg
    }
  },
  createRelayFlow: {
    values: [
      spoiled({ url: "http://127.0.0.1:1/agent" }, ["url", "headers", "timeout", "fetch", "signal"]),
      spoiled({ message: "hi" }, [...runFields, "signal", "timeout"])
    ],
    call: async (_, options, input) => {
      const relay = createRelayFlow(any(options))
      const other = createRelayFlow({ url: "http://127.0.0.1:1/agent" })
      await Promise.all([relay.execute({ message: "hi", timeout: "1 milli" }), other.execute(any(input))])
    }
  },
  traceScope: {
    values: [
      FC.oneof(wrong, FC.constant<Wrong>({ name: "a body", make: () => async () => 1 })).filter(({ name }) =>
        name !== "a function that throws" && name !== "class"
      ),
      spoiled({}, ["replaySessionId", "capture", "client", "transport"])
    ],
    call: async (_, fn, options) => [await traceScope(any(fn), any(options)), await trace(any(fn), any(options))()]
  },
  "on the side of Effect": {
    values: [wrong, wrong, options()],
    call: async (noukai, client, effect, options) => {
      const outcomes = await Promise.allSettled([
        NoukaiPromise.run(any(client), Effect.void, any(options)),
        NoukaiPromise.run(noukai, any(effect), any(options)),
        NoukaiPromise.fromRuntime(any(effect), any(options)),
        Effect.runPromise(NoukaiPromise.inScope(any(client)))
      ])
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason
    }
  }
}

/** Whether an error is what calling one of the wrong values throws. */
const isThrownByTheirs = (error: unknown): boolean =>
  error instanceof Error && /^boom$|revoked|^Class constructor/.test(error.message)

describe("values of any kind are refused, or taken, and never break", () => {
  for (const [name, { call, sends = 0, values }] of Object.entries(operations)) {
    it(name, () =>
      fuzzAsync(FC.tuple(...values), 50, async (given) => {
        const before = requests
        await using noukai = new Noukai({ apiKey, env: "dev", port, maxRetries: 0 })
        const shown = given.map(({ name }) => name).join("; ")
        try {
          await call(noukai, ...given.map(({ make }) => make()))
        } catch (error) {
          // a handler or a body was called, and the call gives what it throws
          const handles = shown.includes("toolHandler: ")
          if ((handles || name === "traceScope") && isThrownByTheirs(error)) return
          assert.instanceOf(error, NoukaiError, `${shown}: ${error instanceof Error ? error.stack : typeof error}`)
          assert.notInclude(`${String(error)} ${(error as Error).stack}`, apiKey)
          // what a handler answers is looked at when a run has asked for it; so is a loop that answers nothing
          const isAnswer = handles || (error instanceof InvalidRequestError && error.field === "toolResults")
          if (error instanceof InvalidRequestError && values.length === 1 && !(isAnswer && sends === 0)) {
            assert.isString(error.field)
            assert.strictEqual(requests - before, sends, shown)
          }
        }
        assert.deepStrictEqual(unhandled, [], shown)
      }), fuzzTimeout)
  }
})
