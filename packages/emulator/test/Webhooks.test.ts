/** Webhooks of jobs: what arrives at a receiver, what is listed, and what is never sent (docs/wire.md#webhooks). */
import {
  Emulator,
  EmulatorError,
  type EmulatorOptions,
  type FaultRule,
  samples,
  startEmulator,
  type WebhookDelivery
} from "@effect-noukai/emulator"
import { make } from "@effect-noukai/emulator/Emulator"
import type { EmulatorService } from "@effect-noukai/emulator/EmulatorService"
import { verify, type VerifyOptions, WebhookError } from "@effect-noukai/sdk/Webhook"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Redacted, TestClock } from "effect"
import { clientOf, type Parsed } from "./client.js"
import { type Received, type Receiver, receiver } from "./support/receiver.js"

const secret = "whsec_planted_0123456789abcdef0123456789abcdef"

const flows = [
  ...samples,
  { ref: "acme/test/failing", steps: [{ kind: "fail", id: "a", code: "X", message: "it broke", status: 502 }] },
  { ref: "acme/test/slow", steps: [{ kind: "template", id: "a", output: "late", duration: "5 minutes" }] }
] as const

const hello = "/seq/noukai/samples/hello-world/jobs"

const start = (to: ReadonlyArray<Receiver>, webhooks: EmulatorOptions["webhooks"] = {}, more: EmulatorOptions = {}) =>
  make({ flows, webhooks: { secret, allow: to.map(({ origin }) => origin), ...webhooks }, ...more })

const submit = (
  emulator: EmulatorService,
  callbackUrl: string,
  { path = hello, ...body }: { readonly path?: string; readonly [field: string]: unknown } = {}
): Effect.Effect<{ readonly status: number; readonly json: Parsed }> =>
  Effect.promise(() => clientOf(emulator.baseUrl, emulator.apiKey).post(path, { message: "hi", callbackUrl, ...body }))

const isLast = (status: WebhookDelivery["status"]) => status !== "pending"

/** Waits for the last status of the delivery of a job. */
const lastOf = (emulator: EmulatorService, executionId: string): Effect.Effect<WebhookDelivery> =>
  Effect.zipRight(
    emulator.awaitEvent((event) =>
      event.type === "WebhookChanged" && event.executionId === executionId && isLast(event.status)
    ),
    Effect.map(emulator.webhooks, (all) => all.find((one) => one.executionId === executionId)!)
  )

/** Waits until the timer of the next attempt is set. */
const isWaiting = (emulator: EmulatorService, attempts: number) =>
  emulator.awaitEvent((event) =>
    event.type === "WebhookChanged" && event.status === "pending" && event.attempts === attempts
  )

const checked = (one: Received, options: Partial<VerifyOptions> = {}) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.tryPromise({
      try: () => verify(one.body, one.header, { secrets: secret, now: () => now, ...options }),
      catch: (error) => error instanceof WebhookError ? error.code : String(error)
    }))

const delivered = Effect.fnUntraced(function*(emulator: EmulatorService, to: Receiver, body: object = {}) {
  const { json, status } = yield* submit(emulator, `${to.origin}/hooks?job=k1`, { ...body })
  assert.strictEqual(status, 202)
  return yield* lastOf(emulator, json.executionId)
})

