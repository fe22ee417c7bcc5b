/** `noukai webhooks verify`: which form of a signature fits. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createHmac } from "node:crypto"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { noukai } from "./support/command.js"
import { folder } from "./support/server.js"

const secret = "whsec_planted0Webhook0Secret0000"
const body = "{\"executionId\":\"ex_1\"}"
const t = "1764600000"

const sign = (text: string, key = secret, version = "v1") =>
  `t=${t},${version}=${createHmac("sha256", key).update(text).digest("hex")}`

/** The outcome of the command, with the age of the signature left out. */
const verified = (
  signature: string,
  args: ReadonlyArray<string> = [],
  { env = { NOUKAI_WEBHOOK_SECRET: secret }, text = body }: {
    readonly env?: Record<string, string>
    readonly text?: string
  } = {}
) =>
  Effect.gen(function*() {
    const cwd = yield* folder
    yield* Effect.promise(() => writeFile(join(cwd, "body.json"), text))
    const options = ["--body", "body.json", "--signature", signature, ...args]
    const { code, stderr, stdout } = yield* noukai(["webhooks", "verify", ...options], { cwd, env })
    assert.notMatch(stdout + stderr, /planted0/)
    return {
      code,
      stderr,
      stdout: stdout.replace(/\d+ seconds ago/, "N seconds ago").replace(/"age":\d+/, "\"age\":0")
    }
  })

describe("noukai webhooks verify", () => {
  it.scopedLive("names the form that fits", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* verified(sign(`${t}.${body}`)), {
        code: 0,
        stderr: "",
        stdout: "signed as {t}.{body} by NOUKAI_WEBHOOK_SECRET (the whole secret), N seconds ago\n" +
          "this is what verify expects by default\n"
      })
      for (
        const [form, text, args] of [
          ["{body}", body, []],
          ["{t}{body}", `${t}${body}`, []],
          ["{t}:{body}", `${t}:${body}`, []],
          ["v0:{t}:{body}", `v0:${t}:${body}`, []],
          ["{t}\\n{body}", `${t}\n${body}`, []],
          ["{delivery}.{t}.{body}", `7d3c.${t}.${body}`, ["--delivery", "7d3c"]]
        ] as const
      ) {
        const { code, stdout } = yield* verified(sign(text), args)
        assert.strictEqual(code, 0)
        assert.include(stdout, `signed as ${form} by`)
        assert.include(stdout, "give verify this form as its option signed")
      }
    }))

  it.scopedLive("tries the old secret, other variables, and a secret without its prefix", () =>
    Effect.gen(function*() {
      const env = { NOUKAI_WEBHOOK_SECRET: "whsec_new0", NOUKAI_WEBHOOK_SECRET_OLD: secret }
      const old = yield* verified(sign(`${t}.${body}`, secret, "v2"), [], { env })
      assert.include(old.stdout, "by NOUKAI_WEBHOOK_SECRET_OLD")
      const named = yield* verified(sign(`${t}.${body}`), ["--secret-env", "MINE"], { env: { MINE: secret } })
      assert.include(named.stdout, "by MINE")
      const bare = yield* verified(sign(`${t}.${body}`, secret.slice("whsec_".length)))
      assert.include(bare.stdout, "(the secret without whsec_)")
      const asJson = yield* verified(sign(`${t}.${body}`), ["--json"])
      assert.deepStrictEqual(JSON.parse(asJson.stdout), {
        form: "{t}.{body}",
        secret: "NOUKAI_WEBHOOK_SECRET",
        key: "the whole secret",
        age: 0,
        isJson: true
      })
    }))

  it.scopedLive("ends with 1 where none fits, and where the body is no JSON object", () =>
    Effect.gen(function*() {
      const none = yield* verified(sign(`${t}.${body}`, "whsec_other"))
      assert.strictEqual(none.code, 1)
      assert.include(none.stderr, "none of 7 usual forms fits: no secret signed these 22 bytes")
      const list = yield* verified(sign(`${t}.[]`), [], { text: "[]" })
      assert.deepStrictEqual([list.code, list.stderr], [1, "noukai: the body is signed, and is no JSON object\n"])
    }))

  it.scopedLive("ends with 2 where it is used wrongly", () =>
    Effect.gen(function*() {
      const missing = yield* verified(sign(body), [], { env: {} })
      assert.strictEqual(missing.code, 2)
      assert.include(missing.stderr, "there is no secret")
      const malformed = yield* verified("v1=abc")
      assert.strictEqual(malformed.code, 2)
      assert.include(malformed.stderr, "--signature: X-Noukai-Signature has no t")
      const cwd = yield* folder
      const absent = yield* noukai(["webhooks", "verify", "--body", "none.json", "--signature", "x"], { cwd })
      assert.strictEqual(absent.code, 2)
      assert.include(absent.stderr, "--body: the file none.json cannot be read")
    }))
})
