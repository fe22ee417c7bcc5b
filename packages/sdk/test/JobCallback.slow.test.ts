/** Jobs with a webhook: when they are polled, and what is sent (docs/wire.md#webhooks). */
import { APITimeoutError, Flow, InvalidRequestError, JobService } from "@effect-noukai/sdk"
import * as Job from "@effect-noukai/sdk/Job"
import * as Jobs from "@effect-noukai/sdk/JobService"
import { layerTransport } from "@effect-noukai/sdk/NoukaiHttp"
import * as Webhook from "@effect-noukai/sdk/Webhook"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { HttpTransport, TextResponse } from "../src/internal/http/HttpTransport.js"
import { config } from "./support/client.js"
import { turn } from "./support/clock.js"

const url = "https://me.example/hooks/noukai"
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** A server without a socket: jobs end at an instant of the test clock. */
const world = (endsAt: (id: string) => number, { session = [] as ReadonlyArray<unknown>, maxRetries = 0 } = {}) => {
  const submitted: Array<{ readonly callbackUrl?: string }> = []
  const polls: Array<readonly [id: string, at: number]> = []
  const warnings: Array<string> = []
  const respond = (status: number, body: unknown): TextResponse => ({
    status,
    text: JSON.stringify(body),
    header: () => undefined
  })
  const transport: HttpTransport = {
    send: ({ body, path }) =>
      Effect.map(Effect.clockWith((clock) => clock.currentTimeMillis), (now) => {
        if (path.includes("/seq/sessions/")) {
          return session.length === 0
            ? respond(404, { detail: { code: "SESSION_NOT_FOUND", message: "no" } })
            : respond(200, { sessionId: path.slice(path.lastIndexOf("/") + 1), executions: session })
        }
        if (path.endsWith("/jobs")) {
          submitted.push(JSON.parse(body ?? "") as { readonly callbackUrl?: string })
          return respond(202, { executionId: `ex_${submitted.length}`, status: "started" })
        }
        const id = path.slice(path.lastIndexOf("/") + 1)
        polls.push([id, now])
        return respond(
          200,
          now >= endsAt(id)
            ? { executionId: id, status: "completed", result: id }
            : { executionId: id, status: "running" }
        )
      }),
    open: () => Effect.dieMessage("no streams here"),
    pause: (ms) => Effect.as(Effect.sleep(ms), true)
  }
  const logger = Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ annotations: _, logLevel, message }) => {
      if (logLevel._tag === "Warning") warnings.push(String(message))
    })
  )
  const layer = Jobs.layer.pipe(
    Layer.provide(layerTransport(() => Effect.succeed(transport))),
    Layer.provide(config({ maxRetries, baseUrl: "http://127.0.0.1:1/api/v1" })),
    Layer.merge(logger)
  )
  /** The key of the n-th job that was submitted. */
  const keyOf = (n = 1): string => new URL(submitted[n - 1]!.callbackUrl!).searchParams.get("job")!
  return { submitted, polls, warnings, layer, keyOf, at: () => polls.map(([, at]) => at) }
}

/** Lets the fibers go on to their next sleep. */
const settle = Effect.repeatN(turn, 5)

/** Goes on second by second. */
const elapse = (seconds: number) => Effect.repeatN(Effect.zipRight(TestClock.adjust("1 second"), settle), seconds - 1)

const after = (at: number) => () => at

