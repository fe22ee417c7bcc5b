/** The programs of the README. */
import { BatchEngine, BatchStore } from "@effect-noukai/batch"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { client } from "../../../batch/test/support/batches.js"
import { folder } from "../../../sdk/test/support/folder.js"
import { bless, compare } from "./bless.js"
import { gate } from "./gate.js"
import { gate as promised } from "./promises.js"

const grade = (score: number, comment: string) =>
  ({ steps: [{ kind: "template", id: "a", output: { score, comment }, costUsd: "0.001" }] }) as const

const flows = [
  { ref: "acme/spelling/grade-3", ...grade(3, "Fine."), versions: { 1: grade(3, "Good.") } },
  {
    ref: "acme/judges/politeness",
    steps: [{ kind: "template", id: "a", output: { polite: true } }],
    versions: { 3: { steps: [{ kind: "template", id: "a", output: { polite: true } }] } }
  }
] as const

const cases = Array.from({ length: 4 }, (_, n) => ({ id: `c${n}`, text: "The cat sat.", expected: 3 }))

/** Runs a program in a folder of its own, where the cases are. */
const inFolder = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const path = yield* folder
    yield* Effect.promise(() =>
      writeFile(join(path, "cases.jsonl"), cases.map((one) => JSON.stringify(one)).join("\n"))
    )
    const before = process.cwd()
    yield* Effect.acquireRelease(
      Effect.sync(() => process.chdir(path)),
      () => Effect.sync(() => process.chdir(before))
    )
    return yield* program
  })

describe("the programs of the README", () => {
  it.scopedLive("run the gate, bless it and compare the draft with the file", () =>
    inFolder(Effect.gen(function*() {
      yield* Effect.either(gate)
      const ledger = Layer.merge(BatchStore.layerFile("evals.ledger"), BatchEngine.layerLocal)
      const report = yield* Effect.zipRight(bless, compare).pipe(Effect.provide(ledger))
      assert.strictEqual(report.gate, "passed")
      assert.strictEqual(report.sentence, "no difference that 4 cases could show")
      assert.deepStrictEqual(report.stale, [])
    })).pipe(Effect.provide(client({ flows }))))

  it("are typed", () => assert.isFunction(promised))
})
