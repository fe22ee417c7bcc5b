import { Check, type EvalRun } from "@effect-noukai/eval"
import { parseJson } from "@effect-noukai/sdk/kit/plainJson"
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Schema } from "effect"
import { outcomesOf } from "../src/internal/verdict.js"

const done: EvalRun = {
  key: "a",
  flow: "acme/spelling/grade-3",
  version: "draft",
  trial: 1,
  state: "done",
  result: { score: 3, text: "Dear Sir", words: ["one", "two"], nested: [{ ok: true }] }
}

const verdictOf = <R>(check: Check.Check<unknown, unknown, R>, run: Partial<EvalRun> = {}, value: unknown = {}) =>
  Effect.map(outcomesOf({ check }, value, { ...done, ...run }), (outcomes) => outcomes.check!)

/** The verdict and the reason. */
const said = <R>(check: Check.Check<unknown, unknown, R>, run?: Partial<EvalRun>, value?: unknown) =>
  Effect.map(verdictOf(check, run, value), ({ reason, verdict }) => `${verdict}: ${reason}`)

describe("Check", () => {
  it.effect("equals compares JSON, in any order of keys, with a value, a field or a function of the case", () =>
    Effect.gen(function*() {
      const value = { expected: { score: 3 }, wrong: 4 }
      assert.deepStrictEqual(yield* verdictOf(Check.equals(3, { at: "score" })), {
        verdict: "pass",
        reason: "score: equal to 3",
        expected: 3,
        actual: 3
      })
      assert.strictEqual(
        yield* said(Check.equals(Check.field("wrong"), { at: "score" }), {}, value),
        "fail: score: got 3, expected 4"
      )
      assert.strictEqual(
        yield* said(Check.equals((c: typeof value) => c.expected.score, { at: "score" }) as Check.Check, {}, value),
        "pass: score: equal to 3"
      )
      assert.strictEqual(
        yield* said(Check.equals({ b: 1, a: 2 }), { result: { a: 2, b: 1 } }),
        "pass: equal to {\"a\":2,\"b\":1}"
      )
      assert.strictEqual(
        yield* said(Check.equals({ score: Check.field("expected.score"), ok: true }), {
          result: { score: 3, ok: true }
        }, value),
        "pass: equal to {\"ok\":true,\"score\":3}"
      )
      assert.strictEqual(
        yield* said(Check.equals(Check.field("nothing"))),
        "error: the check threw: the case has no nothing"
      )
    }))

  it.effect("a path without a value fails, and a step without an output is an error", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* said(Check.equals(1, { at: "nested.0.ok" })), "fail: nested.0.ok: got true, expected 1")
      assert.strictEqual(yield* said(Check.equals(1, { at: ["nested", 1] })), "fail: the result has no nested.1")
      assert.strictEqual(yield* said(Check.equals(1, { at: "constructor" })), "fail: the result has no constructor")
      const step = Check.step("draft", Check.contains("Sir", { at: "text" }))
      assert.deepStrictEqual(step.needs, { steps: ["draft"], calls: false })
      assert.strictEqual(yield* said(step), "error: not captured: the output of the step draft")
      assert.strictEqual(
        yield* said(step, { steps: { other: 1 } }),
        "error: not captured: the output of the step draft"
      )
      assert.strictEqual(
        yield* said(step, { steps: { draft: { text: "Sir!" } } }),
        "pass: step draft: text: contains \"Sir\""
      )
    }))

  it.effect("contains looks in texts and lists, matches at texts", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* said(Check.contains("dear", { at: "text", ignoreCase: true })),
        "pass: text: contains \"dear\""
      )
      assert.strictEqual(
        yield* said(Check.contains("dear", { at: "text" })),
        "fail: text: \"Dear Sir\" does not contain \"dear\""
      )
      assert.strictEqual(yield* said(Check.contains("two", { at: "words" })), "pass: words: contains \"two\"")
      assert.strictEqual(
        yield* said(Check.contains("3", { at: "score" })),
        "fail: score: got 3, which is not a text or a list"
      )
      // an empty cell of a CSV file
      const empty = "error: text: the expected text is empty, and every text contains it"
      assert.strictEqual(yield* said(Check.contains("", { at: "text" })), empty)
      assert.strictEqual(yield* said(Check.contains(Check.field("word"), { at: "text" }), {}, { word: "" }), empty)
      assert.strictEqual(
        yield* said(Check.contains("", { at: "words" })),
        "fail: words: [\"one\",\"two\"] does not contain \"\""
      )
      const stateful = Check.matches(/sir/gi, { at: "text" })
      assert.strictEqual(yield* said(stateful), "pass: text: matches /sir/i")
      assert.strictEqual(yield* said(stateful), "pass: text: matches /sir/i")
      assert.strictEqual(
        yield* said(Check.matches("^Sir", { at: "text" })),
        "fail: text: \"Dear Sir\" does not match /^Sir/u"
      )
      assert.match(Check.matches("(").problem ?? "", /^must be a regular expression: /)
    }))

  it.effect("schema and near judge values, and say where they do not fit", () =>
    Effect.gen(function*() {
      const schema = Check.schema(Schema.Struct({ score: Schema.Number, grade: Schema.String }))
      assert.match(yield* said(schema), /^fail: .*grade/)
      assert.strictEqual(yield* said(Check.schema(Schema.Number, { at: "score" })), "pass: score: fits the schema")
      const strict = Schema.Struct({ id: Schema.Number }).annotations({ parseOptions: { onExcessProperty: "error" } })
      const result = parseJson(`{"id":12345678901234567890}`)
      assert.strictEqual(yield* said(Check.schema(strict), { result }), "pass: fits the schema")
      assert.strictEqual(
        yield* said(Check.near(3.5, { within: 0.5, at: "score" })),
        "pass: score: 3 is within 0.5 of 3.5"
      )
      assert.strictEqual(
        yield* said(Check.near(3.6, { within: 0.5, at: "score" })),
        "fail: score: got 3, expected 3.6 within 0.5"
      )
      assert.strictEqual(
        yield* said(Check.near(0.3, { within: 0.1 }), { result: 0.2 }),
        "pass: 0.2 is within 0.1 of 0.3"
      )
      assert.strictEqual(
        yield* said(Check.near(200, { relative: 0.1 }), { result: 181 }),
        "pass: 181 is within 20 of 200"
      )
      assert.strictEqual(
        yield* said(Check.near(Check.field("n"), { within: 1 }), { result: 3 }, { n: "3" }),
        "error: expected \"3\", not a number"
      )
    }))

  it.effect("jsonSchema judges values by a JSON Schema, whose mistakes are known before a run", () =>
    Effect.gen(function*() {
      const check = Check.jsonSchema({ properties: { score: { maximum: 2 } } })
      assert.deepStrictEqual(yield* verdictOf(check), {
        verdict: "fail",
        reason: "score is 3, with a maximum of 2",
        actual: done.result
      })
      const at = Check.jsonSchema({ type: "string" }, { at: "text" })
      assert.strictEqual(yield* said(at), "pass: text: fits the schema")
      assert.match(Check.jsonSchema(true, { att: "a" } as never).problem ?? "", /^has att, which is not an option/)
      const wrong = Check.jsonSchema({ tpye: "string" })
      const problem = "tpye is not a keyword of JSON Schema: did you mean type?"
      const around = [
        wrong,
        Check.at("a", wrong),
        Check.step("a", wrong),
        Check.not(wrong),
        Check.judge("a/b/c", { input: () => ({}), pass: wrong })
      ]
      for (const one of around) assert.strictEqual(yield* one.loads ?? Effect.succeed("none"), problem)
      assert.isUndefined(yield* check.loads!)
      assert.strictEqual(yield* said(wrong), `error: the check failed: ${problem}`)
    }))

  it.effect("calls counts the calls of a tool, and those with some arguments", () =>
    Effect.gen(function*() {
      const calls = [
        { id: "c1", tool: "search", arguments: { query: "one", limit: 3 } },
        { id: "c1", tool: "search", arguments: { query: "two" } },
        { id: "c1", tool: "mail", arguments: {} }
      ]
      const check = (options: Parameters<typeof Check.calls>[1], run: Partial<EvalRun> = { calls }) =>
        said(Check.calls("search", options), run, { word: "one" })
      assert.strictEqual(yield* check({}), "pass: 2 calls of search, expected at least 1")
      assert.strictEqual(yield* check({ times: 0 }), "fail: 2 calls of search, expected 0")
      assert.strictEqual(yield* check({ max: 3 }), "pass: 2 calls of search, expected 0 to 3")
      assert.strictEqual(
        yield* check({ times: 1, arguments: { query: Check.field("word") } }),
        "pass: 1 calls of search, expected 1"
      )
      // null is a value, and a missing argument is not
      assert.strictEqual(
        yield* check({ arguments: { limit: null } }),
        "fail: 0 calls of search, expected at least 1"
      )
      assert.strictEqual(yield* check({}, {}), "error: not captured: the calls of search")
      assert.isTrue(Check.calls("search").needs.calls)
    }))

  it.effect("limits of cost and time are exact, and errors where nothing was measured", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* said(Check.maxCostUsd("0.3"), { costUsd: "0.30" }), "pass: costs 0.30 USD")
      assert.strictEqual(
        yield* said(Check.maxCostUsd(0.3), { costUsd: "0.30000000000000000001" }),
        "fail: costs 0.30000000000000000001 USD, allowed are 0.3"
      )
      assert.strictEqual(yield* said(Check.maxCostUsd("0.3")), "error: not captured: the cost of the run")
      assert.match(Check.maxCostUsd("a lot").problem ?? "", /amount/)
      assert.match(Check.maxCostUsd(-1).problem ?? "", /amount/)
      assert.strictEqual(yield* said(Check.maxDuration("1 second"), { durationMs: 1000 }), "pass: took 1000 ms")
      assert.strictEqual(
        yield* said(Check.maxDuration(Duration.millis(10)), { durationMs: 11 }),
        "fail: took 11 ms, allowed are 10"
      )
      assert.strictEqual(yield* said(Check.maxDuration(5)), "error: not captured: the time of the run")
    }))

  it.effect("a function of your own may answer, or be an Effect with requirements; its failures are errors", () =>
    Effect.gen(function*() {
      class Words extends Context.Tag("test/Words")<Words, { readonly most: number }>() {}
      const few = Check.make((_: unknown, run) =>
        Effect.map(
          Words,
          ({ most }) => Check[String(run.result).length <= most ? "pass" : "fail"]("few", { score: 0.5 })
        )
      )
      assert.deepStrictEqual(
        yield* verdictOf(few, { result: "abc" }).pipe(Effect.provideService(Words, { most: 3 })),
        { verdict: "pass", reason: "few", score: 0.5 }
      )
      assert.strictEqual(yield* said(Check.make(() => true)), "pass: the check returned true")
      assert.strictEqual(
        yield* said(Check.make(() => Effect.fail(new Error("no\nnetwork")))),
        "error: the check failed: no network"
      )
      assert.strictEqual(
        yield* said(Check.make(() => {
          throw new Error("oops")
        })),
        "error: the check threw: oops"
      )
      assert.strictEqual(
        yield* said(Check.make(() => undefined as never)),
        "error: the check returned undefined: return true, false or an outcome"
      )
      assert.strictEqual(
        yield* said(Check.make(() => Check.pass("fine", { score: 2 }))),
        "error: the check returned the score 2: it must be from 0 to 1"
      )
    }))

  it.effect("every check fails on a run that failed, and is an error on a run without an outcome", () =>
    Effect.gen(function*() {
      const check = Check.make(() => true)
      const error = (kind: string) => ({ error: { kind, message: "the model\nis down" } })
      assert.strictEqual(
        yield* said(check, { state: "failed", ...error("FlowExecutionError") }),
        "fail: the run failed: the model is down"
      )
      assert.strictEqual(
        yield* said(check, {
          state: "failed",
          error: { kind: "FlowExecutionError", message: "no credits", code: "CREDITS_EXHAUSTED" }
        }),
        "error: the run is failed: no credits"
      )
      assert.strictEqual(
        yield* said(check, { state: "done", ...error("UnexpectedResult") }),
        "fail: the run failed: the model is down"
      )
      assert.strictEqual(
        yield* said(check, { state: "failed", ...error("InvalidRequestError") }),
        "error: the run is failed: the model is down"
      )
      assert.strictEqual(
        yield* said(check, { state: "reported", ...error("ResultNotStored") }),
        "error: the run is reported: the model is down"
      )
      assert.strictEqual(yield* said(check, { state: "pending" }), "error: the run is pending")
    }))

  it.effect("a judge passes or fails by its verdict, and is an error without one", () =>
    Effect.gen(function*() {
      const input = (_: unknown, run: EvalRun) => ({ message: String(run.result) })
      const judged = (options: Partial<Check.JudgeOptions<unknown, unknown, never>>, result: unknown, more = {}) =>
        Effect.map(
          outcomesOf({ polite: Check.judge("acme/judges/politeness", { input, ...options }) }, {}, done, {
            polite: { state: "done", result, ...more }
          }),
          ({ polite }) => `${polite!.verdict}: ${polite!.reason}`
        )
      assert.strictEqual(yield* judged({ at: "polite" }, { polite: true }), "pass: the judge says true")
      assert.strictEqual(yield* judged({}, 0.4), "fail: the judge says 0.4, required is 0.5")
      assert.strictEqual(yield* judged({ minScore: 0.4 }, 0.4), "pass: the judge says 0.4, required is 0.4")
      assert.strictEqual(
        yield* judged({ at: "polite", reason: "why" }, { polite: false, why: "It is\nrude." }),
        "fail: It is rude."
      )
      assert.strictEqual(
        yield* judged({ at: "n", pass: Check.near(3, { within: 1 }) }, { n: 2 }),
        "pass: 2 is within 1 of 3"
      )
      assert.strictEqual(
        yield* judged({ pass: (verdict) => verdict === "yes" }, "no"),
        "fail: the check returned false"
      )
      assert.strictEqual(
        yield* judged({ at: "polite" }, { rude: 1 }),
        "error: the judge gave no verdict: its result has no polite"
      )
      assert.strictEqual(
        yield* judged({}, "yes"),
        "error: the judge gave no verdict: got \"yes\", expected true, false or a number from 0 to 1"
      )
      assert.strictEqual(
        yield* judged({}, undefined, { state: "failed", error: { kind: "FlowExecutionError", message: "no model" } }),
        "error: the judge is failed: no model"
      )
      assert.strictEqual(
        yield* said(Check.judge("acme/judges/politeness", { input })),
        "error: the judge did not run"
      )
    }))

  it.effect("a judge of a part gets the part, and does not run where it is missing", () =>
    Effect.gen(function*() {
      const judge = Check.judge("acme/judges/politeness", { input: (_, run) => ({ message: String(run.result) }) })
      const text = Check.step("draft", Check.at("text", judge))
      const run = { ...done, steps: { draft: { text: "Sir" } } }
      assert.deepStrictEqual(text.judge?.input({}, run), { message: "Sir" })
      assert.throws(() => text.judge?.input({}, done), "not captured: the output of the step draft")
      assert.strictEqual(yield* said(text), "error: not captured: the output of the step draft")
      assert.strictEqual(yield* said(text, { steps: { draft: {} } }), "fail: step draft: the result has no text")
    }))

  it.effect("similar passes from a share of equal characters on, or by your own function", () =>
    Effect.gen(function*() {
      const sir = { result: "Dear Sir" }
      const { actual, expected, reason, score, verdict } = yield* verdictOf(Check.similar("Dear Sirs"), sir)
      assert.deepStrictEqual([verdict, reason, score], ["pass", "the similarity is 0.8889, required is 0.8", 8 / 9])
      assert.deepStrictEqual([actual, expected], ["Dear Sir", "Dear Sirs"])
      const at = (min: number | undefined, result: string) => said(Check.similar("abcdefghij", { min }), { result })
      assert.strictEqual(yield* at(undefined, "abcdefgh"), "pass: the similarity is 0.8, required is 0.8")
      assert.strictEqual(yield* at(undefined, "abcdefg"), "fail: the similarity is 0.7, required is 0.8")
      assert.strictEqual(yield* at(0.7, "abcdefg"), "pass: the similarity is 0.7, required is 0.7")
      assert.strictEqual(yield* at(1, "abcdefghij"), "pass: the similarity is 1, required is 1")
      assert.strictEqual(yield* at(0, "x"), "pass: the similarity is 0, required is 0")
      const options = { at: "text", ignoreCase: true, min: 1 }
      assert.strictEqual(
        yield* said(Check.similar(Check.field("w"), options), { result: { text: "A" } }, { w: "a" }),
        "pass: text: the similarity is 1, required is 1"
      )
      assert.strictEqual(yield* said(Check.similar("a"), { result: 7 }), "fail: got 7, which is not a text")
      assert.strictEqual(
        yield* said(Check.similar(Check.field("w")), sir, { w: 7 }),
        "error: expected 7, which is not a text"
      )
      assert.strictEqual(
        Check.similar(Check.field("w")).refuses?.({ w: 7 }),
        "is similar to 7, which is not a text"
      )
      const by = (answer: unknown) =>
        said(Check.similar("a", { by: () => answer as number, min: 0.5 }), { result: "b" })
      assert.strictEqual(yield* by(0.5), "pass: the similarity is 0.5, required is 0.5")
      assert.strictEqual(yield* by(1.0000000000000002), "pass: the similarity is 1, required is 0.5")
      assert.strictEqual(yield* by(Effect.succeed(0.4)), "fail: the similarity is 0.4, required is 0.5")
      assert.strictEqual(yield* by(Effect.fail("no network")), "error: the check failed: no network")
      for (const wrong of [1.1, -0.1, NaN, "1", undefined, Promise.resolve(1)]) {
        assert.match(yield* by(wrong), /^error: by returned .*: it must return a number from 0 to 1$/)
      }
      const not = yield* verdictOf(Check.not(Check.similar("Dear Sirs")), sir)
      assert.strictEqual(not.verdict, "fail")
      assert.approximately(not.score!, 1 / 9, 1e-9)
    }))

  it.effect("not passes where its check fails, and fails where it passes, of every kind", () =>
    Effect.gen(function*() {
      const input = () => ({})
      const calls = [{ id: "c1", tool: "search", arguments: {} }]
      const kinds: ReadonlyArray<readonly [check: Check.Check, passes: Partial<EvalRun>, fails: Partial<EvalRun>]> = [
        [Check.equals(1), { result: 1 }, { result: 2 }],
        [Check.equals(1, { at: "n" }), { result: { n: 1 } }, { result: {} }],
        [Check.contains("a"), { result: "cat" }, { result: 7 }],
        [Check.matches("^a"), { result: "a" }, { result: "b" }],
        [Check.similar("abcde"), { result: "abcd" }, { result: "abc" }],
        [Check.schema(Schema.Number), { result: 1 }, { result: "1" }],
        [Check.jsonSchema({ type: "number" }), { result: 1 }, { result: "1" }],
        [Check.near(1, { within: 1 }), { result: 2 }, { result: 3 }],
        [Check.step("s", Check.equals(1)), { steps: { s: 1 } }, { steps: { s: 2 } }],
        [Check.calls("search"), { calls }, { calls: [] }],
        [Check.maxCostUsd(1), { costUsd: "1" }, { costUsd: "1.1" }],
        [Check.maxDuration(1), { durationMs: 1 }, { durationMs: 2 }],
        [Check.make((_, { result }) => result === 1), { result: 1 }, { result: 2 }],
        [Check.make((_, { result }) => Effect.succeed(result === 1)), { result: 1 }, { result: 2 }],
        [Check.not(Check.equals(1)), { result: 2 }, { result: 1 }]
      ]
      for (const [check, passes, fails] of kinds) {
        const not = Check.not(check)
        const verdicts = (run: Partial<EvalRun>) =>
          Effect.forEach([check, not, Check.not(not)], (one) => Effect.map(verdictOf(one, run), (of) => of.verdict))
        assert.deepStrictEqual(yield* verdicts(passes), ["pass", "fail", "pass"], check.definition)
        assert.deepStrictEqual(yield* verdicts(fails), ["fail", "pass", "fail"], check.definition)
        assert.deepStrictEqual([not.needs, not.problem, not.kind], [check.needs, undefined, check.kind])
        assert.notStrictEqual(not.definition, check.definition)
      }
      const judge = Check.not(Check.judge("acme/judges/a", { input }))
      const judged = (result: unknown, state: EvalRun["state"] = "done") =>
        Effect.map(judge.verdict({}, done, { state, result }), (outcome) => [outcome?.verdict, outcome?.score])
      assert.deepStrictEqual(judge.judge?.input({}, done), {})
      assert.deepStrictEqual(
        yield* Effect.all([judged(true), judged(0.25), judged(0.75), judged("?"), judged(true, "failed")]),
        [["fail", undefined], ["pass", 0.75], ["fail", 0.25], ["error", undefined], ["error", undefined]]
      )
    }))

  it.effect("not keeps errors, refusals, paths and a failed run, and says the reason of its check", () =>
    Effect.gen(function*() {
      const not = Check.not(Check.equals(3, { at: "score" }))
      assert.deepStrictEqual(yield* verdictOf(not), {
        verdict: "fail",
        reason: "must not pass: score: equal to 3",
        actual: 3
      })
      assert.strictEqual(
        yield* said(not, { result: { score: 4 } }),
        "pass: does not pass: score: got 4, expected 3"
      )
      assert.strictEqual(yield* said(Check.at("n", Check.not(Check.equals(3)))), "fail: the result has no n")
      assert.strictEqual(
        yield* said(Check.step("s", Check.not(Check.equals(3)))),
        "error: not captured: the output of the step s"
      )
      assert.strictEqual(
        yield* said(Check.not(Check.make(() => Effect.fail("no")))),
        "error: the check failed: no"
      )
      const failed = { state: "failed", error: { kind: "FlowExecutionError", message: "no model" } } as const
      assert.strictEqual(yield* said(not, failed), "fail: the run failed: no model")
      assert.strictEqual(yield* said(not, { state: "pending" }), "error: the run is pending")
      const absent = { ...not, verdict: () => Effect.succeed(undefined) }
      assert.isUndefined(yield* Check.not(absent).verdict({}, done))
      const empty = Check.contains(Check.field("word"))
      assert.strictEqual(Check.not(empty).refuses?.({ word: "" }), empty.refuses?.({ word: "" }))
      assert.strictEqual(Check.not(empty).expects, empty.expects)
      assert.match(Check.not(Check.matches("(")).problem ?? "", /^must be a regular expression: /)
    }))

  it("a definition names all that a verdict depends on", () => {
    const input = () => ({})
    const definitions = [
      Check.equals(1),
      Check.equals(2),
      Check.equals(1, { at: "a" }),
      Check.equals(Check.field("a")),
      Check.equals((c: { a: number }) => c.a),
      Check.contains("a"),
      Check.contains("a", { ignoreCase: true }),
      Check.near(1, { within: 1 }),
      Check.near(1, { within: 2 }),
      Check.jsonSchema({ type: "number" }),
      Check.jsonSchema({ type: "string" }),
      Check.jsonSchema({ type: "string" }, { at: "a" }),
      Check.similar("a"),
      Check.similar("b"),
      Check.similar("a", { min: 0.5 }),
      Check.similar("a", { ignoreCase: true }),
      Check.similar("a", { by: () => 1 }),
      Check.not(Check.equals(1)),
      Check.matches(/a/),
      Check.matches(/a/i),
      Check.step("a", Check.equals(1)),
      Check.calls("a"),
      Check.calls("a", { times: 2 }),
      Check.maxCostUsd(1),
      Check.maxDuration(1),
      Check.judge("acme/judges/a", { input }),
      Check.judge("acme/judges/a", { input, version: 3 }),
      Check.judge("acme/judges/a", { input, minScore: 0.7 }),
      Check.judge("acme/judges/a", { input, pass: Check.equals(1) }),
      Check.make(() => true),
      Check.make(() => true, { definition: "mine" })
    ].map(({ definition }) => definition)
    assert.strictEqual(new Set(definitions).size, definitions.length)
    assert.strictEqual(Check.equals({ a: 1, b: 2 }).definition, Check.equals({ b: 2, a: 1 }).definition)
  })
})