describe("a webhook", () => {
  it.scopedLive("of a completed job arrives once, signed", () =>
    Effect.gen(function*() {
      const to = yield* receiver()
      const emulator = yield* start([to])
      const { json } = yield* submit(emulator, `${to.origin}/hooks/noukai?job=k1&token=private`)
      const delivery = yield* lastOf(emulator, json.executionId)
      assert.deepInclude(delivery, {
        event: "flow.completed",
        executionId: json.executionId,
        flow: "noukai/samples/hello-world",
        url: `${to.origin}/hooks/noukai?job=k1`,
        status: "delivered"
      })
      assert.strictEqual(delivery.attempts.length, 1)
      assert.strictEqual(delivery.attempts[0]!.status, 204)
      const [one, ...others] = to.received
      assert.deepStrictEqual(others, [])
      assert.strictEqual(one!.url, "/hooks/noukai?job=k1&token=private")
      assert.strictEqual(one!.header("user-agent"), "Noukai-Webhook/1.0")
      assert.strictEqual(one!.header("content-type"), "application/json")
      assert.match(one!.header("x-noukai-signature")!, /^t=\d+,v1=[0-9a-f]{64}$/)
      const event = yield* checked(one!)
      assert.deepStrictEqual(event, {
        type: "flow.completed",
        deliveryId: delivery.id,
        timestamp: event.timestamp,
        executionId: json.executionId,
        body: { executionId: json.executionId, flowId: json.flowId, status: "completed" }
      })
      assert.match(delivery.id, /^[0-9a-f-]{36}$/)
      // the job has ended when its webhook arrives
      assert.strictEqual((yield* emulator.ledger).runs[0]!.status, "completed")
    }))

  it.scopedLive("is sent for the events that were asked for, and for no cancelled job", () =>
    Effect.gen(function*() {
      const to = yield* receiver()
      const emulator = yield* start([to])
      const failing = { path: "/seq/acme/test/failing/jobs" }
      const failed = yield* delivered(emulator, to, failing)
      assert.deepInclude(failed, { event: "flow.failed", status: "delivered" })
      assert.strictEqual((yield* checked(to.received[0]!)).body.status, "failed")
      yield* submit(emulator, to.origin, { ...failing, callbackEvents: ["flow.completed"] })
      yield* submit(emulator, to.origin, { callbackEvents: ["flow.failed"] })
      yield* submit(emulator, to.origin, { callbackEvents: [] })
      const { json } = yield* submit(emulator, to.origin, { path: "/seq/acme/test/slow/jobs" })
      yield* emulator.cancelJob(json.executionId)
      yield* emulator.awaitEvent((event) => event.type === "RunEnded" && event.status === "cancelled")
      assert.deepInclude(yield* delivered(emulator, to, { callbackEvents: ["flow.completed"] }), {
        status: "delivered"
      })
      assert.deepStrictEqual(to.received.map((one) => one.header("x-noukai-event")), ["flow.failed", "flow.completed"])
      assert.strictEqual((yield* emulator.webhooks).length, 2)
    }))

  it.scopedLive("arrives at an IPv6 address, and where the URL has no path", () =>
    Effect.gen(function*() {
      const to = yield* receiver(undefined, "::1")
      const emulator = yield* start([to])
      const { json } = yield* submit(emulator, `${to.origin}?job=k`)
      assert.deepInclude(yield* lastOf(emulator, json.executionId), { status: "delivered" })
      assert.strictEqual(to.received[0]!.url, "/?job=k")
    }))
})

