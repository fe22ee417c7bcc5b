/** How `noukai run` ends, over all that can become of a run. */
import { Emulator } from "@effect-noukai/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { noukai, watched } from "./support/command.js"
import { environment, folder, requests, runs, server } from "./support/server.js"

const flow = "acme/test/two"

const step = (id: string, name: string) => ({
  kind: "template" as const,
  id,
  name,
  output: `${id} of {{message}}`,
  costUsd: "0.02"
})

const flows = server({
  flows: [
    { ref: flow, steps: [step("a", "First"), step("b", "Sec\u001b[2Jond\nline")] },
    {
      ref: "acme/test/asks",
      steps: [{
        kind: "tool",
        id: "a",
        rounds: [[{ name: "weather", arguments: { city: "Paris" } }]],
        output: "{{tools.weather}}"
      }]
    },
    { ref: "acme/test/slow", steps: [{ kind: "template", id: "a", output: "x", duration: "1 minute" }] },
    {
      ref: "acme/test/wide",
      steps: [{ kind: "template", id: "a", name: "語".repeat(60), output: "x", duration: "100 millis" }]
    },
    { ref: "acme/test/fails", steps: [{ kind: "fail", id: "a", code: "X", message: "no luck", status: 500 }] }
  ]
})

describe("noukai run, and how it ends", () => {
  const codes: ReadonlyArray<readonly [fault: string, code: number]> = [
    ["401", 3],
    ["403", 3],
    ["404", 7],
    ["400", 7],
    ["402", 7],
    ["402:CREDITS_EXHAUSTED", 1],
    ["409:TOOL_ITERATION_LIMIT", 1],
    ["408", 5],
    ["500", 5],
    ["502:html", 5],
    ["503", 5],
    ["reset", 5],
    ["html", 5],
    ["empty", 5]
  ]

  it.live("has the code of what became of the request", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const env = yield* environment
      for (const [fault, code] of codes) {
        yield* emulator.clearFaults
        yield* emulator.addFaults({ match: { endpoint: "execute" }, script: [fault] })
        const ended = yield* noukai(["run", flow, "x"], { env })
        assert.deepStrictEqual([fault, ended.code, ended.stdout], [fault, code, ""])
        assert.strictEqual(
          /noukai session show [0-9a-f-]{36}/.test(ended.stderr),
          code === 5,
          `${fault}: ${ended.stderr}`
        )
        if (code === 7) assert.notMatch(ended.stderr, /the run failed/)
      }
      yield* emulator.clearFaults
      const failed = yield* noukai(["run", "acme/test/fails", "x"], { env })
      assert.strictEqual(failed.code, 1)
      assert.match(failed.stderr, /the run failed: no luck/)
    }).pipe(Effect.provide(flows)), 120_000)

  it.live("logs what is strange in a stream to stderr, and nothing of it to stdout", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const env = yield* environment
      yield* emulator.addFaults({ match: { endpoint: "step" }, script: ["malformed", "ok", "malformed"] })
      const loud = yield* noukai(["run", flow, "x", "--stream"], { env })
      assert.deepStrictEqual([loud.code, loud.stdout], [0, "b of x\n"])
      assert.match(loud.stderr, /^noukai: .* is not a JSON object\n$/)
      const quiet = yield* noukai(["run", flow, "x", "--stream", "--quiet"], { env })
      assert.deepStrictEqual(quiet, { code: 0, stdout: "b of x\n", stderr: "" })
    }).pipe(Effect.provide(flows)))

  it.live("does not say that a run goes on whose steps nobody asks for any more", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const env = yield* environment
      yield* emulator.addFaults({ match: { endpoint: "step" }, script: ["cut:e2"] })
      const { code, stderr } = yield* noukai(["run", flow, "x", "--stream"], { env })
      assert.strictEqual(code, 5)
      assert.match(stderr, /the run stopped after its current step: noukai trace acme\/test\/two [0-9a-f-]{36}/)
    }).pipe(Effect.provide(flows)))

  it.live("stops a run before a step once it has cost more, though it shows no steps", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const stopped = yield* noukai(["run", flow, "x", "--max-cost", "0.01"], { env })
      assert.deepStrictEqual([stopped.code, stopped.stdout], [1, ""])
      assert.match(stopped.stderr, /has cost \$0\.02, more than its limit of \$0\.01/)
      assert.deepStrictEqual((yield* runs).map(({ status }) => status), ["running"])
      const whole = yield* noukai(["run", flow, "x", "--max-cost", "0.1", "--json"], { env })
      assert.deepStrictEqual(whole, { code: 0, stdout: "\"b of x\"\n", stderr: "" })
    }).pipe(Effect.provide(flows)))

  it.live("ends with 4 where tools are asked for, whether they were declared or not", () =>
    Effect.scoped(Effect.gen(function*() {
      const env = yield* environment
      const tools = join(yield* folder, "tools.json")
      yield* Effect.promise(() =>
        writeFile(tools, JSON.stringify([{ type: "function", function: { name: "weather" } }]))
      )
      for (const mode of [[], ["--stream"]]) {
        const undeclared = yield* noukai(["run", "acme/test/asks", "x", ...mode], { env })
        assert.strictEqual(undeclared.code, 4)
        assert.match(undeclared.stderr, /^noukai: run [\da-f-]{36} is paused for tool calls: /m)
        const paused = yield* noukai(["run", "acme/test/asks", "x", "--tools", tools, "--json", ...mode], { env })
        assert.strictEqual(paused.code, 4)
        assert.include(
          JSON.parse(paused.stderr).error.message,
          "is paused for tool calls: weather({\"city\":\"Paris\"})"
        )
        const { executionId, status } = JSON.parse(paused.stdout) as { executionId: string; status: string }
        assert.deepStrictEqual([status, executionId], ["tool_calls_required", (yield* runs).at(-1)!.executionId])
      }
    })).pipe(Effect.provide(flows)))

  it.live("sends nothing where flags do not go together, or hold what cannot be", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const wrong = [
        ["x", "--session", "abc"],
        ["x", "--stream", "--json", "--jsonl"],
        ["-", "--tools", "-"],
        ["x", "--once", "k", "--max-cost", "1"],
        ["x", "--max-cost", "1", "--version", "draft"],
        ["x", "--stream", "--version", "draft"]
      ]
      for (const args of wrong) {
        const { code, stdout } = yield* noukai(["run", flow, ...args], { env, input: "[]" })
        assert.deepStrictEqual([args, code, stdout], [args, 2, ""])
      }
      assert.deepStrictEqual(yield* requests, [])
    }).pipe(Effect.provide(flows)))

  it.live("shows the name of a step in one line", () =>
    Effect.scoped(Effect.gen(function*() {
      const env = yield* environment
      const command = yield* watched(["run", flow, "x", "--stream"], { env })
      assert.strictEqual(yield* command.code, 0)
      assert.include(command.output(), "✓ 2/2 Sec\\u001b[2Jond line")
    })).pipe(Effect.provide(flows)))

  it.live("cuts a line of progress to the columns that it takes, not to its letters", () =>
    Effect.scoped(Effect.gen(function*() {
      const env = yield* environment
      const command = yield* watched(["run", "acme/test/wide", "x", "--stream"], { env, columns: 40 })
      assert.strictEqual(yield* command.code, 0)
      const [, letters = ""] = /… 1\/1 (語+)\r/.exec(command.output()) ?? []
      assert.strictEqual(letters.length, Math.floor((40 - 1 - "… 1/1 ".length) / 2))
    })).pipe(Effect.provide(flows)))

  it.live("says of a key whose run goes on, or that has several runs, where they are", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const once = ["run", "acme/test/slow", "x", "--once", "k", "--timeout", "1s"]
      const begun = yield* noukai(once, { env })
      assert.strictEqual(begun.code, 5)
      assert.match(begun.stderr, /the same command again returns its result/)
      const again = yield* noukai(once, { env })
      assert.strictEqual(again.code, 5)
      assert.include(again.stderr, `noukai watch acme/test/slow ${(yield* runs)[0]!.executionId}`)
      assert.strictEqual((yield* runs).length, 1)
    }).pipe(Effect.provide(flows)))

  it.live("does not say that nothing ran when a later step is refused", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const env = yield* environment
      for (const fault of ["429:retry=30", "402", "404", "500"]) {
        yield* emulator.clearFaults
        yield* emulator.addFaults({ match: { endpoint: "step" }, script: ["ok", fault] })
        const { code, stderr } = yield* noukai(["run", flow, "x", "--stream"], { env })
        assert.deepStrictEqual([fault, code], [fault, 1])
        if (fault.startsWith("4") && fault !== "404") assert.include(stderr, "noukai trace acme/test/two")
      }
    }).pipe(Effect.provide(flows)))

  it.live("says that nothing ran when a key could not be looked up", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const env = yield* environment
      const foreign = `404:body=${encodeURIComponent("{\"message\":\"no Route matched\"}")}`
      for (const fault of ["500", "502:html", "reset", "429", "404:html", foreign]) {
        yield* emulator.clearFaults
        yield* emulator.addFaults({ match: { endpoint: "session" }, script: [fault], repeat: true })
        for (const command of [["run"], ["job", "submit"]]) {
          const { code } = yield* noukai([...command, flow, "x", "--once", "k"], { env, hurries: true })
          assert.deepStrictEqual([fault, code], [fault, 7])
        }
      }
      const shown = yield* noukai(["session", "show", "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"], { env, hurries: true })
      assert.strictEqual(shown.code, 7)
      assert.include(shown.stderr, "does not say that the session does not exist: no Route matched")
      assert.deepStrictEqual(yield* runs, [])
    }).pipe(Effect.provide(flows)))
})
