/** Runs once per key, and what the results and rejections are. */
import { type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import {
  AmbiguousRunError,
  InvalidRequestError,
  Noukai,
  OnceJob,
  ResultNotStoredError,
  RunInProgressError,
  UnexpectedResponseError
} from "@effect-noukai/promise"
import { afterAll, afterEach, assert, beforeAll, beforeEach, it } from "vitest"
import { rejection, resultOf } from "./support/world.js"

const echo = "noukai/tests/echo"
const failing = "noukai/tests/failing"

let emulator: RunningEmulator
let noukai: Noukai

beforeAll(async () => {
  emulator = await startEmulator({
    capture: "full",
    flows: [
      { ref: echo, steps: [{ kind: "template", id: "a", output: { said: "{{message}}" } }] },
      { ref: failing, steps: [{ kind: "fail", id: "broken", code: "MODEL_DOWN", message: "no model" }] },
      { ref: "noukai/tests/slow", steps: [{ kind: "template", id: "a", output: 1, duration: "1 hour" }] },
      { ref: "noukai/tests/redacted", capture: "redacted", steps: [{ kind: "template", id: "a", output: 1 }] },
      {
        ref: "noukai/tests/asking",
        steps: [{ kind: "tool", id: "ask", rounds: [[{ name: "weather", arguments: {} }]], output: "sunny" }]
      }
    ]
  })
})

// a client knows the keys that it has run, of which a reset leaves nothing
beforeEach(() => {
  noukai = new Noukai({ apiKey: emulator.apiKey, env: "dev", port: emulator.port })
})

afterEach(async () => {
  await noukai.close()
  emulator.reset()
})

afterAll(() => emulator.close())

it("executeOnce runs what is absent, and gives what ran", async () => {
  const flow = noukai.flow(echo)
  const first = await flow.executeOnce("row 1", { message: "hi" })
  const second = await flow.executeOnce("row 1", { message: "hi", signal: new AbortController().signal })
  assert.deepStrictEqual([first.reused, second.reused], [false, true])
  assert.deepStrictEqual(resultOf(second), { said: "hi" })
  assert.strictEqual(second.executionId, first.executionId)
  assert.strictEqual(second.sessionId, first.sessionId)
  assert.isFalse(second.requiresToolCalls)
  assert.lengthOf(emulator.ledger().runs, 1)
  // the other results say nothing of keys
  assert.notProperty(await flow.execute({ message: "hi" }), "reused")
})

it("a failed run is a result, and says whether it was found", async () => {
  const flow = noukai.flow(failing)
  const first = await flow.executeOnce("row 1")
  const second = await flow.executeOnce("row 1")
  assert.deepStrictEqual([first.status, first.reused], ["failed", false])
  assert.deepStrictEqual([second.status, second.reused, second.executionId], ["failed", true, first.executionId])
  const third = await flow.executeOnce("row 1", { rerunFailed: true })
  assert.deepStrictEqual([third.status, third.reused], ["failed", false])
  assert.lengthOf(emulator.ledger().runs, 2)
})

it("calls of one key at one time are one run", async () => {
  const results = await Promise.all([1, 2, 3].map(() => noukai.flow(echo).executeOnce("row 1", { message: "hi" })))
  assert.deepStrictEqual(results.map(({ reused }) => reused).sort(), [false, true, true])
  assert.lengthOf(emulator.ledger().runs, 1)
})

it("a call that times out ends alone: the others see its run, and send no other", async () => {
  const flow = noukai.flow("noukai/tests/slow")
  const leader = rejection(flow.executeOnce("row 1", { timeout: 2000 }))
  while (emulator.ledger().runs.length === 0) await new Promise((resume) => setImmediate(resume))
  const follower = rejection(flow.executeOnce("row 1"))
  assert.deepInclude(await leader, { name: "APITimeoutError" })
  assert.instanceOf(await follower, RunInProgressError)
  assert.lengthOf(emulator.ledger().runs, 1)
})

it("a pause goes on by its own resume", async () => {
  const tools = [{ type: "function", function: { name: "weather" } }]
  const flow = noukai.flow("noukai/tests/asking")
  const paused = await flow.executeOnce("row 1", { tools })
  assert(paused.requiresToolCalls)
  assert.isFalse(paused.reused)
  assert.instanceOf(await rejection(flow.executeOnce("row 1", { tools })), RunInProgressError)
  const done = await paused.resume({ toolResults: [{ tool_call_id: paused.toolCalls[0]!.id, content: "warm" }] })
  assert.strictEqual(resultOf(done), "sunny")
  assert.deepInclude(await flow.executeOnce("row 1", { tools }), { result: "sunny", reused: true })
})

it("takeOver goes on with a run that another process left in a pause", async () => {
  const tools = [{ type: "function", function: { name: "weather" } }]
  const flow = noukai.flow("noukai/tests/asking")
  const { executionId } = await flow.executeOnce("row 1", { tools })
  const other = new Noukai({ apiKey: emulator.apiKey, env: "dev", port: emulator.port })
  const toolHandler = (calls: ReadonlyArray<{ id: string }>) =>
    calls.map(({ id }) => ({ tool_call_id: id, content: "warm" }))
  const options = { tools, toolHandler, takeOver: true }
  const done = await other.flow("noukai/tests/asking").executeOnce("row 1", options)
  assert.deepInclude(done, { status: "completed", result: "sunny", reused: true })
  assert.strictEqual(done.executionId, executionId)
  const refused = await rejection(flow.executeOnce("row 1", { takeOver: "yes" as never }))
  assert.instanceOf(refused, InvalidRequestError)
  assert.lengthOf(emulator.ledger().runs, 1)
  await other.close()
})

it("a pause that is answered twice leads to what followed the first answer", async () => {
  const tools = [{ type: "function", function: { name: "weather" } }]
  const paused = await noukai.flow("noukai/tests/asking").execute({ tools })
  assert(paused.requiresToolCalls)
  const answer = { toolResults: [{ tool_call_id: paused.toolCalls[0]!.id, content: "warm" }] }
  assert.strictEqual(resultOf(await paused.resume(answer)), "sunny")
  assert.strictEqual(resultOf(await paused.resume(answer)), "sunny")
  assert.lengthOf(emulator.ledger().runs, 1)
})

const typesOf = async (loop: AsyncIterable<{ readonly type: string }>): Promise<ReadonlyArray<string>> => {
  const types: Array<string> = []
  for await (const { type } of loop) {
    types.push(type)
    // nobody answers
    if (type === "tool_calls_required") break
  }
  return types
}

it("eventsOnce streams the run of a key to all clients, and is one run with executeOnce", async () => {
  await using other = new Noukai({ apiKey: emulator.apiKey, env: "dev", port: emulator.port })
  const [a, b] = await Promise.all(
    [noukai, other].map((client) => typesOf(client.flow(echo).eventsOnce("row 1", { message: "hi", settle: 0 })))
  )
  assert.deepStrictEqual(a, b)
  assert.strictEqual(a?.at(-1), "flow_completed")
  assert.deepInclude(await noukai.flow(echo).executeOnce("row 1"), { result: { said: "hi" }, reused: true })
  assert.lengthOf(emulator.ledger().runs, 1)
})

it("eventsOnce goes on with a run that was left, if it takes over", async () => {
  const flow = noukai.flow("noukai/tests/asking")
  const tools = [{ type: "function", function: { name: "weather" } }]
  const asked: Array<string> = []
  const handled = {
    tools,
    silence: 100,
    toolHandler: (calls: ReadonlyArray<{ id: string; function: { name: string } }>) =>
      calls.map(({ function: { name }, id }) => {
        asked.push(name)
        return { role: "tool", tool_call_id: id, content: "sunny" }
      })
  }
  assert.strictEqual((await typesOf(flow.eventsOnce("row 1", { tools }))).at(-1), "tool_calls_required")
  assert.instanceOf(await rejection(typesOf(flow.eventsOnce("row 1", handled))), RunInProgressError)
  assert.deepStrictEqual(asked, [])
  assert.strictEqual(
    (await typesOf(flow.eventsOnce("row 1", { ...handled, takeOver: true }))).at(-1),
    "flow_completed"
  )
  assert.deepStrictEqual(asked, ["weather"])
  assert.lengthOf(emulator.ledger().runs, 1)
})

it("eventsOnce refuses wrong options before anything is sent", async () => {
  for (
    const options of [{ silence: Number.NaN }, { silence: -1 }, { from: {} }, { sessionId: "x" }, { takeOver: "yes" }]
  ) {
    const error = await rejection(typesOf(noukai.flow(echo).eventsOnce("row 1", options as never)))
    assert.instanceOf(error, InvalidRequestError)
    assert.strictEqual(error.field, Object.keys(options)[0])
  }
  assert.lengthOf(emulator.ledger().requests, 0)
})

it("errors of a pause name the operation that was called", async () => {
  const flow = noukai.flow("noukai/tests/asking")
  const tools = [{ type: "function", function: { name: "weather" } }]
  const wrong = { toolResults: "none" as never }
  const named = async (operation: string, call: Promise<unknown>) => {
    const error = await rejection(call)
    assert.instanceOf(error, InvalidRequestError)
    assert.match(error.message, new RegExp(`^flow\\.${operation}: invalid toolResults`))
  }
  const paused = await flow.executeOnce("row 1", { tools })
  assert(paused.requiresToolCalls)
  await named("executeOnce", paused.resume(wrong))
  const streams = { events: flow.events({ tools }), eventsOnce: flow.eventsOnce("row 2", { tools }) }
  for (const [operation, events] of Object.entries(streams)) {
    const unanswered = async () => {
      for await (const event of events) {
        if (event.type === "tool_calls_required") await named(operation, event.resume(wrong))
      }
    }
    await named(operation, unanswered())
  }
})

it("submitOnce gives the job that was submitted", async () => {
  const flow = noukai.flow(echo)
  const first = await flow.submitOnce("row 1", { message: "hi" })
  const second = await flow.executeAsyncOnce("row 1", { message: "hi" })
  assert.instanceOf(second, OnceJob)
  assert.deepStrictEqual([first.reused, second.reused, second.executionId], [false, true, first.executionId])
  assert.deepInclude(await second.wait({ pollInterval: 0 }), { status: "completed", result: { said: "hi" } })
  assert.lengthOf(emulator.ledger().runs, 1)
})

it("rejects with what is known of the run", async () => {
  const redacted = noukai.flow("noukai/tests/redacted")
  await redacted.executeOnce("row 1")
  const notStored = await rejection(redacted.executeOnce("row 1"))
  assert.instanceOf(notStored, ResultNotStoredError)
  assert.deepInclude(notStored, { reason: "redacted", name: "ResultNotStoredError", isRetryable: false })

  const { sessionId } = await noukai.flow(echo).executeOnce("row 1", { message: "hi" })
  await noukai.flow(echo).execute({ message: "hi", sessionId: sessionId! })
  const ambiguous = await rejection(noukai.flow(echo).executeOnce("row 1", { message: "hi" }))
  assert.instanceOf(ambiguous, AmbiguousRunError)
  assert.lengthOf(ambiguous.executionIds, 2)
  assert.include(ambiguous.message, "flow.executeOnce")
})

it("sends nothing for a key that it has run and that is absent now", async () => {
  const flow = noukai.flow(echo)
  const { executionId } = await flow.executeOnce("row 1", { message: "hi" })
  emulator.reset()
  for (const call of [flow.executeOnce("row 1"), flow.submitOnce("row 1")]) {
    const missing = await rejection(call)
    assert.instanceOf(missing, ResultNotStoredError)
    assert.deepStrictEqual([missing.reason, missing.executionId, missing.isRetryable], ["missing", executionId, false])
  }
  assert.lengthOf(emulator.ledger().runs, 0)
})

it("sends nothing after a 404 that says of no session that it does not exist, unless isSessionNotFound does", async () => {
  const fault = (body: unknown) => `404:body=${encodeURIComponent(JSON.stringify(body))}`
  const gone = { error: "unknown_session" }
  for (const body of [{ detail: "Not Found" }, { message: "no Route matched" }, gone]) {
    emulator.addFaults({ match: { endpoint: "session" }, script: [fault(body), fault(body)] })
    for (const name of ["executeOnce", "executeAsyncOnce"] as const) {
      const error = await rejection(noukai.flow(echo)[name]("row 1", { message: "hi" }))
      assert.instanceOf(error, UnexpectedResponseError)
      assert.deepInclude(error, { statusCode: 404, responseBody: body, isRetryable: false })
    }
  }
  assert.lengthOf(emulator.ledger().runs, 0)
  const options = { apiKey: emulator.apiKey, env: "dev", port: emulator.port } as const
  const isSessionNotFound = (body: string) => body === JSON.stringify(gone)
  const other = new Noukai({ ...options, isSessionNotFound })
  emulator.addFaults({ match: { endpoint: "session" }, script: [fault(gone)] })
  assert.isFalse((await other.flow(echo).executeOnce("row 1", { message: "hi" })).reused)
  assert.lengthOf(emulator.ledger().runs, 1)
  await other.close()
})

it("refuses what it cannot use before anything is sent", async () => {
  const flow = noukai.flow(echo)
  const session = { sessionId: "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01" }
  const wrong: ReadonlyArray<readonly [string, Promise<unknown>]> = [
    ["key", flow.executeOnce("")],
    ["key", flow.executeAsyncOnce(7 as never)],
    ["settle", flow.executeOnce("k", { settle: -1 })],
    ["rerunFailed", flow.executeAsyncOnce("k", { rerunFailed: 1 as never })],
    ["sessionId", flow.executeOnce("k", session as object)],
    ["sessionId", flow.executeAsyncOnce("k", session as object)]
  ]
  for (const [field, call] of wrong) {
    const error = await rejection(call)
    assert.instanceOf(error, InvalidRequestError)
    assert.strictEqual(error.field, field)
  }
  assert.lengthOf(emulator.ledger().requests, 0)
})
