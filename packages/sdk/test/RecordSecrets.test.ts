/** Secrets are in no cassette, report or log. */
import {
  Cassette,
  CassetteError,
  FlowExecutionError,
  FlowService,
  NoukaiHttp,
  NoukaiRecord,
  NoukaiReplay,
  ReplayCassette
} from "@effect-noukai/sdk"
import { make as makeHttp } from "@effect-noukai/sdk/NoukaiHttp"
import type { Redact } from "@effect-noukai/sdk/Redact"
import { recording } from "@effect-noukai/sdk/testing"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Either, Layer, Logger, Redacted, Stream } from "effect"
import { join } from "node:path"
import { inspect } from "node:util"
import { credentialsIn, maskCredentials } from "../src/internal/cassette/credentials.js"
import { redactionOf } from "../src/internal/cassette/redaction.js"
import { plantedKey, servicesFor } from "./support/client.js"
import { folder, list, read } from "./support/folder.js"
import { httpOf } from "./support/http.js"
import { cassette, execution } from "./support/sessions.js"
import { size } from "./support/size.js"
import * as Wire from "./support/WireServer.js"

const secrets = {
  bearer: "Bearer s3cr3t-t0ken-0123456789",
  aws: "AKIAIOSFODNN7EXAMPLE",
  awsSecret: "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY12",
  jwt: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLW9mLWl0",
  github: "ghp_0123456789abcdefghijABCDEFGHIJ012345",
  pem: "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
  url: "postgres://user:hunter2@db.example.com/app"
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

const paths: { readonly [P in Place]: string } = {
  input: "$.entries[0].input.parameters.deep[0].note",
  output: "$.entries[0].answer.value.result.nested[0].secret",
  error: "$.entries[0].answer.error.detail",
  event: "$.entries[0].answer.events[1].output.secret"
}

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

describe("what looks like a credential is not written, and named by its place", () => {
  for (const place of ["input", "output", "error", "event"] as const) {
    for (const [name, secret] of Object.entries(secrets)) {
      it.scoped(`${name} in ${place}`, () =>
        Effect.gen(function*() {
          const dir = yield* folder
          const layer = NoukaiRecord.toFile(join(dir, "c.json"), { mode: "all", live: live(place, secret) })
          const { error, said } = yield* everythingSaid(Effect.provide(program(place, secret), layer))
          assert.instanceOf(error, CassetteError)
          assert.strictEqual((error as CassetteError).reason, "Credentials")
          assert.include((error as CassetteError).at ?? [], paths[place])
          assert.notInclude(said, secret)
          assert.deepStrictEqual(yield* list(dir), [])
        }))

      it.scoped(`${name} in ${place}, redacted by pattern: written without it, and replayed`, () =>
        Effect.gen(function*() {
          const path = join(yield* folder, "c.json")
          const redact: Redact = { patterns: [new RegExp(secret.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))] }
          yield* Effect.provide(
            program(place, secret),
            NoukaiRecord.toFile(path, { mode: "all", redact, live: live(place, secret) })
          )
          assert.notInclude(yield* read(path), secret)
          yield* Effect.provide(program(place, secret), NoukaiReplay.fromFile(path, { redact }))
        }))
    }
  }

  it.scoped("under names that secrets have", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      const call = Effect.flatMap(FlowService, (flows) =>
        flows.execute(flow, {
          parameters: { login: { password: "hunter2" }, apiKey: "abc", "x-api-key": "def", token: 7 }
        }))
      const layer = NoukaiRecord.toFile(join(dir, "c.json"), { mode: "all", live: live("input", "") })
      const { error, said } = yield* everythingSaid(Effect.provide(call, layer))
      assert.deepStrictEqual((error as CassetteError).at, [
        "$.entries[0].input.parameters.apiKey",
        "$.entries[0].input.parameters.login.password",
        "$.entries[0].input.parameters[\"x-api-key\"]"
      ])
      assert.notInclude(said, "hunter2")
    }))

  it.scoped("in a session that is saved, and redacted from it", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "c.json")
      const recorded = cassette(execution("a", "execute", { note: secrets.jwt, mail: "a@example.com" }))
      const error = yield* Effect.flip(Cassette.save(recorded, path))
      assert.deepStrictEqual([error.reason, error.at], [
        "Credentials",
        ["$.session.executions[0].steps[0].outputSnapshot.note"]
      ])
      const clean = yield* Cassette.redact(recorded, { paths: ["**.mail"], patterns: [/eyJ[\w.-]+/] })
      yield* Cassette.save(clean, path)
      const text = yield* read(path)
      assert.notInclude(text, secrets.jwt)
      assert.notInclude(text, "a@example.com")
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