describe("a webhook that was not taken", () => {
  it.scoped("is delivered again after 1, 10 and 60 seconds of the clock, with the same id, then is dead", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_800_000_000_000)
      const to = yield* receiver(() => 503)
      const emulator = yield* start([to])
      const { json } = yield* submit(emulator, `${to.origin}/`)
      for (const [place, seconds] of [1, 10, 60].entries()) {
        yield* isWaiting(emulator, place + 1)
        assert.strictEqual(to.received.length, place + 1)
        yield* TestClock.adjust(`${seconds} seconds`)
      }
      const delivery = yield* lastOf(emulator, json.executionId)
      assert.deepInclude(delivery, { status: "dead" })
      const ats = delivery.attempts.map(({ at, status }) => [at - 1_800_000_000_000, status])
      assert.deepStrictEqual(ats, [[0, 503], [1000, 503], [11_000, 503], [71_000, 503]])
      assert.strictEqual(new Set(to.received.map((one) => one.header("x-noukai-delivery"))).size, 1)
      // each attempt is signed when it is sent
      assert.strictEqual((yield* checked(to.received[3]!)).timestamp, 1_800_000_071_000)
    }))

  it.scoped("is delivered by the attempt that is answered with a 2xx", () =>
    Effect.gen(function*() {
      let count = 0
      const to = yield* receiver(() => count++ === 0 ? 409 : 299)
      const emulator = yield* start([to], { retries: ["3 seconds", 1] })
      const { json } = yield* submit(emulator, `${to.origin}/`)
      yield* isWaiting(emulator, 1)
      yield* TestClock.adjust("3 seconds")
      const delivery = yield* lastOf(emulator, json.executionId)
      assert.strictEqual(delivery.status, "delivered")
      assert.deepStrictEqual(delivery.attempts.map(({ status }) => status), [409, 299])
    }))

  it.scoped("waits 20 seconds of the clock for an answer", () =>
    Effect.gen(function*() {
      const to = yield* receiver(() => undefined)
      const emulator = yield* start([to], { retries: [] })
      const { json } = yield* submit(emulator, `${to.origin}/`)
      yield* to.until(1)
      yield* TestClock.adjust("19 seconds")
      assert.deepInclude((yield* emulator.webhooks)[0], { status: "pending", attempts: [] })
      yield* TestClock.adjust("1 second")
      const { attempts, status } = yield* lastOf(emulator, json.executionId)
      assert.strictEqual(status, "dead")
      assert.deepStrictEqual(attempts, [{ at: attempts[0]!.at, ms: 20_000, error: "no answer within 20 seconds" }])
    }))

  it.scopedLive("has the reason of the connection: refused, reset, cut", () =>
    Effect.gen(function*() {
      const gone = yield* Effect.scoped(receiver())
      const resets = yield* receiver((_, response) => {
        response.socket?.resetAndDestroy()
        return undefined
      })
      const cuts = yield* receiver((_, response) => {
        response.writeHead(200, { "content-length": "100" })
        response.write("x", () => response.socket?.destroy())
        return undefined
      })
      const emulator = yield* start([gone, resets, cuts], { retries: [] })
      for (const to of [gone, resets, cuts]) {
        const { attempts, status } = yield* delivered(emulator, to)
        assert.strictEqual(status, "dead")
        assert.isUndefined(attempts[0]!.status)
        assert.isNotEmpty(attempts[0]!.error)
      }
    }))

  it.scopedLive("follows no redirect", () =>
    Effect.gen(function*() {
      const elsewhere = yield* receiver()
      for (const status of [301, 302, 303, 307, 308]) {
        const to = yield* receiver((_, response) => {
          response.writeHead(status, { location: `${elsewhere.origin}/stolen` }).end()
          return undefined
        })
        // an origin of `allow` is no target of a redirect either
        const emulator = yield* start([to, elsewhere], { retries: [] })
        const delivery = yield* delivered(emulator, to)
        assert.strictEqual(delivery.status, "dead")
        assert.deepStrictEqual(delivery.attempts.map((attempt) => attempt.status), [status])
      }
      assert.strictEqual(elsewhere.connections(), 0)
    }))

  it.scopedLive("ends with the emulator", () =>
    Effect.gen(function*() {
      let closed = 0
      const to = yield* receiver((_, response) => {
        response.on("close", () => closed++)
        return undefined
      })
      const emulator = yield* Effect.promise(() => startEmulator({ webhooks: { secret, allow: [to.origin] }, flows }))
      const body = { message: "hi", callbackUrl: to.origin }
      yield* Effect.promise(() => clientOf(emulator.baseUrl, Redacted.make(emulator.apiKey)).post(hello, body))
      yield* to.until(1)
      yield* Effect.promise(() => emulator.close())
      while (closed === 0) yield* Effect.sleep(1)
      assert.deepInclude(emulator.webhooks()[0], { status: "pending" })
    }))

  it.scoped("and its retries are gone after a reset", () =>
    Effect.gen(function*() {
      const to = yield* receiver(() => 500)
      const emulator = yield* start([to])
      yield* submit(emulator, to.origin)
      yield* isWaiting(emulator, 1)
      yield* emulator.reset
      assert.deepStrictEqual(yield* emulator.webhooks, [])
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(to.received.length, 1)
    }))
})

