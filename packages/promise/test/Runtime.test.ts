/** The services below the client, as other runtimes call them. */
import { Budget, defineTool } from "@effect-noukai/promise"
import * as Runtime from "@effect-noukai/promise/runtime"
import { getEventListeners } from "node:events"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { z } from "zod"
import { ownEmulator } from "./support/ownEmulator.js"
import { hello, tools, twoStep, weather } from "./support/world.js"

const { emulator } = ownEmulator()

const stored = <A>(value: A): A => JSON.parse(JSON.stringify(value)) as A

const opened = async <A>(
  use: (runtime: Runtime.Runtime) => Promise<A>,
  options: Runtime.RuntimeOptions = {},
  settings: Runtime.RuntimeSettings = {}
): Promise<A> => {
  const { apiKey, port } = emulator()
  const runtime = await Runtime.open({ apiKey, env: "dev", port, ...options }, { variables: {}, ...settings })
  try {
    return await use(runtime)
  } finally {
    await runtime.close()
  }
}

const failed = async (
  promise: Promise<unknown>
): Promise<Runtime.RuntimeError & { readonly [name: string]: unknown }> => {
  try {
    await promise
  } catch (error) {
    return error as Runtime.RuntimeError & { readonly [name: string]: unknown }
  }
  return assert.fail("it resolved")
}

const collect = async <A>(all: AsyncIterable<A>): Promise<Array<A>> => {
  const found: Array<A> = []
  for await (const one of all) found.push(one)
  return found
}

const cities = (run: () => unknown) =>
  defineTool({ name: "get_weather", parameters: z.object({ city: z.string() }), run })

describe("open", () => {
  it("rejects with a plain error for a missing key, and reads no variable of the process", async () => {
    const error = await failed(Runtime.open({}, { variables: {} }))
    assert.strictEqual(error._tag, "AuthenticationError")
    assert.strictEqual(error.name, "AuthenticationError")
    assert.strictEqual(Object.getPrototypeOf(error), Error.prototype)
    const wrong = await failed(Runtime.open({ apiKey: "nk_x", port: 1 }, { variables: {} }))
    assert.deepInclude(wrong, { _tag: "InvalidRequestError", field: "port" })
  })
})

