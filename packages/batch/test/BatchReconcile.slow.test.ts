/** The runs that a batch believes it ran, and rows that are settled by evidence. */
import { Batch, BatchEngine, BatchSource, BatchStore } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import * as Reconcile from "@effect-noukai/report/Reconcile"
import { FlowService, Noukai } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Stream } from "effect"
import { join } from "node:path"
import { temporaryFolder } from "./support/temporaryFolder.js"

const flow = "acme/test/echo"

const server = Layer.orDie(Emulators.layer({
  port: 0,
  flows: [{ ref: flow, steps: [{ kind: "template", id: "a", output: "{{message}}", costUsd: "0.0123" }] }]
}))

const setup = Layer.mergeAll(
  Layer.unwrapScoped(Effect.map(temporaryFolder, (path) => BatchStore.layerFile(join(path, "a.ledger")))),
  BatchEngine.layerLocal,
  Layer.provideMerge(Noukai.layerServices, server)
)

const source = (...ids: ReadonlyArray<string>) => BatchSource.fromIterable(ids.map((id) => ({ id })))

const common = {
  id: "b",
  flow,
  key: ({ id }: { readonly id: string }) => id,
  input: ({ id }: { readonly id: string }) => ({ message: id })
}

const jobs = Batch.make(common)

const budget = { budgetUsd: "0.06", maxCostPerRow: "0.02" }

const requests = Batch.make({ ...common, operation: "execute" })

const findings = Effect.map(Stream.runCollect(Reconcile.findings(Batch.expected("b"))), (all) => [...all])

const row = (key: string) => Effect.map(Batch.resultsOf("b", [key]), (all) => all.get(key)!)

describe("Batch.expected", () => {
  for (const [name, batch] of [["jobs", jobs], ["requests", requests]] as const) {
    it.scopedLive(`has each attempt of ${name} under its session, and agrees with the server`, () =>
      Effect.gen(function*() {
        yield* Batch.run(batch, source("a", "b", "c"), { cost: true })
        const all = yield* findings
        assert.deepStrictEqual(
          all.map(({ expected: { belief, costUsd, key, status }, kind }) => [key, belief, status, costUsd, kind]),
          ["a", "b", "c"].map((key) => [key, "ran", "completed", "0.0123", "agrees"])
        )
      }).pipe(Effect.provide(setup)))
  }
})

describe("Batch.settle", () => {
  for (const [name, batch] of [["jobs", jobs], ["requests", requests]] as const) {
    it.scopedLive(`lets the next run read the outcome of a reported row of ${name}, and sends nothing again`, () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        // the only row has no canary: it is reported, and runs later
        yield* emulator.addFaults({ match: { endpoint: name === "jobs" ? "submitJob" : "execute" }, script: ["500"] })
        yield* Batch.run(batch, source("a"), { cost: true, grace: 100 })
        const { error, state } = yield* row("a")
        assert.deepStrictEqual([state, error?.kind], ["reported", "RunNotFound"])
        const [before] = yield* findings
        assert.deepStrictEqual([before!.kind, before!.settledBy], ["uncertain", undefined])

        const { sessionId } = before!.expected
        const flows = yield* FlowService
        if (name === "jobs") {
          const target = `${emulator.baseUrl}/seq/${flow}/jobs`
          yield* Effect.promise(() =>
            fetch(target, {
              method: "POST",
              headers: {
                "content-type": "application/json",
                "x-session-id": sessionId!,
                authorization: `Bearer ${Redacted.value(emulator.apiKey)}`
              },
              body: JSON.stringify({ message: "a", trace: false })
            }).then((response) => response.text())
          )
        } else yield* flows.execute(flow, { message: "a", sessionId: sessionId!, snapshots: true })
        const found = yield* findings
        assert.deepStrictEqual(found.map(({ kind }) => kind), ["missing-here"])
        assert.deepStrictEqual(yield* Batch.settle("b", [{ ...Reconcile.evidence(found)[0]!, attempt: 2 }]), [])
        assert.deepStrictEqual(yield* Batch.settle("b", Reconcile.evidence(found)), ["a"])
        // twice changes nothing
        assert.deepStrictEqual(yield* Batch.settle("b", Reconcile.evidence(found)), [])
        const settled = yield* row("a")
        assert.deepStrictEqual([settled.state, settled.executionId], ["submitted", found[0]!.settledBy])
        assert.match(
          settled.error!.message,
          /which is not known here: completed; the next run of the batch asks for it/
        )

        const runs = (yield* emulator.ledger).runs.length
        yield* Batch.run(batch, source("a"), { cost: true, grace: 100 })
        assert.strictEqual((yield* emulator.ledger).runs.length, runs)
        const done = yield* row("a")
        assert.deepStrictEqual([done.state, done.result, done.costUsd], ["done", "a", "0.0123"])
        assert.match(done.evidence!, /^its session has the run/)
        assert.deepStrictEqual((yield* findings).map(({ kind }) => kind), ["agrees"])
      }).pipe(Effect.provide(setup)))
  }

  for (
    const [name, options] of [["with costs", { cost: true }], ["within a budget", budget], [
      "without costs",
      {}
    ]] as const
  ) {
    it.scopedLive(`lets a row that was reported ${name} count once, within a budget`, () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        yield* emulator.addFaults({ match: { endpoint: "execute" }, script: ["500"] })
        yield* Batch.run(requests, source("a"), { ...options, grace: 100 })
        const [before] = yield* findings
        const flows = yield* FlowService
        yield* flows.execute(flow, { message: "a", sessionId: before!.expected.sessionId!, snapshots: true })
        yield* Batch.settle("b", Reconcile.evidence(yield* findings))
        const { costUsd, stop, unknownCosts } = yield* Batch.run(requests, source("a"), { ...budget, grace: 100 })
        assert.deepStrictEqual([costUsd, stop, unknownCosts], ["0.0123", undefined, 0])
        const { sql } = yield* BatchStore
        const funds = yield* sql`select spent_usd, reserved_usd from noukai_batch`
        assert.deepStrictEqual(funds, [{ spent_usd: "0.0123", reserved_usd: "0" }])
      }).pipe(Effect.provide(setup)))
  }
})