describe("the key, in other writing", () => {
  // no shape that keys have
  const odd = "nk_Odd/Key+Wi=th~Signs19"

  const base64 = (text: string) => Buffer.from(text).toString("base64")

  const writings: { readonly [name: string]: (key: string) => string } = {
    base64,
    "base64, one byte later": (key) => base64(`x${key}`),
    "base64, two bytes later": (key) => base64(`xy${key}, and more`),
    "base64 for addresses": (key) => Buffer.from(`???${key}>>>`).toString("base64url"),
    "base64 of JSON": (key) => base64(JSON.stringify({ headers: { authorization: `Bearer ${key}` } })),
    "base64 in lines": (key) => base64(`some words before ${key}`).replace(/.{16}/g, "$&\n"),
    "hexadecimal": (key) => Buffer.from(key).toString("hex"),
    "hexadecimal in capitals": (key) => Buffer.from(key).toString("hex").toUpperCase(),
    "percent": encodeURIComponent,
    "percent in small letters": (key) => encodeURIComponent(key).toLowerCase(),
    "capitals": (key) => key.toUpperCase()
  }

  for (const [name, write] of Object.entries(writings)) {
    it.scopedLive(`${name}: is refused, wherever it is`, () =>
      Effect.gen(function*() {
        const dir = yield* folder
        const written = write(odd)
        const echo = Wire.json(200, {
          status: "completed",
          result: { echo: `so: ${written}` },
          flowId: "f",
          blockCount: 1
        })
        const say = Effect.flatMap(FlowService, (flows) =>
          Effect.zip(flows.execute(flow, { message: "hi" }), flows.execute(flow, { message: `my ${written}` })))
        for (const mode of ["all", "once", "new"] as const) {
          const server = yield* Wire.serve(echo, echo)
          const services = Layer.succeedContext(yield* servicesFor(server, { apiKey: Redacted.make(odd) }))
          const layer = NoukaiRecord.toFile(join(dir, "c.json"), { mode, live: services })
          const saying = Effect.zipRight(say, Effect.flip(NoukaiRecord.save))
          const { error, said } = yield* everythingSaid(Effect.provide(saying, layer))
          assert.instanceOf(error, CassetteError)
          assert.strictEqual(error.reason, "Credentials")
          assert.includeMembers([...error.at ?? []], [
            "$.entries[0].answer.value.result.echo",
            "$.entries[1].answer.value.result.echo"
          ])
          assert.isTrue(
            error.at?.some((place) =>
              place.endsWith(".input.message")
            )
          )
          assert.notInclude(said, written)
          assert.notInclude(said, odd)
          assert.deepStrictEqual(yield* list(dir), [])
        }
      }))
  }

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

  it.scopedLive("and what is written otherwise is no reason to refuse", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "c.json")
      const echo = Wire.json(200, {
        status: "completed",
        result: base64("no key is in this one, 19"),
        flowId: "f",
        blockCount: 1
      })
      const server = yield* Wire.serve(echo)
      const services = Layer.succeedContext(yield* servicesFor(server, { apiKey: Redacted.make(odd) }))
      yield* Effect.provide(
        Effect.flatMap(FlowService, (flows) => flows.execute(flow, { message: "hi" })),
        NoukaiRecord.toFile(path, { mode: "all", live: services })
      )
      assert.include(yield* read(path), base64("no key is in this one, 19"))
    }))
})

