import * as FlowFile from "@effect-noukai/emulator/FlowFile"
import { assert, describe, it } from "@effect/vitest"
import type { CallToolResult, ProgressNotification } from "@modelcontextprotocol/client"
import { Either } from "effect"
import { expect } from "vitest"
import { asksWeather, configOf, gate, generations, ownWorld, textOf, twoSteps } from "./support/world.js"

const world = ownWorld()

/** More than JavaScript can hold. */
const exact = "1234567890123456789"

const expectEventually = (condition: () => boolean) => expect.poll(condition).toBe(true)

const difficulty = {
  type: "object",
  properties: { difficulty: { enum: ["easy", "hard"] } },
  required: ["difficulty"],
  additionalProperties: false
}

const said = { type: "object", properties: { said: { type: "string" } }, required: ["said"] }

const meta = (result: { readonly _meta?: { readonly [name: string]: unknown } | undefined }) =>
  Object.fromEntries(Object.entries(result._meta ?? {}).filter(([name]) => name.startsWith("xyz.noukai/")))

describe.each(generations)("flows as tools for a client of %s", (generation) => {
  it("are listed with their arguments, results and hints", async () => {
    const agent = await world.connect(
      world.server(configOf({ parameters: difficulty, result: said, title: "Say", readOnly: true })),
      generation
    )
    assert.strictEqual(agent.getNegotiatedProtocolVersion(), generation)
    const { tools: [tool] } = await agent.listTools()
    assert.strictEqual(tool!.name, "say")
    assert.strictEqual(tool!.title, "Say")
    assert.deepStrictEqual(tool!.inputSchema, {
      type: "object",
      properties: {
        message: { type: "string", description: "The message to the flow." },
        difficulty: { enum: ["easy", "hard"] }
      },
      required: ["message", "difficulty"],
      additionalProperties: false
    })
    assert.deepStrictEqual(tool!.outputSchema, said)
    assert.deepStrictEqual(tool!.annotations, { openWorldHint: true, idempotentHint: false, readOnlyHint: true })
  })

  it("return the result with the id and the cost of the run", async () => {
    const agent = await world.connect(world.server(configOf({ parameters: difficulty, result: said })), generation)
    const result = await agent.callTool({ name: "say", arguments: { message: "hello", difficulty: "hard" } })
    assert.notStrictEqual(result.isError, true, textOf(result))
    const value = { said: "hello", parameters: { difficulty: "hard" } }
    assert.deepStrictEqual(result.structuredContent, value)
    assert.deepStrictEqual(JSON.parse(textOf(result)), value)
    const [run] = world.emulator().ledger().runs
    assert.deepStrictEqual(meta(result), { "xyz.noukai/executionId": run!.executionId, "xyz.noukai/costUsd": "0.02" })
  })

  it("refuse wrong arguments before anything is sent", async () => {
    const agent = await world.connect(world.server(configOf({ parameters: difficulty })), generation)
    for (
      const given of [{}, { message: "a" }, { message: "a", difficulty: "so-so" }, { message: 1, difficulty: "hard" }]
    ) {
      const result = await agent.callTool({ name: "say", arguments: given })
      assert.strictEqual(result.isError, true)
      assert.match(textOf(result), /Invalid arguments/)
    }
    assert.deepStrictEqual(world.emulator().ledger().requests, [])
  })

  it("tell of steps, with a number that grows", async () => {
    const agent = await world.connect(world.server(configOf()), generation)
    const told: Array<ProgressNotification["params"]> = []
    const onprogress = (progress: Omit<ProgressNotification["params"], "progressToken">) =>
      void told.push({ progressToken: 0, ...progress })
    await agent.callTool({ name: "say", arguments: { message: "a" } }, { onprogress })
    assert.deepStrictEqual(told.map(({ message, progress, total }) => [progress, total, message]), [
      [1, 4, "the first step"],
      [2, 4, "the first step"],
      [3, 4, "the second step"],
      [4, 4, "the second step"]
    ])
  })

  it.each(["first", "second"] as const)("stop in the %s step when a call is cancelled", async (step) => {
    const { open, opened } = gate()
    world.emulator().putFlows(twoSteps({ [step]: opened }))
    const agent = await world.connect(world.server(configOf()), generation)
    const cancel = new AbortController()
    const call = agent.callTool({ name: "say", arguments: { message: step } }, { signal: cancel.signal })
    call.catch(() => {})
    const held = () =>
      world.emulator().ledger().steps.some(({ outcome, stepId }) => stepId === step && outcome === "running")
    await expectEventually(held)
    cancel.abort(new Error("no longer needed"))
    const rejected = await call.then(() => undefined, (error: unknown) => error)
    assert.isDefined(rejected)
    await expectEventually(() => !held())
    open()
    assert.deepStrictEqual(
      world.emulator().ledger().steps.map(({ billedUsd, outcome, stepId }) => [stepId, outcome, billedUsd]),
      step === "first"
        ? [["first", "interrupted", "0"]]
        : [["first", "completed", "0.01"], ["second", "interrupted", "0"]]
    )
  })

  it("stop at the cost limit", async () => {
    const agent = await world.connect(world.server(configOf({ maxCostUsd: "0.005" })), generation)
    const result = await agent.callTool({ name: "say", arguments: { message: "a" } })
    assert.strictEqual(result.isError, true)
    const [run] = world.emulator().ledger().runs
    assert.match(textOf(result), /^COST_LIMIT: /)
    assert.include(textOf(result), `(run ${run!.executionId})`)
    assert.deepStrictEqual(meta(result), {
      "xyz.noukai/code": "COST_LIMIT",
      "xyz.noukai/executionId": run!.executionId,
      "xyz.noukai/costUsd": "0.01"
    })
    assert.deepStrictEqual(world.billed(), ["0.01"])
  })

  it("stop at the timeout", async () => {
    const { open, opened } = gate()
    world.emulator().putFlows(twoSteps({ first: opened }))
    const agent = await world.connect(world.server(configOf({ timeout: "200 millis" })), generation)
    const result = await agent.callTool({ name: "say", arguments: { message: "first" } })
    assert.strictEqual(result.isError, true)
    assert.match(textOf(result), /^TIMEOUT: the run took more than 200 millis and was stopped/)
    await expectEventually(() => world.emulator().ledger().steps.every(({ outcome }) => outcome === "interrupted"))
    open()
    assert.isTrue(world.billed().every((usd) => usd === "0"))
  })

  it("return a paid result that does not fit as an error with its value", async () => {
    const wrong = { type: "object", properties: { score: { type: "number" } }, required: ["score"] }
    const agent = await world.connect(world.server(configOf({ result: wrong })), generation)
    const result = await agent.callTool({ name: "say", arguments: { message: "precious" } })
    assert.strictEqual(result.isError, true)
    assert.match(textOf(result), /^RESULT_MISMATCH: .*score/)
    assert.include(textOf(result), JSON.stringify({ said: "precious", parameters: {} }))
    assert.strictEqual(meta(result)["xyz.noukai/costUsd"], "0.02")
    assert.deepStrictEqual(world.billed(), ["0.02"])
  })

  it("return the text of a result with all digits of its numbers", async () => {
    const text = `{"id":${exact},"list":[${exact}]}`
    const steps = `[{"kind":"template","id":"exact","output":${text}}]`
    const file = `{"flows":[{"ref":"acme/test/two","needsMessage":false,"steps":${steps}}]}`
    world.emulator().putFlows(...Either.getOrThrow(FlowFile.decodeText(file)).flows)
    for (const tool of [{}, { result: { type: "object" } }, { result: { type: "object", required: ["score"] } }]) {
      const agent = await world.connect(world.server(configOf(tool)), generation)
      const { content } = await agent.callTool({ name: "say", arguments: { message: "" } }) as CallToolResult
      assert.deepInclude(content, { type: "text", text })
    }
  })

  it("return a result of a megabyte", async () => {
    const agent = await world.connect(world.server(configOf({ result: said })), generation)
    const message = "x".repeat(1_000_000)
    const result = await agent.callTool({ name: "say", arguments: { message } })
    assert.strictEqual((result.structuredContent as { said: string }).said, message)
  })

  it("tell why a flow failed, is missing or is refused, without its details", async () => {
    const lines: Array<string> = []
    world.emulator().putFlows({
      ref: "acme/test/fails",
      needsMessage: false,
      steps: [{ kind: "fail", id: "broken", code: "NO_LUCK", message: "the secret details" }]
    })
    const server = world.server({
      tools: {
        fails: { ...configOf().tools["say"]!, flow: "acme/test/fails" },
        missing: { ...configOf().tools["say"]!, flow: "acme/test/none" }
      }
    }, { log: (line) => void lines.push(line) })
    const agent = await world.connect(server, generation)
    const fails = await agent.callTool({ name: "fails", arguments: { message: "a" } })
    assert.strictEqual(fails.isError, true)
    assert.match(textOf(fails), /^NO_LUCK: the step broken failed \(run .+\)$/)
    assert.include(lines.join("\n"), "the secret details")
    const missing = await agent.callTool({ name: "missing", arguments: { message: "a" } })
    assert.strictEqual(missing.isError, true)
    assert.match(textOf(missing), /^FLOW_NOT_FOUND: /)
    world.emulator().revokeKey(world.emulator().apiKey)
    const refused = await agent.callTool({ name: "fails", arguments: { message: "a" } })
    assert.strictEqual(refused.isError, true)
    assert.strictEqual(meta(refused)["xyz.noukai/executionId"], undefined)
    assert.notInclude(JSON.stringify(refused), world.emulator().apiKey)
  })

  it("tell of tools that a flow waits for and this server does not have", async () => {
    world.emulator().putFlows({ ...asksWeather, ref: "acme/test/two" })
    const agent = await world.connect(world.server(configOf()), generation)
    const result = await agent.callTool({ name: "say", arguments: { message: "Lisbon" } })
    assert.strictEqual(result.isError, true)
    const [run] = world.emulator().ledger().runs
    assert.include(textOf(result), run!.executionId)
  })
})