describe("a webhook to another address", () => {
  it.scopedLive("is refused, or listed and never sent", () =>
    Effect.gen(function*() {
      const to = yield* receiver()
      const other = yield* receiver()
      const port = to.origin.slice(to.origin.lastIndexOf(":") + 1)
      const otherPort = other.origin.slice(other.origin.lastIndexOf(":") + 1)
      const emulator = yield* start([to])
      const refused = [
        `${other.origin}/hooks`,
        `http://localhost:${port}/`,
        `http://127.1:${port}/`,
        `http://0x7f000001:${port}/`,
        `http://2130706433:${port}/`,
        `http://0177.0.0.1:${port}/`,
        `http://[::1]:${port}/`,
        `http://[::ffff:127.0.0.1]:${port}/`,
        `http://127.0.0.1.:${port}/`,
        `http://127.0.0.2:${port}/`,
        `http://user@127.0.0.1:${port}/`,
        `http://user:password@127.0.0.1:${port}/`,
        `${to.origin}@127.0.0.1:${otherPort}/`,
        `${to.origin}#@127.0.0.1:${otherPort}/`,
        `${to.origin}\\@127.0.0.1:${otherPort}/`,
        `${to.origin}0/`,
        `${to.origin}.evil.example/`,
        `HTTP://127.0.0.1:${port}/`,
        ` ${to.origin}/`,
        `ht\ntp://127.0.0.1:${port}/`,
        `http:127.0.0.1:${port}/`,
        `http:\\\\127.0.0.1:${port}/`,
        "http://127.0.0.1/",
        "http://127.0.0.1",
        "http://me.example/",
        `ftp://127.0.0.1:${port}/`,
        "file:///etc/passwd",
        "not a URL",
        ""
      ]
      for (const url of refused) {
        const { json, status } = yield* submit(emulator, url)
        assert.strictEqual(status, 422, url)
        assert.deepStrictEqual(json.detail[0].loc, ["body", "callbackUrl"], url)
      }
      assert.deepStrictEqual(yield* emulator.webhooks, [])
      const listed: ReadonlyArray<readonly [url: string, status: WebhookDelivery["status"], shown?: string]> = [
        ["https://me.example/hooks?job=k&token=private", "not_sent", "https://me.example/hooks?job=k"],
        ["https://user:private@me.example/", "not_sent", "https://me.example/"],
        ["https://93.184.216.34:8443/", "not_sent"],
        [`https://127.0.0.1:${port}/`, "failed_permanent"],
        [`https://127.1:${port}/`, "failed_permanent", `https://127.0.0.1:${port}/`],
        [`https://localhost:${port}/`, "failed_permanent"],
        [`https://a.localhost.:${otherPort}/`, "failed_permanent"],
        [`https://[::1]:${otherPort}/`, "failed_permanent"],
        [`https://[::ffff:127.0.0.1]:${otherPort}/`, "failed_permanent", `https://[::ffff:7f00:1]:${otherPort}/`],
        ["https://10.1.2.3/", "failed_permanent"],
        ["https://192.168.0.1/", "failed_permanent"],
        ["https://169.254.169.254/latest", "failed_permanent"],
        ["https://[fd00::1]/", "failed_permanent"]
      ]
      for (const [url, status, shown = url] of listed) {
        const { json } = yield* submit(emulator, url)
        assert.deepInclude(yield* lastOf(emulator, json.executionId), { status, url: shown, attempts: [] }, url)
      }
      assert.notInclude(JSON.stringify(yield* emulator.webhooks), "private")
      assert.strictEqual(to.connections(), 0)
      assert.strictEqual(other.connections(), 0)
    }))

  it.scopedLive("is listed and not sent where no origin is allowed", () =>
    Effect.gen(function*() {
      const to = yield* receiver()
      const emulator = yield* make({ flows })
      assert.strictEqual((yield* submit(emulator, to.origin)).status, 422)
      const { json } = yield* submit(emulator, "https://me.example/")
      assert.deepInclude(yield* lastOf(emulator, json.executionId), { status: "not_sent" })
      assert.strictEqual(to.connections(), 0)
    }))
})

