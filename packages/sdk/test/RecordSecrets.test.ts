/** Secrets are in no cassette, report or log. */
import { recording } from "@effect-noukai/report/testing"
import {
  Cassette,
  FlowExecutionError,
  FlowService,
  NoukaiHttp,
  NoukaiRecord,
  NoukaiReplay,
  ReplayCassette
} from "@effect-noukai/sdk"
import type { Redact } from "@effect-noukai/sdk/Cassette"
import { make as makeHttp } from "@effect-noukai/sdk/NoukaiHttp"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Either, FastCheck as FC, Layer, Logger, Redacted, Stream } from "effect"
import { join } from "node:path"
import { redactionOf } from "../src/internal/cassette/redaction.js"
import { scrubOf } from "../src/internal/http/request.js"
import { plantedKey, servicesFor } from "./support/client.js"
import { folder, read } from "./support/folder.js"
import { fuzz } from "./support/fuzz.js"
import { httpOf } from "./support/http.js"
import { cassette, execution } from "./support/sessions.js"
import * as Wire from "./support/WireServer.js"

const secrets = {
  aws: "AKIAIOSFODNN7EXAMPLE",
  jwt: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLW9mLWl0",
  github: "ghp_0123456789abcdefghijABCDEFGHIJ012345",
  pem: "-----BEGIN RSA PRIVATE KEY-----MIIE-----END RSA PRIVATE KEY-----"
}

const flow = "acme/test/a"

type Place = "input" | "output" | "error" | "event"

/** A `NoukaiHttp` that answers with the secret, where it is told to. */
const live = (place: Place, secret: unknown) => {
  return Layer.succeed(
    NoukaiHttp,
    makeHttp(httpOf({
      execute: () =>
        place === "error"
          ? Effect.fail(
            new FlowExecutionError({
              method: "test",
              detail: `it said ${secret}`,
              result: { secret },
              isRetryable: false
            })
          )
          : Effect.succeed({
            status: "completed" as const,
            result: place === "output" ? { nested: [{ secret }] } : "fine",
            flowId: "f",
            blockCount: 1
          })
    }, {
      step: () =>
        Stream.make(
          { type: "run_started" as const, executionId: "ex-1" },
          { type: "step_completed" as const, stepId: "s", output: { secret } },
          { type: "flow_completed" as const, result: "fine" }
        )
    }, {}))
  )
}

const program = (place: Place, secret: string) =>
  Effect.flatMap(FlowService, (flows) =>
    place === "event"
      ? Stream.runDrain(flows.events(flow, { message: "hi" }))
      : Effect.ignore(
        flows.execute(
          flow,
          place === "input" ? { message: "hi", parameters: { deep: [{ note: `my ${secret}` }] } } : {}
        )
      ))

/** Runs an effect and gives everything that it said: its result, its failure and what it logged. */
const everythingSaid = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.replace(Logger.defaultLogger, Logger.make((line) => lines.push(JSON.stringify(line.message))))
    return Effect.map(Effect.exit(Effect.provide(effect, logger)), (exit) => {
      const failure = exit._tag === "Failure" ? exit.cause : undefined
      const squashed = failure === undefined ? undefined : Cause.squash(failure)
      return {
        error: squashed,
        said: [
          ...lines,
          failure === undefined ? "" : Cause.pretty(failure),
          String(squashed),
          JSON.stringify(squashed)
        ].join("\n")
      }
    })
  })

