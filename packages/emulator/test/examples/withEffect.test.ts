import { Emulator } from "@effect-noukai/emulator"
import { FlowService, Noukai } from "@effect-noukai/sdk"
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Layer, TestClock } from "effect"

const TestLayer = Layer.provideMerge(
  Noukai.layerServices,
  Emulator.layer({
    flows: [{
      ref: "acme/support/triage",
      steps: [
        { kind: "template", id: "classify", output: { label: "order" }, costUsd: "0.0003" },
        { kind: "template", id: "answer", output: "About your {{steps.classify.output.label}}", duration: "2 minutes" }
      ]
    }]
  })
)

it.scoped("waits two minutes in no time, and is billed once", () =>
  Effect.gen(function*() {
    const emulator = yield* Emulator
    const flows = yield* FlowService
    const fiber = yield* Effect.fork(flows.execute("acme/support/triage", { message: "Where is it?" }))

    // the step's timer is set by the time that its start is announced
    yield* emulator.awaitEvent((event) => event.type === "StepStarted" && event.stepId === "answer")
    yield* TestClock.adjust("2 minutes")

    assert.strictEqual((yield* Fiber.join(fiber)).result, "About your order")
    const ledger = yield* emulator.ledger
    assert.strictEqual(ledger.runsStarted, 1)
    assert.strictEqual(ledger.billedUsd, "0.0003")
  }).pipe(Effect.provide(TestLayer)))

it.scoped("a connection that is cut after the run is no reason to run again", () =>
  Effect.gen(function*() {
    const emulator = yield* Emulator
    yield* emulator.addFaults({ match: { endpoint: "execute" }, script: ["cut:b10"] })
    const flows = yield* FlowService
    const fiber = yield* Effect.fork(Effect.flip(flows.execute("acme/support/triage", { message: "Where is it?" })))
    yield* emulator.awaitEvent((event) => event.type === "StepStarted" && event.stepId === "answer")
    yield* TestClock.adjust("2 minutes")

    const error = yield* Fiber.join(fiber)
    assert.strictEqual(error._tag, "APIConnectionError")
    assert.strictEqual((yield* emulator.ledger).runsStarted, 1)
  }).pipe(Effect.provide(TestLayer)))
