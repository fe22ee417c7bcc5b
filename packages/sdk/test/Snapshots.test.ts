/** The option `snapshots`, which is `trace` on the wire and in what was stored. */
import { FlowService, JobService, NoukaiReplay, ReplayCassette } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { fileURLToPath } from "node:url"
import { echo, posts, setup } from "./support/once.js"

const asking = "acme/test/asking"

const declaration = { type: "function", function: { name: "weather" } } as const

/** A stored pause. It has the option under its name on the wire. */
const stored = `{"version":1,"flow":"acme/test/asking","flowVersion":"production",\
"executionId":"c786f866-d5a2-4183-ac15-c89b626cd685","pausedAtStep":"ask","iterationsUsed":1,"toolCallMessages":[\
{"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{}","name":"weather"},"id":"tc_ask_1_1",\
"type":"function"}]}],"toolCalls":[{"id":"tc_ask_1_1","name":"weather","arguments":"{}"}],"accumulatedOutputs":{},\
"rounds":0,"tools":[{"type":"function","function":{"name":"weather"}}],"trace":true}`

/** A stored recording, which has the bodies of the requests. */
const recording = fileURLToPath(new URL("fixtures/recording-with-trace.json", import.meta.url))

describe("snapshots", () => {
  it.scoped("is trace in the body of each operation, and false unless it is set", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const jobs = yield* JobService
      for (const input of [{ message: "hi", snapshots: true }, { message: "hi" }]) {
        yield* flows.execute(echo, input)
        yield* Stream.runDrain(flows.events(echo, input))
        yield* jobs.submit(echo, input)
      }
      const bodies = (yield* posts).map(({ body }) => JSON.parse(body!))
      assert.deepStrictEqual(bodies.map(({ trace }) => trace), [true, true, true, false, false, false])
      assert.isTrue(bodies.every((body) => !("snapshots" in body)))
    }).pipe(Effect.provide(setup())))

  for (const match of ["input", "position", "strict"] as const) {
    it.scoped(`a stored cassette and a stored pause are replayed, matched by ${match}`, () =>
      Effect.gen(function*() {
        const flows = yield* FlowService
        const jobs = yield* JobService
        const run = yield* flows.execute(echo, { message: "run", snapshots: true })
        const paused = yield* flows.execute(asking, { message: "pause", tools: [declaration], snapshots: true })
        const results = [{ toolCallId: "tc_ask_1_1", content: "warm" }]
        const resumed = yield* flows.resume(asking, JSON.parse(stored), results)
        yield* Stream.runDrain(flows.events(echo, { message: "stream", snapshots: true }))
        const job = yield* jobs.submit(echo, { message: "job", snapshots: true })
        const ended = yield* job.wait()
        yield* ReplayCassette.verify
        assert.deepStrictEqual(run.status === "completed" && run.result, { said: "run" })
        assert.deepStrictEqual([paused.status, resumed.status], ["tool_calls_required", "completed"])
        assert.deepStrictEqual(ended.status === "completed" && ended.result, { said: "job" })
      }).pipe(Effect.provide(NoukaiReplay.fromFile(recording, { match }))))
  }
})
