/** Deliveries of webhooks: which are believed, and what is said of the others (docs/wire.md#webhooks). */
import { nudges, verify, type VerifyOptions, WebhookError } from "@effect-noukai/sdk/Webhook"
import { assert, describe, it } from "@effect/vitest"
import * as FC from "effect/FastCheck"
import { buildSync } from "esbuild"
import { createHmac, webcrypto } from "node:crypto"
import { createRequire } from "node:module"
import { createContext, runInContext } from "node:vm"

const secret = "whsec_planted0Webhook0Secret0000"
const old = "whsec_planted0Webhook0Secret0001"
const now = 1_764_600_000_000
const t = String(now / 1000)

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const hmac = (key: string, ...parts: ReadonlyArray<string | Uint8Array>): string => {
  const mac = createHmac("sha256", key)
  for (const part of parts) mac.update(part)
  return mac.digest("hex")
}

const payload = bytes(JSON.stringify({ executionId: "ex_1", status: "completed" }))

const sign = (body: Uint8Array, key = secret, at = t): string => `t=${at},v1=${hmac(key, `${at}.`, body)}`

const deliver = (
  body: Uint8Array | undefined,
  headers: { readonly [name: string]: string | undefined },
  options: Partial<VerifyOptions> = {}
) => verify(body, (name) => headers[name], { secrets: [secret], now: () => now, ...options })

const refusal = async (delivered: Promise<unknown>): Promise<WebhookError> => {
  try {
    await delivered
  } catch (error) {
    assert.instanceOf(error, WebhookError)
    assert.notMatch(`${error.message}${error.stack ?? ""}`, /planted0Webhook/)
    return error
  }
  return assert.fail("the delivery was taken")
}

const mistake = async (options: unknown): Promise<string> => {
  try {
    await verify(payload, () => sign(payload), options as VerifyOptions)
  } catch (error) {
    assert.instanceOf(error, TypeError)
    return (error as TypeError).message
  }
  return assert.fail("the options were taken")
}

describe("a delivery that the service has signed", () => {
  it("is an event with what its headers and its payload say", async () => {
    const event = await deliver(payload, {
      "x-noukai-signature": sign(payload),
      "x-noukai-timestamp": t,
      "x-noukai-event": "flow.completed",
      "x-noukai-delivery": "7d3c"
    })
    assert.deepStrictEqual(event, {
      timestamp: now,
      body: { executionId: "ex_1", status: "completed" },
      type: "flow.completed",
      deliveryId: "7d3c",
      executionId: "ex_1"
    })
  })

  it("may have any payload that is a JSON object, and lack every other header", async () => {
    for (const text of ["{}", "{\"executionId\":7}", "{\"data\":{\"executionId\":\"x\"}}"]) {
      const event = await deliver(bytes(text), { "x-noukai-signature": sign(bytes(text)) })
      assert.deepStrictEqual(event, { timestamp: now, body: JSON.parse(text) })
    }
  })

  it("is believed with each secret on each side of a rotation", async () => {
    const both = `t=${t},v1=${hmac(secret, `${t}.`, payload)},v2=${hmac(old, `${t}.`, payload)}`
    const one = sign(payload, old)
    for (const secrets of [[secret, old], [old, secret], [undefined, old], [old], old]) {
      assert.strictEqual((await deliver(payload, { "x-noukai-signature": both }, { secrets })).executionId, "ex_1")
      assert.strictEqual((await deliver(payload, { "x-noukai-signature": one }, { secrets })).executionId, "ex_1")
    }
    assert.strictEqual(
      (await refusal(deliver(payload, { "x-noukai-signature": one }, { secrets: secret }))).code,
      "WRONG_SIGNATURE"
    )
  })

  it("may be signed in another form", async () => {
    const signed: VerifyOptions["signed"] = (timestamp, body) => bytes(`${new TextDecoder().decode(body)}${timestamp}`)
    const header = `t=${t},v1=${hmac(secret, payload, t)}`
    assert.strictEqual((await deliver(payload, { "x-noukai-signature": header }, { signed })).executionId, "ex_1")
    assert.strictEqual((await refusal(deliver(payload, { "x-noukai-signature": header }))).code, "WRONG_SIGNATURE")
  })
})