describe("a run", () => {
  it("completes, and fails with the tag and the fields of the SDK", () =>
    opened(async (runtime) => {
      const done = await runtime.execute(hello, { message: "hi" })
      assert.strictEqual(done.status, "completed")
      assert.isString(done.executionId)
      assert.isDefined(done.raw)

      const missing = await failed(runtime.execute("noukai/tests/none", { message: "hi" }))
      assert.deepInclude(missing, { _tag: "FlowNotFoundError", method: "FlowService.execute", statusCode: 404 })
      const run = await failed(runtime.execute("noukai/tests/failing", { message: "hi" }))
      assert.deepInclude(run, { _tag: "FlowExecutionError", status: "failed", code: "MODEL_DOWN" })
      assert.strictEqual(await failed(runtime.execute(hello, { message: 1 as never })).then((e) => e.field), "message")
      assert.notInclude(JSON.stringify(run) + String(run.stack), emulator().apiKey)
    }))

  it("ends with its signal, whose listeners are gone, and with the runtime", () =>
    opened(async (runtime) => {
      const controller = new AbortController()
      const running = failed(runtime.execute("noukai/tests/slow", { message: "hi" }, { signal: controller.signal }))
      controller.abort("enough")
      assert.strictEqual(await running as unknown, "enough")
      assert.lengthOf(getEventListeners(controller.signal, "abort"), 0)
      const open = failed(runtime.execute("noukai/tests/slow", { message: "hi" }))
      await runtime.close()
      assert.strictEqual((await open)._tag, "APIConnectionError")
      assert.deepInclude(await failed(runtime.execute(hello, { message: "hi" })), {
        _tag: "APIConnectionError",
        sent: "no"
      })
    }))

  it("pauses, and goes on from its state as JSON in another runtime", async () => {
    const states: Array<Runtime.RuntimeRun["state"]> = []
    const paused = await opened((runtime) =>
      runtime.execute(weather, { message: "hi", tools, onPause: (state) => states.push(stored(state)) })
    )
    assert.strictEqual(paused.status, "tool_calls_required")
    assert.deepStrictEqual(stored(paused.state), states[0])
    const state = states[0]!
    const results = state.toolCalls.map(({ id }) => ({ toolCallId: id, content: "18" }))
    const done = await opened((runtime) => runtime.resume(weather, state, results))
    assert.strictEqual(done.executionId, paused.executionId)
    assert.strictEqual(emulator().ledger().runsStarted, 1)
  })

  it("is answered by the resume of its pause", () =>
    opened(async (runtime) => {
      const paused = await runtime.execute(weather, { message: "hi", tools })
      const done = await paused.resume!(paused.toolCalls!.map(({ id }) => ({ toolCallId: id, content: "18" })))
      assert.strictEqual(done.status, "completed")
    }))

  it("rejects with what a tool throws, and its tool hears of the abort", () =>
    opened(async (runtime) => {
      const thrown = { any: "value" }
      const broken = cities(() => {
        throw thrown
      })
      assert.strictEqual(await failed(runtime.execute(weather, { message: "hi", tools: [broken] })) as unknown, thrown)
      const controller = new AbortController()
      let heard: unknown
      const waiting = defineTool({
        name: "get_weather",
        parameters: z.object({ city: z.string() }),
        run: (_, { signal }) =>
          new Promise((_, reject) => {
            signal.addEventListener("abort", () => {
              heard = signal.reason
              reject(new Error("ended"))
            })
            controller.abort("enough")
          })
      })
      const call = runtime.execute(weather, { message: "hi", tools: [waiting] }, { signal: controller.signal })
      assert.strictEqual(await failed(call) as unknown, "enough")
      assert.strictEqual(heard, "enough")
    }))
})

describe("a stream", () => {
  it("goes on from its cursor as JSON, and from the cursor of an error", async () => {
    const events = await opened((runtime) => collect(runtime.events(twoStep, { message: "hi" })))
    assert.strictEqual(events.at(-1)!.type, "flow_completed")
    const cursor = stored(events.find(({ type }) => type === "step_completed")!.cursor)!
    const rest = await opened((runtime) => collect(runtime.events(twoStep, { from: cursor })))
    assert.strictEqual(rest.filter(({ type }) => type === "step_completed").length, 1)

    const error = await opened((runtime) =>
      failed(collect(runtime.steps("noukai/tests/fails-second", { message: "hi" })))
    )
    assert.strictEqual(error._tag, "FlowExecutionError")
    assert.strictEqual(error.cursor?.stepIndex, 1)
    assert.notProperty(stored(error), "cursor")
  })

  it("closes its connection when its reader leaves, and heals by the delays that it is given", () =>
    opened(async (runtime) => {
      const reading = runtime.events("noukai/tests/slow-second", { message: "hi" })[Symbol.asyncIterator]()
      assert.strictEqual((await reading.next()).value?.type, "run_started")
      await reading.return?.()
      assert.isTrue((await reading.next()).done)

      await emulator().reset()
      emulator().addFaults({ match: { endpoint: "step" }, script: ["ok", "cut:e1"] })
      const seen: Array<string> = []
      const healed = await collect(runtime.events(twoStep, {
        message: "hi",
        heal: () => ({ _tag }) => {
          seen.push(_tag)
          return 0
        }
      }))
      assert.strictEqual(healed.at(-1)!.type, "flow_completed")
      assert.deepStrictEqual(seen, ["APIConnectionError"])
    }))

  it("goes on with the answer to its pause", () =>
    opened(async (runtime) => {
      const pause = (await collect(runtime.events(weather, { message: "hi", tools }))).at(-1)!
      assert.strictEqual(pause.type, "tool_calls_required")
      const calls = (pause as { readonly toolCalls?: ReadonlyArray<{ readonly id: string }> }).toolCalls!
      const rest = await collect(pause.resume!(calls.map(({ id }) => ({ toolCallId: id, content: "18" }))))
      assert.strictEqual(rest.at(-1)!.type, "flow_completed")
    }))
})

