/** `Budget` under random programs: what the emulator has billed against what the budget has counted. */
import { Emulator, type Flow as EmulatedFlow } from "@effect-noukai/emulator"
import { Budget, FlowService, JobService, Noukai, Tools } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Layer, Stream } from "effect"
import {
  addCost,
  type Decimal,
  formatCost,
  Hold,
  isMore,
  Ledger,
  noCost,
  parseCost,
  subtractCost
} from "../src/internal/core/cost.js"

const cents = (n: number) => parseCost(`${n}e-2`)!

const amount = FastCheck.integer({ min: 0, max: 60 })

describe("a ledger", () => {
  type Action = { readonly type: "take" | "grow" | "settle" | "keep"; readonly hold: number; readonly amount: number }

  const action: FastCheck.Arbitrary<Action> = FastCheck.record({
    type: FastCheck.constantFrom("take", "grow", "settle", "keep"),
    hold: FastCheck.nat(5),
    amount
  })

  it.prop(
    "reserves never pass its limit, and nothing is lost",
    [FastCheck.array(action, { maxLength: 40 })],
    ([all]) => {
      const ledger = new Ledger(cents(100), undefined)
      const reserved: Array<{ readonly hold: Hold; isSettled: boolean }> = []
      let spent = noCost
      for (const { amount, hold: index, type } of all) {
        const before = ledger.left
        const one = reserved[index]
        if (type === "take") {
          const taken = Hold.take([ledger], cents(amount))
          assert.strictEqual(taken instanceof Hold, !isMore(cents(amount), before) || amount === 0)
          if (taken instanceof Hold) reserved.push({ hold: taken, isSettled: false })
        } else if (one !== undefined && type === "grow" && !one.isSettled) {
          const full = one.hold.grow(cents(amount))
          if (full === undefined) assert.isFalse(isMore(cents(amount), one.hold.amount))
        } else if (one !== undefined && type === "settle") {
          one.hold.settle(cents(amount))
          if (!one.isSettled) spent = addCost(spent, cents(amount))
          one.isSettled = true
        } else if (one !== undefined && type === "keep") one.hold.keep(cents(amount))
        const held = reserved.reduce((sum, { hold, isSettled }) => isSettled ? sum : addCost(sum, hold.amount), noCost)
        assert.strictEqual(formatCost(ledger.reserved), formatCost(held))
        assert.strictEqual(formatCost(ledger.spent), formatCost(spent))
        assert.strictEqual(formatCost(ledger.left), formatCost(subtractCost(subtractCost(cents(100), spent), held)))
      }
    }
  )
})

const declarations = [{ type: "function" as const, function: { name: "find" } }]

const tools = Tools.handle(
  declarations,
  (calls) => Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: "x" })))
)

/** One call of a program: the operation, and the costs of the steps of its flow, in cents. */
interface Call {
  readonly how: "execute" | "limited" | "events" | "steps" | "left" | "tools" | "byHand" | "job" | "once"
  readonly costs: ReadonlyArray<number>
  readonly fault: string | undefined
}

const walked = ["execute", "limited", "events", "steps", "left", "tools", "byHand"] as const

const callOf = (how: ReadonlyArray<Call["how"]>, faults: ReadonlyArray<string>): FastCheck.Arbitrary<Call> =>
  FastCheck.record({
    how: FastCheck.constantFrom(...how),
    costs: FastCheck.array(amount, { minLength: 1, maxLength: 4 }),
    fault: faults.length === 0
      ? FastCheck.constant(undefined)
      : FastCheck.option(FastCheck.constantFrom(...faults), { nil: undefined, freq: 2 })
  })

const flowOf = ({ costs, how }: Call, index: number): EmulatedFlow => ({
  ref: `acme/test/flow-${index}`,
  steps: costs.map((cost, place) => ({
    id: `s${place}`,
    output: place,
    costUsd: formatCost(cents(cost)),
    ...((how === "tools" || how === "byHand") && place === costs.length - 1
      ? { kind: "tool" as const, rounds: [[{ name: "find" }]] }
      : { kind: "template" as const })
  }))
})

const message = "hi"

const run = ({ how }: Call, index: number) =>
  Effect.gen(function*() {
    const flows = yield* FlowService
    const jobs = yield* JobService
    const flow = `acme/test/flow-${index}`
    switch (how) {
      case "execute":
        return yield* flows.execute(flow, { message })
      case "limited":
        return yield* flows.execute(flow, { message, maxCostUsd: "0.3" })
      case "events":
        return yield* Stream.runDrain(flows.events(flow, { message }))
      case "steps":
        return yield* Stream.runDrain(flows.steps(flow, { message }))
      case "left":
        return yield* Stream.runDrain(
          Stream.takeUntil(
            flows.events(flow, { message }),
            ({ type }) => type === "step_paused" || type === "flow_completed"
          )
        )
      case "tools":
        return yield* flows.execute(flow, { message, tools })
      case "byHand": {
        const paused = yield* flows.execute(flow, { message, tools: declarations })
        if (paused.status === "completed") return
        return yield* paused.resume(paused.toolCalls.map(({ id }) => ({ toolCallId: id, content: "x" })))
      }
      case "once":
        return yield* flows.executeOnce(`key-${index}`, flow, { message })
      case "job":
        return yield* (yield* jobs.submit(flow, { message })).wait()
    }
  })