describe("reports", () => {
  it.scoped("say nothing that was redacted, and mask what looks like a credential", () =>
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
})

describe("secret fields are masked by their names in what a miss says", () => {
  const said1 = "hunter2hunter2"
  const said2 = "swordfish swordfish"

  const places: { readonly [name: string]: (secret: string) => { readonly [key: string]: unknown } } = {
    "a field": (secret) => ({ password: secret }),
    "a field of many names": (secret) => ({
      DB_PASSWORD: secret,
      sessionToken: secret,
      "set-cookie": secret,
      pwd: secret
    }),
    "a number": (secret) => ({ password: secret.length * 123_456_789 }),
    "below others": (secret) => ({ a: { b: [{ c: { client_secret: secret } }] } }),
    "a list": (secret) => ({ cookie: [secret, secret] }),
    "an object": (secret) => ({ credentials: { who: secret, key: { text: secret } } }),
    "below a secret name": (secret) => ({ password: { value: secret } }),
    "a name and a value": (secret) => ({ env: [{ name: "API_KEY", value: secret }] }),
    "JSON in text": (secret) => ({ body: JSON.stringify({ login: { password: secret } }) }),
    "JSON in JSON in text": (secret) => ({ body: JSON.stringify(JSON.stringify({ passphrase: secret })) }),
    "JSON in a fence": (secret) => ({ body: `\`\`\`json\n${JSON.stringify({ token: secret }, null, 2)}\n\`\`\`` }),
    "JSON among words": (secret) => ({ body: `log in with ${JSON.stringify({ password: secret })}, please` }),
    "an assignment": (secret) => ({ body: `DB_PASSWORD=${secret.replaceAll(" ", "")} npm start` }),
    "a line of a file": (secret) => ({ body: `user: ada\npassword: ${secret.replaceAll(" ", "")}\n` }),
    "the arguments of a tool": (secret) => ({
      calls: [{ function: { name: "log_in", arguments: JSON.stringify({ user: "ada", password: secret }) } }]
    })
  }

  const flat = (value: unknown): ReadonlyArray<string> =>
    typeof value === "object" && value !== null ? Object.values(value).flatMap(flat) : [String(value)]

  /** The secrets themselves, and numbers that stand for them. */
  const secretsIn = (parameters: unknown): ReadonlyArray<string> => [
    said1,
    said2,
    said2.replaceAll(" ", ""),
    ...flat(parameters).filter((text) => /^\d+$/.test(text))
  ]

  for (const [name, place] of Object.entries(places)) {
    for (const match of ["input", "strict"] as const) {
      it.scoped(`${name}, with ${match}`, () =>
        Effect.gen(function*() {
          const [before, after] = [place(said1), place(said2)]
          const recorded = recording({ flow, message: "hi", parameters: before, result: 1 })
          const program = Effect.gen(function*() {
            const flows = yield* FlowService
            const error = yield* Effect.flip(flows.execute(flow, { message: "hello", parameters: after }))
            const leftover = yield* Effect.flip(ReplayCassette.verify)
            return yield* Effect.fail({ error, leftover })
          })
          const { error, said } = yield* everythingSaid(
            Effect.provide(program, NoukaiReplay.fromCassette(recorded, { match }))
          )
          const { error: miss, leftover } = error as { readonly error: Error; readonly leftover: Error }
          const all = [said, miss, leftover].map((one) =>
            `${one} ${JSON.stringify(one)} ${inspect(one, { depth: 20 })}`
          )
          const text = all.join("\n")
          for (const secret of [...secretsIn(before), ...secretsIn(after)]) assert.notInclude(text, secret)
          // and it says what it can
          assert.include(miss.message, "$.message: recorded \"hi\", called with \"hello\"")
          assert.match(miss.message, /\$\.parameters\..*\[redacted\]/)
        }))
    }
  }

  it.scoped("what only counts is shown", () =>
    Effect.gen(function*() {
      const recorded = recording({ flow, parameters: { max_tokens: 1024, key: "c" }, result: 1 })
      const call = Effect.flatMap(FlowService, (flows) =>
        flows.execute(flow, { parameters: { max_tokens: 4096, key: "d" } }))
      const error = yield* Effect.flip(Effect.provide(call, NoukaiReplay.fromCassette(recorded)))
      assert.include(error.message, "$.parameters.max_tokens: recorded 1024, called with 4096")
      assert.include(error.message, "$.parameters.key: recorded \"c\", called with \"d\"")
    }))

  it.effect("nor does a cassette that cannot be read say them", () =>
    Effect.gen(function*() {
      const { entries, ...rest } = recording({ flow, parameters: { password: said1 }, result: { password: said1 } })
      const spoiled = { ...rest, entries: entries.map((entry) => ({ ...entry, occurrence: { password: said1 } })) }
      const broken = {
        ...rest,
        entries: entries.map((entry) => ({ ...entry, answer: { value: { status: { password: said1 } } } }))
      }
      for (const value of [spoiled, broken]) {
        const { said } = yield* everythingSaid(Cassette.decode(value))
        assert.include(said, "CassetteError")
        assert.notInclude(said, said1)
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

describe("the scan", () => {
  it("passes over what people write", () => {
    const harmless = [
      "the bearer of good news",
      "Bearer certificates",
      "basic instructions for everybody",
      "0a6c2f5e-9d41-4b0e-8f6b-2f3f0e5b7c11",
      "da39a3ee5e6b4b0d3255bfef95601890afd80709",
      "https://example.com/a:b@c",
      "skate-park",
      "eyJ",
      "ask_live_questions",
      "a".repeat(40)
    ]
    assert.deepStrictEqual(credentialsIn(harmless), [])
    assert.deepStrictEqual(credentialsIn({ password: "", secret: "[redacted]", passwordHint: "cat" }), [])
    assert.deepStrictEqual(credentialsIn({ properties: { password: { type: "string" } } }), [])
  })

  it("finds secrets in JSON inside text, and in names of keys, which it does not quote", () => {
    assert.deepStrictEqual(credentialsIn({ arguments: JSON.stringify({ password: "hunter2" }) }), ["$.arguments"])
    assert.deepStrictEqual(credentialsIn({ body: JSON.stringify(JSON.stringify({ api_key: "hunter2" })) }), ["$.body"])
    assert.deepStrictEqual(credentialsIn({ [secrets.aws]: { inner: secrets.jwt } }), [
      "$[\"[redacted]\"]",
      "$[\"[redacted]\"].inner"
    ])
  })

  it("reads a long text in one go, whatever it is made of", () => {
    for (
      const part of [
        "a.",
        "eyJ-",
        "-eyJ",
        "eyJabcdef.",
        "x",
        "bearer ",
        "\"password\":",
        "://",
        "sk-",
        "nk_a_",
        "a:b@",
        " ",
        "A1b/"
      ]
    ) {
      credentialsIn([part.repeat(size(500_000, 100_000))])
    }
  })

  it("finds a key of Noukai that was encoded", () => {
    for (
      const encoded of [
        plantedKey.replaceAll("_", "%5F"),
        plantedKey.replaceAll("_", "%5f"),
        plantedKey.replaceAll("_", "\\u005f"),
        btoa(plantedKey),
        btoa(plantedKey).replace(/=+$/, "")
      ]
    ) {
      assert.deepStrictEqual(credentialsIn({ note: `it is ${encoded}.` }), ["$.note"], encoded)
    }
  })

  it("finds the secret half of a key also behind a checksum", () => {
    assert.deepStrictEqual(credentialsIn([`da39a3ee5e6b4b0d3255bfef95601890afd80709 ${secrets.awsSecret}`]), ["$[0]"])
  })

  it("masks what it finds", () => {
    assert.deepStrictEqual(maskCredentials({ a: [secrets.jwt, "fine"], password: "hunter2", [secrets.aws]: 1 }), {
      a: ["[redacted]", "fine"],
      password: "[redacted]",
      "[redacted]": 1
    })
  })
})
