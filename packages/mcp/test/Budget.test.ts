import { assert, describe, it } from "@effect/vitest"
import type { CallToolResult, Client } from "@modelcontextprotocol/client"
import { BigDecimal, Effect, TestClock } from "effect"
import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { expect } from "vitest"
import * as Budget from "../src/internal/budget.js"
import { configOf, gate, ownWorld, textOf, twoSteps } from "./support/world.js"

const world = ownWorld()

const say = (agent: Client, message = "a", key?: string): Promise<CallToolResult> =>
  agent.callTool({
    name: "say",
    arguments: { message },
    ...key === undefined ? {} : { _meta: { "xyz.noukai/key": key } }
  })

const filesOf = (path: string) =>
  readdirSync(world.folder).filter((name) => name.startsWith(`${basename(path)}-`)).map((name) =>
    join(world.folder, name)
  )

const usd = BigDecimal.unsafeFromString

describe("the budget of a day", () => {
  it("refuses a call that may cost more than is left, and starts nothing", async () => {
    const config = configOf({ maxCostUsd: "0.05" }, { budgetUsd: "0.06" })
    const agent = await world.connect(world.server(config, { budgetPath: world.budgetPath() }))
    assert.notStrictEqual((await say(agent)).isError, true)
    const refused = await say(agent)
    assert.strictEqual(refused.isError, true)
    assert.match(textOf(refused), /^BUDGET_EXCEEDED: the run may cost 0\.05 US dollars, and 0\.04 of 0\.06 are left /)
    assert.deepStrictEqual(world.billed(), ["0.02"])
  })

  it("is not new after a restart, and is one of several servers", async () => {
    const config = configOf({ maxCostUsd: "0.03" }, { budgetUsd: "0.05" })
    const budgetPath = world.budgetPath()
    const [one, other] = await Promise.all(
      [1, 2].map(async () => world.connect(world.server(config, { budgetPath })))
    )
    const { open, opened } = gate()
    world.emulator().putFlows(twoSteps({ first: opened }))
    const first = say(one!, "first")
    await expect.poll(() => world.emulator().ledger().runs.length).toBe(1)
    // the reserve of the run in flight counts
    assert.match(textOf(await say(other!)), /^BUDGET_EXCEEDED: .* 0\.02 of 0\.05 are left/)
    open()
    await first
    assert.notStrictEqual((await say(other!)).isError, true)
    const restarted = await world.connect(world.server(config, { budgetPath }))
    assert.match(textOf(await say(restarted)), /^BUDGET_EXCEEDED: .* 0\.01 of 0\.05 are left/)
    const [file] = filesOf(budgetPath)
    assert.strictEqual(statSync(file!).mode & 0o777, 0o600)
  })

  it("belongs to the config, without a path", async () => {
    const config = configOf({ description: `Says it, ${process.hrtime.bigint()}`, maxCostUsd: "0.03" }, {
      budgetUsd: "0.04"
    })
    assert.notStrictEqual((await say(await world.connect(world.server(config)))).isError, true)
    assert.match(textOf(await say(await world.connect(world.server(config)))), /^BUDGET_EXCEEDED: /)
    const other = { ...config, wait: "20 seconds" }
    assert.notStrictEqual((await say(await world.connect(world.server(other)))).isError, true)
  })

  it("keeps the reserve of a call that was cut off, and gives back the one of a call that was refused", async () => {
    const budgetPath = world.budgetPath()
    const config = configOf({ maxCostUsd: "0.05", timeout: "200 millis" }, { budgetUsd: "0.10" })
    const agent = await world.connect(world.server(config, { budgetPath }))
    const { open, opened } = gate()
    world.emulator().putFlows(twoSteps({ first: opened }))
    assert.match(textOf(await say(agent, "first")), /^TIMEOUT/)
    open()
    world.emulator().removeFlow("acme/test/two")
    assert.match(textOf(await say(agent)), /^FLOW_NOT_FOUND/)
    assert.match(textOf(await say(agent)), /^FLOW_NOT_FOUND/)
    const lines = readFileSync(filesOf(budgetPath)[0]!, "utf8").trim().split("\n").map((line) => JSON.parse(line))
    assert.deepStrictEqual(lines.map(({ usd }) => usd), ["0.05", "0.05", "0.05", "0", "0.05", "0"])
  })

  it("pays a run that several calls share once", async () => {
    const config = configOf({ maxCostUsd: "0.05" }, { budgetUsd: "0.08" })
    const agent = await world.connect(world.server(config, { budgetPath: world.budgetPath() }))
    for (let n = 0; n < 4; n++) assert.notStrictEqual((await say(agent, "a", "one")).isError, true)
    assert.deepStrictEqual(world.billed(), ["0.02"])
  })

  it("counts all of a run that was cut off and that the next call of its key completes", async () => {
    const config = configOf({ maxCostUsd: "0.02", timeout: "4 seconds" }, { budgetUsd: "0.05" })
    const agent = await world.connect(world.server(config, { budgetPath: world.budgetPath() }))
    for (const key of ["one", "two"]) {
      world.emulator().addFaults({ match: { endpoint: "step" }, script: ["ok", "cut:e1"] })
      const cut = textOf(await say(agent, "a", key))
      const [run] = world.emulator().ledger().runs.slice(-1)
      assert.match(cut, /^API_CONNECTION: the connection failed: [^(]+; the server had begun to answer/)
      assert.include(cut, `(run ${run!.executionId})`)
      // its reserve is that of the call that goes on
      assert.notStrictEqual((await say(agent, "a", key)).isError, true)
    }
    assert.deepStrictEqual(world.billed(), ["0.02", "0.02"])
    assert.match(textOf(await say(agent)), /^BUDGET_EXCEEDED: .* 0\.01 of 0\.05 are left/)
  })

  it("keeps the reserve of a run that nobody has completed", async () => {
    const config = configOf({ maxCostUsd: "0.03" }, { budgetUsd: "0.05" })
    const agent = await world.connect(world.server(config, { budgetPath: world.budgetPath() }))
    world.emulator().addFaults({ match: { endpoint: "step" }, script: ["ok", "cut:e1"] })
    assert.match(textOf(await say(agent, "a", "one")), /^API_CONNECTION: /)
    assert.match(textOf(await say(agent, "a", "other")), /^BUDGET_EXCEEDED: .* 0\.02 of 0\.05 are left/)
    assert.lengthOf(world.emulator().ledger().runs, 1)
  })

  it("that cannot be read lets nothing run", async () => {
    const budgetPath = world.budgetPath()
    const config = configOf({}, { budgetUsd: "5" })
    const agent = await world.connect(world.server(config, { budgetPath }))
    await say(agent)
    appendFileSync(filesOf(budgetPath)[0]!, "torn\n")
    assert.match(textOf(await say(agent)), /^BUDGET_UNKNOWN: .* nothing was started/)
    writeFileSync(join(world.folder, "a-file"), "")
    const nowhere = await world.connect(world.server(config, { budgetPath: join(world.folder, "a-file", "budget") }))
    assert.match(textOf(await say(nowhere)), /^BUDGET_UNKNOWN: /)
    assert.lengthOf(world.emulator().ledger().runs, 1)
  })

  it.effect("begins anew at midnight in UTC", () =>
    Effect.gen(function*() {
      const path = world.budgetPath()
      const budget = Budget.make(path, usd("0.05"))
      yield* TestClock.setTime(Date.UTC(2026, 5, 7, 23, 59, 59, 999))
      const settle = yield* budget.reserve(usd("0.04"))
      const refused = yield* Effect.flip(budget.reserve(usd("0.02")))
      assert.strictEqual(refused.code, "BUDGET_EXCEEDED")
      yield* TestClock.adjust("1 millis")
      yield* budget.reserve(usd("0.05"))
      // the cost belongs to the day on which the run began
      yield* settle({ usd: usd("0.01") })
      assert.strictEqual((yield* Effect.flip(budget.reserve(usd("0.01")))).code, "BUDGET_EXCEEDED")
      assert.deepStrictEqual(
        filesOf(path).map((file) => file.slice(path.length)).sort(),
        ["-2026-06-07.jsonl", "-2026-06-08.jsonl"]
      )
      yield* TestClock.adjust("2 days")
      yield* budget.reserve(usd("0.05"))
      assert.include(filesOf(path).map((file) => file.slice(path.length)), "-2026-06-10.jsonl")
      assert.notInclude(filesOf(path).map((file) => file.slice(path.length)), "-2026-06-07.jsonl")
    }))
})
