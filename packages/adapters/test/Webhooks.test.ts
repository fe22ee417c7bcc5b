/** Deliveries of webhooks over sockets: each server, what a parser before the handler does, and each delivery once. */
import { webhooks as expressWebhooks } from "@effect-noukai/adapters/express"
import * as Platform from "@effect-noukai/adapters/platform"
import { webhooks as webWebhooks } from "@effect-noukai/adapters/web"
import { type Deliveries, deliveries, type WebhookOptions } from "@effect-noukai/adapters/Webhooks"
import { InvalidRequestError } from "@effect-noukai/sdk/NoukaiError"
import { nudges, type WebhookEvent } from "@effect-noukai/sdk/Webhook"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpServer from "@effect/platform/HttpServer"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as TestContext from "effect/TestContext"
import express5 from "express"
import express4 from "express4"
import { Hono } from "hono"
import { createHmac, randomUUID } from "node:crypto"
import { createServer, type Server } from "node:http"
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import { receiver } from "../src/internal/webhooks.js"
import { listen, listenWeb } from "./support/listen.js"

const secret = "whsec_planted0Webhook0Secret0000"

/** The headers of a signed delivery. */
const signed = (body: string, { at = Date.now(), id = randomUUID() as string, key = secret } = {}) => {
  const t = String(Math.floor(at / 1000))
  return {
    "content-type": "application/json",
    "x-noukai-event": "flow.completed",
    "x-noukai-delivery": id,
    "x-noukai-timestamp": t,
    "x-noukai-signature": `t=${t},v1=${createHmac("sha256", key).update(`${t}.${body}`).digest("hex")}`
  }
}

const body = "{\"executionId\": \"ex_1\"}"

const signal = () => {
  let give = () => {}
  const given = new Promise<void>((resolve) => {
    give = resolve
  })
  return { given, give: () => give() }
}

type App = { readonly url: string; readonly close: () => Promise<void> }

let open: Array<App> = []
let lines: Array<string> = []

beforeEach(() => {
  lines = []
  for (const level of ["log", "info", "warn", "error", "debug"] as const) {
    vi.spyOn(console, level).mockImplementation((...args) => void lines.push(args.join(" ")))
  }
})

afterEach(async () => {
  vi.restoreAllMocks()
  for (const app of open) await app.close()
  open = []
  // no line of any test has a byte of the secret
  assert.notMatch(lines.join("\n"), /planted0/)
})

const none = async () => {}

const served = async (app: Promise<App>): Promise<App> => {
  const running = await app
  open.push(running)
  return running
}

const platform = async (options: WebhookOptions): Promise<App> => {
  const { onEvent, secrets, ...rest } = options
  const app = Effect.runSync(Platform.webhooks({
    ...rest,
    secrets: [secrets].flat().map((one) => one === undefined ? one : Redacted.make(one)),
    onEvent: (event) => Effect.promise(async () => onEvent(event))
  }))
  const server: Server = createServer()
  const fiber = Effect.runFork(
    Effect.scoped(Effect.zipRight(HttpServer.serveEffect(app), Effect.never)).pipe(
      Effect.provide(NodeHttpServer.layer(() => server, { host: "127.0.0.1", port: 0 }))
    )
  )
  await vi.waitUntil(() => server.listening, 30_000)
  const { port } = server.address() as { readonly port: number }
  return { url: `http://127.0.0.1:${port}`, close: () => Effect.runPromise(Fiber.interrupt(fiber)).then(() => {}) }
}

type Server5 = typeof express5

const expresses = [["Express 4", express4 as unknown as Server5], ["Express 5", express5]] as const

/** Servers with the handler alone. */
const servers: ReadonlyArray<readonly [name: string, start: (options: WebhookOptions) => Promise<App>]> = [
  ...expresses.map(([name, express]) =>
    [name, (options: WebhookOptions) => {
      const app = express()
      app.all("/hooks", expressWebhooks(options))
      return listen(app, none)
    }] as const
  ),
  ["web", (options) => listenWeb(webWebhooks(options), none)],
  ["Hono", (options) => {
    const app = new Hono()
    const handler = webWebhooks(options)
    app.all("/hooks", (context) => handler(context.req.raw))
    return listenWeb(app.fetch, none)
  }],
  ["@effect/platform", platform]
]

