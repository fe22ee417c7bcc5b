/** Configuration (docs/wire.md#servers-and-keys): key, environment, base URL, defaults. Nothing here opens a socket. */
import { Noukai, NoukaiConfig, NoukaiLive } from "@effect-noukai/sdk"
import * as Config_ from "@effect-noukai/sdk/NoukaiConfig"
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Duration, Effect, Layer, Redacted } from "effect"

const key = "nk_live_abcdefgh_0123456789abcdef0123456789abcdef"

const env = (values: Record<string, string>) =>
  Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(values))))

const built = (options: Config_.Options, values: Record<string, string> = { NOUKAI_API_KEY: key }) =>
  NoukaiConfig.pipe(Effect.provide(Layer.provide(Config_.layer(options), env(values))))

describe("key (1.3)", () => {
  it.effect("comes from NOUKAI_API_KEY", () =>
    Effect.map(built({}), (config) => assert.strictEqual(Redacted.value(config.apiKey), key)))

  it.effect("an explicit one wins", () =>
    Effect.map(
      built({ apiKey: Redacted.make("nk_x") }),
      (config) => assert.strictEqual(Redacted.value(config.apiKey), "nk_x")
    ))

  const rows: ReadonlyArray<readonly [string, Config_.Options, Record<string, string>]> = [
    ["missing", {}, {}],
    ["empty variable", {}, { NOUKAI_API_KEY: "" }],
    ["wrong prefix", {}, { NOUKAI_API_KEY: "sk_live_1" }],
    ["an explicit empty key is refused, not replaced", { apiKey: Redacted.make("") }, { NOUKAI_API_KEY: key }],
    ["a line break, which would end the header", { apiKey: Redacted.make("nk_a\r\nx: y") }, {}]
  ]
  for (const [name, options, values] of rows) {
    it.effect(`${name}: AuthenticationError when the layer is built`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(built(options, values))
        assert.strictEqual(error._tag, "AuthenticationError")
        assert.isUndefined(error.statusCode)
        assert.isUndefined(error.requestId)
        assert.match(error.message, /; set NOUKAI_API_KEY or the option apiKey to your key/)
      }))
  }

  it.effect("NoukaiLive fails the same way", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.scoped(Layer.build(Layer.provide(NoukaiLive, env({})))))
      assert.strictEqual(error._tag, "AuthenticationError")
    }))
})

