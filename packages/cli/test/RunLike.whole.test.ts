/** `noukai run --like`: a run again, with edits. */
import { Emulator, type EmulatorOptions } from "@effect-noukai/emulator"
import { FlowService } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { noukai } from "./support/command.js"
import { environment, requests, runs, serverAndClient } from "./support/server.js"

const flow = "acme/test/priced"

const options: EmulatorOptions = {
  capture: "full",
  flows: [{
    ref: flow,
    steps: [
      {
        kind: "function",
        id: "a",
        run: ({ message, parameters }) => ({ message, parameters }),
        costUsd: "0.001"
      },
      { kind: "template", id: "b", output: { seen: "{{input}}" }, costUsd: "0.0003" }
    ]
  }]
}

const first = Effect.flatMap(
  FlowService,
  (flows) =>
    Effect.map(
      flows.execute(flow, { message: "hi", parameters: { level: 3, tone: "dry" } }),
      ({ executionId }) => executionId!
    )
)

describe("noukai run --like", () => {
  it.live("repeats the input of a run with its edits, and says first what it costs", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const id = yield* first
      const { code, stderr, stdout } = yield* noukai(
        ["run", flow, "--like", id, "-p", "level:=4", "--no-steps", "--json"],
        { env }
      )
      assert.strictEqual(code, 0, stderr)
      // another program began the run: nobody tells its version
      const start = "a new run pays for all of its steps;"
      assert.include(stderr, `${start} what a run of its version in production costs is not known\n`)
      assert.include(stdout, "hi")
      const sent = (yield* Effect.flatMap(Emulator, (emulator) => emulator.ledger)).requests.filter(({ endpoint }) =>
        endpoint === "execute"
      )
      const { message, parameters } = JSON.parse(sent.at(-1)!.body)
      assert.deepStrictEqual([message, parameters], ["hi", { level: 4, tone: "dry" }])
      // a message replaces that of the run
      const second = yield* noukai(["run", flow, "ho", "--like", id, "--no-steps"], { env })
      assert.include(
        second.stderr,
        `${start} 1 run of its version in production cost $0.0013 to $0.0013, median $0.0013\n`
      )
      const draft = yield* noukai(["run", flow, "--like", id, "--flow-version", "draft"], { env })
      assert.include(draft.stderr, `${start} what a run of its draft costs is not known\n`)
      yield* noukai(["run", flow, "ho", "--like", id, "--no-steps"], { env })
      const all = (yield* Effect.flatMap(Emulator, (emulator) => emulator.ledger)).requests
      assert.strictEqual(JSON.parse(all.filter(({ endpoint }) => endpoint === "execute").at(-1)!.body).message, "ho")
    }).pipe(Effect.provide(serverAndClient(options))))

  it.live("takes the message from a parameter, as a run without --like does", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const id = yield* first
      const { code, stderr, stdout } = yield* noukai(
        ["run", flow, "--like", id, "-p", "message=ho", "--no-steps", "--json"],
        { env }
      )
      assert.strictEqual(code, 0, stderr)
      assert.include(stdout, "\"message\":\"ho\"")
      assert.notInclude(stdout, "hi")
    }).pipe(Effect.provide(serverAndClient(options))))

  it.live("lets later steps see another output, where the run is walked", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const id = yield* first
      const { code, stderr } = yield* noukai(
        ["run", flow, "--like", id, "--input-override", "a:={\"x\":1}", "--json"],
        { env }
      )
      assert.strictEqual(code, 0, stderr)
      const [walked] = (yield* Effect.flatMap(Emulator, (emulator) => emulator.ledger)).requests.filter((
        { endpoint }
      ) => endpoint === "step")
      const { inputOverrides, message } = JSON.parse(walked!.body)
      assert.deepStrictEqual([message, inputOverrides], ["hi", { a: { x: 1 } }])
      const wrong = yield* noukai(["run", flow, "--like", id, "--input-override", "b", "--json"], { env })
      assert.deepStrictEqual([wrong.code, wrong.stdout], [2, ""])
      assert.include(wrong.stderr, "--input-override b: write key=text or key:=JSON")
    }).pipe(Effect.provide(serverAndClient(options))))

  it.live("begins no run where the input is not stored, or the run is not known", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const id = yield* first
      const before = (yield* runs).length
      const none = yield* noukai(["run", flow, "--like", id], { env })
      assert.deepStrictEqual([none.code, none.stdout], [1, ""])
      assert.include(none.stderr, `the input of run ${id} is not stored whole: give it`)
      const unknown = yield* noukai(["run", flow, "--like", "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"], { env })
      assert.deepStrictEqual([unknown.code, unknown.stdout], [7, ""])
      assert.strictEqual((yield* noukai(["run", flow, "--like", id, "--continue", id], { env })).code, 2)
      assert.strictEqual((yield* runs).length, before)
      assert.isTrue((yield* requests).slice(1).every((request) => request.startsWith("GET")))
    }).pipe(Effect.provide(serverAndClient({ ...options, capture: "metadata_only" }))))
})
