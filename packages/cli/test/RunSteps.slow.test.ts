/** `noukai run` where somebody watches: its steps, its last line, and the way on after Ctrl-C. */
import { Emulator } from "@effect-noukai/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { stripVTControlCharacters } from "node:util"
import { ctrlC, noukai, watched } from "./support/command.js"
import { environment, folder, requests, runs, server } from "./support/server.js"

const flow = "acme/test/two"

const slow = "acme/test/slow"

const template = (id: string, more: object = {}) => ({ kind: "template" as const, id, output: id, ...more })

const flows = server({
  flows: [
    {
      ref: flow,
      steps: [
        template("a", { name: "First", costUsd: "0.0015" }),
        template("b", {
          name: "Second",
          costUsd: "0.0065",
          partials: ["It", { text: "It\u001b]52;c;eA==\u0007 ships" }],
          output: { text: "It ships on {{message}}." }
        })
      ]
    },
    {
      ref: slow,
      steps: [
        template("a", { costUsd: "0.001" }),
        template("b", { costUsd: "0.02", duration: "1 second" }),
        template("c", { costUsd: "0.3", output: "{{steps.a.output}} and {{steps.b.output}}" })
      ]
    },
    {
      ref: "acme/test/tiny",
      steps: [
        template("a", { costUsd: "0.00000000000000000015" }),
        template("b", { costUsd: "0.00000000000000000015" })
      ]
    },
    { ref: "acme/test/fails", steps: [template("a"), { kind: "fail", id: "b", code: "X", message: "no luck" }] }
  ]
})

/** An environment with a state folder of its own. */
const alone = Effect.gen(function*() {
  return { ...yield* environment, XDG_STATE_HOME: yield* folder }
})

/** The output of a command in a terminal, and its code. */
const seen = (args: ReadonlyArray<string>, env: Record<string, string>, columns = 80) =>
  Effect.scoped(Effect.gen(function*() {
    const command = yield* watched(args, { env, columns })
    const code = yield* command.code
    return { code, raw: command.output(), lines: stripVTControlCharacters(command.output()).split(/\r?\n|\r/) }
  }))

/** The trace of a run whose second step goes on. */
const trace = (id: string) =>
  JSON.stringify({
    flowRun: { id, status: "running" },
    steps: [{ stepId: "a", attempt: 1, status: "completed" }, { stepId: "b", attempt: 1, status: "running" }]
  })

const result = "{\n  \"text\": \"It ships on Monday.\"\n}\n"