describe("environment (1.1, 1.2)", () => {
  const urls: ReadonlyArray<readonly [string, Config_.Options, Record<string, string>, string]> = [
    ["unset", {}, {}, "https://api.noukai.xyz/api/v1"],
    ["empty", {}, { NOUKAI_ENV: "" }, "https://api.noukai.xyz/api/v1"],
    ["production", {}, { NOUKAI_ENV: "production" }, "https://api.noukai.xyz/api/v1"],
    ["dev", {}, { NOUKAI_ENV: "dev" }, "http://localhost:8080/api/v1"],
    ["development", {}, { NOUKAI_ENV: "development" }, "http://localhost:8080/api/v1"],
    ["an option wins", { env: "production" }, { NOUKAI_ENV: "dev" }, "https://api.noukai.xyz/api/v1"],
    ["the dev port, in code", { env: "dev", port: 4000 }, {}, "http://localhost:4000/api/v1"],
    ["NOUKAI_BASE_URL is ignored", {}, { NOUKAI_BASE_URL: "https://evil.example" }, "https://api.noukai.xyz/api/v1"],
    ["a base URL in code", { baseUrl: "https://api.noukai.dev/api/v1/" }, {}, "https://api.noukai.dev/api/v1"],
    ["a base URL without its path", { baseUrl: "https://api.noukai.xyz" }, {}, "https://api.noukai.xyz/api/v1"],
    ["loopback by name", { baseUrl: "http://localhost:9" }, {}, "http://localhost:9/api/v1"],
    ["loopback by number", { baseUrl: "http://127.8.9.1:9/x" }, {}, "http://127.8.9.1:9/x"],
    ["loopback, IPv6", { baseUrl: "http://[::1]:9" }, {}, "http://[::1]:9/api/v1"]
  ]
  for (const [name, options, values, url] of urls) {
    it.effect(name, () =>
      Effect.map(
        built(options, { NOUKAI_API_KEY: key, ...values }),
        (config) => assert.strictEqual(config.origin + config.prefix, url)
      ))
  }

  const refused: ReadonlyArray<readonly [string, Config_.Options, Record<string, string>, string]> = [
    ["a typo in NOUKAI_ENV", {}, { NOUKAI_ENV: "prod" }, "NOUKAI_ENV"],
    ["another case", {}, { NOUKAI_ENV: "DEV" }, "NOUKAI_ENV"],
    ["another env in code", { env: "staging" as never }, {}, "env"],
    ["a port outside dev", { env: "production", port: 1 }, {}, "port"],
    ["a port out of range", { env: "dev", port: 70_000 }, {}, "port"],
    ["another host", { baseUrl: "https://evil.example/api/v1" }, {}, "baseUrl"],
    ["http to a hosted host", { baseUrl: "http://api.noukai.xyz" }, {}, "baseUrl"],
    ["another port of a hosted host", { baseUrl: "https://api.noukai.xyz:444" }, {}, "baseUrl"],
    ["a subdomain trick", { baseUrl: "https://api.noukai.xyz.evil.example" }, {}, "baseUrl"],
    ["a loopback look-alike", { baseUrl: "http://127.0.0.1.evil.example" }, {}, "baseUrl"],
    ["a localhost look-alike", { baseUrl: "http://localhost.evil.example" }, {}, "baseUrl"],
    ["credentials in the URL", { baseUrl: "https://api.noukai.xyz@evil.example" }, {}, "baseUrl"],
    ["user info before a good host", { baseUrl: "https://u:p@api.noukai.xyz" }, {}, "baseUrl"],
    ["a query", { baseUrl: "https://api.noukai.xyz?x=1" }, {}, "baseUrl"],
    ["no URL", { baseUrl: "api.noukai.xyz" }, {}, "baseUrl"],
    ["another scheme", { baseUrl: "ftp://localhost" }, {}, "baseUrl"],
    ["both forms", { baseUrl: "http://localhost", env: "dev" }, {}, "baseUrl"]
  ]
  for (const [name, options, values, field] of refused) {
    it.effect(`refused: ${name}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(built(options, { NOUKAI_API_KEY: key, ...values }))
        assert.strictEqual(error._tag, "InvalidRequestError")
        assert.strictEqual(error._tag === "InvalidRequestError" && error.field, field)
      }))
  }

  it.effect("a wrong NOUKAI_ENV is told what is allowed", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(built({}, { NOUKAI_API_KEY: key, NOUKAI_ENV: "prod" }))
      assert.include(error.message, `must be unset, empty, "production", "dev" or "development"`)
    }))
})

describe("defaults and clocks (1.4, 12.2)", () => {
  const refused: ReadonlyArray<readonly [string, Config_.Options, string]> = [
    ["org without project", { org: "a" }, "project"],
    ["project without org", { project: "a" }, "org"],
    ["an empty org", { org: "", project: "a" }, "org"],
    ["a negative clock", { idleTimeout: -1 }, "idleTimeout"],
    ["a clock that is no duration", { attemptTimeout: "soon" as never }, "attemptTimeout"],
    ["negative retries", { maxRetries: -1 }, "maxRetries"],
    ["half a retry", { maxRetries: 0.5 }, "maxRetries"],
    ["a zero limit", { maxResponseBytes: 0 }, "maxResponseBytes"],
    ["a bad header", { headers: { "bad name": "x" } }, "headers[\"bad name\"]"]
  ]
  for (const [name, options, field] of refused) {
    it.effect(`refused: ${name}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(built(options))
        assert.strictEqual(error._tag === "InvalidRequestError" && error.field, field)
      }))
  }

  it.effect("zero stays zero", () =>
    Effect.gen(function*() {
      const config = yield* built({ attemptTimeout: 0 })
      assert.strictEqual(Duration.toMillis(config.attemptTimeout), 0)
    }))

  it.effect("the defaults", () =>
    Effect.gen(function*() {
      const config = yield* built({})
      assert.strictEqual(Duration.toSeconds(config.connectTimeout), 10)
      assert.strictEqual(Duration.toSeconds(config.attemptTimeout), 300)
      assert.strictEqual(Duration.toSeconds(config.firstByteTimeout), 300)
      assert.strictEqual(Duration.toSeconds(config.idleTimeout), 300)
      assert.isFalse(Duration.isFinite(config.timeout))
      assert.isFalse(config.retryPost)
      assert.isFalse(config.replayEnabled)
    }))

  for (
    const [value, on] of [["1", true], ["TRUE", true], ["yes", true], ["On", true], ["0", false], ["", false]] as const
  ) {
    it.effect(`servers-and-keys: NOUKAI_REPLAY_ENABLED=${value}`, () =>
      Effect.map(
        built({}, { NOUKAI_API_KEY: key, NOUKAI_REPLAY_ENABLED: value }),
        (config) => assert.strictEqual(config.replayEnabled, on)
      ))
  }
})

describe("layerConfig", () => {
  it.effect("takes an application's own Config, and never fails with a raw ConfigError", () =>
    Effect.gen(function*() {
      const layer = Config_.layerConfig({ apiKey: Config.redacted("MY_KEY"), org: Config.string("MY_ORG") })
      const error = yield* Effect.flip(
        Effect.provide(NoukaiConfig, Layer.provide(layer, env({ MY_KEY: key })))
      )
      assert.strictEqual(error._tag, "InvalidRequestError")
      assert.include(error.message, "MY_ORG")
      const config = yield* Effect.provide(
        NoukaiConfig,
        Layer.provide(Config_.layerConfig({ apiKey: Config.redacted("MY_KEY") }), env({ MY_KEY: key }))
      )
      assert.strictEqual(Redacted.value(config.apiKey), key)
    }))

  it.effect("takes functions too", () =>
    Effect.gen(function*() {
      const isSessionNotFound = (body: string) => body === "gone"
      const layer = Config_.layerConfig({ isSessionNotFound: Config.succeed(isSessionNotFound) })
      const config = yield* Effect.provide(NoukaiConfig, Layer.provide(layer, env({ NOUKAI_API_KEY: key })))
      assert.strictEqual(config.isSessionNotFound, isSessionNotFound)
    }))

  it.scoped("Noukai.layerConfig builds every service", () =>
    Effect.gen(function*() {
      const layer = Noukai.layerConfig({ apiKey: Config.redacted("MY_KEY") })
      yield* Layer.build(Layer.provide(layer, env({ MY_KEY: key })))
    }))
})
