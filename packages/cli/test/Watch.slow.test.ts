/** `noukai watch`. */
import { Emulator } from "@effect-noukai/emulator"
import { FlowService, JobService, Noukai } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { ctrlC, noukai, started, watched } from "./support/command.js"
import { environment, runs, server } from "./support/server.js"

const flow = "acme/test/steps"

const step = (id: string, duration: string) => ({
  kind: "template" as const,
  id,
  output: `${id} of {{message}}`,
  duration
})

const steps = (duration = "300 millis") => {
  const emulator = server({
    flows: [
      { ref: flow, steps: [step("a", duration), step("b", duration), step("c", duration)] },
      {
        ref: "acme/test/asks",
        steps: [{ kind: "tool", id: "a", rounds: [[{ name: "weather" }]], output: "{{tools.weather}}" }]
      },
      {
        ref: "acme/test/fails",
        steps: [{ kind: "fail", id: "a", code: "X", message: "no luck", status: 500 }]
      }
    ]
  })
  return Layer.provideMerge(Noukai.layerServices, emulator)
}

const submitted = Effect.gen(function*() {
  const jobs = yield* JobService
  const { executionId } = yield* jobs.submit(flow, { message: "x" })
  return executionId
})

describe("noukai watch", () => {
  it.live("follows a run over cuts and 502s to its result", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const env = yield* environment
      const id = yield* submitted
      yield* emulator.addFaults(
        { match: { endpoint: "traceStream" }, script: ["cut:e2", "502", "cut:e4", "502", "ok"] }
      )
      const { code, stdout } = yield* noukai(["watch", flow, id, "--jsonl"], { env, hurries: true })
      assert.strictEqual(code, 0)
      const events = stdout.trim().split("\n").map((line) => JSON.parse(line) as { type: string; stepId?: string })
      assert.deepStrictEqual(
        events.filter(({ type }) => type === "step_completed").map(({ stepId }) => stepId),
        ["a", "b", "c"]
      )
      assert.strictEqual(events.at(-1)!.type, "flow_completed")
      const again = yield* noukai(["watch", flow, id], { env })
      assert.deepStrictEqual(again, { code: 0, stdout: "c of x\n", stderr: "" })
      assert.strictEqual((yield* runs).length, 1)
    }).pipe(Effect.provide(steps())))

  it.live("ends with 1 where the run failed, and with 7 where there is none", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const flows = yield* FlowService
      yield* Effect.exit(flows.execute("acme/test/fails", { message: "x" }))
      const [{ executionId } = { executionId: "" }] = yield* runs
      const failed = yield* noukai(["watch", "acme/test/fails", executionId], { env })
      assert.strictEqual(failed.code, 1)
      assert.match(failed.stderr, /no luck/)
      const unknown = yield* noukai(["watch", flow, "nowhere"], { env, hurries: true })
      assert.strictEqual(unknown.code, 7)
    }).pipe(Effect.provide(steps())))

  it.live("ends with 124 when its time is over, and with 130 when it is interrupted; the run goes on", () =>
    Effect.scoped(Effect.gen(function*() {
      const env = yield* environment
      const id = yield* submitted
      const late = yield* noukai(["watch", flow, id, "--timeout", "200ms"], { env })
      assert.deepStrictEqual([late.code, late.stdout], [124, ""])
      const command = yield* watched(["watch", flow, id], { env })
      yield* command.awaitOutput("… 1/3 a")
      yield* command.type(ctrlC)
      assert.strictEqual(yield* command.code, 130)
      assert.match(command.output(), /the run continues/)
      assert.deepStrictEqual((yield* runs).map(({ status }) => status), ["running"])
    })).pipe(Effect.provide(steps("1 minute"))))

  it.live("says of a run that is not seen to end whether it waits for tools", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const flows = yield* FlowService
      const outcome = yield* flows.execute("acme/test/asks", { message: "x", tools: [] })
      const watched = yield* noukai(["watch", "acme/test/asks", outcome.executionId!, "--timeout", "1s"], { env })
      assert.strictEqual(watched.code, 124)
      assert.match(watched.stderr, /it is waiting for tool results/)
    }).pipe(Effect.provide(steps())))

  it.live("ends with 7 where nothing can be reached", () =>
    Effect.gen(function*() {
      const { code } = yield* noukai(["watch", flow, "x"], {
        env: { NOUKAI_BASE_URL: "http://127.0.0.1:1", NOUKAI_API_KEY: "nk_none" },
        hurries: true
      })
      assert.strictEqual(code, 7)
    }))

  it.live("goes on when nobody reads its output any more", () =>
    Effect.scoped(Effect.gen(function*() {
      const env = yield* environment
      const id = yield* submitted
      const command = yield* started(["watch", flow, id, "--jsonl"], { env })
      command.child.stdout!.destroy()
      assert.strictEqual((yield* command.ended).code, 0)
    })).pipe(Effect.provide(steps("50 millis"))))
})