describe("secrets of well-known forms are replaced in what is written", () => {
  for (const place of ["input", "output", "error", "event"] as const) {
    for (const [name, secret] of Object.entries(secrets)) {
      it.scoped(`${name} in ${place}; and the file is replayed by the same program`, () =>
        Effect.gen(function*() {
          const path = join(yield* folder, "c.json")
          yield* Effect.provide(
            program(place, secret),
            NoukaiRecord.toFile(path, { mode: "all", live: live(place, secret) })
          )
          const text = yield* read(path)
          assert.notInclude(text, secret)
          assert.include(text, "[redacted]")
          yield* Effect.provide(
            Effect.zipRight(program(place, secret), ReplayCassette.verify),
            NoukaiReplay.fromFile(path)
          )
        }))
    }
  }

  it.scoped("in a session that is saved", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "c.json")
      const recorded = cassette(execution("a", "execute", {
        note: `see ${secrets.jwt}`,
        mail: "a@example.com",
        [secrets.aws]: 1
      }))
      yield* Cassette.save(yield* Cassette.redact(recorded, { paths: ["**.mail"] }), path)
      const text = yield* read(path)
      for (const secret of [secrets.jwt, secrets.aws, "a@example.com"]) assert.notInclude(text, secret)
      const saved = yield* Cassette.load(path)
      assert.deepStrictEqual(
        saved.kind === "session" && saved.session.executions[0]?.steps[0]?.outputSnapshot,
        { note: "see [redacted]", mail: "[redacted]", "[redacted]": 1 }
      )
      assert.strictEqual(Cassette.encode(saved), text)
    }))
})

describe("the key", () => {
  it.scopedLive("and its headers are in no file, wherever it was said", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "c.json")
      const echo = Wire.json(200, { status: "completed", result: { echo: plantedKey }, flowId: "f", blockCount: 1 })
      const server = yield* Wire.serve(echo, Wire.text(500, `${plantedKey} is wrong`))
      const services = Layer.succeedContext(yield* servicesFor(server))
      const say = Effect.flatMap(FlowService, (flows) => {
        const call = flows.execute(flow, { message: `my key is ${plantedKey}`, headers: { "x-team": "blue" } })
        return Effect.zip(call, Effect.flip(call))
      })
      yield* Effect.provide(say, NoukaiRecord.toFile(path, { mode: "all", live: services }))
      const text = yield* read(path)
      assert.notInclude(text, plantedKey)
      assert.notInclude(text, "0123456789abcdef")
      assert.notMatch(text, /authorization|x-team|x-session-id/i)
      const [done] = yield* Effect.provide(say, NoukaiReplay.fromFile(path))
      assert.notInclude(JSON.stringify(done), plantedKey)
    }))

  it.scopedLive("that has another form than keys have is removed as well", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "c.json")
      const odd = "nk_odd!"
      const server = yield* Wire.serve(Wire.json(200, { status: "completed", result: 1, flowId: "f", blockCount: 1 }))
      const services = Layer.succeedContext(yield* servicesFor(server, { apiKey: Redacted.make(odd) }))
      const say = Effect.flatMap(FlowService, (flows) => flows.execute(flow, { message: `my key is ${odd}` }))
      yield* Effect.provide(say, NoukaiRecord.toFile(path, { mode: "all", live: services }))
      assert.notInclude(yield* read(path), odd)
    }))
})