const atOnce = 4

const reserve = cents(20)

const costOf = (text: string) => parseCost(text)!

const larger = (a: Decimal, b: Decimal) => isMore(a, b) ? a : b

/** Runs a program in a budget, and gives what was billed and counted, in the digits of the ledger. */
const programs = (calls: ReadonlyArray<Call>, limit: number) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator
    yield* emulator.putFlows(...calls.map(flowOf))
    yield* emulator.addFaults(...calls.flatMap(({ fault }, index) =>
      fault === undefined ? [] : [{ match: { flow: `acme/test/flow-${index}` }, script: [fault] as const }]
    ))
    const budget = yield* Budget.make({ limitUsd: formatCost(cents(limit)), perRun: formatCost(reserve) })
    yield* Effect.forEach(calls, (call, index) =>
      Effect.exit(run(call, index)), { concurrency: atOnce }).pipe(
        Budget.within(budget)
      )
    const { billedUsd, runs, steps } = yield* emulator.ledger
    // what each run may have cost beyond its reserve: a step
    const beyond = runs.map(({ billedUsd, executionId }) => {
      const excess = subtractCost(costOf(billedUsd), reserve)
      const dearest = steps.flatMap((step) => step.executionId === executionId ? [costOf(step.billedUsd)] : [])
        .reduce(larger, noCost)
      return larger(noCost, isMore(dearest, excess) ? excess : dearest)
    })
    return { billed: costOf(billedUsd), beyond: beyond.reduce(addCost, noCost), ...yield* Budget.state(budget) }
  }).pipe(
    Effect.provide(Layer.provideMerge(
      Noukai.layerServices,
      Emulator.layer({ organisations: { acme: { capture: "full" } }, config: { maxRetries: 0 } })
    )),
    Effect.scoped
  )

const drawn = <A>(
  arbitrary: FastCheck.Arbitrary<A>,
  check: (value: A) => Effect.Effect<void, unknown>,
  numRuns: number
) =>
  Effect.promise(() =>
    FastCheck.assert(FastCheck.asyncProperty(arbitrary, (value) => Effect.runPromise(check(value))), { numRuns })
  )

describe("random programs in a budget", () => {
  it.live("pass the limit by the last step of each run in flight at most, and count each cent", () =>
    drawn(
      FastCheck.tuple(
        FastCheck.array(callOf(walked, []), { minLength: 3, maxLength: 10 }),
        FastCheck.integer({ min: 0, max: 200 })
      ),
      ([calls, limit]) =>
        Effect.map(programs(calls, limit), ({ beyond, billed, reservedUsd, spentUsd }) => {
          assert.isFalse(isMore(billed, addCost(cents(limit), beyond)), `${formatCost(billed)} of ${limit} cents`)
          assert.deepStrictEqual([spentUsd, reservedUsd], [formatCost(billed), "0"])
        }),
      12
    ), 120_000)

  it.live("never count less than was billed, whatever goes wrong", () =>
    drawn(
      FastCheck.tuple(
        FastCheck.array(
          callOf([...walked, "job", "once"], [
            "reset",
            "reset:late",
            "cut:e1",
            "cut:e2",
            "503",
            "429:retry=0",
            "402",
            "end:e2"
          ]),
          { minLength: 3, maxLength: 10 }
        ),
        FastCheck.integer({ min: 20, max: 300 })
      ),
      ([calls, limit]) =>
        Effect.map(programs(calls, limit), ({ billed, leftUsd, limitUsd, reservedUsd, spentUsd }) => {
          const counted = addCost(costOf(spentUsd), costOf(reservedUsd))
          // a request without an answer keeps its reserve, and may have cost more: a step, or a run of one request
          const most = calls.filter(({ fault }) => fault !== undefined).reduce(
            (sum, { costs, how }) =>
              sum + (how === "job" || how === "once" ? costs.reduce((a, b) => a + b, 0) : Math.max(...costs)),
            0
          )
          assert.isFalse(isMore(billed, addCost(counted, cents(most))), `${formatCost(billed)} billed`)
          assert.strictEqual(leftUsd, formatCost(subtractCost(costOf(limitUsd), counted)))
        }),
      12
    ), 120_000)
})
