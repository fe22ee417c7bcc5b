/** Two runs side by side: the differences that `noukai diff` prints, and those of one step. */
import * as TraceDiff from "@effect-noukai/report/TraceDiff"
import type { RunComparison, StepComparison } from "@effect-noukai/studio/CompareApi"
import * as Studio from "@effect-noukai/studio/Studio"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { size } from "../../sdk/test/support/size.js"
import { open, type Page } from "./support/client.js"
import { start } from "./support/emulated.js"
import * as Scripted from "./support/scripted.js"

const flow = "acme/spelling/grade-3"

const many = size(10_000, 2_000)

const query = (before: string, after: string, ofBefore = flow, ofAfter = flow) =>
  new URLSearchParams({ beforeFlow: ofBefore, before, afterFlow: ofAfter, after }).toString()

const compare = (page: Page, before: string, after: string) =>
  page.json<RunComparison>(`/api/diff?${query(before, after)}`)

const stepAt = (page: Page, before: string, after: string, at: number) =>
  page.json<StepComparison>(`/api/diff/step?${query(before, after)}&at=${at}`)

const key = "nk_live_abcdefgh_0123456789abcdef0123456789abcdef"

const serving = (options: Studio.Options = {}) =>
  Effect.gen(function*() {
    const scripted = yield* Scripted.make()
    const { url } = yield* Effect.provide(Studio.serve({ assets: "/nowhere", ...options }), scripted.layer)
    return { put: scripted.put, source: scripted.source, page: yield* open(url) }
  })

const essay = (words: string) => `${"The cat sat on the mat, and looked at the moon. ".repeat(3)}${words}`

const before: Scripted.ScriptedRun = {
  id: "run_1",
  durationMs: 100,
  steps: [
    { id: "a", at: 0, ms: 10, cost: "0.1", input: { message: "hi" }, output: { text: essay("It purred."), score: 7 } },
    { id: "b", at: 10, ms: 10, cost: "0.2", input: { score: 7 }, output: "x" },
    { id: "c", at: 20, ms: 10, cost: "0.3", output: "gone" }
  ]
}

const after: Scripted.ScriptedRun = {
  id: "run_2",
  durationMs: 130,
  steps: [
    { id: "a", at: 0, ms: 10, cost: "0.1", input: { message: "hi" }, output: { text: essay("It slept."), score: 8 } },
    { id: "b", at: 10, ms: 10.3, cost: "0.3", input: { score: 8 }, output: "x" },
    { id: "d", at: 20, ms: 10, output: "new" }
  ]
}