const deliver = async (app: App, headers: Record<string, string>, text = body, query = "") => {
  const response = await fetch(`${app.url}/hooks${query}`, { method: "POST", headers, body: text })
  return { status: response.status, body: await response.json() as unknown }
}

for (const [name, start] of servers) {
  describe(name, () => {
    it("hands a delivery over once, with the key of its job", async () => {
      const events: Array<WebhookEvent> = []
      const app = await served(start({ secrets: secret, onEvent: (event) => void events.push(event) }))
      const headers = signed(body, { id: "one" })
      assert.deepStrictEqual(await deliver(app, headers, body, "?team=a&job=key%201"), {
        status: 200,
        body: { handled: true }
      })
      assert.deepStrictEqual(await deliver(app, headers), { status: 200, body: { handled: false } })
      const [{ timestamp, ...event } = assert.fail("no event"), ...more] = events
      assert.deepStrictEqual(event, {
        type: "flow.completed",
        deliveryId: "one",
        executionId: "ex_1",
        job: "key 1",
        body: { executionId: "ex_1" }
      })
      assert.strictEqual(timestamp % 1000, 0)
      assert.deepStrictEqual(more, [])
    })

    it("refuses what the service did not sign, and says each reason once", async () => {
      const app = await served(start({ secrets: [undefined, secret], onEvent: () => assert.fail("an event") }))
      const wrong = signed(body, { key: "whsec_another0planted0" })
      for (let n = 0; n < 2; n++) {
        assert.deepStrictEqual(await deliver(app, wrong), { status: 401, body: { detail: "WRONG_SIGNATURE" } })
      }
      assert.deepStrictEqual(await deliver(app, {}), { status: 401, body: { detail: "NO_SIGNATURE" } })
      assert.deepStrictEqual(await deliver(app, signed(body, { at: Date.now() - 400_000 })), {
        status: 401,
        body: { detail: "TOO_OLD" }
      })
      assert.deepStrictEqual(await deliver(app, signed("[]"), "[]"), { status: 400, body: { detail: "NOT_JSON" } })
      assert.deepStrictEqual(
        lines.map((line) => /a webhook was refused, (\w+)/.exec(line)?.[1]),
        ["WRONG_SIGNATURE", "NO_SIGNATURE", "TOO_OLD", "NOT_JSON"]
      )
    })

    it("lets the service deliver again where the handler failed, and keeps its secrets out of the log", async () => {
      let calls = 0
      const app = await served(start({
        secrets: secret,
        onEvent: () => {
          if (++calls === 1) throw new Error(`refused ${secret}`)
        }
      }))
      const headers = signed(body)
      assert.deepStrictEqual(await deliver(app, headers), { status: 500, body: { detail: "NOT_HANDLED" } })
      assert.deepStrictEqual(await deliver(app, headers), { status: 200, body: { handled: true } })
      assert.strictEqual(calls, 2)
      assert.lengthOf(lines, 1)
      assert.include(lines[0], "the handler of a webhook failed")
      assert.include(lines[0], "[redacted]")
    })

    it("answers 409 to a copy while the first is handled", async () => {
      const [gate, begun] = [signal(), signal()]
      const app = await served(start({
        secrets: secret,
        onEvent: () => {
          begun.give()
          return gate.given
        }
      }))
      const headers = signed(body)
      const first = deliver(app, headers)
      await begun.given
      assert.deepStrictEqual(await deliver(app, headers), { status: 409, body: { detail: "DELIVERY_IN_PROGRESS" } })
      gate.give()
      assert.strictEqual((await first).status, 200)
    })

    it("answers a request that is no delivery", async () => {
      const app = await served(start({ secrets: secret, onEvent: () => assert.fail("an event"), maxBodyBytes: 100 }))
      const got = await fetch(`${app.url}/hooks`)
      assert.strictEqual(got.status, 405)
      assert.strictEqual(got.headers.get("allow"), "POST")
      const large = JSON.stringify({ text: "x".repeat(200) })
      assert.deepStrictEqual(await deliver(app, signed(large), large), {
        status: 413,
        body: { detail: "BODY_TOO_LARGE" }
      })
    })
  })
}