describe("jobs and reads", () => {
  it("waits for a job, by the delays that it is given", () =>
    opened(async (runtime) => {
      const job = await runtime.submitOnce("key", hello, { message: "hi" })
      assert.isFalse(job.reused)
      const ended = await job.wait({ schedule: () => () => 0, timeout: 10_000 })
      assert.strictEqual(ended.status, "completed")
      assert.deepStrictEqual(await job.result(), ended.result)
      assert.isTrue((await runtime.submitOnce("key", hello, { message: "hi" })).reused)
      const again = await runtime.attach(hello, job.executionId)
      assert.strictEqual((await collect(again.updates())).at(-1)!.status, "completed")
      const failing = await runtime.submit("noukai/tests/failing", { message: "hi" })
      assert.deepInclude(await failed(failing.result({ schedule: () => () => 0 })), {
        _tag: "FlowExecutionError",
        method: "Job.result"
      })
    }))

  it("reads runs and sessions", () =>
    opened(async (runtime) => {
      const sessionId = "5b0f3f6e-3c5f-4f25-9d3f-1d7a51f5a111"
      const { executionId, flowId } = await runtime.execute(twoStep, { message: "hi", snapshots: true, sessionId })
      const id = executionId!
      assert.lengthOf((await runtime.trace(twoStep, id)).steps, 2)
      assert.strictEqual((await runtime.cost(twoStep, id)).executionId, id)
      assert.strictEqual((await runtime.summary(twoStep, id)).id, id)
      const [first] = (await runtime.trace(twoStep, id)).steps
      const step = await runtime.stepTrace(first!.stepId, twoStep, id, { attempt: "all" })
      assert.property(step, "attempts")
      assert.include((await collect(runtime.list({ flowId: flowId! }))).map((run) => run.id), id)
      assert.deepInclude(await runtime.session(sessionId), { sessionId })
      assert.strictEqual((await collect(runtime.liveTrace(twoStep, id))).at(-1)!.type, "flow_completed")
    }))
})

describe("scopes", () => {
  it("captures, replays, and never leaves the replay", () =>
    opened(async (runtime) => {
      const scope = Runtime.capture()
      await runtime.execute(hello, { message: "hi", snapshots: true }, { scope })
      const before = emulator().ledger().runsStarted
      const replay = await runtime.openReplay(scope.sessionId)
      assert.deepInclude(replay.scope, { mode: "replay", sessionId: scope.sessionId })
      assert.strictEqual((await failed(replay.verify()))._tag, "ReplayLeftoverError")
      const done = await Runtime.runIn({ scope: replay.scope }, async () => {
        await Promise.resolve()
        assert.strictEqual(Runtime.currentScope()?.sessionId, scope.sessionId)
        // another scope does not leave the replay of the context
        return await runtime.execute(hello, { message: "hi" }, { scope: Runtime.namedScope(scope.sessionId) })
      })
      assert.strictEqual(done.status, "completed")
      await replay.verify()
      const miss = await failed(runtime.execute(twoStep, { message: "hi" }, { scope: replay.scope }))
      assert.strictEqual(miss._tag, "ReplayMissError")
      await replay.close()
      assert.strictEqual(emulator().ledger().runsStarted, before)
    }, { replayEnabled: true }))

  it("refuses a replay where it is switched off, and charges budgets", () =>
    opened(async (runtime) => {
      assert.strictEqual((await failed(runtime.openReplay(Runtime.capture().sessionId)))._tag, "ReplayDisabledError")
      const budget = new Budget({ limitUsd: "0.01", perRun: "1" })
      const refused = await failed(runtime.execute(hello, { message: "hi" }, { budgets: [budget] }))
      assert.deepInclude(refused, { _tag: "BudgetExceededError", limitUsd: "0.01" })
      const inContext = Runtime.runIn({ budgets: [budget] }, () => runtime.execute(hello, { message: "hi" }))
      assert.strictEqual((await failed(inContext))._tag, "BudgetExceededError")
      assert.strictEqual(emulator().ledger().runsStarted, 0)
    }))
})

