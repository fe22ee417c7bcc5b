import { Check, Eval } from "@effect-noukai/eval"
import { Flow } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { casesOf, checked, type Definition, type EvalCase } from "../src/internal/definition.js"

const valid = {
  flow: "acme/spelling/grade-3",
  cases: [{ id: "a", n: 1 }, { id: "b", n: 2 }] as ReadonlyArray<unknown>,
  key: (c: { readonly id: string }) => c.id,
  input: (c: { readonly id: string }) => ({ message: c.id })
}

const checks: { readonly [name: string]: unknown } = { one: Check.equals(1) }

const definition = (options: object = {}, of = checks, name = "spelling") =>
  Eval.make(name, { ...valid, ...options } as never, of as never) as unknown as Definition

const refusal = (of: Definition) => Effect.map(Effect.flip(checked("Eval.run", of)), ({ message }) => message)

const casesRefusal = (options: object) =>
  Effect.map(
    Effect.flip(Stream.runDrain(casesOf(definition(options))) as Effect.Effect<void, Error>),
    ({ message }) => message
  )

describe("the definition of an eval", () => {
  it.effect("has another hash for parameters of the same name with other fields", () =>
    Effect.gen(function*() {
      const hashOf = (field: string) => {
        const parameters = Schema.Struct({ [field]: Schema.String }).annotations({ identifier: "Params" })
        const flow = Flow.make("acme/spelling/grade-3", { parameters })
        return Effect.map(checked("Eval.run", definition({ flow })), ({ hashes }) => hashes.parameters)
      }
      assert.notStrictEqual(yield* hashOf("a"), yield* hashOf("b"))
      assert.strictEqual(yield* hashOf("a"), yield* hashOf("a"))
    }))

  it.effect("has hashes of its checks and its parameters", () =>
    Effect.gen(function*() {
      const { checks: names, flow, hashes } = yield* checked("Eval.run", definition())
      assert.strictEqual(flow, "acme/spelling/grade-3")
      assert.deepStrictEqual(names, ["one"])
      assert.match(hashes.checks.one ?? "", /^[\da-f]{16}$/)
      const other = yield* checked("Eval.run", definition({}, { one: Check.equals(2) }))
      assert.notStrictEqual(other.hashes.checks.one, hashes.checks.one)
      assert.strictEqual(other.hashes.parameters, hashes.parameters)
      assert.notProperty(hashes, "mean")
      const two = { ...checks, two: Check.equals(2) }
      const meanOf = (minMean: number, weights?: object) =>
        Effect.map(checked("Eval.run", definition({ minMean, weights }, two)), ({ hashes }) => hashes.mean)
      const means = yield* Effect.all([meanOf(0.5), meanOf(0.6), meanOf(0.5, { one: 2 }), meanOf(0.5, { one: 0 })])
      assert.strictEqual(new Set(means).size, 4)
      assert.strictEqual(yield* meanOf(0.5, { one: 1 }), means[0])
    }))

  it.effect("is refused if it is wrong", () =>
    Effect.gen(function*() {
      assert.match(yield* refusal(definition({}, checks, "")), /^Eval\.run: name must be /)
      assert.match(yield* refusal(definition({ flow: "grade" })), /^Eval\.run: flow org and project are missing/)
      assert.match(yield* refusal(definition({ cases: 3 })), /^Eval\.run: cases must be a source/)
      assert.match(yield* refusal(definition({ cases: { rows: [] } })), /^Eval\.run: cases must be a source/)
      assert.match(yield* refusal(definition({ cases: Promise.resolve([]) })), /^Eval\.run: cases must be a source/)
      // a forgotten await would be a gate without thresholds
      assert.match(yield* refusal(definition({ thresholds: Promise.resolve({}) })), /^Eval\.run: thresholds must be/)
      assert.match(yield* refusal(definition({ thresholds: null })), /^Eval\.run: thresholds must not be null/)
      for (const eval_ of [undefined, null, {}, "spelling"] as const) {
        for (
          const [name, call] of Object.entries({
            run: Eval.run,
            plan: Eval.plan,
            score: Eval.score,
            report: Eval.report
          })
        ) {
          const error = yield* Effect.flip(call(eval_ as never) as Effect.Effect<unknown, Error>)
          assert.strictEqual(error.message, `Eval.${name}: eval must be made by Eval.make`)
        }
      }
      for (const options of [undefined, null, "spelling", []]) {
        const made = Eval.make("spelling", options as never, checks as never) as unknown as Definition
        assert.strictEqual(yield* refusal(made), "Eval.run: options must be an object")
      }
      assert.match(yield* refusal(definition({ key: "id" })), /^Eval\.run: key must be a function/)
      assert.match(yield* refusal(definition({ operation: "run" })), /^Eval\.run: operation must be/)
      assert.match(yield* refusal(definition({ tools: {} })), /^Eval\.run: tools require operation/)
      assert.match(yield* refusal(definition({ case: {} })), /^Eval\.run: case must be a Schema/)
      assert.match(yield* refusal(definition({}, {})), /^Eval\.run: checks must have at least one check/)
      assert.match(yield* refusal(definition({}, { one: () => true })), /^Eval\.run: checks\.one must be a check/)
      assert.match(
        yield* refusal(definition({}, { "one\n": Check.equals(1) })),
        /^Eval\.run: the name of the check "one\\n" must be 1 to 100 letters/
      )
      assert.match(
        yield* refusal(definition({}, { constructor: Check.equals(1) })),
        /^Eval\.run: the name of the check "constructor" is a field of every object/
      )
      assert.match(
        yield* refusal(definition({}, { one: Check.matches("(") })),
        /^Eval\.run: checks\.one must be a regular/
      )
      assert.match(yield* refusal(definition({ thresholds: { maxRegresed: 1 } })), /^Eval\.run: thresholds are wrong: /)
      assert.match(
        yield* refusal(definition({}, { one: Check.not(Check.jsonSchema({ format: "emial" })) })),
        /^Eval\.run: checks\.one format is "emial": the formats are date, /
      )
      const weights = (weights: unknown, minMean?: unknown) => refusal(definition({ weights, minMean: minMean ?? 0.5 }))
      assert.strictEqual(
        yield* refusal(definition({ weights: { one: 2 } })),
        "Eval.run: weights require minMean, the least weighted mean of the scores"
      )
      assert.strictEqual(yield* weights({ one: 0 }), "Eval.run: weights must not all be 0")
      assert.strictEqual(yield* weights({ two: 1 }), "Eval.run: weights.two is not the name of a check")
      assert.match(yield* weights([1]), /^Eval\.run: weights must be an object of numbers/)
      for (const weight of [-1, NaN, Infinity, "1"]) {
        assert.match(yield* weights({ one: weight }), /^Eval\.run: weights\.one must be a finite number of at least 0/)
      }
      for (const minMean of [-0.1, 1.1, NaN, "0.5"]) {
        assert.match(yield* weights({}, minMean), /^Eval\.run: minMean must be a number from 0 to 1/)
      }
      assert.match(
        yield* refusal(definition({ thresholds: { checks: { two: {} } } })),
        /^Eval\.run: thresholds\.checks\.two is not the name of a check/
      )
    }))

  it.effect("a case that cannot be used is refused in one line, with its place", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* casesRefusal({ cases: [{ id: "a" }, { id: "b" }, { id: "a" }] }),
        "row 3: key \"a\" is already used by row 1"
      )
      assert.strictEqual(yield* casesRefusal({ cases: [{}] }), "row 1: key is undefined, which is not a text")
      assert.strictEqual(yield* casesRefusal({ cases: [{ id: "" }] }), "row 1: key is empty")
      assert.strictEqual(
        yield* casesRefusal({ cases: [null] }),
        "row 1: key cannot be made: Cannot read properties of null (reading 'id')"
      )
      assert.strictEqual(yield* casesRefusal({ cases: [] }), "spelling: cases are missing: there is not one case")
      assert.match(
        yield* casesRefusal({ minMean: 0.5, checksOf: () => [777] }),
        /^row 1: the list of its checks has 777: the checks are one/
      )
      const informal = definition(
        { minMean: 0.5, weights: { two: 0 }, checksOf: ({ id }: { id: string }) => id === "b" ? ["two"] : [] },
        { ...checks, two: Check.equals(2) }
      )
      assert.match(
        (yield* Effect.flip(Stream.runDrain(casesOf(informal)) as Effect.Effect<void, Error>)).message,
        /^row 2: the list of its checks has only checks of the weight 0/
      )
      assert.match(
        yield* casesRefusal({ case: Schema.Struct({ id: Schema.String, n: Schema.String }) }),
        /^row 1: the case does not fit: .*n/
      )
      assert.strictEqual(yield* casesRefusal({ input: () => 3 }), "row 1: input is 3, which is not an object")
      assert.strictEqual(
        yield* casesRefusal({
          input: () => {
            throw new Error("no\nfield")
          }
        }),
        "row 1: input cannot be made: no field"
      )
    }))

  it.effect("its cases can be read again, and their hashes depend on the case and its input", () =>
    Effect.gen(function*() {
      const hashes = (options: object) => {
        const of = definition(options)
        const read = Stream.runCollect(casesOf(of) as Stream.Stream<EvalCase>)
        return Effect.map(Effect.zipRight(read, read), (cases) => Array.from(cases, ({ hash }) => hash))
      }
      const [a, b] = yield* hashes({})
      assert.notStrictEqual(a, b)
      assert.deepStrictEqual(yield* hashes({}), [a!, b!])
      assert.notStrictEqual((yield* hashes({ input: () => ({ message: "x" }) }))[0], a)
      assert.notStrictEqual((yield* hashes({ cases: [{ id: "a", n: 3 }] }))[0], a)
      assert.strictEqual((yield* hashes({ cases: [{ n: 1, id: "a" }] }))[0], a)
    }))
})