describe("noukai run in a terminal", () => {
  it.scopedLive("shows each step, partial text, the result, and a last line with the run", () =>
    Effect.gen(function*() {
      const env = yield* alone
      const command = yield* watched(["run", flow, "Monday"], { env })
      assert.strictEqual(yield* command.code, 0)
      const output = command.output()
      assert.deepStrictEqual(yield* requests, [`POST /api/v1/seq/${flow}/step`, `POST /api/v1/seq/${flow}/step`])
      const [{ executionId } = { executionId: "" }] = yield* runs
      assert.include(output, "… 2/2 Second  It")
      assert.include(output, "… 2/2 Second  It\\u001b]52;c;eA==\\u0007 ships")
      assert.match(output, /✓ 1\/2 First {2}\d+ ms {2}\$0\.0015\r\n/)
      assert.match(output, /✓ 2\/2 Second {2}\d+ ms {2}\$0\.0065\r\n/)
      assert.include(output, result.replaceAll("\n", "\r\n"))
      const last = output.trimEnd().split("\r\n").at(-1)!
      assert.match(
        last,
        new RegExp(`^run ${executionId.slice(0, 4)}… · [\\d.]+ m?s · \\$0\\.008 · noukai trace ${flow} ${executionId}$`)
      )
    }).pipe(Effect.provide(flows)))

  it.scopedLive("adds up costs to all their digits", () =>
    Effect.gen(function*() {
      const { raw } = yield* seen(["run", "acme/test/tiny", "Hello"], yield* alone)
      assert.include(raw, " · $0.0000000000000000003 · ")
    }).pipe(Effect.provide(flows)))

  it.scopedLive("prints the same result as one request, of which there is one where steps are not wanted", () =>
    Effect.gen(function*() {
      const env = yield* alone
      const piped = yield* noukai(["run", flow, "Monday"], { env })
      assert.deepStrictEqual(piped, { code: 0, stdout: result, stderr: "" })
      assert.deepStrictEqual(yield* requests, [`POST /api/v1/seq/${flow}/execute`])
      for (const flags of [["--no-steps"], ["--version", "draft"], ["--once", "k"], ["--quiet"]]) {
        const before = (yield* requests).length
        const { code, raw } = yield* seen(["run", flow, "Monday", ...flags], env)
        const sent = (yield* requests).slice(before).filter((request) => request.startsWith("POST"))
        assert.deepStrictEqual([flags, code, sent.length], [flags, 0, 1])
        assert.match(sent[0]!, /\/execute$/)
        assert.include(raw.replaceAll("\r\n", "\n"), result)
        const { executionId } = (yield* runs).at(-1)!
        // the answer to one request has no cost
        const last = new RegExp(
          `run ${executionId.slice(0, 4)}… · [\\d.]+ m?s · noukai trace ${flow} ${executionId}\r\n$`
        )
        if (flags[0] === "--quiet") assert.strictEqual(raw.replaceAll("\r\n", "\n"), result)
        else assert.match(raw, last)
      }
      for (const json of [[], ["--json"]]) {
        const walked = yield* seen(["run", flow, "Monday", ...json], env)
        const whole = yield* noukai(["run", flow, "Monday", ...json], { env })
        assert.include(walked.raw.replaceAll("\r\n", "\n"), whole.stdout)
      }
    }).pipe(Effect.provide(flows)))

  it.scopedLive("names the server in its last line, and the run also where a step failed", () =>
    Effect.gen(function*() {
      const { NOUKAI_BASE_URL, ...env } = yield* alone
      const { code, lines } = yield* seen(["run", "acme/test/fails", "x", "--base-url", NOUKAI_BASE_URL], env)
      const [{ executionId } = { executionId: "" }] = yield* runs
      assert.strictEqual(code, 1)
      const at = lines.findIndex((line) => line.startsWith("run "))
      assert.match(lines[at]!, new RegExp(`noukai trace acme/test/fails ${executionId} --base-url ${NOUKAI_BASE_URL}$`))
      assert.strictEqual(lines[at + 1], "noukai: step \"b\" failed: no luck (code X)")
      assert.include(lines.join("\n"), "✗ 2/2 b")
    }).pipe(Effect.provide(flows)))

  it.scopedLive("shows the end of a text that is longer than the line", () =>
    Effect.gen(function*() {
      const env = yield* alone
      const { raw } = yield* seen(["run", flow, "Monday"], env, 24)
      assert.match(raw, /… 2\/2 Second {2}…\S* ?ships\r/)
    }).pipe(Effect.provide(flows)))

  it.scopedLive("says at Ctrl-C how to continue the run, which pays for no step twice", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const env = yield* alone
      const output = yield* Effect.scoped(Effect.gen(function*() {
        const command = yield* watched(["run", slow, "x", "--org", "acme", "--project", "test"], { env })
        yield* command.awaitOutput("… 2/3 b")
        yield* emulator.awaitEvent((event) => event.type === "StepStarted" && event.stepIndex === 1)
        yield* command.type(ctrlC)
        assert.strictEqual(yield* command.code, 130)
        return command.output()
      }))
      const [{ executionId, sessionId } = { executionId: "", sessionId: "" }] = yield* runs
      const hint = `noukai run ${slow} --continue ${executionId} --session ${sessionId} --org acme --project test`
      assert.include(output, `run ${executionId} stopped after its current step.`)
      assert.include(output, hint)
      yield* emulator.awaitEvent((event) => event.type === "StepEnded" && event.stepIndex === 1)

      // a step that the server may still be at would run twice
      yield* emulator.addFaults({
        match: { endpoint: "trace" },
        script: [`200:body=${encodeURIComponent(trace(executionId))}`]
      })
      const early = yield* noukai(hint.split(" ").slice(1), { env })
      assert.deepStrictEqual([early.code, early.stdout], [7, ""])
      assert.include(early.stderr, `step "b" of run ${executionId} is still running`)
      const before = (yield* requests).length
      const continued = yield* noukai(hint.split(" ").slice(1), { env })
      assert.deepStrictEqual(continued, { code: 0, stdout: "a and b\n", stderr: "" })
      assert.lengthOf((yield* requests).slice(before).filter((request) => request.endsWith(`${slow}/step`)), 2)
      const all = yield* runs
      assert.lengthOf(all, 1)
      assert.deepStrictEqual([all[0]!.status, all[0]!.billedUsd], ["completed", "0.321"])

      const again = yield* noukai(hint.split(" ").slice(1), { env })
      assert.deepStrictEqual([again.code, again.stdout], [2, ""])
      assert.include(again.stderr, `run ${executionId} is completed: it cannot be continued`)
    }).pipe(Effect.provide(flows)))

  it.scopedLive("sends nothing for a run to continue that is given other input", () =>
    Effect.gen(function*() {
      const env = yield* alone
      for (
        const wrong of [
          ["x", "--continue", "id"],
          ["-p", "a=b", "--continue", "id"],
          ["--continue", "id", "--once", "k"],
          ["--continue", "id", "--version", "draft"],
          ["--stream", "--no-steps"]
        ]
      ) {
        assert.deepStrictEqual([wrong, (yield* noukai(["run", flow, ...wrong], { env })).code], [wrong, 2])
      }
      assert.deepStrictEqual(yield* requests, [])
    }).pipe(Effect.provide(flows)))
})