for (const [name, express] of expresses) {
  describe(`${name} and a body parser`, () => {
    const keeping = express.json({
      verify: (request, _response, bytes) => void Object.assign(request, { rawBody: bytes })
    })
    const spaced = "{ \"executionId\" : \"ex_1\" }"
    const cases: ReadonlyArray<readonly [parser: string, middleware: ReturnType<Server5["json"]>, status: number]> = [
      ["express.raw", express.raw({ type: "application/json" }), 200],
      ["express.json that keeps the bytes", keeping, 200],
      ["express.json", express.json(), 500],
      ["express.text", express.text({ type: "application/json" }), 500],
      ["express.json for another type", express.json({ type: "application/x-other" }), 200]
    ]
    for (const [parser, middleware, status] of cases) {
      it(`${parser}: ${status}`, async () => {
        let events = 0
        const app = express()
        app.use(middleware)
        app.post("/hooks", expressWebhooks({ secrets: secret, onEvent: () => void events++ }))
        const running = await served(listen(app, none))
        assert.strictEqual((await deliver(running, signed(spaced), spaced)).status, status)
        assert.strictEqual((await deliver(running, signed(spaced), spaced)).status, status)
        assert.strictEqual(events, status === 200 ? 2 : 0)
        // what to move, once
        assert.deepStrictEqual(lines.map((line) => line.includes("BODY_CHANGED")), status === 200 ? [] : [true])
        if (status !== 200) assert.include(lines[0], "before any body parser")
      })
    }
  })
}

describe("Hono after context.req.json()", () => {
  it("answers 500, never 401", async () => {
    const app = new Hono()
    const handler = webWebhooks({ secrets: secret, onEvent: () => assert.fail("an event") })
    app.post("/hooks", async (context) => {
      await context.req.json()
      return handler(context.req.raw)
    })
    const running = await served(listenWeb(app.fetch, none))
    assert.deepStrictEqual(await deliver(running, signed(body)), { status: 500, body: { detail: "BODY_CHANGED" } })
    assert.lengthOf(lines, 1)
  })
})

describe("a store of deliveries", () => {
  it("is asked by every process, and hears how the work ended", async () => {
    const calls: Array<string> = []
    const shared = deliveries()
    const store: Deliveries = {
      claim: async (id) => {
        const claim = await shared.claim(id)
        calls.push(`claim ${claim}`)
        return claim
      },
      handled: (id) => {
        calls.push("handled")
        return shared.handled(id)
      },
      release: (id) => {
        calls.push("release")
        return shared.release(id)
      }
    }
    let fails = true
    const options: WebhookOptions = {
      secrets: secret,
      deliveries: store,
      onEvent: () => {
        if (fails) throw new Error("busy")
      }
    }
    const [one, other] = [
      await served(listenWeb(webWebhooks(options), none)),
      await served(listenWeb(webWebhooks(options), none))
    ]
    const headers = signed(body)
    assert.strictEqual((await deliver(one, headers)).status, 500)
    fails = false
    assert.deepStrictEqual(await deliver(other, headers), { status: 200, body: { handled: true } })
    assert.deepStrictEqual(await deliver(one, headers), { status: 200, body: { handled: false } })
    assert.deepStrictEqual(calls, ["claim claimed", "release", "claim claimed", "handled", "claim handled"])
  })

  it("that fails leaves the delivery to the service", async () => {
    const store: Deliveries = { ...deliveries(), claim: () => Promise.reject(new Error("no database")) }
    const app = await served(
      listenWeb(webWebhooks({ secrets: secret, deliveries: store, onEvent: () => assert.fail("an event") }), none)
    )
    assert.deepStrictEqual(await deliver(app, signed(body)), { status: 500, body: { detail: "NOT_HANDLED" } })
    assert.include(lines[0], "the store of deliveries failed")
  })

  it("that fails to take a note changes nothing of what was handled", async () => {
    const down = () => Promise.reject(new Error("no database"))
    const store: Deliveries = { ...deliveries(), handled: down, release: down }
    let fails = true
    const onEvent = () => {
      if (fails) throw new Error("busy")
    }
    const app = await served(listenWeb(webWebhooks({ secrets: secret, deliveries: store, onEvent }), none))
    assert.deepStrictEqual(await deliver(app, signed(body)), { status: 500, body: { detail: "NOT_HANDLED" } })
    assert.include(lines.join("\n"), "the handler of a webhook failed: Error: busy")
    assert.include(lines.join("\n"), "the store of deliveries failed: Error: no database")
    fails = false
    const other = signed(body)
    assert.deepStrictEqual(await deliver(app, other), { status: 200, body: { handled: true } })
  })

  it("that answers in another form leaves the delivery to the service", async () => {
    for (const claim of [false, true, undefined, null, 0, "done"]) {
      lines.length = 0
      const store: Deliveries = { ...deliveries(), claim: () => claim as never }
      const app = await served(
        listenWeb(webWebhooks({ secrets: secret, deliveries: store, onEvent: () => assert.fail("an event") }), none)
      )
      assert.deepStrictEqual(await deliver(app, signed(body)), { status: 500, body: { detail: "NOT_HANDLED" } })
      assert.include(lines[0], "claim must return")
    }
  })

  it("forgets the oldest of 100,000", () => {
    const { claim, handled } = deliveries()
    for (let n = 0; n <= 100_000; n++) {
      void claim(String(n))
      void handled(String(n))
    }
    assert.strictEqual(claim("1"), "handled")
    assert.strictEqual(claim("0"), "claimed")
  })
})

