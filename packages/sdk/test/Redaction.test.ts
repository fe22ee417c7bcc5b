/** Values are redacted wherever they are, however they travel, and so that a replay still finds its recordings. */
import {
  Cassette,
  FlowExecutionError,
  FlowService,
  JobService,
  NoukaiHttp,
  NoukaiRecord,
  NoukaiReplay,
  ReplayCassette,
  Tools
} from "@effect-noukai/sdk"
import type { Redact } from "@effect-noukai/sdk/Cassette"
import { make as makeHttp } from "@effect-noukai/sdk/NoukaiHttp"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Either, Exit, Layer, Logger, Stream } from "effect"
import * as FC from "effect/FastCheck"
import { join } from "node:path"
import { redactionOf } from "../src/internal/cassette/redaction.js"
import { folder, read } from "./support/folder.js"
import { fuzz } from "./support/fuzz.js"
import { httpOf } from "./support/http.js"
import { cassette, execution, failedStep, sessionId, step } from "./support/sessions.js"

const r = "[redacted]"

const redaction = (redact: Redact) => Either.getOrThrow(redactionOf("test", redact))

const payload = (redact: Redact, value: unknown) => redaction(redact).payload(value)

const call = (redact: Redact, value: unknown) => redaction(redact).call(value)

/** The README's own. */
const card = /\b\d{16}\b/

describe("paths reach into JSON that travels as text", () => {
  const redact: Redact = { paths: ["**.email"] }
  const secret = { id: 7, email: "a@example.com", deep: [{ email: "b@example.com" }] }
  const clean = { id: 7, email: r, deep: [{ email: r }] }

  it("in the arguments of a tool and in what it answered", () => {
    const messages = [
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c1", function: { name: "f", arguments: JSON.stringify(secret) } }]
      },
      { role: "tool", tool_call_id: "c1", content: JSON.stringify([secret]) }
    ]
    assert.deepStrictEqual(call(redact, { toolCallMessages: messages }), {
      toolCallMessages: [
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "c1", function: { name: "f", arguments: JSON.stringify(clean) } }]
        },
        { role: "tool", tool_call_id: "c1", content: JSON.stringify([clean]) }
      ]
    })
  })

  it("by its place in it, as if it were no text", () => {
    const value = { function: { arguments: JSON.stringify(secret) } }
    for (
      const path of ["function.arguments.email", "$.function.arguments[\"email\"]", "*.*.email", "function.**.email"]
    ) {
      assert.include(JSON.stringify(payload({ paths: [path] }, value)), "[redacted]", path)
    }
    assert.deepStrictEqual(payload({ paths: ["function.arguments.deep[0].email"] }, value), {
      function: { arguments: JSON.stringify({ ...secret, deep: [{ email: r }] }) }
    })
    assert.deepStrictEqual(payload({ paths: ["function.arguments"] }, value), { function: { arguments: r } })
    assert.deepStrictEqual(payload({ paths: ["arguments.email"] }, value), value)
  })

  it("in text in text, in what an error quotes, in fences and on lines", () => {
    const twice = JSON.stringify(JSON.stringify(secret))
    assert.deepStrictEqual(payload(redact, { twice }), { twice: JSON.stringify(JSON.stringify(clean)) })
    assert.deepStrictEqual(payload(redact, { a: JSON.stringify({ b: JSON.stringify(secret) }) }), {
      a: JSON.stringify({ b: JSON.stringify(clean) })
    })
    assert.deepStrictEqual(call(redact, { responseBody: JSON.stringify({ detail: secret }), statusCode: 500 }), {
      responseBody: JSON.stringify({ detail: clean }),
      statusCode: 500
    })
    const fenced = (value: unknown) =>
      `Here it is:\n\n\`\`\`json\n${JSON.stringify(value)}\n\`\`\`\nand that is all {of it}.`
    assert.strictEqual(payload(redact, fenced(secret)), fenced(clean))
    const indented = `\`\`\`\n${JSON.stringify(secret, null, 2)}\n\`\`\``
    assert.strictEqual(payload(redact, indented), `\`\`\`\n${JSON.stringify(clean)}\n\`\`\``)
    const log = (value: unknown) => `${JSON.stringify({ ok: true })}\n${JSON.stringify(value)}\nend`
    assert.strictEqual(payload(redact, log(secret)), log(clean))
  })

  it("and leaves to the letter what it does not remove", () => {
    const texts = [
      "{ \"id\" : 1.0,\n \"x\": 12345678901234567890 }",
      "{not json, \"email\": 1}",
      "[\"email\"]",
      "\"email\"",
      "{\"mail\":\"a@example.com\"}",
      "[[[[",
      "[".repeat(100_000),
      " \t",
      "```json\n{\"id\": 1.50}\n```"
    ]
    for (const text of texts) assert.strictEqual(payload(redact, text), text)
    const numbers = "{\"a\":1.0,\"b\":12345678901234567890,\"c\":1e400,\"d\":-0,\"e\":5,\"f\":\"1.0\",\"email\":1.50}"
    assert.strictEqual(payload(redact, numbers), numbers.replace("1.50", "\"[redacted]\""))
  })

  it("in the snapshots of a session, which replays", () => {
    const recorded = cassette(
      execution("a", "execute", JSON.stringify(secret), {
        steps: [
          step("only", JSON.stringify(secret), {
            inputSnapshot: { message: JSON.stringify(secret), card: 4111111111111111 }
          })
        ]
      }),
      execution("a", "execute", null, {
        status: "failed",
        errorAtStep: "only",
        steps: [failedStep("only", { code: "X", message: JSON.stringify(secret) })]
      })
    )
    const cleaned = Either.getOrThrow(Cassette.redact(recorded, { ...redact, patterns: [card] }))
    const text = Cassette.encode(cleaned)
    assert.notInclude(text, "example.com")
    assert.notInclude(text, "4111111111111111")
    return Effect.runPromise(
      Effect.gen(function*() {
        const flows = yield* FlowService
        const done = yield* flows.execute("acme/test/a", {})
        assert.strictEqual(done.result, JSON.stringify(clean))
        const error = yield* Effect.flip(flows.execute("acme/test/a", {}))
        assert.instanceOf(error, FlowExecutionError)
        assert.deepInclude(error, { detail: JSON.stringify(clean) })
      }).pipe(Effect.provide(NoukaiReplay.fromCassette(cleaned)))
    )
  })
})

