import * as Cassette from "@effect-noukai/sdk/Cassette"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Either, FastCheck, Fiber } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { bundledProgram } from "../../sdk/test/support/bundledProgram.js"
import { Check, EvalFile } from "../src/index.js"
import type { Definition } from "../src/internal/definition.js"
import { PatternThread } from "../src/internal/pattern/thread.js"
import * as Pattern from "../src/Pattern.js"

const pattern = (text: string) => Either.getOrThrow(Pattern.Pattern.fromText(text))

/** A text for which backtracking has no end. */
const endless = `${"a".repeat(40)}!`

/** Patterns that RE2 does not take, and that have no end. */
const hanging = ["(?=(a+)+$)a", "(a+)+\\1$", "(?:\\p{L}+)+$"]

const late = (text: string) => ({
  pattern: `/${text}/u`,
  limitMs: 1000,
  reason: "it takes longer than 1s"
})

describe("Pattern", () => {
  it.effect("answers at once where JavaScript has no end", () =>
    Effect.gen(function*() {
      for (const text of ["(a+)+$", "(a|a)*$", "^(\\w+\\s?)*$", "(.*)*x", "(a*)*$"]) {
        assert.strictEqual(yield* pattern(text).test(`${endless}${endless}`), text === "(a|a)*$" || text === "(a*)*$")
      }
    }))

  it.live("stops another one after its limit, and does other work meanwhile", () =>
    Effect.gen(function*() {
      const [text = ""] = hanging
      const answer = yield* Effect.fork(Effect.flip(pattern(text).test(endless)))
      // a blocked thread would fire no timer
      yield* Effect.sleep("1 millis")
      assert.isNull(yield* Fiber.poll(answer).pipe(Effect.map((exit) => exit._tag === "None" ? null : exit)))
      assert.include(yield* answer, late(text))
      assert.isTrue(yield* pattern("^(?=a)").test("a"))
    }))

  for (const text of hanging) {
    it.effect(`stops ${text}, whatever the clock of the program is`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(pattern(text).test(endless))
        assert.strictEqual(error.message, `the pattern /${text}/u was stopped: it takes longer than 1s`)
      }))
  }

  it.live("ends an interrupted one, and goes on with the next", () =>
    Effect.gen(function*() {
      const begun = yield* Deferred.make<void>()
      const running = yield* Effect.fork(
        Effect.zipRight(Deferred.succeed(begun, undefined), pattern(hanging[0]!).test(endless))
      )
      yield* Deferred.await(begun)
      yield* Effect.sleep("50 millis")
      yield* Fiber.interrupt(running)
      assert.isFalse(yield* pattern("^(?=a)").test("b"))
    }))

  it.live("a process in which one hangs ends at SIGTERM", () =>
    Effect.gen(function*() {
      const program = yield* Effect.promise(() =>
        bundledProgram(new URL("./support/patternProcess.ts", import.meta.url))
      )
      const child = yield* Effect.acquireRelease(
        Effect.sync(() => spawn(process.execPath, [program, hanging[0]!], { stdio: ["ignore", "pipe", "inherit"] })),
        (child) => Effect.sync(() => child.kill("SIGKILL"))
      )
      let told = ""
      child.stdout.on("data", (data) => void (told += String(data)))
      yield* Effect.promise(() => once(child.stdout, "data"))
      child.kill("SIGTERM")
      const [code, signal] = yield* Effect.promise(() => once(child, "close"))
      assert.deepStrictEqual([told, signal], ["begun\ninterrupted\n", null])
      assert.isNumber(code)
    }).pipe(Effect.scoped), 30_000)

  it.effect("keeps the answers of JavaScript for expressions of a program", () =>
    Effect.gen(function*() {
      const sticky = Pattern.Pattern.fromRegExp(/k.$/iy)
      assert.deepStrictEqual(
        yield* Effect.forEach(["\u{212a}x", "aKx", "k\u{1f600}"], sticky.test),
        [false, true, false]
      )
    }))

  it.effect("finds the places of all matches, as JavaScript does", () =>
    Effect.gen(function*() {
      for (const text of ["", "a", "a*?", "(?<=a)b|a", "\\b", "(|a)*", "[^]", "(?<one>a)\\k<one>"]) {
        for (const subject of ["", "aab \u{1f600}a", "\ud83d", "a".repeat(1000)]) {
          assert.deepStrictEqual(
            yield* Pattern.withPlaces((places) => places(pattern(text), subject)),
            Array.from(subject.matchAll(new RegExp(text, "gu")), ({ 0: { length }, index }) =>
              [index, index + length] as const)
          )
        }
      }
    }))

  it.effect.prop(
    "redacts as the SDK does",
    [FastCheck.constantFrom("a+", "(?=a)a", "(?<n>a)b|\\s", "[redacted]{3}", "(a|)*b", "\\d"), FastCheck.jsonValue()],
    ([text, value]) =>
      Effect.gen(function*() {
        const session = {
          format: "noukai-cassette/1",
          kind: "session",
          client: { org: "acme" },
          session: {
            sessionId: "aab",
            executions: [{
              executionId: "a",
              slug: "aba",
              steps: [{ stepId: "a 1", outputSnapshot: { value, json: JSON.stringify(value) } }]
            }]
          }
        } as never as Cassette.SessionCassette
        const paths = ["**.a"]
        assert.deepStrictEqual(
          yield* Pattern.redact(session, { paths, patterns: [pattern(text), pattern("b")] }),
          yield* Cassette.redact(session, { paths, patterns: [new RegExp(text, "u"), /b/] })
        )
      }),
    { fastCheck: { numRuns: 30 } }
  )

  it.effect("fails where a place is needed that takes too long", () =>
    Effect.gen(function*() {
      const text = hanging[0]!
      const error = yield* Effect.flip(Pattern.withPlaces((places) => places(pattern(text), endless).length))
      assert.include(error, late(text))
      // asked only because another answer was not there yet
      assert.isTrue(
        yield* Pattern.withTests((test) => test(pattern("(?=a)a"), "a") || test(pattern(text), endless))
      )
    }))

  it.live("lets the process do other work between many texts", () =>
    Effect.gen(function*() {
      const texts = Array.from({ length: 40 }, (_, at) => `${"ab ".repeat(1000)}${at}`)
      let turns = 0
      const other = yield* Effect.fork(Effect.forever(Effect.delay(Effect.sync(() => void turns++), "1 millis")))
      const wide = pattern("(?:[a-z ]{1,40})?\\d")
      const found = yield* Pattern.withPlaces((places) => texts.map((text) => places(wide, text).length))
      yield* Fiber.interrupt(other)
      assert.deepStrictEqual(found, texts.map((text) => [...text.matchAll(new RegExp(wide.regex, "gu"))].length))
      assert.isAbove(turns, 0)
    }))

  it.effect("ends after the first text that takes too long, of many", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const ask = (_kind: string, _regex: RegExp, text: string) =>
        Effect.suspend(() => {
          asked.push(text)
          return text === "1" ? Effect.succeed([]) : Effect.fail({ isLate: true, problem: "late" })
        })
      const slow = pattern("(?=a)a")
      const error = yield* Pattern.withPlaces((places) => ["1", "2", "3", "4"].map((text) => places(slow, text))).pipe(
        Effect.flip,
        Effect.provideService(PatternThread, { ask } as never)
      )
      assert.deepStrictEqual([error.limitMs, asked], [1000, ["1", "2"]])
    }))
})

