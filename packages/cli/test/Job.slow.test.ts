/** `noukai job`. */
import { Emulator } from "@effect-noukai/emulator"
import { JobService, Noukai } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { ctrlC, noukai, watched } from "./support/command.js"
import { flows, obeys } from "./support/flows.js"
import { environment, requests, runs, server } from "./support/server.js"

const service = Layer.provideMerge(Noukai.layerServices, server({ flows }))

/** Some jobs, by their ids. */
const submitted = (...messages: ReadonlyArray<string>) =>
  Effect.flatMap(JobService, (jobs) =>
    Effect.forEach(
      messages,
      (message) => Effect.map(jobs.submit(obeys, { message }), ({ executionId }) => executionId)
    ))

const unknown = "00000000-0000-4000-8000-000000000000"

describe("noukai job submit", () => {
  it.live("prints the id alone, or what is known as JSON, or waits for the result", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const text = yield* noukai(["job", "submit", obeys, "hi"], { env })
      assert.deepStrictEqual([text.code, text.stderr], [0, ""])
      const json = yield* noukai(["job", "submit", obeys, "--json", "-"], { env, input: "hi" })
      const known = JSON.parse(json.stdout)
      const [first, second] = yield* runs
      assert.strictEqual(text.stdout, `${first!.executionId}\n`)
      assert.deepStrictEqual({ ...known, sessionId: typeof known.sessionId }, {
        executionId: second!.executionId,
        flow: obeys,
        sessionId: "string",
        reused: false
      })
      const waited = yield* noukai(["job", "submit", obeys, "hi", "--wait"], { env })
      assert.deepStrictEqual(waited, { code: 0, stdout: "said hi\n", stderr: "" })
    }).pipe(Effect.provide(service)))

  it.live("submits once for a key", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const once = noukai(["job", "submit", obeys, "hi", "--once", "row 1", "--json"], { env })
      const [first, second] = [JSON.parse((yield* once).stdout), JSON.parse((yield* once).stdout)]
      assert.strictEqual(first.executionId, second.executionId)
      assert.deepStrictEqual([first.reused, second.reused], [false, true])
      assert.strictEqual((yield* runs).length, 1)
    }).pipe(Effect.provide(service)))

  it.live("sends nothing for flags that do not fit together", () =>
    Effect.gen(function*() {
      const env = yield* environment
      for (
        const [args, said] of [
          [["--timeout", "3s"], /--timeout requires --wait/],
          [["--once", "a", "--session", unknown], /cannot be combined with --session/],
          [["--rerun-failed"], /--rerun-failed requires --once/],
          [["--session", "mine"], /--session takes a UUID/],
          [["--parm", "a=b"], /did you mean --param\?/]
        ] as const
      ) {
        const wrong = yield* noukai(["job", "submit", obeys, "hi", ...args], { env })
        assert.deepStrictEqual([wrong.code, wrong.stdout], [2, ""])
        assert.match(wrong.stderr, said)
      }
      assert.deepStrictEqual(yield* requests, [])
    }).pipe(Effect.provide(service)))

  it.live("ends with 1 for a job that failed, and with 124 for one that takes too long, whose id it says", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const failed = yield* noukai(["job", "submit", obeys, "fail", "--wait"], { env })
      assert.deepStrictEqual([failed.code, failed.stdout], [1, ""])
      assert.match(failed.stderr, /no luck/)
      const late = yield* noukai(["job", "submit", obeys, "hang", "--wait", "--timeout", "100ms"], { env })
      assert.strictEqual(late.code, 124)
      assert.include(late.stderr, (yield* runs)[1]!.executionId)
    }).pipe(Effect.provide(service)))
})

describe("noukai job submit --wait", () => {
  it.live("leaves the job alone at Ctrl-C, and says how to wait for it", () =>
    Effect.scoped(Effect.gen(function*() {
      const env = yield* environment
      const command = yield* watched(["job", "submit", obeys, "hang", "--wait"], { env, columns: 200 })
      yield* command.awaitOutput("… waiting for")
      yield* command.type(ctrlC)
      assert.strictEqual(yield* command.code, 130)
      const [job] = yield* runs
      assert.include(command.output(), `continue: noukai job wait ${obeys} ${job!.executionId}\r\n`)
    })).pipe(Effect.provide(service)))
})

describe("noukai job status", () => {
  it.live("says how far each job is, in the order of their ids", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const [done, failed, running] = yield* submitted("hi", "fail", "hang")
      const ids = [running!, failed!, done!]
      assert.deepStrictEqual(yield* noukai(["job", "status", obeys, ...ids], { env }), {
        code: 0,
        stdout: `${running}  running\n${failed}  failed\n${done}  completed\n`,
        stderr: ""
      })
      const json = JSON.parse((yield* noukai(["job", "status", obeys, ...ids, "--json"], { env })).stdout)
      assert.deepStrictEqual(json[2], { status: "completed", executionId: done, result: "said hi" })
      const jsonl = yield* noukai(["job", "status", obeys, ...ids, "--jsonl"], { env })
      assert.deepStrictEqual(jsonl.stdout.trim().split("\n").map((line) => JSON.parse(line)), json)
    }).pipe(Effect.provide(service)))

  it.live("says of the rest what it can where one cannot be read", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const [done] = yield* submitted("hi")
      const missing = yield* noukai(["job", "status", obeys, unknown, done!], { env, hurries: true })
      assert.strictEqual(missing.stdout, `${unknown}  unread\n${done}  completed\n`)
      assert.strictEqual(missing.code, 7)
      const refused = yield* noukai(["job", "status", obeys, done!], { env: { ...env, NOUKAI_API_KEY: "no key" } })
      assert.deepStrictEqual([refused.code, refused.stdout], [3, ""])
      const none = yield* noukai(["job", "status", obeys], { env })
      assert.strictEqual(none.code, 2)
    }).pipe(Effect.provide(service)))
})