describe("a delivery is refused", () => {
  const code = async (...args: Parameters<typeof deliver>): Promise<readonly [string, number]> => {
    const error = await refusal(deliver(...args))
    return [error.code, error.status]
  }

  it("without a signature, and with one of another form", async () => {
    assert.deepStrictEqual(await code(payload, {}), ["NO_SIGNATURE", 401])
    const hex = hmac(secret, `${t}.`, payload)
    for (
      const header of [
        "x",
        hex,
        `v1=${hex}`,
        `t=${t}`,
        `t=,v1=${hex}`,
        `t=${t},v1=`,
        `t=${t},v1=${hex.slice(1)}`,
        `t=${t},v1=${hex}0`,
        `t=${t},v0=${hex}`,
        `t=${t},v10=${hex}`,
        `t=${t},t=${t},v1=${hex}`,
        `t=-1,v1=${hex}`,
        `t=1e3,v1=${hex}`,
        `t=${t},v1=${hex.replace(/^./, "g")}`,
        `t=${t},v1=${hex},${"x".repeat(5000)}`
      ]
    ) {
      assert.deepStrictEqual(
        await code(payload, { "x-noukai-signature": header }),
        ["MALFORMED_SIGNATURE", 401],
        header
      )
    }
  })

  it("with other bytes of the same JSON", async () => {
    const header = sign(payload)
    const spaced = bytes(JSON.stringify(JSON.parse(new TextDecoder().decode(payload)), null, 1))
    assert.deepStrictEqual(await code(spaced, { "x-noukai-signature": header }), ["WRONG_SIGNATURE", 401])
  })

  it("too old, from the future, or with two times, once its signature is right", async () => {
    const at = (seconds: number) => {
      const time = String(now / 1000 + seconds)
      return { "x-noukai-signature": sign(payload, secret, time) }
    }
    assert.deepStrictEqual(await code(payload, at(-301)), ["TOO_OLD", 401])
    assert.deepStrictEqual(await code(payload, at(301)), ["FROM_THE_FUTURE", 401])
    assert.include((await refusal(deliver(payload, at(400)))).message, "400 seconds")
    for (const near of [-300, 0, 300]) assert.strictEqual((await deliver(payload, at(near))).executionId, "ex_1")
    assert.deepStrictEqual(await code(payload, at(-31), { tolerance: 30_000 }), ["TOO_OLD", 401])
    const unknown = await deliver(payload, at(-301), { now: () => NaN }).catch((error: unknown) => error)
    assert.include(String(unknown), "TypeError: verify: now must return")
    assert.deepStrictEqual(await code(payload, { ...at(0), "x-noukai-timestamp": "1" }), ["TIMESTAMP_DIFFERS", 401])
    // the age of a forged one is not told
    const forged = { "x-noukai-signature": sign(payload, "whsec_other", String(now / 1000 - 9000)) }
    assert.deepStrictEqual(await code(payload, forged), ["WRONG_SIGNATURE", 401])
  })

  it("when it is no JSON object, or its bytes are gone", async () => {
    for (
      const body of [bytes("[]"), bytes("null"), bytes("{"), bytes("7"), bytes(""), Uint8Array.of(0x7b, 0xff, 0x7d)]
    ) {
      assert.deepStrictEqual(await code(body, { "x-noukai-signature": sign(body) }), ["NOT_JSON", 400])
    }
    const header = { "x-noukai-signature": sign(payload) }
    assert.strictEqual((await deliver(Buffer.from(payload), header)).executionId, "ex_1")
    assert.deepStrictEqual(await code(undefined, header), ["BODY_CHANGED", 500])
    const parsed: unknown = JSON.parse(new TextDecoder().decode(payload))
    for (const gone of [parsed, new TextDecoder().decode(payload)]) {
      assert.deepStrictEqual(await code(gone as Uint8Array, header), ["BODY_CHANGED", 500])
    }
  })

  it("whatever the header is", async () => {
    await FC.assert(FC.asyncProperty(
      FC.oneof(
        FC.string(),
        FC.array(FC.tuple(FC.constantFrom("t", "v1", "v2", "v9", "x", ""), FC.oneof(FC.string(), FC.constant(t))))
          .map((parts) => parts.map(([name, value]) => `${name}=${value}`).join(","))
      ),
      async (header) => {
        const { code } = await refusal(deliver(payload, { "x-noukai-signature": header }))
        assert.include(["NO_SIGNATURE", "MALFORMED_SIGNATURE", "WRONG_SIGNATURE"], code)
      }
    ))
  })

  it("for every byte of the body or the signature that is changed", async () => {
    await FC.assert(FC.asyncProperty(
      FC.uint8Array({ minLength: 1, maxLength: 200 }),
      FC.nat(),
      FC.integer({ min: 1, max: 255 }),
      async (body, place, change) => {
        const header = sign(body)
        const changed = body.map((byte, index) => index === place % body.length ? byte ^ change : byte)
        assert.strictEqual((await refusal(deliver(changed, { "x-noukai-signature": header }))).code, "WRONG_SIGNATURE")
        const at = header.indexOf("v1=") + 3 + place % 64
        const digit = (Number.parseInt(header[at]!, 16) ^ (change % 15 + 1)).toString(16)
        const forged = `${header.slice(0, at)}${digit}${header.slice(at + 1)}`
        assert.strictEqual((await refusal(deliver(body, { "x-noukai-signature": forged }))).code, "WRONG_SIGNATURE")
      }
    ))
  })
})