describe("patterns reach numbers", () => {
  const redact: Redact = { patterns: [card] }

  it("which go as a whole, wherever somebody wrote them", () => {
    const value = { card: 4111111111111111, list: [4111111111111111, 42, -4111111111111111], text: "4111111111111111" }
    const clean = { card: r, list: [r, 42, r], text: r }
    assert.deepStrictEqual(payload(redact, value), clean)
    assert.deepStrictEqual(call(redact, { parameters: value, message: "4111111111111111 is it" }), {
      parameters: clean,
      message: `${r} is it`
    })
    assert.deepStrictEqual(
      call(redact, { status: "completed", result: 4111111111111111, unheardOf: 4111111111111111 }),
      {
        status: "completed",
        result: r,
        unheardOf: r
      }
    )
    assert.deepStrictEqual(payload({ patterns: [/\d{3}/] }, [12345, 1.234, 12, true, null]), [r, r, 12, true, null])
  })

  it("in JSON in text, which is JSON still", () => {
    const text = (card: unknown) => JSON.stringify({ card, note: `it is ${String(card)}`, list: [card, 1] })
    const cleaned = payload(redact, { arguments: text(4111111111111111) })
    assert.deepStrictEqual(cleaned, { arguments: text(r) })
    const digits = payload({ patterns: [/^\d{20}$/, /^1\.0$/] }, "{\"a\":12345678901234567890,\"b\":1.0,\"c\":1.00}")
    assert.strictEqual(digits, `{"a":"${r}","b":"${r}","c":1.00}`)
    assert.deepStrictEqual(JSON.parse(String(payload({ patterns: [/\d/] }, "{\"a\":1,\"b\":[2.5,\"x3\"]}"))), {
      a: r,
      b: [r, `x${r}`]
    })
  })

  it("but not what a call counts and measures, which is nobody's secret and has to be a number", () => {
    const answer = {
      status: "completed",
      result: 1,
      flowId: "f",
      blockCount: 1,
      steps: [{ stepId: "s", attempt: 1, durationMs: 12, costUsd: "0.0012", startedAt: "2026-06-07T09:00:00Z" }],
      tokens: { prompt: 1, completion: 2, total: 3 }
    }
    assert.deepStrictEqual(call({ patterns: [/\d+/] }, answer), { ...answer, result: r })
    assert.deepStrictEqual(call({ patterns: [/\d+/] }, { parameters: { durationMs: 12, costUsd: "0.0012" } }), {
      parameters: { durationMs: r, costUsd: `${r}.${r}` }
    })
  })
})