describe("turns", () => {
  it("run one call at a time, in order", async () => {
    const { open, opened } = gate()
    world.emulator().putFlows(twoSteps({ first: opened }))
    const server = world.server(configOf())
    const agent = await world.connect(server)
    const calls = ["first a", "b", "c"].map((message) => agent.callTool({ name: "say", arguments: { message } }))
    await expectEventually(() => world.emulator().ledger().steps.length === 1)
    // another agent waits for the same turn
    const other = await world.connect(server, "2025-11-25")
    calls.push(other.callTool({ name: "say", arguments: { message: "d" } }))
    await other.listTools()
    assert.lengthOf(world.emulator().ledger().runs, 1)
    open()
    const results = await Promise.all(calls)
    assert.deepStrictEqual(results.map((result) => JSON.parse(textOf(result)).said), ["first a", "b", "c", "d"])
    const { runs } = world.emulator().ledger()
    const ids = results.map((result) => meta(result)["xyz.noukai/executionId"])
    assert.deepStrictEqual(runs.map(({ executionId }) => executionId), ids as Array<string>)
    for (const [index, { startedAt }] of runs.entries()) {
      if (index > 0) assert.isAtLeast(startedAt, runs[index - 1]!.endedAt!)
    }
  })

  it("refuse a call that has waited, which starts nothing later", async () => {
    const { open, opened } = gate()
    world.emulator().putFlows(twoSteps({ first: opened }))
    const agent = await world.connect(world.server(configOf({}, { wait: "20 millis" })))
    const first = agent.callTool({ name: "say", arguments: { message: "first" } })
    await expectEventually(() => world.emulator().ledger().steps.length === 1)
    const late = await agent.callTool({ name: "say", arguments: { message: "late" } })
    assert.strictEqual(late.isError, true)
    assert.match(textOf(late), /^BUSY: another run is in progress; nothing was started/)
    open()
    assert.notStrictEqual((await first).isError, true)
    assert.deepStrictEqual(world.billed(), ["0.02"])
  })

  it("are given back by a call that was cancelled while it waited", async () => {
    const { open, opened } = gate()
    world.emulator().putFlows(twoSteps({ first: opened }))
    const agent = await world.connect(world.server(configOf()))
    const first = agent.callTool({ name: "say", arguments: { message: "first" } })
    await expectEventually(() => world.emulator().ledger().steps.length === 1)
    const cancel = new AbortController()
    const waiting = agent.callTool({ name: "say", arguments: { message: "b" } }, { signal: cancel.signal })
    waiting.catch(() => {})
    cancel.abort()
    open()
    await first
    const last = await agent.callTool({ name: "say", arguments: { message: "c" } })
    assert.strictEqual(JSON.parse(textOf(last)).said, "c")
    assert.lengthOf(world.emulator().ledger().runs, 2)
  })

  it("can be several at a time", async () => {
    const { open, opened } = gate()
    world.emulator().putFlows(twoSteps({ first: opened }))
    const agent = await world.connect(world.server(configOf({}, { concurrency: 2 })))
    const calls = ["first a", "first b", "first c"].map((message) =>
      agent.callTool({ name: "say", arguments: { message } })
    )
    await expectEventually(() => world.emulator().ledger().steps.length === 2)
    await agent.listTools()
    assert.lengthOf(world.emulator().ledger().runs, 2)
    open()
    await Promise.all(calls)
    assert.lengthOf(world.emulator().ledger().runs, 3)
  })
})

it("ends its runs when it is closed", async () => {
  const { open, opened } = gate()
  world.emulator().putFlows(twoSteps({ first: opened }))
  const server = world.server(configOf())
  const agent = await world.connect(server)
  const call = agent.callTool({ name: "say", arguments: { message: "first" } })
  await expectEventually(() => world.emulator().ledger().steps.length === 1)
  await server.close()
  const result = await call
  assert.match(textOf(result), /^CANCELLED: /)
  await expectEventually(() => world.emulator().ledger().steps.every(({ outcome }) => outcome === "interrupted"))
  open()
  const after = await agent.callTool({ name: "say", arguments: { message: "b" } })
  assert.strictEqual(after.isError, true)
  assert.lengthOf(world.emulator().ledger().runs, 1)
})