describe("the key, whatever its signs", () => {
  const signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

  const signsOf = (signs: string, minLength: number, maxLength: number) =>
    FC.array(FC.constantFrom(...signs), { minLength, maxLength }).map((all) => all.join(""))

  const beginning = FC.constantFrom("nk_live_", "nk_test_")

  const texts: ReadonlyArray<(key: string) => unknown> = [
    (key) => key,
    (key) => `my key is ${key}. And yours?`,
    (key) => `https://example.com/runs/${key}/execute?key=${key}&again=${key}=`,
    (key) => `<redacted> is not ${key}-${key}`,
    (key) => JSON.stringify({ [key]: [key, `say ${key}`] }),
    (key) => JSON.stringify(JSON.stringify({ note: `it is "${key}"` })),
    (key) => ({ [key]: key, deep: [{ note: `(${key})` }] })
  ]

  const callOf = (key: string) => ({
    message: texts.slice(0, -1).map((text) => text(key)).join("\n"),
    parameters: texts.map((text) => text(key)),
    [key]: { message: key }
  })

  /** A call as a recording has it, and as a replay compares it, which has no key. */
  const redacted = (key: string, redact?: Redact) => {
    const [recorded, replayed] = [redactionOf("test", redact, scrubOf(key)), redactionOf("test", redact)]
      .map((redaction) => Either.getOrThrow(redaction).call(callOf(key)))
    return { recorded, replayed, text: JSON.stringify(recorded) }
  }

  const assertGone = (secret: string, text: string): void => {
    for (let at = 0; at + 8 <= secret.length; at++) assert.notInclude(text, secret.slice(at, at + 8))
  }

  it("is in no recording in part, which a replay without the key matches (property)", () => {
    const secrets = FC.tuple(beginning, signsOf(signs, 8, 8), signsOf(signs, 16, 40))
    fuzz(secrets, 500, ([start, id, secret]) => {
      const { recorded, replayed, text } = redacted(`${start}${id}_${secret}`)
      assertGone(secret, text)
      assert.deepStrictEqual(replayed, recorded)
    })
  })

  it("is in no recording in part, of any signs and of any length (property)", () => {
    fuzz(FC.tuple(beginning, signsOf(`${signs}.~+/=`, 8, 48)), 500, ([start, secret]) => {
      for (const redact of [undefined, { paths: ["**.message"] }, { patterns: [/[a-z]+/] }]) {
        assertGone(secret, redacted(start + secret, redact).text)
      }
    })
  })

  it("as recordings have it", () => {
    const key = "nk_live_planted0_ab_cdefghijklmn.opqrstuvwxyz/01234"
    assert.deepStrictEqual(
      redacted(key).recorded,
      redacted("nk_live_planted0_0123456789abcdef0123456789abcdef").recorded
    )
    assert.deepStrictEqual(redacted(key).replayed, redacted(key).recorded)
  })
})

describe("the key, in other writing", () => {
  // no shape that keys have
  const odd = "nk_Odd/Key+Wi=th~Signs19"

  /** These are taken for the key itself, wherever it is taken out. */
  const escaped: { readonly [name: string]: (key: string) => string } = {
    "a slash that is escaped": (key) => key.replaceAll("/", "\\/"),
    "escapes of JSON": (key) => key.replaceAll("/", "\\u002F").replaceAll("+", "\\u002b"),
    "JSON in text": (key) => JSON.stringify({ a: key.replaceAll("=", "\\u003d") })
  }

  for (const [name, write] of Object.entries(escaped)) {
    it.scopedLive(`${name}: is taken out of what is written, as the key is`, () =>
      Effect.gen(function*() {
        const path = join(yield* folder, "c.json")
        const written = write(odd)
        const body = { status: "completed", result: { echo: `so: ${written}` }, flowId: "f", blockCount: 1 }
        const server = yield* Wire.serve(Wire.json(200, body))
        const services = Layer.succeedContext(yield* servicesFor(server, { apiKey: Redacted.make(odd) }))
        const say = Effect.flatMap(FlowService, (flows) => flows.execute(flow, { message: `my ${written}` }))
        const done = yield* Effect.provide(say, NoukaiRecord.toFile(path, { mode: "all", live: services }))
        const file = yield* read(path)
        assert.include(file, "my ")
        for (const text of [file, JSON.stringify(done)]) {
          for (const part of ["nk_Odd", "Key+", "Wi=th", "Signs19"]) assert.notInclude(text, part)
        }
      }))
  }
})

describe("reports", () => {
  it.scoped("say nothing that was redacted, and mask secrets of well-known forms", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "c.json")
      const redact: Redact = { paths: ["parameters.mail"] }
      const say = (parameters: { readonly [key: string]: unknown }) =>
        Effect.flatMap(FlowService, (flows) => flows.execute(flow, { parameters }))
      yield* Effect.provide(
        say({ mail: "a@example.com", note: "plain" }),
        NoukaiRecord.toFile(path, { mode: "all", redact, live: live("input", "") })
      )
      assert.notInclude(yield* read(path), "a@example.com")
      const { error, said } = yield* everythingSaid(
        Effect.provide(say({ mail: "b@example.com", note: secrets.jwt }), NoukaiReplay.fromFile(path, { redact }))
      )
      assert.deepInclude(error, { _tag: "ReplayMissError" })
      assert.include(
        said,
        "$.parameters.note: recorded \\\"plain\\\", called with \\\"[redacted]\\\"".replaceAll("\\", "")
      )
      assert.notInclude(said, secrets.jwt)
      assert.notInclude(said, "example.com")
    }))

  it.effect("nor does a cassette that cannot be read", () =>
    Effect.gen(function*() {
      const { entries, ...rest } = recording({
        flow,
        parameters: { password: secrets.jwt },
        result: { password: secrets.jwt }
      })
      const spoiled = {
        ...rest,
        entries: entries.map((entry) => ({ ...entry, occurrence: { password: secrets.jwt } }))
      }
      const broken = {
        ...rest,
        entries: entries.map((entry) => ({ ...entry, answer: { value: { status: { password: secrets.jwt } } } }))
      }
      for (const value of [spoiled, broken]) {
        const { said } = yield* everythingSaid(Cassette.decode(value))
        assert.include(said, "CassetteError")
        assert.notInclude(said, secrets.jwt)
      }
    }))
})