describe("keys that a pattern makes equal", () => {
  const redact: Redact = { patterns: [/\w+@\w+/] }

  it("keep all their values", () => {
    assert.deepStrictEqual(payload(redact, { "a@b": 1, "c@d": 2, "e@f": 3, x: 4 }), {
      [r]: 1,
      "[redacted 2]": 2,
      "[redacted 3]": 3,
      x: 4
    })
    assert.deepStrictEqual(payload(redact, { "mail a@b": 1, "mail c@d": 2 }), {
      [`mail ${r}`]: 1,
      "mail [redacted 2]": 2
    })
    assert.deepStrictEqual(
      payload(redact, JSON.stringify({ "a@b": 1, "c@d": 2 })),
      JSON.stringify({ [r]: 1, "[redacted 2]": 2 })
    )
    assert.deepStrictEqual(payload(redact, { [r]: 1, "[redacted 2]": 2, "a@b": 3 }), {
      [r]: 1,
      "[redacted 2]": 2,
      "[redacted 3]": 3
    })
  })

  it("whatever the order that they come in, and whatever was removed", () => {
    const one = payload(redact, { "a@b": { x: 1 }, "c@d": { x: 2 } })
    assert.deepStrictEqual(payload(redact, { "c@d": { x: 2 }, "a@b": { x: 1 } }), one)
    assert.deepStrictEqual(payload(redact, { "z@z": { x: 1 }, "y@y": { x: 2 } }), one)
  })

  it("any number of them, in any value: none is lost, and removing twice is removing once", () => {
    const key = FC.oneof(
      FC.tuple(FC.constantFrom("a", "b", "c"), FC.nat(30)).map(([name, n]) => `${name}${n}`),
      FC.constantFrom(r, "[redacted 2]", "a[redacted]", "__proto__", "")
    )
    const value: FC.Arbitrary<unknown> = FC.letrec<{ value: unknown }>((tie) => ({
      value: FC.oneof(
        { maxDepth: 4 },
        FC.oneof(FC.nat(2_000), FC.constant(null), FC.boolean(), key),
        FC.dictionary(key, tie("value"), { maxKeys: 6 }),
        FC.array(tie("value"), { maxLength: 4 }),
        tie("value").map((inner) => JSON.stringify(inner))
      )
    })).value
    const leaves = (inner: unknown): number =>
      typeof inner === "object" && inner !== null
        ? Object.values(inner).reduce<number>((sum, one) => sum + leaves(one), 0)
        : 1
    const redactions = [
      { patterns: [/\d+/] },
      { patterns: [/[a-z]+/] },
      { patterns: [/\w+/, /./] },
      { patterns: [/^./, /.$/] },
      { paths: ["**.a1", "*.b2"], patterns: [/c\d/] }
    ].map(redaction)
    fuzz(value, 600, (plain) => {
      const before = JSON.parse(JSON.stringify(plain)) as unknown
      for (const { payload } of redactions) {
        const once = payload(before)
        assert.deepStrictEqual(payload(once), once)
      }
      assert.strictEqual(leaves(redactions[0]!.payload(before)), leaves(before))
    })
  })
})

