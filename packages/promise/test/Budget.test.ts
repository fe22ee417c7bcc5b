/** `Budget`: what calls in it reserve and settle, across awaits, clients, streams and jobs. */
import { startEmulator } from "@effect-noukai/emulator"
import { Budget, BudgetExceededError, InvalidRequestError, Noukai, traceScope } from "@effect-noukai/promise"
import { fromRuntime, inScope } from "@effect-noukai/promise/NoukaiPromise"
import { NoukaiLive, TraceScope } from "@effect-noukai/sdk"
import * as SdkBudget from "@effect-noukai/sdk/Budget"
import { Effect, ManagedRuntime } from "effect"
import { afterAll, afterEach, assert, beforeAll, describe, it, vi } from "vitest"
import { rejection } from "./support/world.js"

let emulator: Awaited<ReturnType<typeof startEmulator>>
let noukai: Noukai

beforeAll(async () => {
  emulator = await startEmulator({
    flows: [
      { ref: "acme/test/cheap", steps: [{ kind: "template", id: "a", output: "{{message}}", costUsd: "0.1" }] },
      {
        ref: "acme/test/dear",
        steps: [
          { kind: "template", id: "a", output: 1, costUsd: "0.3" },
          { kind: "template", id: "b", output: 2, costUsd: "0.3" }
        ]
      }
    ],
    capture: "full"
  })
  noukai = new Noukai({ apiKey: "nk_test_budget", env: "dev", port: emulator.port })
})

afterEach(() => emulator.reset())

afterAll(async () => {
  await noukai.close()
  await emulator.close()
})

const cheap = () => noukai.flow("acme/test/cheap").execute({ message: "hi" })

const amounts = ({ state: { leftUsd, reservedUsd, spentUsd } }: Budget) => [spentUsd, reservedUsd, leftUsd]

describe("Budget", () => {
  it("refuses what is no amount, and what is no function", async () => {
    for (
      const [field, options] of [
        ["limitUsd", { limitUsd: -1 }],
        ["perRun", { limitUsd: 1, perRun: 0 }],
        ["options", undefined]
      ] as const
    ) {
      try {
        assert.fail(String(new Budget(options as never)))
      } catch (error) {
        assert.instanceOf(error, InvalidRequestError)
        assert.strictEqual(error.field, field)
        assert.match(error.message, /^new Budget: /)
      }
    }
    assert.instanceOf(await rejection(new Budget({ limitUsd: 1 }).run("x" as never)), InvalidRequestError)
  })

  it("lets calls run while their reserve fits, after any await, and sends nothing else", async () => {
    const budget = new Budget({ limitUsd: "0.9", perRun: "0.4" })
    const outcomes = await budget.run(async () => {
      await Promise.resolve()
      return await Promise.allSettled([cheap(), cheap(), cheap()])
    })
    assert.deepStrictEqual(outcomes.map(({ status }) => status).sort(), ["fulfilled", "fulfilled", "rejected"])
    const { reason } = outcomes.find(({ status }) => status === "rejected") as PromiseRejectedResult
    assert.instanceOf(reason, BudgetExceededError)
    assert.deepInclude({ ...reason }, { limitUsd: "0.9", leftUsd: "0.1", neededUsd: "0.4" })
    assert.match(reason.message, /^flow\.execute acme\/test\/cheap: the run needs \$0\.4 of its budget of \$0\.9/)
    assert.deepStrictEqual(amounts(budget), ["0.2", "0", "0.7"])
    assert.strictEqual(emulator.ledger().runsStarted, 2)
    await cheap()
    assert.deepStrictEqual(amounts(budget), ["0.2", "0", "0.7"])
  })

  it("stops a run between its steps, in executions and streams", async () => {
    const budget = new Budget({ limitUsd: "0.25", perRun: "0.1" })
    const flow = noukai.flow("acme/test/dear")
    const error = await rejection(budget.run(() => flow.execute({ message: "hi" })))
    assert.instanceOf(error, BudgetExceededError)
    assert.isString(error.executionId)
    assert.strictEqual(emulator.ledger().billedUsd, "0.3")
    const streamed = new Budget({ limitUsd: "0.25", perRun: "0.1" })
    const seen: Array<string> = []
    const stopped = await rejection(streamed.run(async () => {
      for await (const step of flow.steps({ message: "hi" })) seen.push(step.stepId)
    }))
    assert.instanceOf(stopped, BudgetExceededError)
    assert.deepStrictEqual(seen, ["a"])
    assert.deepStrictEqual(amounts(streamed), ["0.3", "0", "-0.05"])
  })

  it("holds the reserve of a job until it has ended", async () => {
    const budget = new Budget({ limitUsd: 1, perRun: "0.4" })
    const job = await budget.run(() => noukai.flow("acme/test/cheap").executeAsync({ message: "hi" }))
    assert.deepStrictEqual(amounts(budget), ["0", "0.4", "0.6"])
    await job.wait()
    assert.deepStrictEqual(amounts(budget), ["0.1", "0", "0.9"])
  })

  it("applies with the one around it, and in a scope", async () => {
    const outer = new Budget({ limitUsd: "0.5", perRun: "0.4" })
    const inner = new Budget({ limitUsd: 2, perRun: "0.2" })
    await outer.run(() => traceScope(() => inner.run(cheap), { client: noukai }))
    assert.deepStrictEqual([amounts(outer), amounts(inner)], [["0.1", "0", "0.4"], ["0.1", "0", "1.9"]])
    assert.isDefined(emulator.ledger().runs[0]?.sessionId)
    await outer.run(cheap)
    assert.instanceOf(await rejection(outer.run(cheap)), BudgetExceededError)
  })

  it("of a fiber reaches the clients that its code uses", async () => {
    vi.stubEnv("NOUKAI_API_KEY", "nk_test_budget")
    const program = Effect.gen(function*() {
      const budget = yield* SdkBudget.make({ limitUsd: "0.5", perRun: "0.4" })
      yield* TraceScope.promise(async () => {
        await Promise.resolve()
        await cheap()
      }).pipe(SdkBudget.within(budget))
      const bound = yield* inScope(noukai).pipe(SdkBudget.within(budget))
      yield* Effect.promise(() => bound.flow("acme/test/cheap").execute({ message: "hi" }))
      return yield* SdkBudget.state(budget)
    })
    const { leftUsd, spentUsd } = await Effect.runPromise(program)
    assert.deepStrictEqual([spentUsd, leftUsd], ["0.2", "0.3"])
    const runtime = ManagedRuntime.make(NoukaiLive)
    const other = await fromRuntime(runtime)
    assert.instanceOf(
      await rejection(new Budget({ limitUsd: 0, perRun: 1 }).run(() => other.flow("a/b/c").execute({ message: "hi" }))),
      BudgetExceededError
    )
    await runtime.dispose()
    vi.unstubAllEnvs()
  })
})