describe("redaction", () => {
  const clean = (redact: Redact, value: unknown) => Either.getOrThrow(redactionOf("test", redact)).payload(value)

  it("paths: keys, indices, one of any, any number of any", () => {
    const value = { a: { mail: "m", list: [{ mail: "n" }, { mail: "o" }] }, mail: "p" }
    const r = "[redacted]"
    assert.deepStrictEqual(clean({ paths: ["a.mail"] }, value), { ...value, a: { ...value.a, mail: r } })
    assert.deepStrictEqual(clean({ paths: ["$.a.list[1].mail"] }, value), {
      ...value,
      a: { ...value.a, list: [{ mail: "n" }, { mail: r }] }
    })
    assert.deepStrictEqual(clean({ paths: ["*.mail"] }, value), { ...value, a: { ...value.a, mail: r } })
    assert.deepStrictEqual(clean({ paths: ["a.list[*].mail"] }, value), {
      ...value,
      a: { ...value.a, list: [{ mail: r }, { mail: r }] }
    })
    assert.deepStrictEqual(clean({ paths: ["**.mail"] }, value), {
      a: { mail: r, list: [{ mail: r }, { mail: r }] },
      mail: r
    })
    assert.deepStrictEqual(clean({ paths: ["[\"a\"].list"] }, value), { ...value, a: { ...value.a, list: r } })
    assert.deepStrictEqual(clean({ paths: ["nowhere.at.all"] }, value), value)
  })

  it("patterns: every match, in texts and in names of keys; removing twice is removing once", () => {
    const redact: Redact = { patterns: [/\d{3}/, /x+/gi] }
    const once = clean(redact, { "key 123": ["a 123 b 456", "xX"], n: 123 })
    assert.deepStrictEqual(once, { "key [redacted]": ["a [redacted] b [redacted]", "[redacted]"], n: "[redacted]" })
    assert.deepStrictEqual(clean(redact, once), once)
  })

  it("a path that cannot be read is refused", () => {
    for (const path of ["", "a..b", "a[", "a[x]", "a[\"\\q\"]", "a.***"]) {
      assert.isTrue(Either.isLeft(redactionOf("test", { paths: [path] })), path)
    }
  })

  it.scoped("which fails the layer", () =>
    Effect.gen(function*() {
      const layer = NoukaiRecord.toFile(join(yield* folder, "c.json"), {
        mode: "all",
        redact: { paths: ["a["] },
        live: live("input", "")
      })
      const error = yield* Effect.flip(Effect.provide(Effect.void, layer))
      assert.deepInclude(error, { _tag: "InvalidRequestError", field: "redact.paths" })
    }))
})

it("a key of nobody is in no recording where it is glued to a word, and a shorter word stays", () => {
  const run = (text: string) => Cassette.encode(recording({ flow: "a/b/c", message: text, result: { text } }))
  for (const before of ["token", "Bearer7", "x_"]) {
    const text = run(`${before}nk_live_planted0_0123456789abcdef0123456789abcdef`)
    assert.notInclude(text, "planted0")
    assert.notInclude(text, "0123456789abcdef0123")
  }
  assert.include(run("bank_test_account"), "bank_test_account")
})
