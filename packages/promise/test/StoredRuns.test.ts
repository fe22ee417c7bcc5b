/** Runs that go on from a stored pause or cursor, in another client. */
import { type FlowCursor, InvalidRequestError, type NoukaiError, type PausedState } from "@effect-noukai/promise"
import { assert, describe, it } from "vitest"
import { ownEmulator } from "./support/ownEmulator.js"
import { answers, rejection, resultOf, tools, twoStep, twoTools, weather } from "./support/world.js"

const { client, emulator } = ownEmulator()

/** Another process has the text alone. */
const stored = <A>(value: A): A => JSON.parse(JSON.stringify(value)) as A

const collect = async <A>(all: AsyncIterable<A>): Promise<Array<A>> => {
  const found: Array<A> = []
  for await (const one of all) found.push(one)
  return found
}

const requestsTo = (endpoint: string) => emulator().ledger().requests.filter((one) => one.endpoint === endpoint).length

const twoToolsFlow = "noukai/tests/two-tools"

const contents = (state: PausedState) => state.toolCalls.map(({ id }) => ({ tool_call_id: id, content: "x" }))

describe("a stored pause", () => {
  it("is answered by another client, for one run", async () => {
    const states: Array<PausedState> = []
    const paused = await client().flow(twoToolsFlow).execute({
      message: "hi",
      tools: twoTools,
      onPause: async (state) => {
        await Promise.resolve()
        states.push(stored(state))
      }
    })
    assert(paused.requiresToolCalls)
    const [state] = states
    assert.deepStrictEqual(stored(paused.state), state)
    assert.notProperty(stored(paused), "state")
    assert.deepInclude(state!, { version: 1, flow: twoToolsFlow, executionId: paused.executionId })

    const done = await client().flow(state!.flow).resume(state!, { toolResults: contents(state!) })
    assert.deepStrictEqual(resultOf(done), { one: "x", two: "x" })
    assert.strictEqual(done.executionId, paused.executionId)
    assert.strictEqual(emulator().ledger().runsStarted, 1)
  })

  it("is shown before a handler answers it, and a rejection of onPause leaves the run paused", async () => {
    const order: Array<string> = []
    const asking = (onPause: () => unknown) =>
      client().flow(weather).execute({
        message: "hi",
        tools,
        toolHandler: (calls) => {
          order.push("handler")
          return answers(calls)
        },
        onPause
      })
    await asking(() => order.push("onPause"))
    assert.deepStrictEqual(order, ["onPause", "handler"])

    const full = new Error("the disk is full")
    const before = requestsTo("execute")
    assert.strictEqual(await rejection(asking(() => Promise.reject(full))), full)
    assert.strictEqual(requestsTo("execute"), before + 1)
    assert.deepStrictEqual(order, ["onPause", "handler"])
  })

  it("goes on with a handler, which hears of the next pauses", async () => {
    const flow = client().flow("noukai/tests/forever")
    const paused = await flow.execute({ message: "hi", tools })
    assert(paused.requiresToolCalls)
    const states: Array<PausedState> = []
    const error = await rejection(flow.resume(paused.state!, {
      toolResults: contents(paused.state!),
      tools,
      toolHandler: answers,
      maxToolRounds: 2,
      onPause: (state) => void states.push(state)
    }))
    assert.strictEqual((error as NoukaiError).name, "ToolCallLimitError")
    assert.strictEqual((error as NoukaiError).executionId, paused.executionId)
    assert.isAtLeast(states.length, 2)
  })

  it("is refused with wrong results, of another flow, and where it is no state, before anything is sent", async () => {
    const flow = client().flow(twoToolsFlow)
    const paused = await flow.execute({ message: "hi", tools: twoTools })
    assert(paused.requiresToolCalls)
    const state = paused.state!
    const sent = emulator().ledger().requestsReceived
    const results = contents(state)
    const calls: ReadonlyArray<readonly [field: string, call: () => Promise<unknown>]> = [
      ["toolResults", () => flow.resume(state, { toolResults: [] })],
      ["toolResults", () => flow.resume(state, {} as never)],
      ["toolResults[0].toolCallId", () => flow.resume(state, { toolResults: [{ ...results[0], tool_call_id: "no" }] })],
      ["state", () => client().flow(weather).resume(state, { toolResults: results })],
      ["state", () => flow.resume({ ...state, version: 2 } as never, { toolResults: results })],
      ["state", () => flow.resume(undefined as never, { toolResults: results })],
      ["onPause", () => flow.resume(state, { toolResults: results, onPause: "no" as never })]
    ]
    for (const [field, call] of calls) {
      const error = await rejection(call())
      assert.instanceOf(error, InvalidRequestError)
      assert.strictEqual(error.field, field, error.message)
    }
    assert.strictEqual(emulator().ledger().requestsReceived, sent)
  })

  it("of a typed flow gives a result of its schema", async () => {
    const result = {
      "~standard": {
        version: 1 as const,
        vendor: "test",
        validate: (value: unknown) => ({ value: { said: (value as { one: string }).one } })
      }
    }
    const flow = client().flow(twoToolsFlow, { result })
    const paused = await flow.execute({ message: "hi", tools: twoTools })
    assert(paused.requiresToolCalls)
    const done = await flow.resume(paused.state!, { toolResults: contents(paused.state!) })
    assert.deepStrictEqual(done.status === "completed" ? done.result : undefined, { said: "x" })
  })
})