describe("sources", () => {
  it("records into a file without the key, and replays it without a server", async () => {
    const folder = mkdtempSync(join(tmpdir(), "runtime-"))
    try {
      const path = join(folder, "cassette.json")
      const source = { type: "record", path, mode: "all" } as const
      await opened(
        async (runtime) => {
          await runtime.execute(hello, { message: "hi" })
          await runtime.save()
        },
        {},
        { source }
      )
      assert.notInclude(readFileSync(path, "utf8"), emulator().apiKey)
      const before = emulator().ledger().requestsReceived
      const replay = await Runtime.open({}, { source: { type: "file", path }, variables: {} })
      assert.strictEqual((await failed(replay.verify()))._tag, "ReplayLeftoverError")
      assert.strictEqual((await replay.execute(hello, { message: "hi" })).status, "completed")
      await replay.verify()
      assert.strictEqual((await failed(replay.execute(hello, { message: "no" })))._tag, "ReplayMissError")
      await replay.close()
      assert.strictEqual(emulator().ledger().requestsReceived, before)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it("answers with a function, whose error is that of the call", async () => {
    const thrown = new Error("of the test")
    const runtime = await Runtime.open({}, {
      source: {
        type: "test",
        answer: async (slug, input) => {
          if (slug === "broken") throw thrown
          return { slug, input }
        }
      },
      variables: {}
    })
    const done = await runtime.execute("a/b/c", { message: "hi" })
    assert.deepNestedInclude(done, { "result.slug": "c", "result.input.message": "hi" })
    assert.strictEqual(await failed(runtime.execute("a/b/broken", { message: "hi" })) as unknown, thrown)
    await runtime.close()
  })
})

describe("spans", () => {
  it("are opened by the caller's tracer, below its span, with the tool's code within", async () => {
    const opening: Array<string> = []
    const traceId = "0123456789abcdef0123456789abcdef"
    const names = new Map([["0000000000000001", "root"]])
    const nameOf = (span: Runtime.SpanParent | undefined) => names.get(span?.spanId ?? "") ?? "none"
    const parents: Array<string | null> = []
    let within = "none"
    const tracer: Runtime.SpanTracer = {
      parent: { traceId, spanId: "0000000000000001", sampled: true },
      start: ({ name, parent }) => {
        const spanId = (names.size + 1).toString(16).padStart(16, "0")
        names.set(spanId, name)
        opening.push(`${nameOf(parent)} > ${name}`)
        return { traceId, spanId, sampled: true, attribute() {}, event() {}, end() {} }
      },
      within: (span, code) => {
        const before = within
        within = nameOf(span)
        try {
          return code()
        } finally {
          within = before
        }
      }
    }
    const fetch: typeof globalThis.fetch = (url, init) => {
      parents.push(new Headers(init?.headers).get("traceparent"))
      return globalThis.fetch(url, init)
    }
    let seen = ""
    const tool = cities(() => {
      seen = within
      return "18"
    })
    await opened((runtime) => runtime.execute(weather, { message: "hi", tools: [tool] }, { tracer }), { fetch })
    assert.strictEqual(seen, "execute_tool get_weather")
    assert.include(opening, "root > noukai.flow.execute")
    assert.isTrue(opening.some((line) => line.endsWith("> execute_tool get_weather")), opening.join("\n"))
    assert.isNotEmpty(parents)
    for (const parent of parents) assert.match(parent ?? "", new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`))
  })
})