describe("a recording that was redacted", () => {
  const flow = "acme-7/test/tenant-4711"

  const redact: Redact = { paths: ["**.email"], patterns: [card, /4711|acme-7/] }

  const secret = { card: 4111111111111111, email: "a@example.com", "key 4711": 1, "key 4111111111111111": 2 }

  const toolCall = { id: "call-1", type: "function", function: { name: "look_up", arguments: JSON.stringify(secret) } }

  /** A service that asks for a tool, and whose jobs and events say the secret too. */
  const live = Layer.succeed(
    NoukaiHttp,
    makeHttp(httpOf({
      execute: ({ body }) =>
        Effect.succeed(
          body.executionId === undefined && body.tools !== undefined
            ? {
              status: "tool_calls_required" as const,
              executionId: "ex-1",
              pausedAtStep: "ask",
              iterationsUsed: 1,
              toolCallMessages: [{ role: "assistant", content: null, tool_calls: [toolCall] }],
              toolCalls: [toolCall],
              accumulatedOutputs: {}
            }
            : {
              status: "completed" as const,
              result: { ...secret, of: body.message ?? null },
              flowId: "f",
              blockCount: 1
            }
        ),
      submitJob: () => Effect.succeed({ executionId: "ex-3", blockCount: 4711 }),
      pollJob: () => Effect.succeed({ status: "completed", result: secret })
    }, {
      step: () =>
        Stream.make(
          { type: "run_started" as const, executionId: "ex-2" },
          { type: "step_completed" as const, stepId: "s", output: JSON.stringify(secret), durationMs: 4711 },
          { type: "flow_completed" as const, result: secret }
        )
    }, { org: "acme-7", project: "test" }))
  )

  const tools = Tools.handle(
    [{ type: "function", function: { name: "look_up", parameters: { type: "object" } } }],
    (calls) =>
      Effect.succeed(calls.map(({ arguments: given, id }) => ({
        toolCallId: id,
        // parses in a replay too
        content: JSON.stringify({ found: Object.keys(JSON.parse(given) as object).length, email: "c@example.com" })
      })))
  )

  const program = Effect.gen(function*() {
    const flows = yield* FlowService
    const jobs = yield* JobService
    const bare = yield* flows.execute("tenant-4711", {
      message: "hi",
      parameters: { ...secret, card: 4111111111111111 }
    })
    const other = yield* flows.execute(flow, { message: "hi", parameters: { "a 4711": 1, "a acme-7": 2 } })
    const asked = yield* flows.execute(flow, { message: JSON.stringify(secret), tools })
    const events = yield* Stream.runCollect(flows.events(flow, { message: "4711" }))
    const job = yield* jobs.submit(flow, { message: "4711", parameters: { n: 4711 } })
    return [bare.result, other.result, asked.status, events.length, yield* job.result({})]
  })

  for (const match of ["input", "strict", "position"] as const) {
    it.scoped(`holds nothing of it, and replays with ${match}`, () =>
      Effect.gen(function*() {
        const path = join(yield* folder, "c.json")
        yield* Effect.provide(program, NoukaiRecord.toFile(path, { mode: "all", match, redact, live }))
        const text = yield* read(path)
        for (const gone of ["4111111111111111", "example.com", "acme-7"]) assert.notInclude(text, gone)
        // counts and durations stay
        for (const line of text.match(/^.*4711.*$/gm) ?? []) assert.match(line, /blockCount|durationMs/)
        const again = yield* Effect.provide(
          Effect.zipLeft(program, ReplayCassette.verify),
          NoukaiReplay.fromFile(path, { match, redact })
        )
        assert.strictEqual(again[2], "completed")
        const none = NoukaiRecord.toFile(path, { mode: "none", match, redact })
        assert.deepStrictEqual(yield* Effect.provide(Effect.zipLeft(program, ReplayCassette.verify), none), again)
        const more = NoukaiRecord.toFile(path, {
          mode: "new",
          match,
          redact,
          live: Layer.effect(NoukaiHttp, Effect.dieMessage("not used"))
        })
        assert.deepStrictEqual(yield* Effect.provide(program, more), again)
        assert.strictEqual(yield* read(path), text)
      }))
  }

  for (const match of ["input", "strict", "position"] as const) {
    it.scoped(`from before there was something to remove: replays with ${match}, and is cleaned when it is added to`, () =>
      Effect.gen(function*() {
        const path = join(yield* folder, "c.json")
        const first = yield* Effect.provide(program, NoukaiRecord.toFile(path, { mode: "all", match, live }))
        assert.include(yield* read(path), "4111111111111111")
        const replayed = Effect.zipLeft(program, ReplayCassette.verify)
        assert.deepStrictEqual(yield* Effect.provide(replayed, NoukaiReplay.fromFile(path, { match, redact })), first)
        const more = NoukaiRecord.toFile(path, {
          mode: "new",
          match,
          redact,
          live: Layer.effect(NoukaiHttp, Effect.dieMessage("not used"))
        })
        assert.deepStrictEqual(yield* Effect.provide(replayed, more), first)
        const text = yield* read(path)
        for (const gone of ["4111111111111111", "example.com"]) assert.notInclude(text, gone)
        for (const line of text.match(/^.*4711.*$/gm) ?? []) assert.match(line, /blockCount|durationMs/)
        yield* Effect.provide(replayed, NoukaiReplay.fromFile(path, { match, redact }))
      }))
  }

  it.scoped("goes on with runs, and waits for jobs, whose ids a pattern happens to find", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "c.json")
      const ids: Redact = { patterns: [/ex-\d/] }
      yield* Effect.provide(program, NoukaiRecord.toFile(path, { mode: "all", redact: ids, live }))
      assert.notMatch(yield* read(path), /ex-\d/)
      yield* Effect.provide(
        Effect.zipLeft(program, ReplayCassette.verify),
        NoukaiReplay.fromFile(path, { redact: ids })
      )
    }))

  it.scoped("says nothing of it when it is missed", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "c.json")
      yield* Effect.provide(program, NoukaiRecord.toFile(path, { mode: "all", redact, live }))
      const lines: Array<string> = []
      const logger = Logger.replace(
        Logger.defaultLogger,
        Logger.make((line) => lines.push(JSON.stringify(line.message)))
      )
      const different = Effect.flatMap(
        FlowService,
        (flows) => flows.execute(flow, { message: "hi 4711", parameters: { ...secret, more: JSON.stringify(secret) } })
      )
      const exit = yield* Effect.exit(Effect.provide(different, NoukaiReplay.fromFile(path, { redact }))).pipe(
        Effect.provide(logger)
      )
      const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
      const said = [Cause.pretty(cause), JSON.stringify(Cause.squash(cause)), ...lines].join("\n")
      assert.include(said, "ReplayMissError")
      for (const gone of ["4111111111111111", "example.com", "acme-7", "4711"]) assert.notInclude(said, gone)
    }))
})