describe("patterns of evals", () => {
  const run = { result: endless } as never

  it.effect("matches is an error, which names the pattern and its limit", () =>
    Effect.gen(function*() {
      const { reason, verdict } = (yield* Check.matches(hanging[0]!).verdict({}, run))!
      assert.deepStrictEqual([verdict, reason], [
        "error",
        `the pattern /${hanging[0]}/u was stopped: it takes longer than 1s`
      ])
      assert.include(yield* Check.matches(/(a+)+$/).verdict({}, run), { verdict: "error" })
      assert.include(yield* Check.matches("(a+)+$").verdict({}, run), { verdict: "fail" })
    }))

  const definition = (text: string) =>
    JSON.stringify({
      name: "grades",
      flow: "acme/spelling/grade",
      case: { type: "object", properties: { word: { type: "string", pattern: text } } },
      cases: [{ id: "1", word: endless }],
      key: "id",
      input: { message: "hi" },
      checks: { form: { schema: { type: "string", pattern: text } } }
    })

  it.effect("so is the pattern of a JSON Schema", () =>
    Effect.gen(function*() {
      for (const [text, verdict] of [[hanging[0]!, "error"], ["(a+)+$", "fail"], ["(a+)+!$", "pass"]] as const) {
        const one = (yield* EvalFile.parse(definition(text), "a.eval.json")) as unknown as Definition
        const outcome = yield* one.checks["form"]!.verdict({}, run) as Effect.Effect<
          { verdict: string; reason: string }
        >
        assert.strictEqual(outcome.verdict, verdict)
        if (verdict === "error") assert.include(outcome.reason, "it takes longer than 1s")
      }
    }))
})