describe("the secret of webhooks", () => {
  it.scoped("signs as v2 for 24 hours after a rotation, and v1 is the new one", () =>
    Effect.gen(function*() {
      const to = yield* receiver()
      const emulator = yield* start([to])
      const next = Redacted.value(yield* emulator.rotateWebhookSecret)
      assert.match(next, /^whsec_[0-9a-f]{64}$/)
      yield* TestClock.adjust("23 hours")
      yield* delivered(emulator, to)
      assert.match(to.received[0]!.header("x-noukai-signature")!, /^t=\d+,v1=[0-9a-f]{64},v2=[0-9a-f]{64}$/)
      for (const secrets of [secret, next, [next, secret]]) yield* checked(to.received[0]!, { secrets })
      yield* TestClock.adjust("1 hour")
      yield* delivered(emulator, to)
      assert.match(to.received[1]!.header("x-noukai-signature")!, /^t=\d+,v1=[0-9a-f]{64}$/)
      yield* checked(to.received[1]!, { secrets: next })
      assert.strictEqual(yield* Effect.flip(checked(to.received[1]!)), "WRONG_SIGNATURE")
      // a second rotation within a day forgets the first secret
      const third = Redacted.value(yield* emulator.rotateWebhookSecret)
      const fourth = Redacted.value(yield* emulator.rotateWebhookSecret)
      yield* delivered(emulator, to)
      for (const secrets of [third, fourth]) yield* checked(to.received[2]!, { secrets })
      assert.strictEqual(yield* Effect.flip(checked(to.received[2]!, { secrets: next })), "WRONG_SIGNATURE")
      yield* emulator.reset
      yield* delivered(emulator, to)
      yield* checked(to.received[3]!)
    }))

  it.scopedLive("is rotated, and deliveries are listed, by the paths of the API", () =>
    Effect.gen(function*() {
      const to = yield* receiver()
      const keys = [
        { key: "nk_acme", org: "acme", project: "test" },
        { key: "nk_other", org: "noukai", project: "samples" }
      ]
      const emulator = yield* start([to], {}, { keys })
      const { json } = yield* submit(emulator, to.origin, { path: "/seq/acme/test/failing/jobs" })
      const delivery = yield* lastOf(emulator, json.executionId)
      const client = clientOf(emulator.baseUrl, emulator.apiKey)
      const base = "/organizations/acme/webhooks"
      const listed = yield* Effect.promise(() => client.get(`${base}/deliveries`))
      assert.deepStrictEqual(listed.json, { deliveries: [delivery] })
      const rotated = yield* Effect.promise(() => client.request("POST", `${base}/secret/rotate`))
      assert.strictEqual(rotated.status, 200)
      const { secret: next } = (yield* Effect.promise(() => rotated.json())) as { readonly secret: string }
      yield* submit(emulator, to.origin, { path: "/seq/acme/test/failing/jobs" })
      yield* to.until(2)
      yield* checked(to.received[1]!, { secrets: next })
      for (
        const [method, path] of [["GET", `${base}/deliveries`], ["POST", `${base}/secret/rotate`]] as const
      ) {
        for (const [key, status] of [[null, 401], ["nk_unknown", 401], ["nk_other", 403]] as const) {
          const response = yield* Effect.promise(() => client.request(method, path, { key }))
          assert.strictEqual(response.status, status, `${method} ${path} ${key}`)
        }
        const wrong = yield* Effect.promise(() => client.request(method === "GET" ? "POST" : "GET", path))
        assert.strictEqual(wrong.status, 405)
      }
      yield* checked(to.received[1]!, { secrets: next })
    }))

  it.scopedLive("stands in no list, no answer and no log", () =>
    Effect.gen(function*() {
      const to = yield* receiver(() => 500)
      const requests: Array<unknown> = []
      const emulator = yield* start([to], { retries: [] }, {
        onRequest: (request) => requests.push(request),
        faults: [{ match: { endpoint: "webhook" }, script: ["signature", "changed"] }]
      })
      for (let count = 0; count < 3; count++) yield* delivered(emulator, to)
      const client = clientOf(emulator.baseUrl, emulator.apiKey)
      const rotated = yield* Effect.promise(() => client.request("POST", "/organizations/a/webhooks/secret/rotate"))
      const { secret: next } = (yield* Effect.promise(() => rotated.json())) as { readonly secret: string }
      yield* delivered(emulator, to)
      const pages = yield* Effect.promise(() =>
        Promise.all([
          ...["ledger", "runs", ""].map((path) =>
            fetch(`${emulator.url}/_emulator/${path}`).then((page) => page.text())
          ),
          client.get("/organizations/noukai/webhooks/deliveries").then(({ text }) => text)
        ])
      )
      const shown = JSON.stringify([requests, pages, yield* emulator.ledger, yield* emulator.webhooks])
      for (const each of [secret, next]) assert.notInclude(shown, each.slice("whsec_".length))
    }))
})

