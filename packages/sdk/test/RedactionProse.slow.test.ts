/** Values that a path names are removed from the prose that quotes them, however they were written there. */
import { Cassette, FlowService, NoukaiHttp, NoukaiRecord, NoukaiReplay, ReplayCassette } from "@effect-noukai/sdk"
import type { Redact } from "@effect-noukai/sdk/Cassette"
import { make as makeHttp } from "@effect-noukai/sdk/NoukaiHttp"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Layer, Stream } from "effect"
import * as FC from "effect/FastCheck"
import { join } from "node:path"
import { redactionOf } from "../src/internal/cassette/redaction.js"
import { folder, read } from "./support/folder.js"
import { anyText, fuzz } from "./support/fuzz.js"
import { httpOf } from "./support/http.js"
import { cassette, execution, step } from "./support/sessions.js"

const r = "[redacted]"

const redact: Redact = { paths: ["**.email"] }

const payload = (value: unknown, what: Redact = redact) => Either.getOrThrow(redactionOf("test", what)).payload(value)

const email = "ann@example.com"

/** JSON written into a string so many times. */
const nested = (json: string, level: number): string => {
  let text = json
  for (let n = 0; n < level; n++) text = JSON.stringify(text).slice(1, -1)
  return text
}

describe("JSON between words", () => {
  const json = JSON.stringify({ id: 7, email, deep: [{ email, note: "a \"quote\" and {a bracket" }] })
  const clean = JSON.stringify({ id: 7, email: r, deep: [{ email: r, note: "a \"quote\" and {a bracket" }] })

  for (const level of [0, 1, 2, 3]) {
    it(`written into a string ${level} times`, () => {
      const [dirty, expected] = [nested(json, level), nested(clean, level)]
      const sentences: ReadonlyArray<(piece: string) => string> = [
        (piece) => `The model said ${piece} and stopped.`,
        (piece) => `He wrote "${piece}" to me.`,
        (piece) => `5" {of it}: ${piece}, [see ${piece}] {and ${piece}`,
        (piece) => `error: body=${piece}\n  at line 3\nbody=${piece}`,
        (piece) => `${piece}${piece}`,
        (piece) => `[1, 2] {} [${piece}] "x" \\ ${piece}`
      ]
      for (const sentence of sentences) assert.strictEqual(payload(sentence(dirty)), sentence(expected))
    })
  }

  it("by its place, as if it were no text", () => {
    const text = `See ${JSON.stringify({ customer: { email, other: email } })} please`
    assert.strictEqual(
      (payload({ message: text }, { paths: ["message.customer.email"] }) as { message: string }).message,
      // the value is known then, and removed wherever it is
      `See ${JSON.stringify({ customer: { email: r, other: r } })} please`
    )
    assert.strictEqual(
      payload(`See ${JSON.stringify({ customer: { email: "x" } })}`, { paths: ["email"] }),
      `See ${JSON.stringify({ customer: { email: "x" } })}`
    )
  })

  it("with characters written as escapes", () => {
    const name: Redact = { paths: ["**.name"] }
    for (
      const written of [
        "\"Andr\\u00e9\"",
        "\"Andr\\u00E9\"",
        "\"\\u0041ndr\u00e9\"",
        "\"A\\/B \\\"C\\\"\"",
        "\"\\ud83d\\ude00\""
      ]
    ) {
      assert.strictEqual(payload(`it is {"name":${written}}, he said`, name), `it is {"name":"${r}"}, he said`)
    }
  })

  it("stays to the letter where nothing is removed, and where it is no JSON", () => {
    const texts = [
      "a { \"id\" : 1.0,\n \"x\": 12345678901234567890 } b",
      "{not json, \"email\": 1} [x] {\"email\"} {\"email\":}",
      "if (a[0] === \"{\") { return {\"a\": [1, 2} }",
      `text ${"[".repeat(50_000)}`,
      `text ${"{\"a\":".repeat(20_000)}`,
      `text ${"[\\\"".repeat(20_000)}`,
      `{"a": "${"x".repeat(100_000)}`,
      `${"\\".repeat(50_000)}" {`
    ]
    for (const text of texts) assert.strictEqual(payload(text), text)
  })

  it("of any values and words, at any depth, removed twice as removed once (property)", () => {
    const secret = FC.stringMatching(/^[a-z]{3,8}$/).map((name) => `${name}\u00e9"\\/@example.com`)
    const word = FC.oneof(
      FC.string({ maxLength: 12 }),
      FC.constantFrom("{", "}", "[", "]", "\"", "\\", "\\\"", ": ", ",\n")
    )
    const value = (leaf: FC.Arbitrary<unknown>): FC.Arbitrary<unknown> =>
      FC.letrec<{ value: unknown }>((tie) => ({
        value: FC.oneof(
          { maxDepth: 3 },
          leaf,
          FC.dictionary(FC.constantFrom("a", "b", "c d", "\u00e9\""), tie("value"), { maxKeys: 3 }),
          FC.array(tie("value"), { maxLength: 3 }),
          tie("value").map((inner) => JSON.stringify(inner))
        )
      })).value
    const plain = FC.oneof(FC.integer(), FC.string({ maxLength: 8 }), FC.constant(null), FC.boolean())
    const holder = FC.tuple(secret, value(plain)).map(([email, rest]) => ({ rest, list: [{ email }], email }))
    const piece = FC.record({
      holder,
      level: FC.nat(3),
      ascii: FC.boolean(),
      before: FC.array(word, { maxLength: 4 }),
      after: FC.array(word, { maxLength: 4 })
    })
    const asciiOf = (json: string) =>
      json.replace(/[\u0080-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)
    fuzz(FC.array(piece, { minLength: 1, maxLength: 3 }), 2_000, (pieces) => {
      const text = pieces.map(({ after, ascii, before, holder, level }) => {
        const json = JSON.stringify(holder)
        // a line of its own, since a bracket or quote of the words may swallow what follows it
        return `${before.join(" ")}\n${nested(ascii ? asciiOf(json) : json, level)}\n${after.join(" ")}`
      }).join("\n")
      const once = String(payload(text))
      for (const { holder: { email } } of pieces) {
        assert.notInclude(once, email.slice(0, email.indexOf("\u00e9")) + "\u00e9")
        assert.notInclude(once.toLowerCase(), `${email.slice(0, email.indexOf("\u00e9"))}\\u00e9`)
      }
      assert.strictEqual(payload(once), once)
    })
  })
})

describe("a value that was removed by its path", () => {
  it("is removed wherever it is repeated, before and after, in any writing", () => {
    const name = "Andr\u00e9 \"Dr\u00e9\" O/Neil"
    const value = {
      intro: `Dear ${name},`,
      email: name,
      quoted: JSON.stringify({ text: `by ${name}` }),
      // no JSON: it was cut
      cut: [1, 2].map((level) => nested(JSON.stringify({ text: name }), level).slice(0, -1)),
      ascii: "by Andr\\u00e9 \\\"Dr\\u00E9\\\" O\\/Neil",
      line: `\\n${name}\\n`
    }
    const clean = payload(value)
    assert.deepStrictEqual(clean, {
      intro: `Dear ${r},`,
      email: r,
      quoted: JSON.stringify({ text: `by ${r}` }),
      cut: [1, 2].map((level) => nested(JSON.stringify({ text: r }), level).slice(0, -1)),
      ascii: `by ${r}`,
      line: `\\n${r}\\n`
    })
    assert.deepStrictEqual(payload(clean), clean)
  })

  it("of any characters, however it is written (property)", () => {
    const value = anyText({ minLength: 4, maxLength: 16 }).map((text) => `a${text}1@z`)
    const asciiOf = (text: string, upper: boolean) =>
      text.replace(/[^ -~]/g, (unit) => {
        const code = unit.charCodeAt(0).toString(16).padStart(4, "0")
        return `\\u${upper ? code.toUpperCase() : code}`
      })
    fuzz(FC.tuple(value, FC.nat(3), FC.boolean(), FC.boolean()), 2_000, ([text, level, ascii, upper]) => {
      const written = nested(text, level)
      const quoted = ascii && level > 0 ? asciiOf(written, upper) : written
      assert.deepStrictEqual(payload({ email: text, text: `< ${quoted} >` }), { email: r, text: `< ${r} >` })
    })
  })

  it("in time, also where there are many", () => {
    const people = Array.from({ length: 1_000 }, (_, n) => ({ email: `person-${n}@example.com`, id: n }))
    const text = people.map(({ email, id }) => `${id}: wrote to ${email} and to nobody@example.com, twice.`).join("\n")
    const clean = payload({ people, text }) as { readonly text: string }
    assert.notInclude(clean.text, "person-")
    assert.include(clean.text, "nobody@example.com")
  })

  it("only as a whole, and only if it tells something", () => {
    const value = (email: unknown, text: string) => payload({ email, text })
    for (
      const [email, text] of [
        ["1", "1 of 1"],
        [1, "1 of 1"],
        [2026, "in 2026"],
        ["a", "a and b"],
        ["ok", "all ok"],
        ["completed", "it is completed"],
        ["production", "in production"],
        ["", "nothing"],
        [true, "true"],
        [null, "null"],
        [r, `was ${r}`],
        [email0, `jo${email0} and ${email0}e`],
        [123456, "91234567"]
      ] as const
    ) assert.deepStrictEqual(value(email, text), { email: r, text })
    assert.deepStrictEqual(value(123456, "no. 123456."), { email: r, text: `no. ${r}.` })
    assert.deepStrictEqual(value("Ann Smith", "by Ann Smith"), { email: r, text: `by ${r}` })
  })

  const email0 = "ann@example.com"

  it("with all that is inside it", () => {
    const customer = { name: "Ann Smith", phones: ["+44 20 7946 0000"], vip: true, since: 2020 }
    assert.deepStrictEqual(
      payload({ customer, text: "Ann Smith (+44 20 7946 0000), vip since 2020" }, { paths: ["customer"] }),
      { customer: r, text: `${r} (${r}), vip since 2020` }
    )
  })

  it("from a session: from every snapshot of every run", () => {
    const recorded = cassette(
      execution("a", "execute", null, {
        steps: [step("s", `Sent to ${email}`, { inputSnapshot: { message: `for ${email}` } })]
      }),
      execution("b", "execute", null, { steps: [step("s", { email })] })
    )
    const cleaned = Either.getOrThrow(Cassette.redact(recorded, redact))
    assert.notInclude(Cassette.encode(cleaned), email)
    assert.include(Cassette.encode(cleaned), `Sent to ${r}`)
  })

  const flow = "acme/test/a"

  /** A service that repeats what it is told, in prose, and under a path. */
  const live = Layer.succeed(
    NoukaiHttp,
    makeHttp(httpOf({
      execute: ({ body }) =>
        Effect.succeed({
          status: "completed" as const,
          result: { text: `Sent to ${email}: ${body.message}`, email },
          flowId: "f",
          blockCount: 1,
          executionId: `ex-${body.message?.length}`
        })
    }, {
      step: () =>
        Stream.make(
          { type: "run_started" as const, executionId: "ex-s" },
          { type: "step_completed" as const, stepId: "s", output: `for ${email}` },
          { type: "flow_completed" as const, result: { email } }
        )
    }))
  )

  const program = Effect.gen(function*() {
    const flows = yield* FlowService
    const first = yield* flows.execute(flow, { message: `Mail ${email} please`, parameters: { email } })
    const { text } = first.result as { text: string }
    // the next call quotes the answer, and the address itself
    const second = yield* flows.execute(flow, { message: text })
    const third = yield* flows.execute(flow, { message: `Again, to ${email}` })
    const events = yield* Stream.runCollect(flows.events(flow, { message: `By steps: "{\\"email\\":\\"${email}\\"}"` }))
    return [first.result, second.result, third.result, events.length]
  })

  for (const match of ["input", "strict", "position"] as const) {
    it.scoped(`from a recording, which replays with ${match}`, () =>
      Effect.gen(function*() {
        const path = join(yield* folder, "c.json")
        yield* Effect.provide(program, NoukaiRecord.toFile(path, { mode: "all", match, redact, live }))
        const text = yield* read(path)
        assert.notInclude(text, email)
        const replayed = Effect.zipLeft(program, ReplayCassette.verify)
        const again = yield* Effect.provide(replayed, NoukaiReplay.fromFile(path, { match, redact }))
        assert.deepStrictEqual(again[0], { text: `Sent to ${r}: Mail ${r} please`, email: r })
        const noLive = Layer.effect(NoukaiHttp, Effect.dieMessage("live was built"))
        const more = NoukaiRecord.toFile(path, { mode: "new", match, redact, live: noLive })
        assert.deepStrictEqual(yield* Effect.provide(replayed, more), again)
        assert.strictEqual(yield* read(path), text)
      }))
  }

  it.scoped("from what is added to a recording, too", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "c.json")
      const begin = Effect.flatMap(
        FlowService,
        (flows) => flows.execute(flow, { message: "hi", parameters: { email } })
      )
      yield* Effect.provide(begin, NoukaiRecord.toFile(path, { mode: "all", redact, live }))
      const both = Effect.zip(
        begin,
        Effect.flatMap(FlowService, (flows) => flows.execute(flow, { message: `Now to ${email}` }))
      )
      yield* Effect.provide(both, NoukaiRecord.toFile(path, { mode: "new", redact, live }))
      assert.notInclude(yield* read(path), email)
      yield* Effect.provide(Effect.zipLeft(both, ReplayCassette.verify), NoukaiReplay.fromFile(path, { redact }))
    }))

  it.scoped("but no id that a replay needs", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "c.json")
      const ids: Redact = { paths: ["parameters.run"] }
      const call = Effect.flatMap(
        FlowService,
        (flows) => flows.execute(flow, { message: "run it", parameters: { run: "ex-6789-run" } })
      )
      const same = Layer.succeed(
        NoukaiHttp,
        makeHttp(httpOf({
          execute: () =>
            Effect.succeed({ status: "completed" as const, result: "ex-6789-run", executionId: "ex-6789-run" })
        }))
      )
      yield* Effect.provide(call, NoukaiRecord.toFile(path, { mode: "all", redact: ids, live: same }))
      const replayed = yield* Effect.provide(call, NoukaiReplay.fromFile(path, { redact: ids }))
      assert.deepInclude(replayed, { result: r, executionId: "ex-6789-run" })
    }))
})
