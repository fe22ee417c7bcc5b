/** Definitions and baselines that somebody mistyped, cut off or made up. */
import { EvalFile, InvalidEvalError } from "@effect-noukai/eval"
import { nestsTooDeep } from "@effect-noukai/sdk/kit/plainJson"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FC from "effect/FastCheck"
import * as Option from "effect/Option"
import { assert, describe, it } from "vitest"
import { brokenJson, fuzz, fuzzAsync, fuzzTimeout } from "../../../sdk/test/support/fuzz.js"
import { Baseline } from "../../src/Baseline.js"
import { mistakeText, validatorOf } from "../../src/internal/jsonSchema.js"
import { parseJson } from "../../src/internal/parse.js"

const definition = {
  name: "spelling",
  flow: "acme/spelling/grade-3",
  cases: [{ id: "a", text: "x" }],
  case: { type: "object", properties: { id: { type: "string", pattern: "^a" } }, required: ["id"] },
  key: "id",
  input: { message: { $text: ["Grade: ", { $case: "text" }] } },
  checks: {
    equals: { equals: { $case: "id" }, at: "a.0" },
    judge: { judge: "acme/judges/a", input: { message: { $run: "result" } }, pass: { near: 1, within: 0.5 } },
    step: { step: "a", check: { schema: { enum: [1, { a: 2 }] } } },
    cheap: { maxCostUsd: "0.002" }
  },
  thresholds: { maxRegressed: "significant", checks: { equals: { minPassRate: 0.5 } } }
}

const schema = {
  $defs: { a: { type: "object", properties: { b: { $ref: "#/$defs/a" } }, required: ["b"] } },
  anyOf: [{ $ref: "#/$defs/a" }, { type: ["string", "null"], pattern: "^a", format: "email" }],
  patternProperties: { "^x": { enum: [1, "a"] } },
  if: { minimum: 1 },
  then: { multipleOf: 2 },
  unevaluatedProperties: false
}

const baseline = {
  eval: "spelling",
  run: "r1",
  flow: "acme/spelling/grade-3",
  version: "7",
  repeat: 1,
  hashes: { parameters: "p", checks: { equals: "s" } },
  cost: { runs: 1, usd: "0.1", unknown: 0 },
  cases: [{ key: "a", hash: "h", checks: { equals: "pass" } }]
}

const isRefusal = (error: unknown): void => {
  assert.instanceOf(error, InvalidEvalError)
  assert.match(error.message, /^a\.json(:\d+)?: \S[^\n]*$/)
}

describe("any file", () => {
  it(
    "is a definition, or refused in one line",
    () =>
      fuzzAsync(brokenJson(FC.constant<unknown>(definition)), 60, async (text) => {
        const read = await Effect.runPromise(Effect.either(EvalFile.parse(text, "/tests/a.json")))
        if (Either.isLeft(read)) isRefusal(read.left)
      }),
    fuzzTimeout
  )

  it(
    "is a JSON Schema, or refused in one line",
    () =>
      fuzzAsync(FC.tuple(brokenJson(FC.constant<unknown>(schema)), FC.jsonValue()), 20, async ([text, value]) => {
        const json = Option.getOrElse(Option.liftThrowable((): unknown => JSON.parse(text))(), () => ({}))
        if (nestsTooDeep(json)) return
        const { mismatch, mistake } = validatorOf(json)
        const found = await Effect.runPromise(mistake)
        if (found !== undefined) assert.match(mistakeText(found), /^\S[^\n]*$/)
        const read = await Effect.runPromise(Effect.either(mismatch(value)))
        if (Either.isRight(read)) assert.match(read.right ?? "fits", /^\S[^\n]*$/)
      }),
    fuzzTimeout
  )

  it("is a baseline, or refused in one line", () => {
    fuzz(brokenJson(FC.constant<unknown>(baseline)), 60, (text) => {
      const read = Effect.runSync(
        Effect.either(Effect.flatMap(parseJson("/tests/a.json", text), (file) => file.decode(Baseline)))
      )
      if (Either.isLeft(read)) isRefusal(read.left)
    })
  }, fuzzTimeout)

  it("that nests too deep is refused", async () => {
    for (
      const [count, open, close] of [[100_000, "[", "]"], [3_000, "{\"a\":", "}"], [
        1_000,
        "{\"step\":\"a\",\"check\":",
        "}"
      ]] as const
    ) {
      const nested = `${open.repeat(count)}1${close.repeat(count)}`
      const text = JSON.stringify({ ...definition, checks: { a: "here" } }).replace("\"here\"", nested)
      isRefusal(await Effect.runPromise(Effect.flip(EvalFile.parse(text, "/tests/a.json"))))
      isRefusal(
        Effect.runSync(
          Effect.flip(Effect.flatMap(parseJson("/tests/a.json", nested), ({ decode }) => decode(Baseline)))
        )
      )
    }
    for (
      const yaml of [
        "- ".repeat(50_000),
        "? ".repeat(50_000),
        Array.from({ length: 3_000 }, (_, n) => `${" ".repeat(n)}a:\n`).join("")
      ]
    ) {
      isRefusal(await Effect.runPromise(Effect.flip(EvalFile.parse(yaml, "/tests/a.json"))))
    }
  })
})