describe("a session that was redacted", () => {
  const redact: Redact = { patterns: [/4711|0815/] }

  it.effect("has no name of a flow or step that a pattern finds, loses none, and replays with the same", () =>
    Effect.gen(function*() {
      const recorded = cassette(
        execution("tenant-4711", "execute", "first"),
        execution("tenant-0815", "execute", "second"),
        execution("tenant-4711", "step", "third", { steps: [step("ask-4711", 1), step("ask-0815", 2)] })
      )
      const cleaned = Either.getOrThrow(
        Cassette.redact({ ...recorded, client: { org: "o-4711", project: "p" } }, redact)
      )
      assert.notMatch(Cassette.encode(cleaned), /4711|0815/)
      assert.strictEqual(cleaned.session.sessionId, sessionId)
      const program = Effect.gen(function*() {
        const flows = yield* FlowService
        const one = yield* flows.execute("tenant-4711", {})
        const two = yield* flows.execute("o-4711/p/tenant-0815", {})
        const events = yield* Stream.runCollect(flows.events("o-4711/p/tenant-4711", {}))
        const error = yield* Effect.flip(flows.execute("o-4711/p/tenant-4711", {}))
        assert.notMatch(`${error.message}${JSON.stringify(error)}`, /4711|0815/)
        return [one.result, two.result, Array.from(events).filter(({ type }) => type === "step_completed").length]
      })
      const done = yield* Effect.provide(
        Effect.zipLeft(program, ReplayCassette.verify),
        NoukaiReplay.fromCassette(cleaned, { redact })
      )
      assert.deepStrictEqual(done, ["first", "second", 2])
    }))
})

it("the README's own example removes a number of sixteen digits", () => {
  const redact: Redact = { paths: ["**.email"], patterns: [/\b\d{16}\b/] }
  const text = JSON.stringify(call(redact, {
    parameters: { card: 4111111111111111, email: "a@example.com" },
    result: { said: "paid with 4111111111111111", card: 4111111111111111 }
  }))
  assert.notInclude(text, "4111111111111111")
})