describe("a stored cursor", () => {
  it("of an event goes on in another client, without another run, with edited outputs", async () => {
    let cursor: FlowCursor | undefined
    for await (const event of client().flow("noukai/tests/inputs").events({ parameters: { difficulty: "easy" } })) {
      if (event.type === "step_completed") {
        cursor = stored(event.cursor)
        assert.notProperty(stored(event), "cursor")
        break
      }
    }
    assert(cursor !== undefined)
    assert.strictEqual(cursor.stepIndex, 1)
    const from = { ...cursor, outputs: { first: { difficulty: "hard" } } }
    const events = await collect(client().flow(cursor.flow).events({ from }))
    assert.deepStrictEqual(
      events.filter(({ type }) => type === "step_completed").map((one) => "stepId" in one && one.stepId),
      [
        "second"
      ]
    )
    assert.deepStrictEqual(events.at(-1), {
      ...events.at(-1)!,
      type: "flow_completed",
      result: { seen: { difficulty: "hard" } }
    })
    assert.strictEqual(emulator().ledger().runsStarted, 1)
  })

  it("of a cut is on the error, and steps go on from it", async () => {
    emulator().addFaults({ match: { endpoint: "step" }, script: ["ok", "cut:e1"] })
    const flow = client().flow(twoStep)
    const error = await rejection(collect(flow.events({ message: "hi" }))) as NoukaiError
    assert.strictEqual(error.name, "APIConnectionError")
    assert.strictEqual(error.cursor?.stepIndex, 1)
    assert.notProperty(stored(error), "cursor")
    const steps = await collect(flow.steps({ from: stored(error.cursor) }))
    assert.deepStrictEqual(steps.map(({ stepIndex }) => stepIndex), [1])
    assert.strictEqual(emulator().ledger().runsStarted, 1)
  })

  it("is refused where it is none, and of another flow", async () => {
    for (
      const from of [{}, "cursor", {
        version: 1,
        flow: weather,
        flowVersion: "production",
        stepIndex: 0,
        outputs: {},
        rounds: 0
      }]
    ) {
      const error = await rejection(collect(client().flow(twoStep).events({ from: from as never })))
      assert.instanceOf(error, InvalidRequestError)
      assert.match(String(error.field), /^from/)
    }
    assert.strictEqual(emulator().ledger().requestsReceived, 0)
  })
})

describe("heal", () => {
  it("goes on after a cut, with one run", async () => {
    emulator().addFaults({ match: { endpoint: "step" }, script: ["ok", "cut:e1", "cut:e1", "ok"] })
    const events = await collect(client().flow(twoStep).events({ message: "hi", heal: { attempts: 2, delay: 1 } }))
    assert.strictEqual(events.at(-1)?.type, "flow_completed")
    assert.strictEqual(emulator().ledger().runsStarted, 1)
    assert.strictEqual(requestsTo("step"), 4)
  })

  it("ends after its attempts, and without it a cut ends the stream", async () => {
    for (const [heal, requests] of [[{ attempts: 1, delay: 1 }, 3], [false, 2]] as const) {
      await emulator().reset()
      emulator().addFaults({ match: { endpoint: "step" }, script: ["ok", "cut:e1", "cut:e1", "ok"] })
      const error = await rejection(collect(client().flow(twoStep).events({ message: "hi", heal })))
      assert.strictEqual((error as NoukaiError).name, "APIConnectionError")
      assert.strictEqual(requestsTo("step"), requests)
    }
  })

  it("is true for its defaults, and refused where it is neither", async () => {
    const events = await collect(client().flow(twoStep).events({ message: "hi", heal: true }))
    assert.strictEqual(events.at(-1)?.type, "flow_completed")
    const error = await rejection(collect(client().flow(twoStep).events({ message: "hi", heal: "yes" as never })))
    assert.instanceOf(error, InvalidRequestError)
    assert.strictEqual(error.field, "heal")
  })

  it("and onPause are refused where they have no use", async () => {
    const error = await rejection(collect(client().flow(twoStep).events({ message: "hi", onPause: () => {} } as never)))
    assert.include((error as Error).message, "flow.events: invalid onPause: is not taken by a stream")
    const queued = await rejection(client().flow(twoStep).executeAsync({ message: "hi", onPause: () => {} } as never))
    assert.include((error as Error).message, "onPause")
    assert.instanceOf(queued, InvalidRequestError)
    assert.strictEqual(emulator().ledger().requestsReceived, 0)
  })
})