describe("a job with a webhook", () => {
  it.effect("is polled once, when its webhook comes", () => {
    const { at, keyOf, layer, submitted } = world(after(3000))
    return Effect.gen(function*() {
      const inbox = Webhook.nudges()
      const jobs = yield* JobService
      const job = yield* jobs.submit("a/b/c", { message: "hi", callback: { url: `${url}?team=x%20y`, nudges: inbox } })
      const fiber = yield* Effect.fork(job.result())
      yield* elapse(3)
      assert.deepStrictEqual(at(), [])
      yield* Effect.promise(async () => inbox.onEvent({ job: "another" }))
      yield* settle
      assert.deepStrictEqual(at(), [])
      yield* Effect.promise(async () => inbox.onEvent({ job: keyOf() }))
      assert.strictEqual(yield* Fiber.join(fiber), "ex_1")
      assert.deepStrictEqual(at(), [3000])
      assert.match(keyOf(), uuid)
      const sent = new URL(submitted[0]!.callbackUrl!)
      assert.strictEqual(sent.searchParams.get("team"), "x y")
      assert.strictEqual(sent.origin + sent.pathname, url)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is polled at once where the webhook came before the wait", () => {
    const { at, keyOf, layer } = world(after(0))
    return Effect.gen(function*() {
      const inbox = Webhook.nudges()
      const jobs = yield* JobService
      const job = yield* jobs.submit("a/b/c", { message: "hi", callback: { url, nudges: inbox } })
      yield* Effect.promise(async () => inbox.onEvent({ job: keyOf() }))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* job.result(), "ex_1")
      assert.deepStrictEqual(at(), [60_000])
    }).pipe(Effect.provide(layer))
  })

  it.effect("is polled after 5 seconds and then twice as long, up to a minute, where no webhook comes", () => {
    const { at, layer } = world(after(250_000))
    return Effect.gen(function*() {
      const jobs = yield* JobService
      const job = yield* jobs.submit("a/b/c", { message: "hi", callback: { url, nudges: Webhook.nudges() } })
      const fiber = yield* Effect.fork(job.result({ timeout: "1 hour" }))
      yield* elapse(255)
      assert.strictEqual(yield* Fiber.join(fiber), "ex_1")
      assert.deepStrictEqual(at(), [5000, 15_000, 35_000, 75_000, 135_000, 195_000, 255_000])
    }).pipe(Effect.provide(layer))
  })

  it.effect("is polled by the usual schedule after a webhook that was too early", () => {
    const { at, keyOf, layer } = world(after(6500))
    return Effect.gen(function*() {
      const inbox = Webhook.nudges()
      const jobs = yield* JobService
      const job = yield* jobs.submit("a/b/c", { message: "hi", callback: { url, nudges: inbox } })
      const fiber = yield* Effect.fork(job.result())
      yield* elapse(1)
      // twice, as the service may deliver it
      yield* Effect.promise(async () => inbox.onEvent({ job: keyOf() }))
      yield* settle
      yield* Effect.promise(async () => inbox.onEvent({ job: keyOf() }))
      yield* elapse(6)
      assert.strictEqual(yield* Fiber.join(fiber), "ex_1")
      assert.deepStrictEqual(at(), [1000, 1000, 3000, 5000, 7000])
    }).pipe(Effect.provide(layer))
  })

  it.effect("keeps a schedule of the caller's, which a webhook cuts short", () => {
    const { at, keyOf, layer } = world(after(11_000))
    return Effect.gen(function*() {
      const inbox = Webhook.nudges()
      const jobs = yield* JobService
      const job = yield* jobs.submit("a/b/c", { message: "hi", callback: { url, nudges: inbox } })
      const fiber = yield* Effect.fork(job.result({ schedule: Schedule.spaced("8 seconds") }))
      yield* elapse(11)
      yield* Effect.promise(async () => inbox.onEvent({ job: keyOf() }))
      assert.strictEqual(yield* Fiber.join(fiber), "ex_1")
      assert.deepStrictEqual(at(), [0, 8000, 11_000])
    }).pipe(Effect.provide(layer))
  })

  it.effect("is polled within a timeout that is shorter than its first wait", () => {
    const { at, layer } = world(after(60_000))
    return Effect.gen(function*() {
      const jobs = yield* JobService
      const job = yield* jobs.submit("a/b/c", { message: "hi", callback: { url, nudges: Webhook.nudges() } })
      assert.instanceOf(yield* Effect.flip(job.wait({ timeout: 0 })), APITimeoutError)
      assert.deepStrictEqual(at(), [0])
      const fiber = yield* Effect.fork(Effect.flip(job.wait({ timeout: "4 seconds" })))
      yield* elapse(4)
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error._tag === "APITimeoutError" ? error.lastStatus : undefined, "running")
      assert.deepStrictEqual(at(), [0, 2000])
    }).pipe(Effect.provide(layer))
  })

  it.effect("is polled as before, after one warning, when 20 jobs have ended without a webhook", () => {
    const { at, layer, polls, warnings } = world(after(0))
    return Effect.gen(function*() {
      const inbox = Webhook.nudges()
      const jobs = yield* JobService
      const one = Effect.gen(function*() {
        const callback = { url: `${url}?token=planted`, nudges: inbox }
        const job = yield* jobs.submit("a/b/c", { message: "hi", callback })
        const fiber = yield* Effect.fork(job.result())
        yield* elapse(5)
        yield* Fiber.join(fiber)
      })
      yield* Effect.repeatN(one, 19)
      assert.strictEqual(polls.length, 20)
      assert.deepStrictEqual(at().map((instant) => instant % 5000), Array.from({ length: 20 }, () => 0))
      yield* Effect.repeatN(one, 1)
      // at once, not after 5 seconds
      assert.deepStrictEqual(at().slice(20), [100_000, 105_000])
      assert.deepStrictEqual(warnings, [
        `no webhook reaches ${url}: 20 jobs have ended without one, so jobs are polled from now on`
      ])
    }).pipe(Effect.provide(layer))
  })

  it.effect("is waited for as before where one webhook of many came", () => {
    const { keyOf, layer, warnings } = world(after(0))
    return Effect.gen(function*() {
      const inbox = Webhook.nudges()
      const jobs = yield* JobService
      for (let n = 1; n <= 30; n++) {
        const job = yield* jobs.submit("a/b/c", { message: "hi", callback: { url, nudges: inbox } })
        const fiber = yield* Effect.fork(job.result())
        if (n === 15) yield* Effect.promise(async () => inbox.onEvent({ job: keyOf(n) }))
        yield* elapse(5)
        yield* Fiber.join(fiber)
      }
      assert.deepStrictEqual(warnings, [])
    }).pipe(Effect.provide(layer))
  })

  it.effect("leaves nothing behind when its wait is interrupted", () => {
    const { layer } = world(after(60_000))
    let open = 0
    const nudges: Webhook.Nudges = {
      onEvent: () => undefined,
      wait: (_, signal) => {
        open++
        return new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            open--
            reject(new Error("aborted"))
          })
        })
      }
    }
    return Effect.gen(function*() {
      const jobs = yield* JobService
      const job = yield* jobs.submit("a/b/c", { message: "hi", callback: { url, nudges } })
      const fiber = yield* Effect.fork(job.wait())
      yield* settle
      assert.strictEqual(open, 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(open, 0)
      const again = yield* Effect.fork(job.wait())
      yield* elapse(5)
      assert.strictEqual(open, 1)
      yield* Fiber.interrupt(again)
      assert.strictEqual(open, 0)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is polled, after a warning, where the store of webhooks fails", () => {
    const { at, layer, warnings } = world(after(0))
    const nudges: Webhook.Nudges = { onEvent: () => undefined, wait: () => Promise.reject(new Error("no database")) }
    return Effect.gen(function*() {
      const jobs = yield* JobService
      const job = yield* jobs.submit("a/b/c", { message: "hi", callback: { url, nudges } })
      const fiber = yield* Effect.fork(job.result())
      yield* elapse(5)
      assert.strictEqual(yield* Fiber.join(fiber), "ex_1")
      assert.deepStrictEqual(at(), [5000])
      assert.deepStrictEqual(warnings, [
        "waiting for the webhook of a job failed, so it is polled: Error: no database"
      ])
    }).pipe(Effect.provide(layer))
  })

  it.effect("waits for each of many jobs", () => {
    const { keyOf, layer, polls } = world((id) => id === "ex_2" ? 0 : 4000)
    return Effect.gen(function*() {
      const inbox = Webhook.nudges()
      const jobs = yield* JobService
      const all = yield* Effect.replicateEffect(
        jobs.submit("a/b/c", { message: "hi", callback: { url, nudges: inbox } }),
        3
      )
      const fiber = yield* Effect.fork(Stream.runCollect(Job.waitAll(all)))
      yield* settle
      yield* Effect.promise(async () => inbox.onEvent({ job: keyOf(2) }))
      yield* elapse(4)
      yield* Effect.promise(async () => inbox.onEvent({ job: keyOf(3) }))
      yield* elapse(1)
      const outcomes = Chunk.toReadonlyArray(yield* Fiber.join(fiber))
      assert.deepStrictEqual(outcomes.map(({ job }) => job.executionId), ["ex_2", "ex_3", "ex_1"])
      assert.deepStrictEqual(polls, [["ex_2", 0], ["ex_3", 4000], ["ex_1", 5000]])
    }).pipe(Effect.provide(layer))
  })
})

