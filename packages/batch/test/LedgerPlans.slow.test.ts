/** How the ledger finds rows: no statement looks at all rows of a batch for each of them. */
import { BatchStore } from "@effect-noukai/batch"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { size } from "../../sdk/test/support/size.js"
import { layer } from "./support/batches.js"
import { everyOperation } from "./support/everyOperation.js"
import { growing, statementsOf } from "./support/statements.js"

/** The steps of all statements that a ledger was sent, as SQLite counts them. */
const steps = Effect.flatMap(BatchStore, ({ sql }) =>
  Effect.map(
    sql<{ readonly steps: number }>`select sum(nstep) as steps from sqlite_stmt`,
    ([row]) => row!.steps
  ))

describe("the statements of a ledger", () => {
  it.live("look at a whole batch no more often when it has more rows", () =>
    Effect.gen(function*() {
      const [few, fewSteps] = yield* Effect.provide(
        Effect.all([statementsOf(everyOperation(size(20, 6))), steps]),
        layer()
      )
      yield* Effect.gen(function*() {
        const many = yield* statementsOf(everyOperation(size(80, 24)))
        assert.isAbove(many.size, 40)
        assert.deepStrictEqual(yield* growing(few, many), [])
        assert.isBelow(yield* steps, 5 * fewSteps)
      }).pipe(Effect.provide(layer()))
    }))
})