describe("two runs", () => {
  it.scopedLive("have the differences of the SDK, with the paths of payloads, and the command", () =>
    Effect.gen(function*() {
      const { page, put } = yield* serving()
      yield* put(before, after)
      const { difference, ...shown } = yield* compare(page, "run_1", "run_2")
      const expected = TraceDiff.make(Scripted.traceOf(before), Scripted.traceOf(after))
      const facts = ({ attempt, costUsd, durationMs, isMoved, kind, stepId }: TraceDiff.StepDiff) => //
      ({ attempt, costUsd, durationMs, isMoved, kind, stepId })
      assert.deepStrictEqual({ ...difference, steps: [] }, { ...expected, steps: [] })
      assert.deepStrictEqual(difference.steps.map(facts), expected.steps.map(facts))
      assert.deepStrictEqual([difference.costUsd, difference.partsAt], ["-0.2", 1])
      assert.deepStrictEqual(difference.steps[1]!.input, [{ path: "$.score" }])
      assert.deepStrictEqual([difference.steps[0]!.output, difference.steps[0]!.hasMore], [[{ path: "$.score" }], true])
      assert.deepStrictEqual([shown.before.id, shown.after.id, shown.notes], ["run_1", "run_2", []])
      assert.strictEqual(shown.command, `noukai diff ${flow}/run_1 ${flow}/run_2 --env dev`)
    }))

  it.scopedLive("have the values of one step, and its long texts in words", () =>
    Effect.gen(function*() {
      const { page, put } = yield* serving()
      yield* put(before, after)
      const { parts, step } = yield* stepAt(page, "run_1", "run_2", 0)
      assert.strictEqual(step.hasMore, false)
      assert.deepStrictEqual(step.output?.map(({ path }) => path), ["$.score", "$.text"])
      assert.deepStrictEqual([step.output![0]!.expected, step.output![0]!.actual], [7, 8])
      assert.deepStrictEqual(parts.map(({ of, path }) => [of, path]), [["output", "$.text"]])
      const changed = parts[0]!.parts.filter(({ kind }) => kind !== "same").map(({ text }) => text)
      assert.deepStrictEqual(changed, ["purred", "slept"])
      const { difference } = yield* compare(page, "run_1", "run_2")
      const facts = ({ error: _, hasMore: __, input: ___, output: ____, ...one }: TraceDiff.StepDiff) => one
      for (const [at, one] of difference.steps.entries()) {
        assert.deepStrictEqual(facts((yield* stepAt(page, "run_1", "run_2", at)).step), facts(one))
      }
      const missing = yield* stepAt(page, "run_1", "run_2", 3)
      assert.deepStrictEqual([missing.step.kind, missing.parts], ["missing", []])
    }))

  it.scopedLive("answer 404 for a run or a step that does not exist, and 400 for a place that is not a number", () =>
    Effect.gen(function*() {
      const { page, put } = yield* serving()
      yield* put(before, after)
      const statuses = yield* Effect.forEach([
        `diff?${query("run_1", "run_9")}`,
        `diff?${query("run_1", "run_2", "acme/other/flow")}`,
        `diff/step?${query("run_1", "run_2")}&at=9`,
        `diff/step?${query("run_1", "run_2")}&at=-1`,
        "diff?before=run_1"
      ], (target) => Effect.map(page.get(`/api/${target}`), ({ status }) => status))
      assert.deepStrictEqual(statuses, [404, 404, 404, 400, 400])
    }))

  it.scopedLive("say that a run goes on, and why payloads are not compared", () =>
    Effect.gen(function*() {
      const { page, put } = yield* serving()
      yield* put(
        { id: "run_1", durationMs: 9, steps: [{ id: "a", at: 0, ms: 9 }] },
        { id: "run_2", status: "running", steps: [{ id: "a", at: 0 }] },
        { id: "run_3", durationMs: 9 }
      )
      const live = yield* compare(page, "run_1", "run_2")
      assert.strictEqual(live.difference.arePayloadsCompared, false)
      assert.strictEqual(live.notes.length, 2)
      assert.include(live.notes[0], "The first run kept no payloads")
      assert.strictEqual(live.notes[1], "The second run goes on: its later steps are not compared yet.")
      assert.include((yield* compare(page, "run_3", "run_1")).notes, "The first run has no stored steps.")
    }))

  it.scopedLive("show no key, whole or in parts, and take hostile texts as texts", () =>
    Effect.gen(function*() {
      const hidden = "a secret of the operator"
      const { page, put } = yield* serving({ hidden: [Redacted.make(hidden)] })
      const id = "--all '$(reboot)' \u202e<img src=x onerror=alert(1)>"
      const step = (words: string, rest: string) => ({
        id: "__proto__",
        at: 0,
        ms: 1,
        input: { __proto__: 1, [key]: `${key} ${hidden} ${rest}` },
        output: essay(`${words} ${key} ${hidden} ${rest}`)
      })
      yield* put({ id: "run_1", steps: [step("one", "x")] }, { id, steps: [step("other", "y")] })
      const texts = [
        yield* page.get(`/api/diff?${query("run_1", id)}`),
        yield* page.get(`/api/diff/step?${query("run_1", id)}&at=0`)
      ].map(({ text }) => text)
      for (const text of texts) {
        assert.notInclude(text, key.slice(8))
        assert.notInclude(text, hidden)
      }
      const { parts } = JSON.parse(texts[1]!) as StepComparison
      assert.notInclude(parts.flatMap(({ parts }) => parts.map(({ text }) => text)).join(""), "abcdefgh")
      const { command } = JSON.parse(texts[0]!) as RunComparison
      assert.include(command, `'${flow}/--all '\\''$(reboot)'\\''`)
    }))

  it.scopedLive(
    `of ${many} changed steps are compared, in at most 4 MB`,
    () =>
      Effect.gen(function*() {
        const { page, put } = yield* serving()
        const run = (id: string, text: string): Scripted.ScriptedRun => ({
          id,
          durationMs: 10_000,
          steps: Array.from({ length: many }, (_, index) => ({
            id: `step-${index % 100}`,
            at: index,
            ms: 1,
            loop: index,
            cost: "0.001",
            input: { message: text, index },
            output: { text, list: [text, text] }
          }))
        })
        const runs = [run("run_1", "one"), run("run_2", "two")] as const
        yield* put(...runs)
        const { text } = yield* page.get(`/api/diff?${query("run_1", "run_2")}`)
        const { difference } = JSON.parse(text) as RunComparison
        assert.deepStrictEqual([difference.counts.changed, difference.partsAt], [many, 0])
        assert.isAtMost(text.length, 4_000_000)
        const { step } = yield* stepAt(page, "run_1", "run_2", many - 1)
        assert.deepStrictEqual([step.loopIndex, step.output?.length], [many - 1, 3])
      })
  )

  it.scopedLive("of an emulator are compared without a request", () =>
    Effect.gen(function*() {
      const { emulator, execute, page } = yield* start()
      const first = yield* execute("noukai/samples/two-step", { message: "I want a refund." })
      const second = yield* execute("noukai/samples/two-step", { message: "Where is my order?" })
      const { requestsReceived } = yield* emulator.totals
      const flow = "noukai/samples/two-step"
      const target = `/api/diff?${query(first.executionId!, second.executionId!, flow, flow)}`
      const { command, difference } = yield* page.json<RunComparison>(target)
      assert.deepStrictEqual([difference.verdict, difference.partsAt], ["different", 0])
      assert.include(command, `--env dev --port ${emulator.port}`)
      assert.strictEqual((yield* emulator.totals).requestsReceived, requestsReceived)
    }))
})