describe("noukai job wait", () => {
  it.live("prints each job as it ends, once, and exits with the worst of them", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const [done, failed] = yield* submitted("hi", "fail")
      const all = yield* noukai(["job", "wait", obeys, done!, done!], { env })
      assert.deepStrictEqual(all, { code: 0, stdout: `${done}  completed\n`, stderr: "" })
      const worst = yield* noukai(["job", "wait", obeys, failed!, done!, "--jsonl"], { env })
      assert.strictEqual(worst.code, 1)
      assert.match(worst.stderr, new RegExp(`${failed}: .*no luck`))
      const told = worst.stdout.trim().split("\n").map((line) => JSON.parse(line))
      assert.deepStrictEqual(told.map(({ status }) => status).sort(), ["completed", "failed"])
      const json = yield* noukai(["job", "wait", obeys, done!, unknown, "--json"], { env, hurries: true })
      assert.strictEqual(json.code, 7)
      assert.sameDeepMembers(JSON.parse(json.stdout).map(({ status }: { status: string }) => status), [
        "completed",
        "unread"
      ])
    }).pipe(Effect.provide(service)))

  it.live("ends with 124 at the timeout, and says what has not ended", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const [done, running] = yield* submitted("hi", "hang")
      const late = yield* noukai(["job", "wait", obeys, running!, done!, "--timeout", "2s"], { env })
      assert.deepStrictEqual([late.code, late.stdout], [124, `${done}  completed\n`])
      assert.match(late.stderr, new RegExp(`noukai job wait ${obeys} ${running}\n`))
    }).pipe(Effect.provide(service)))

  it.live("shows how many have ended in a terminal; Ctrl-C leaves the jobs alone", () =>
    Effect.scoped(Effect.gen(function*() {
      const emulator = yield* Emulator
      const env = yield* environment
      const [done, running] = yield* submitted("hi", "hang")
      const command = yield* watched(["job", "wait", obeys, done!, running!], { env, columns: 200 })
      yield* command.awaitOutput("1 of 2 ended")
      yield* command.type(ctrlC)
      assert.strictEqual(yield* command.code, 130)
      assert.match(command.output(), new RegExp(`continue: noukai job wait ${obeys} ${running}\r\n`))
      assert.deepStrictEqual((yield* emulator.ledger).runs.map(({ status }) => status), ["completed", "running"])
    })).pipe(Effect.provide(service)))

  it.live("shows nothing that moves where the terminal is dumb", () =>
    Effect.scoped(Effect.gen(function*() {
      const env = yield* environment
      const [done] = yield* submitted("hi")
      const command = yield* watched(["job", "wait", obeys, done!], { env: { ...env, TERM: "dumb" } })
      assert.strictEqual(yield* command.code, 0)
      assert.strictEqual(command.output(), `${done}  completed\r\n`)
    })).pipe(Effect.provide(service)))
})

describe("noukai job result", () => {
  it.live("prints the result alone, and waits for it only where it may", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const [done, failed, running] = yield* submitted("hi", "fail", "hang")
      const result = (id: string, ...flags: ReadonlyArray<string>) =>
        noukai(["job", "result", obeys, id, ...flags], { env })
      assert.deepStrictEqual(yield* result(done!), { code: 0, stdout: "said hi\n", stderr: "" })
      assert.strictEqual((yield* result(done!, "--json", "--no-wait")).stdout, "\"said hi\"\n")
      const wrong = yield* result(failed!)
      assert.deepStrictEqual([wrong.code, wrong.stdout], [1, ""])
      const early = yield* result(running!, "--no-wait")
      assert.deepStrictEqual([early.code, early.stdout], [124, ""])
      assert.match(early.stderr, /has not ended: it is running/)
      assert.strictEqual((yield* result(running!, "--timeout", "100ms")).code, 124)
      assert.strictEqual((yield* result(done!, "--no-wait", "--timeout", "1s")).code, 2)
      assert.strictEqual((yield* result("..")).code, 2)
    }).pipe(Effect.provide(service)))

  it.live(
    "waits for a job that the server does not show yet, and not for a server that is not there",
    () =>
      Effect.gen(function*() {
        const env = yield* environment
        const [late] = yield* submitted("hi")
        assert.strictEqual((yield* noukai(["job", "result", obeys, late!], { env })).stdout, "said hi\n")
        for (const command of ["result", "wait"]) {
          const gone = { ...env, NOUKAI_BASE_URL: "http://127.0.0.1:1/api/v1" }
          assert.strictEqual((yield* noukai(["job", command, obeys, late!], { env: gone, hurries: true })).code, 7)
        }
      }).pipe(Effect.provide(
        Layer.provideMerge(Noukai.layerServices, server({ flows, jobs: { rowDelay: "1500 millis" } }))
      ))
  )
})
