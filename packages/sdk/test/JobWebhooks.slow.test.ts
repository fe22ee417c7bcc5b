/** Jobs with a webhook against the emulator: its deliveries through `verify` and `nudges`, under each of its faults. */
import { type EmulatorOptions, samples } from "@effect-noukai/emulator"
import { make as emulate } from "@effect-noukai/emulator/Emulator"
import type { EmulatorService } from "@effect-noukai/emulator/EmulatorService"
import { JobService, NoukaiRecord } from "@effect-noukai/sdk"
import * as Job from "@effect-noukai/sdk/Job"
import { layer as clientLayer } from "@effect-noukai/sdk/Noukai"
import { nudges, verify, WebhookError } from "@effect-noukai/sdk/Webhook"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Context, Effect, Layer, Stream } from "effect"
import { join } from "node:path"
import { receiver } from "../../emulator/test/support/receiver.js"
import { folder, read } from "./support/folder.js"

const secret = "whsec_test_0123456789abcdef0123456789abcdef"

const flow = "acme/test/slow"

const flows = [
  ...samples,
  { ref: flow, steps: [{ kind: "template", id: "a", output: "{{message}}", duration: 25 }] }
] as const

/** An emulator, a client of it, and a handler of webhooks. */
const start = (script: ReadonlyArray<string> = [], options: EmulatorOptions["webhooks"] = {}) =>
  Effect.gen(function*() {
    const inbox = nudges()
    const refusals: Array<string> = []
    const to = yield* receiver(async ({ body, header, url }) => {
      try {
        const event = await verify(body, header, { secrets: secret })
        const job = new URL(url, "http://me").searchParams.get("job")
        await inbox.onEvent(job === null ? event : { ...event, job })
        return 204
      } catch (error) {
        if (!(error instanceof WebhookError)) throw error
        refusals.push(error.code)
        return error.status
      }
    })
    const [first, ...rest] = script
    const emulator = yield* emulate({
      flows,
      jobs: { workers: 20 },
      webhooks: { secret, allow: [to.origin], retries: ["50 millis"], ...options },
      faults: first === undefined
        ? []
        : [{ match: { endpoint: "webhook" }, script: [first, ...rest], repeat: true }]
    })
    const { apiKey, baseUrl } = emulator
    const context = yield* Layer.build(clientLayer({ apiKey, baseUrl, maxRetries: 0 }))
    const callback = { url: `${to.origin}/hooks`, nudges: inbox }
    return {
      emulator,
      callback,
      refusals,
      to,
      client: clientLayer({ apiKey, baseUrl }),
      jobs: Context.get(context, JobService)
    }
  })

const pollsOf = (emulator: EmulatorService) =>
  Effect.map(emulator.requests, (requests) => requests.filter(({ endpoint }) => endpoint === "pollJob").length)

const count = 60

const faults: ReadonlyArray<readonly [name: string, script: ReadonlyArray<string>, refused?: string]> = [
  ["none", []],
  ["late", ["ok", "late:100"]],
  ["twice", ["twice"]],
  ["reorder", ["reorder", "ok"]],
  ["signature", ["ok", "ok", "ok", "signature"], "WRONG_SIGNATURE"],
  ["old", ["ok", "ok", "ok", "old"], "TOO_OLD"],
  ["drop", ["ok", "ok", "ok", "drop"]],
  ["changed", ["ok", "ok", "ok", "changed"], "WRONG_SIGNATURE"]
]

describe("60 jobs with a webhook", () => {
  for (const [name, script, refused] of faults) {
    it.scopedLive(`all have their result, each by one run, with the fault ${name}`, () =>
      Effect.gen(function*() {
        const { callback, emulator, jobs, refusals } = yield* start(script)
        const all = yield* Effect.forEach(
          Array.from({ length: count }, (_, nth) => String(nth)),
          (message) => jobs.submit(flow, { message, callback }),
          { concurrency: 20 }
        )
        const half = all.slice(0, count / 2)
        const [outcomes, results] = yield* Effect.all([
          Stream.runCollect(Job.waitAll(all.slice(count / 2))),
          Effect.forEach(half, (job) => job.result(), { concurrency: "unbounded" })
        ], { concurrency: 2 })
        assert.deepStrictEqual(results, half.map((_, nth) => String(nth)))
        assert.strictEqual(Chunk.size(outcomes), count / 2)
        const { runs } = yield* emulator.ledger
        assert.strictEqual(runs.length, count)
        assert.isTrue(runs.every(({ status }) => status === "completed"))
        const polls = yield* pollsOf(emulator)
        // a webhook that is lost or refused costs its job the wait for the next poll, and nothing else
        assert.isAtLeast(polls, count)
        assert.isAtMost(polls, name === "none" ? count + 2 : 2 * count, `${polls} polls`)
        const codes = new Set(refusals)
        assert.deepStrictEqual([...codes], refused === undefined ? [] : [refused])
        const deliveries = yield* emulator.webhooks
        assert.strictEqual(new Set(deliveries.map(({ executionId }) => executionId)).size, count)
      }), 30_000)
  }
})

describe("a recording of a job with a webhook", () => {
  it.scopedLive(
    "has neither its address nor its key, and replays with, without and with another webhook",
    () =>
      Effect.gen(function*() {
        const { callback, client, emulator, to } = yield* start()
        const run = (file: string, options: NoukaiRecord.Options, more: object) =>
          Effect.flatMap(JobService, (jobs) => jobs.submit(flow, { message: "hi", ...more })).pipe(
            Effect.flatMap((job) => job.result({ timeout: "20 seconds" })),
            Effect.provide(NoukaiRecord.toFile(file, { live: client, ...options }))
          )
        const at = yield* folder
        for (const match of ["input", "strict"] as const) {
          const file = join(at, `${match}.json`)
          assert.strictEqual(yield* run(file, { mode: "new", match }, { callback }), "hi")
          const text = yield* read(file)
          const key = new URL(to.received.at(-1)!.url, to.origin).searchParams.get("job")!
          for (const part of [to.origin, "hooks", "callback", key]) assert.notInclude(text, part)
          const before = (yield* emulator.totals).requestsReceived
          const never = { ...nudges(), wait: () => Promise.reject(new Error("a replay waited")) }
          for (
            const more of [{}, { callback }, { callback: { url: "https://other.example/", nudges: never } }]
          ) {
            assert.strictEqual(yield* run(file, { mode: "none", match }, more), "hi")
          }
          assert.strictEqual((yield* emulator.totals).requestsReceived, before)
        }
      }),
    30_000
  )
})
