/** Lanes that an engine takes from a process while others stay with it. */
import { Batch, BatchEngine, BatchStore } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { client, echoing, ledgerFile, numbered, runsOf } from "./support/batches.js"

/** Takes the first of two lanes away as soon as a run has begun, and gives it back at once. */
const flapping = (givesBack: boolean) =>
  Layer.effect(
    BatchEngine,
    Effect.map(Emulator, (emulator) =>
      BatchEngine.of({
        lanes: 2,
        run: ({ lane }) =>
          Effect.scoped(Effect.gen(function*() {
            const taken = yield* Effect.forkScoped(lane(0))
            yield* emulator.awaitEvent((event) => event.type === "RunStarted")
            const other = yield* Effect.forkScoped(lane(1))
            yield* Fiber.interrupt(taken)
            if (givesBack) yield* lane(0)
            yield* Fiber.join(other)
          }))
      }))
  )

for (const givesBack of [true, false]) {
  it.live(
    `a row that was interrupted with its lane is not sent again${givesBack ? " when the lane is back" : ""}`,
    () => {
      const store = Layer.unwrapScoped(Effect.map(ledgerFile, BatchStore.layerFile))
      // the runs begin, and the answers come too late
      const emulator = client({ faults: [{ match: { endpoint: "submitJob" }, script: ["stall:60000"], repeat: true }] })
      return Effect.gen(function*() {
        const summary = yield* Batch.run(echoing("lanes"), numbered(1), { adopt: false, grace: 1000 })
        assert.strictEqual((yield* runsOf).length, 1)
        assert.isAbove(summary.states.reported + summary.states.done, 0)
      }).pipe(Effect.provide(Layer.provideMerge(flapping(givesBack), Layer.merge(store, emulator))))
    },
    { concurrent: true }
  )
}