const withFault = (script: readonly [string, ...ReadonlyArray<string>]): FaultRule => ({
  match: { endpoint: "webhook" },
  script
})

describe("a fault of webhooks", () => {
  it.scoped("late: it is sent later on the clock", () =>
    Effect.gen(function*() {
      const to = yield* receiver()
      const emulator = yield* start([to], {}, { faults: [withFault(["late:5000"])] })
      const { json } = yield* submit(emulator, to.origin)
      yield* isWaiting(emulator, 0)
      yield* TestClock.adjust("4999 millis")
      assert.strictEqual(to.connections(), 0)
      yield* TestClock.adjust(1)
      const { attempts, fault, status } = yield* lastOf(emulator, json.executionId)
      assert.deepStrictEqual([status, fault, attempts.length], ["delivered", "late:5000", 1])
      yield* checked(to.received[0]!)
    }))

  it.scopedLive("twice: the same delivery arrives two times", () =>
    Effect.gen(function*() {
      const to = yield* receiver()
      const emulator = yield* start([to], {}, { faults: [withFault(["twice"])] })
      const delivery = yield* delivered(emulator, to)
      assert.deepStrictEqual(delivery.attempts.map(({ status }) => status), [204, 204])
      const [one, two] = to.received
      assert.strictEqual(one!.header("x-noukai-delivery"), two!.header("x-noukai-delivery"))
      assert.strictEqual(to.received.length, 2)
    }))

  it.scopedLive("reorder: the next delivery comes first", () =>
    Effect.gen(function*() {
      const to = yield* receiver()
      const emulator = yield* start([to], {}, { faults: [withFault(["reorder", "reorder", "ok"])] })
      const first = yield* submit(emulator, `${to.origin}/1`)
      yield* isWaiting(emulator, 0)
      const second = yield* submit(emulator, `${to.origin}/2`)
      yield* lastOf(emulator, first.json.executionId)
      yield* lastOf(emulator, second.json.executionId)
      assert.deepStrictEqual(to.received.map(({ url }) => url), ["/2", "/1"])
    }))

  it.scoped("reorder: goes on after 10 seconds without another", () =>
    Effect.gen(function*() {
      const to = yield* receiver()
      const emulator = yield* start([to], {}, { faults: [withFault(["reorder"])] })
      const { json } = yield* submit(emulator, to.origin)
      yield* isWaiting(emulator, 0)
      yield* TestClock.adjust("10 seconds")
      assert.deepInclude(yield* lastOf(emulator, json.executionId), { status: "delivered" })
    }))

  const signed: ReadonlyArray<readonly [fault: string, code: string | undefined]> = [
    ["signature", "WRONG_SIGNATURE"],
    ["changed", "WRONG_SIGNATURE"],
    ["old", "TOO_OLD"]
  ]
  for (const [fault, code] of signed) {
    it.scopedLive(`${fault}: a verifier refuses it as ${code}`, () =>
      Effect.gen(function*() {
        const to = yield* receiver()
        const emulator = yield* start([to], {}, { faults: [withFault([fault])] })
        const delivery = yield* delivered(emulator, to)
        assert.strictEqual(delivery.fault, fault)
        assert.strictEqual(yield* Effect.flip(checked(to.received[0]!)), code)
        assert.deepInclude(JSON.parse(to.received[0]!.body.toString()), { executionId: delivery.executionId })
        if (fault === "old") yield* checked(to.received[0]!, { tolerance: 4_000_000 })
        yield* delivered(emulator, to)
        yield* checked(to.received[1]!)
      }))
  }

  it.scopedLive("drop: it is never sent", () =>
    Effect.gen(function*() {
      const to = yield* receiver()
      const emulator = yield* start([to], {}, { faults: [withFault(["drop"])] })
      const delivery = yield* delivered(emulator, to)
      assert.deepInclude(delivery, { status: "not_sent", fault: "drop", attempts: [] })
      assert.strictEqual(to.connections(), 0)
    }))

  it.scopedLive("is of one delivery and all of its attempts, by flow and by number", () =>
    Effect.gen(function*() {
      const to = yield* receiver((one) => one.header("x-noukai-signature") === undefined ? 204 : 500)
      const emulator = yield* start([to], { retries: [1, 1] }, {
        faults: [
          { match: { endpoint: "webhook", flow: "acme/test/failing", nth: 2 }, script: ["signature"] },
          { match: { endpoint: "webhook" }, rate: 1, faults: ["twice,late:1"] }
        ]
      })
      const failing = { path: "/seq/acme/test/failing/jobs" }
      assert.deepInclude(yield* delivered(emulator, to, failing), { fault: "twice,late:1" })
      assert.deepInclude(yield* delivered(emulator, to), { fault: "twice,late:1" })
      const before = to.received.length
      const second = yield* delivered(emulator, to, failing)
      assert.deepInclude(second, { fault: "signature", status: "dead" })
      for (const one of to.received.slice(before)) {
        assert.strictEqual(yield* Effect.flip(checked(one)), "WRONG_SIGNATURE")
      }
      assert.strictEqual(to.received.length - before, 3)
    }))

  it.scopedLive("is apart from the faults of requests", () =>
    Effect.gen(function*() {
      const to = yield* receiver()
      const emulator = yield* start([to])
      yield* emulator.addFaults({ script: ["503"], repeat: true })
      // a rule without an endpoint is about requests
      assert.strictEqual((yield* submit(emulator, to.origin)).status, 503)
      yield* emulator.clearFaults
      yield* emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["delay:1"] }, { rate: 0, faults: ["503"] })
      assert.isUndefined((yield* delivered(emulator, to)).fault)
      const wrong: ReadonlyArray<readonly [rule: FaultRule, path: string, text: string]> = [
        [withFault(["twice", "503"]), "faults[0].script[1]", "\"503\" is a fault of requests"],
        [withFault(["drop:e1"]), "faults[0].script[0]", "\"drop:e1\" is a fault of requests"],
        [withFault(["twice,crlf"]), "faults[0].script[0]", "\"twice,crlf\" is a fault of requests"],
        [
          { match: { endpoint: "execute" }, script: ["drop"] },
          "faults[0].script[0]",
          "\"drop\" is a fault of webhooks"
        ],
        [{ script: ["late:1"] }, "faults[0].script[0]", "write match: { endpoint: \"webhook\" }"],
        [{ rate: 1, faults: ["503", "twice"] }, "faults[0].faults[1]", "\"twice\" is a fault of webhooks"],
        [withFault(["late"]), "faults[0].script[0]", "\"late\" is not a fault"],
        [{ match: { endpoint: "webhooks" }, script: ["drop"] }, "faults[0].match.endpoint", "must be one of execute"]
      ]
      for (const [rule, path, text] of wrong) {
        const error = yield* Effect.flip(emulator.addFaults(rule))
        assert.strictEqual(error.path, path)
        assert.include(error.message, text)
        const started = yield* Effect.flip(Effect.scoped(make({ faults: [rule] })))
        assert.strictEqual(started.path, path)
      }
      const headers = { "x-noukai-emulator-fault": "twice" }
      const client = clientOf(emulator.baseUrl, emulator.apiKey)
      const { json, status } = yield* Effect.promise(() => client.post(hello, { message: "hi" }, headers))
      assert.deepStrictEqual([status, json.detail.code], [400, "INVALID_FAULT"])
    }))
})