describe("the key of a job", () => {
  it.effect("is made from its session, or is another one each time", () => {
    const { keyOf, layer } = world(after(0))
    return Effect.gen(function*() {
      const jobs = yield* JobService
      const sessionId = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"
      for (const more of [{ sessionId }, { sessionId }, { sessionId: sessionId.replace("5", "6") }, {}, {}]) {
        yield* jobs.submit("a/b/c", { message: "hi", callback: { url }, ...more })
      }
      const keys = [1, 2, 3, 4, 5].map(keyOf)
      assert.strictEqual(keys[0], keys[1])
      assert.strictEqual(new Set(keys).size, 4)
      // whoever reads the logs of the handler learns no session
      for (const key of keys) {
        assert.match(key, uuid)
        assert.notStrictEqual(key, sessionId)
      }
    }).pipe(Effect.provide(layer))
  })

  it.effect("is waited for by the call that submitted it once, and not by one that found it, or attached", () => {
    const executions = [{
      executionId: "ex_9",
      flowId: "f",
      flowSlug: "c",
      flowVersion: "production",
      orgSlug: "a",
      projectSlug: "b",
      status: "completed",
      triggerType: "job",
      steps: []
    }]
    const fresh = world(after(0))
    const known = world(after(0), { session: executions })
    return Effect.gen(function*() {
      const inbox = Webhook.nudges()
      const input = { message: "hi", callback: { url, nudges: inbox } }
      yield* Effect.gen(function*() {
        const jobs = yield* JobService
        const job = yield* jobs.submitOnce("key", "a/b/c", input)
        const fiber = yield* Effect.fork(job.result())
        yield* settle
        assert.deepStrictEqual(fresh.at(), [])
        yield* Effect.promise(async () => inbox.onEvent({ job: fresh.keyOf() }))
        assert.strictEqual(yield* Fiber.join(fiber), "ex_1")
        const attached = yield* jobs.attach("a/b/c", job.executionId)
        assert.strictEqual(yield* attached.result(), "ex_1")
      }).pipe(Effect.provide(fresh.layer))
      yield* Effect.gen(function*() {
        const jobs = yield* JobService
        const job = yield* jobs.submitOnce("key", "a/b/c", input)
        assert.isTrue(job.reused)
        assert.strictEqual(yield* job.result(), "ex_9")
        assert.deepStrictEqual(known.at(), [0])
        assert.deepStrictEqual(known.submitted, [])
      }).pipe(Effect.provide(known.layer))
    })
  })
})

