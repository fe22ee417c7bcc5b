import { assert, it } from "@effect/vitest"
import { expect } from "vitest"
import { configOf, gate, ownWorld, textOf, twoSteps } from "./support/world.js"

const world = ownWorld()

const call = { name: "say", arguments: { message: "second" }, _meta: { "xyz.noukai/key": "order-1" } }

it("a run whose process has ended goes on with the next call of its key", async () => {
  const { open, opened } = gate()
  world.emulator().putFlows(twoSteps({ second: opened }))
  const killed = world.server(configOf())
  const agent = await world.connect(killed)
  const cut = agent.callTool(call)
  await expect.poll(() => world.emulator().ledger().steps.length).toBe(2)
  await killed.close()
  assert.match(textOf(await cut), /^CANCELLED: /)
  await expect.poll(() => world.emulator().ledger().steps[1]!.outcome).toBe("interrupted")
  open()
  const next = await world.connect(world.server(configOf({ timeout: "16 seconds" })))
  const result = await next.callTool(call, { timeout: 60_000 })
  assert.include(textOf(result), "\"said\":\"second\"")
  assert.deepStrictEqual(
    world.emulator().ledger().steps.map(({ outcome, stepId }) => [stepId, outcome]),
    [["first", "completed"], ["second", "interrupted"], ["second", "completed"]]
  )
  assert.deepStrictEqual(world.billed(), ["0.02"])
})