describe("a handler that takes longer than 15 seconds", () => {
  it("is a 500, and counts when it ends", () =>
    Effect.runPromise(
      Effect.gen(function*() {
        const done = yield* Deferred.make<void>()
        const answers = receiver({ secrets: secret, now: () => 0 }, () => Deferred.await(done))
        const t = { ...signed(body, { at: 0, id: "slow" }) } as Record<string, string>
        const delivered = {
          method: "POST",
          url: "/hooks",
          header: (name: string) => t[name],
          body: new TextEncoder().encode(body)
        }
        const first = yield* Effect.fork(answers(delivered))
        yield* Effect.repeat(
          Effect.zipRight(Effect.promise(() => new Promise(setImmediate)), TestClock.sleeps()),
          { until: (sleeps) => [...sleeps].includes(15_000) }
        )
        yield* TestClock.adjust("15 seconds")
        assert.strictEqual((yield* Fiber.join(first)).status, 500)
        assert.strictEqual((yield* answers(delivered)).status, 409)
        yield* Deferred.succeed(done, undefined)
        yield* Effect.repeatN(Effect.promise(() => new Promise(setImmediate)), 3)
        const again = yield* answers(delivered)
        assert.deepStrictEqual([again.status, again.body], [200, "{\"handled\":false}"])
      }).pipe(
        Effect.provide(Logger.remove(Logger.defaultLogger)),
        Effect.provide(TestContext.TestContext)
      )
    ))
})

describe("options that are wrong", () => {
  it("are refused when the handler is made", () => {
    const onEvent = nudges().onEvent
    const cases: ReadonlyArray<readonly [options: object, field: string]> = [
      [{ onEvent }, "secrets"],
      [{ onEvent, secrets: "" }, "secrets"],
      [{ onEvent, secrets: [secret, ""] }, "secrets[1]"],
      [{ onEvent, secrets: [undefined] }, "secrets"],
      [{ secrets: secret }, "onEvent"],
      [{ onEvent, secret }, "secret"],
      [{ onEvent, secrets: secret, tolerance: -1 }, "tolerance"],
      [{ onEvent, secrets: secret, maxBodyBytes: Number.NaN }, "maxBodyBytes"],
      [{ onEvent, secrets: secret, deliveries: { claim: () => "claimed" } }, "deliveries.handled"]
    ]
    for (const [options, field] of cases) {
      for (const make of [webWebhooks, expressWebhooks]) {
        try {
          make(options as WebhookOptions)
          assert.fail(`taken: ${field}`)
        } catch (error) {
          assert.instanceOf(error, InvalidRequestError)
          assert.strictEqual(error.field, field)
          assert.notInclude(error.message, "planted0")
        }
      }
    }
    const refused = Effect.runSync(Effect.flip(Platform.webhooks({
      secrets: Redacted.make(""),
      onEvent: () => Effect.void
    })))
    assert.strictEqual(refused.field, "secrets[0]")
  })
})