describe("a webhook that is wrong", () => {
  it.effect("is refused before anything is sent", () => {
    const { layer, submitted } = world(after(0))
    const inbox = Webhook.nudges()
    const cases: ReadonlyArray<readonly [callback: unknown, field: string]> = [
      [url, "callback"],
      [null, "callback"],
      [{}, "callback.url"],
      [{ url: "" }, "callback.url"],
      [{ url: "hooks" }, "callback.url"],
      [{ url: "ftp://me.example/" }, "callback.url"],
      [{ url: "https://user:secret@me.example/" }, "callback.url"],
      [{ url: `${url}#part` }, "callback.url"],
      [{ url: 7 }, "callback.url"],
      [{ url, nudge: inbox }, "callback.nudge"],
      [{ url, nudges: {} }, "callback.nudges"],
      [{ url, nudges: { wait: inbox.wait } }, "callback.nudges"],
      [{ url, nudges: inbox.wait }, "callback.nudges"],
      [{ url, nudges: null }, "callback.nudges"]
    ]
    return Effect.gen(function*() {
      const jobs = yield* JobService
      for (const [callback, field] of cases) {
        const input = { message: "hi", callback: callback as Jobs.CallbackOption }
        for (
          const refused of [
            jobs.submit(Flow.make("a/b/c"), input),
            jobs.submitOnce("key", Flow.make("a/b/c"), input)
          ]
        ) {
          const error = yield* Effect.flip(refused)
          assert.instanceOf(error, InvalidRequestError)
          assert.strictEqual(error.field, field, JSON.stringify(callback))
          assert.notInclude(error.message, "secret@")
        }
      }
      assert.deepStrictEqual(submitted, [])
    }).pipe(Effect.provide(layer))
  })
})
