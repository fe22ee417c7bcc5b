/** Waiting for many jobs with Promises. */
import {
  APIConnectionError,
  APITimeoutError,
  FlowNotFoundError,
  InvalidRequestError,
  type Job,
  type JobOutcome,
  type Noukai,
  type WaitAllOptions
} from "@effect-noukai/promise"
import { assert, describe, expect, it } from "vitest"
import { ownEmulator } from "./support/ownEmulator.js"
import { collect, hello, rejection } from "./support/world.js"

const { client, emulator } = ownEmulator()

const submitted = (noukai: Noukai, ...refs: ReadonlyArray<string>): Promise<Array<Job>> =>
  Promise.all(refs.map((ref) => noukai.flow(ref).executeAsync({ message: "hi" })))

const often = { pollInterval: 2, rate: 10_000 }

const missing = "7b0c8a52-0f0e-4d0a-9d0e-2f6b1c9a0d11"

describe("noukai.waitAll", () => {
  it("gives each job as it was given, with its last status or its error", async () => {
    const noukai = client()
    const jobs = [
      ...await submitted(noukai, hello, "noukai/tests/failing", hello),
      noukai.job(hello, missing)
    ]
    const outcomes = await collect(noukai.waitAll(jobs, often))
    assert.lengthOf(outcomes, 4)
    const of = (job: Job | undefined): JobOutcome => outcomes.find((one) => one.job === job)!
    assert.strictEqual(of(jobs[0]).status?.status, "completed")
    assert.strictEqual(of(jobs[1]).status?.status, "failed")
    assert.strictEqual(of(jobs[2]).status?.status, "completed")
    assert.instanceOf(of(jobs[3]).error, FlowNotFoundError)
  })

  it("takes jobs as they come, and one that is given twice once", async () => {
    const noukai = client()
    const coming = async function*() {
      const [first] = await submitted(noukai, hello)
      yield first!
      yield first!
      yield* await submitted(noukai, hello)
    }
    const outcomes = await collect(noukai.waitAll(coming(), often))
    assert.isAtLeast(outcomes.length, 2)
    assert.strictEqual(new Set(outcomes.map(({ job }) => job.executionId)).size, 2)
    const [job] = await submitted(noukai, hello)
    assert.lengthOf(await collect(noukai.waitAll(new Set([job!, job!]), often)), 1)
    assert.lengthOf(await collect(noukai.waitAll([job!, job!], often)), 1)
    assert.deepStrictEqual(await collect(noukai.waitAll([])), [])
  })

  it("rejects with what the jobs that come reject with", async () => {
    const reason = new Error("no more")
    const coming = async function*(): AsyncGenerator<Job> {
      await Promise.reject(reason)
    }
    assert.strictEqual(await rejection(collect(client().waitAll(coming()))), reason)
  })

  it("rejects at the timeout, by its signal, and when the client is closed", async () => {
    const noukai = client()
    const jobs = await submitted(noukai, "noukai/tests/slow")
    const late = await rejection(collect(noukai.waitAll(jobs, { timeout: 0 })))
    assert.instanceOf(late, APITimeoutError)
    assert.match((late as Error).message, /^noukai\.waitAll: .*1 of 1 jobs have not ended/)
    const stop = new AbortController()
    const stopped = rejection(collect(noukai.waitAll(jobs, { ...often, signal: stop.signal })))
    stop.abort("enough")
    assert.strictEqual(await stopped, "enough")
    const closed = rejection(collect(noukai.waitAll(jobs, often)))
    await noukai.close()
    assert.instanceOf(await closed, APIConnectionError)
  })

  it("leaving the loop ends the polling", async () => {
    const noukai = client()
    const jobs = await submitted(noukai, hello, "noukai/tests/slow")
    for await (const { job } of noukai.waitAll(jobs, often)) {
      assert.strictEqual(job, jobs[0])
      break
    }
    const { requestsReceived } = emulator().ledger()
    await noukai.flow(hello).execute({ message: "hi" })
    assert.strictEqual(emulator().ledger().requestsReceived, requestsReceived + 1)
  })

  it("ends while the jobs that come are waited for, and ends their generator when it goes on", async () => {
    let left = 0
    const coming = (noukai: Noukai, goOn: Promise<unknown>) =>
      async function*() {
        try {
          yield* await submitted(noukai, hello)
          await goOn
        } finally {
          left++
        }
      }()
    const stop = new AbortController()
    const ends: ReadonlyArray<readonly [options: WaitAllOptions, leave: (noukai: Noukai) => unknown]> = [
      [{}, () => "break"],
      [{ signal: stop.signal }, () => stop.abort("enough")],
      [{ timeout: 200 }, () => {}],
      [{}, (noukai) => void noukai.close()]
    ]
    const outcomes = await Promise.all(ends.map(async ([options, leave]) => {
      const noukai = client()
      let goOn = () => {}
      const jobs = coming(noukai, new Promise<void>((resolve) => goOn = resolve))
      const waiting = async () => {
        for await (const _ of noukai.waitAll(jobs, { ...often, ...options })) {
          if (leave(noukai) === "break") return "left"
        }
      }
      const outcome = await waiting().catch((error: unknown) => error)
      goOn()
      return outcome
    }))
    assert.deepStrictEqual(outcomes.slice(0, 2), ["left", "enough"])
    assert.instanceOf(outcomes[2], APITimeoutError)
    assert.instanceOf(outcomes[3], APIConnectionError)
    await expect.poll(() => left).toBe(ends.length)
  })

  it("what is wrong is refused by name, before anything is sent", async () => {
    const noukai = client()
    const rows: ReadonlyArray<readonly [jobs: unknown, options: unknown, field: string]> = [
      [undefined, {}, "jobs"],
      ["text", {}, "jobs"],
      [[{ executionId: missing }], {}, "jobs"],
      [[], { timeout: -1 }, "timeout"],
      [[], { pollInterval: "soon" }, "pollInterval"],
      [[], { concurrency: 0 }, "concurrency"],
      [[], { rate: 0 }, "rate"],
      [[], 5, "options"]
    ]
    for (const [jobs, options, field] of rows) {
      const error = await rejection(collect(noukai.waitAll(jobs as never, options as never)))
      assert.instanceOf(error, InvalidRequestError)
      assert.strictEqual((error as InvalidRequestError).field, field)
    }
    assert.strictEqual(emulator().ledger().requestsReceived, 0)
  })
})