describe("options that are wrong are refused before a delivery is looked at", () => {
  it("says which, and shows no secret", async () => {
    const none = { secrets: [] }
    const cases: ReadonlyArray<readonly [options: unknown, expected: RegExp]> = [
      [undefined, /options must be an object/],
      [[secret], /options must be an object/],
      [none, /secrets has no secret/],
      [{ secrets: undefined }, /secrets has no secret/],
      [{ secrets: [undefined] }, /secrets has no secret/],
      [{ secrets: "" }, /secrets is empty/],
      [{ secrets: [secret, ""] }, /secrets\[1\] is empty/],
      [{ secrets: [secret, null] }, /secrets\[1\] must be text/],
      [{ secret }, /secret is not an option: did you mean secrets/],
      [{ secrets: secret, tolerance: Number.NaN }, /tolerance must be a number/],
      [{ secrets: secret, tolerance: 0 }, /tolerance/],
      [{ secrets: secret, tolerance: "5 minutes" }, /tolerance/],
      [{ secrets: secret, signed: "t.body" }, /signed must be a function/]
    ]
    for (const [options, expected] of cases) {
      const message = await mistake(options)
      assert.match(message, expected)
      assert.notInclude(message, "planted0")
    }
  })
})

describe("the verifier needs nothing but crypto.subtle", () => {
  it("runs in a context that has no module and no global of Node", async () => {
    const { outputFiles: [file] } = buildSync({
      entryPoints: [createRequire(import.meta.url).resolve("../src/Webhook.ts")],
      bundle: true,
      write: false,
      format: "iife",
      globalName: "Webhook",
      platform: "neutral"
    })
    assert.notMatch(file!.text, /\brequire\(|\bprocess\b|\bBuffer\b|node_modules/)
    const context = createContext({ crypto: { subtle: webcrypto.subtle }, TextEncoder, TextDecoder, Uint8Array })
    runInContext(file!.text, context)
    const { Webhook } = context as { readonly Webhook: { readonly verify: typeof verify } }
    const signed = (key: string) => (name: string) => name === "x-noukai-signature" ? sign(payload, key) : null
    const event = await Webhook.verify(payload, signed(secret), { secrets: secret, now: () => now })
    assert.strictEqual(event.executionId, "ex_1")
    const refused = Webhook.verify(payload, signed(old), { secrets: secret, now: () => now })
    await refused.then(
      () => assert.fail("taken"),
      (error: WebhookError) => assert.strictEqual(error.code, "WRONG_SIGNATURE")
    )
  })
})

describe("nudges", () => {
  const never = new AbortController().signal
  const isOpen = async (wait: Promise<void>) => {
    await new Promise(setImmediate)
    return Promise.race([wait.then(() => false), Promise.resolve(true)])
  }

  it("wakes those who wait for the job, and nobody else", async () => {
    const { onEvent, wait } = nudges()
    const [a, again, b] = [wait("a", never), wait("a", never), wait("b", never)]
    await onEvent({ job: "a" })
    await onEvent({})
    await Promise.all([a, again])
    assert.isTrue(await isOpen(b))
  })

  it("keeps each delivery that comes before the wait for one wait", async () => {
    const { onEvent, wait } = nudges()
    await onEvent({ job: "a" })
    await onEvent({ job: "a" })
    await wait("a", never)
    await wait("a", never)
    assert.isTrue(await isOpen(wait("a", never)))
  })

  it("keeps 100,000 of them, and drops the oldest", async () => {
    const { onEvent, wait } = nudges()
    for (let job = 0; job <= 100_000; job++) void onEvent({ job: String(job) })
    await wait("1", never)
    await wait("100000", never)
    assert.isTrue(await isOpen(wait("0", never)))
  })

  it("keeps a delivery for the next wait after one that was aborted", async () => {
    const { onEvent, wait } = nudges()
    const controller = new AbortController()
    const left = wait("a", controller.signal)
    controller.abort(new Error("left"))
    await left.then(() => assert.fail("woken"), (error: Error) => assert.strictEqual(error.message, "left"))
    await onEvent({ job: "a" })
    await wait("a", never)
    await wait("a", controller.signal).then(() => assert.fail("woken"), () => undefined)
  })
})