describe("the options of webhooks", () => {
  const any = (value: unknown) => value as never
  const form = "scheme://address:port and nothing else, such as http://127.0.0.1:8787"
  const wrong: ReadonlyArray<readonly [webhooks: object, path: string, message: string]> = [
    ...[
      "http://127.0.0.1",
      "http://127.0.0.1:8787/",
      "http://127.0.0.1:8787/hooks",
      "http://127.0.0.1:8787?x",
      "http://127.0.0.1:0",
      "http://127.0.0.1:08787",
      "http://127.0.0.1:99999",
      "http://user@127.0.0.1:8787",
      "127.0.0.1:8787",
      "ftp://127.0.0.1:21",
      "HTTP://127.0.0.1:8787",
      " http://127.0.0.1:8787",
      "*",
      ""
    ].map((entry) => [{ allow: [entry] }, "webhooks.allow[0]", `must be ${form}, not ${entry}`] as const),
    [
      { allow: ["http://[::1]:1", "http://127.1:8787"] },
      "webhooks.allow[1]",
      "must have its address in the usual form"
    ],
    [{ allow: ["http://[0:0::1]:8787"] }, "webhooks.allow[0]", "must have its address in the usual form"],
    [{ allow: ["http://localhost:8787"] }, "webhooks.allow[0]", "must have an address and not a name"],
    [{ allow: ["http://me.example:80"] }, "webhooks.allow[0]", "must have an address and not a name"],
    [{ allow: ["http://10.0.0.1:80"] }, "webhooks.allow[0]", "must be on this machine"],
    [{ allow: ["http://0.0.0.0:80"] }, "webhooks.allow[0]", "must be on this machine"],
    [{ allow: ["http://[::ffff:7f00:1]:80"] }, "webhooks.allow[0]", "must be on this machine"],
    [{ allow: [8787] }, "webhooks.allow[0]", `must be ${form}, not 8787`],
    [{ allow: "http://127.0.0.1:8787" }, "webhooks.allow", "must be a list"],
    [{ retries: ["1 second", "Infinity"] }, "webhooks.retries[1]", "must be a finite duration of at least 0"],
    [{ retries: [-1] }, "webhooks.retries[0]", "must be a finite duration of at least 0"],
    [{ retries: [NaN] }, "webhooks.retries[0]", "must be a finite duration of at least 0"],
    [{ retries: 3 }, "webhooks.retries", "must be a list"],
    [{ secret: "" }, "webhooks.secret", "must be a text that is not empty"],
    [{ secret: 7 }, "webhooks.secret", "must be a text that is not empty"],
    [{ allowed: [] }, "webhooks.allowed", "did you mean allow?"]
  ]
  for (const [webhooks, path, message] of wrong) {
    it(`are refused: ${JSON.stringify(webhooks)}`, async () => {
      const error = await Effect.runPromise(Effect.flip(Effect.scoped(make({ webhooks: any(webhooks) }))))
      assert.instanceOf(error, EmulatorError)
      assert.strictEqual(error.path, path)
      assert.include(error.message, message)
    })
  }

  it.scopedLive("take every address of loopback, each port, and the layer takes them", () =>
    Effect.gen(function*() {
      const allow = ["http://127.0.0.1:80", "https://127.0.0.1:443", "http://127.8.9.1:8787", "http://[::1]:65535"]
      yield* make({ webhooks: { allow, retries: [0] } })
      const to = yield* receiver()
      yield* Effect.gen(function*() {
        const emulator = yield* Emulator
        yield* delivered(emulator, to)
      }).pipe(Effect.provide(Emulator.layer({ flows, webhooks: { allow: [to.origin] } })))
      yield* checked(to.received[0]!, { secrets: "whsec_emulator_00000000000000000000000000000000" })
    }))
})
