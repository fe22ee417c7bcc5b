/** `maxCostUsd`: refused if it is no amount; a run that has cost more is stopped, with what it cost. */
import { startEmulator } from "@effect-noukai/emulator"
import { CostLimitError, InvalidRequestError, Noukai } from "@effect-noukai/promise"
import type { CostLimitError as SdkCostLimitError } from "@effect-noukai/sdk"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { rejection, tools } from "./support/world.js"

const name = tools[0]!.function.name

let emulator: Awaited<ReturnType<typeof startEmulator>>
let noukai: Noukai

beforeAll(async () => {
  emulator = await startEmulator({
    flows: [{
      ref: "acme/test/asking",
      steps: [
        { kind: "template", id: "a", output: 1, costUsd: "0.3" },
        { kind: "tool", id: "ask", rounds: [[{ name }]], output: "done", costUsd: "0.1" }
      ]
    }]
  })
  noukai = new Noukai({ apiKey: "nk_test_limit", env: "dev", port: emulator.port })
})

afterAll(async () => {
  await noukai.close()
  await emulator.close()
})

const flow = () => noukai.flow("acme/test/asking")

describe("maxCostUsd", () => {
  it("is refused before anything is sent if it is no amount", async () => {
    for (const maxCostUsd of [0, "0", -1, Number.NaN, "much"]) {
      const error = await rejection(flow().execute({ message: "hi", maxCostUsd }))
      assert.instanceOf(error, InvalidRequestError)
      assert.strictEqual(error.field, "maxCostUsd")
    }
    assert.strictEqual(emulator.ledger().requestsReceived, 0)
  })

  it("is refused for a run of one request before anything is sent", async () => {
    const limited = { message: "hi", maxCostUsd: 1 }
    const refused = [
      flow().executeOnce("key", { ...limited, version: "draft" }),
      flow().execute({ maxCostUsd: 1, messages: [{ role: "user", content: "hi" }] }),
      flow().execute({ ...limited, version: "draft" }),
      flow().executeAsync(limited)
    ]
    for (const call of refused) {
      const error = await rejection(call)
      assert.instanceOf(error, InvalidRequestError)
      assert.strictEqual(error.field, "maxCostUsd")
    }
    assert.strictEqual(emulator.ledger().requestsReceived, 0)
  })

  it("lets a run finish that is within it, step by step", async () => {
    const toolHandler = (calls: ReadonlyArray<{ id: string }>) =>
      calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: "x" }))
    const done = await flow().execute({ message: "hi", tools, toolHandler, maxCostUsd: 0.3 })
    assert.deepInclude({ ...done }, { status: "completed", result: "done" })
    assert.notInclude(emulator.ledger().requests.map(({ endpoint }) => endpoint), "execute")
  })

  it("what it cost is known after it, from its trace", async () => {
    const { executionId } = await flow().execute({ message: "hi", tools })
    assert.isDefined(executionId)
    const run = flow().run(executionId!)
    const { isKnown, status, ...totals } = await run.cost()
    assert.isTrue(isKnown)
    assert.isString(status)
    const { summary } = await run.trace()
    assert.deepStrictEqual({ ...totals }, { ...summary, executionId })
  })

  it("stops a run before its handler runs, and a stream before its next step", async () => {
    let runs = 0
    const toolHandler = () => {
      runs++
      return []
    }
    const options = { message: "hi", tools, toolHandler, maxCostUsd: "0.2" }
    const error = await rejection(flow().execute(options))
    assert.instanceOf(error, CostLimitError)
    assert.deepInclude({ ...error }, { maxCostUsd: "0.2", spentUsd: "0.3" })
    assert.match(
      error.message,
      /^flow\.execute acme\/test\/asking: the run has cost \$0\.3, more than its limit of \$0\.2/
    )
    assert.isDefined((error.cause as SdkCostLimitError).cursor)
    const streamed = await rejection((async () => {
      for await (const event of flow().events(options)) if (event.type === "step_error") return
    })())
    assert.instanceOf(streamed, CostLimitError)
    assert.isDefined((streamed.cause as SdkCostLimitError).cursor)
    assert.strictEqual(runs, 0)
  })
})