describe("a number that a check cannot use", () => {
  it("is refused with the value and the rule", () => {
    const wrong: ReadonlyArray<readonly [Check.Check, string]> = [
      ...[NaN, Infinity, -1, "1"].flatMap((tolerance) => [
        [
          Check.near(1, { within: tolerance as number }),
          "has a within that must be a finite number of at least 0"
        ] as const,
        [Check.near(1, { relative: tolerance as number }), "has a relative that must be a finite number"] as const
      ]),
      ...[NaN, Infinity, -1, 0.5].flatMap((count) => [
        [Check.calls("a", { times: count }), "has a times that must be a whole number of at least 0"] as const,
        [Check.calls("a", { min: count, max: 9 }), "has a min that must be"] as const,
        [Check.calls("a", { max: count }), "has a max that must be"] as const
      ]),
      ...[NaN, Infinity, -1, -1n, "-2 seconds", "soon"].map((limit) =>
        [Check.maxDuration(limit as number), "must be a finite duration such as"] as const
      ),
      ...[NaN, Infinity, -0.1, 1.1, "0.5"].map((min) =>
        [Check.similar("a", { min: min as number }), "has a min that must be a number from 0 to 1"] as const
      ),
      ...[NaN, Infinity, -0.1, 1.1, "0.5"].map((minScore) =>
        [
          Check.judge("a/b/c", { input: () => ({ message: "x" }), minScore: minScore as number }),
          "has a minScore that must be a number from 0 to 1"
        ] as const
      ),
      ...[NaN, Infinity, -1, "x"].map((limit) => [Check.maxCostUsd(limit), "must be an amount"] as const)
    ]
    for (const [check, problem] of wrong) assert.include(check.problem ?? "nothing", problem, check.definition)
    for (const fine of [Check.near(1, {}), Check.near(1, { within: 0.5 }), Check.calls("a"), Check.maxDuration(0)]) {
      assert.notProperty(fine, "problem")
    }
  })
})

describe("an argument that a check cannot use", () => {
  const input = () => ({ message: "x" })

  it("is refused before a run is paid", () => {
    const wrong: ReadonlyArray<readonly [check: Check.Check, problem: string]> = [
      [Check.make("true" as never), "must have a function of the case and the run, not \"true\""],
      [Check.calls(7 as never), "must have the name of a tool, not 7"],
      [Check.calls(""), "must have the name of a tool, not \"\""],
      [Check.calls("send", { times: 3, min: 1 }), "must have times alone, or min and max"],
      [Check.step(null as never, Check.equals(1)), "must have the id of a step, not null"],
      [
        Check.contains("a", { ignoreCase: "yes" as never }),
        "has an ignoreCase that must be true or false, not \"yes\""
      ],
      [Check.similar("a", { by: 1 as never }), "has a by that must be a function, not 1"],
      [Check.similar("a", { least: 1 } as never), "has least, which is not an option"],
      [
        Check.equals(1, { at: 5 as never }),
        "has at 5: it must be a path such as \"answers.0.text\", or a list of keys"
      ],
      [Check.judge("a/b/c", { input, at: null as never }), "has at, which must not be null"],
      [Check.judge("a/b/c", { input, reason: true as never }), "has reason true: it must be a path"],
      [Check.judge("a/b/c", { input, pass: 0.5 as never }), "has a pass that must be a check or a function, not 0.5"],
      [Check.judge("a/b/c", { input, pass: () => true, minScore: 0.9 }), "has a minScore, which its pass ignores"]
    ]
    for (const [check, problem] of wrong) assert.include(check.problem ?? "nothing", problem, check.definition)
  })

  it("is not looked for in options that are left out", () => {
    const made = [
      Check.make(() => true),
      Check.equals(1),
      Check.contains("a"),
      Check.matches("a"),
      Check.schema(Schema.String),
      Check.calls("a"),
      Check.judge("acme/test/judge", { input: () => ({}) })
    ]
    assert.deepStrictEqual(made.map(({ problem }) => problem), made.map(() => undefined))
  })

  it("is refused as a version of a judge, with null among them", () => {
    assert.strictEqual(Check.judge("a/b/c", { input, version: null as never }).judge?.version, null)
    assert.strictEqual(Check.judge("a/b/c", { input }).judge?.version, "production")
  })

  it.effect("is an error as an expected value that JSON does not have", () =>
    Effect.gen(function*() {
      for (
        const [expected, shown] of [[NaN, "NaN"], [{ a: [Infinity] }, "Infinity"], [undefined, "undefined"]] as const
      ) {
        assert.strictEqual(
          yield* said(Check.equals(() => expected as never), { result: null }),
          `error: the expected value has ${shown}, which JSON does not have`
        )
      }
    }))
})
