/** The programs that the README and the guides show, against an emulator. */
import { Emulator, samples, startEmulator } from "@effect-noukai/emulator"
import { Noukai as NoukaiClient } from "@effect-noukai/promise"
import { type FlowService, Noukai } from "@effect-noukai/sdk"
import { assert, it } from "@effect/vitest"
import { Noukai as PublishedClient } from "@noukai/sdk"
import { Chunk, ConfigProvider, Effect, Layer, Redacted, Runtime, Stream } from "effect"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, vi } from "vitest"
import { bundledProgram } from "../../packages/sdk/test/support/bundledProgram.js"
import { again, handler } from "../answering.js"
import { answer, ask } from "../approval.js"
import { crash } from "../batch.js"
import { answerAll } from "../budget.js"
import { limited } from "../builders.js"
import { graded } from "../cassettes.js"
import { capped, withCost } from "../costs.js"
import { failure } from "../failure.js"
import { faked, refused } from "../faking.js"
import { grade, live } from "../grade.js"
import { collect, follow, submit } from "../jobs.js"
import { keep, kept } from "../keeping.js"
import { gradeAll, NoukaiLimited } from "../limits.js"
import { local } from "../local.js"
import { scores } from "../manyJobs.js"
import { answers as after } from "../moving/after.js"
import { answers as before } from "../moving/before.js"
import { gradeEach } from "../once.js"
import { isSessionNotFound, NoukaiBehindGateway } from "../onceAbsence.js"
import { watchGrade } from "../onceEvents.js"
import { gradeOnce } from "../onceJobs.js"
import { ask as askOnce, askAgain, goOn } from "../oncePauses.js"
import { answered, metrics, NoukaiOperated } from "../operating.js"
import { gradeByPromise } from "../promises.js"
import { patient } from "../retrying.js"
import { asked } from "../scripted.js"
import { byHand, watched } from "../streaming.js"
import { withTools } from "../tools.js"
import { attempts, cost, time, watch } from "../traces.js"
import { why } from "../why.js"

const world = Layer.provideMerge(
  Noukai.layerServices,
  Emulator.layer({
    flows: samples,
    config: { replayEnabled: true }
  })
)

const withEnv = (entries: Record<string, string>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(entries))))

const runs = Effect.flatMap(Emulator, ({ ledger }) => Effect.map(ledger, ({ runsStarted }) => runsStarted))

afterEach(() => {
  vi.unstubAllEnvs()
  vi.unstubAllGlobals()
})

/** The lines that a program prints. */
const printed = async (program: () => Promise<unknown>, enough: number) => {
  const log = vi.spyOn(console, "log").mockReturnValue(undefined)
  try {
    await program()
    await vi.waitUntil(() => log.mock.calls.length >= enough, { timeout: 20_000 })
    return log.mock.calls.map(([line]) => line as unknown)
  } finally {
    log.mockRestore()
  }
}

it.scopedLive("a typed program, local and live", () =>
  Effect.gen(function*() {
    assert.strictEqual((yield* local).score, 8)
    assert.deepStrictEqual(yield* local, yield* grade)
    assert.include(yield* Effect.flip(withEnv({})(live)), { _tag: "AuthenticationError" })
  }).pipe(Effect.provide(world)))

it("the program that runs it", async () => {
  const [result] = await printed(() => import("../run.js"), 1)
  assert.propertyVal(result as object, "score", 8)
})

it("the program that runs tools", async () => {
  const [result] = await printed(() => import("../runTools.js"), 1)
  assert.include(JSON.stringify(result), "18 °C and sunny in")
})

it.live("the reason of a failed run", () =>
  Effect.gen(function*() {
    const text = yield* why
    assert.match(text, /✕ draft .*\n {4}MODEL_OVERLOADED: The model is overloaded\.\n {4}input: \{"input":"parcel"\}\n/)
  }))

it("the program that runs it with Promises", async () => {
  const emulator = await startEmulator()
  const { fetch } = globalThis
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => fetch(url.replace(":8080", `:${emulator.port}`), init))
  vi.stubEnv("NOUKAI_API_KEY", emulator.apiKey)
  vi.stubEnv("NOUKAI_ENV", "dev")
  const [result] = await printed(() => import("../runByPromise.js"), 1)
  assert.propertyVal(result as object, "score", 8)
  await emulator.close()
})

it.scopedLive("the program that moved over gives what it gave", () =>
  Effect.gen(function*() {
    const { addFaults, apiKey, port } = yield* Emulator
    const { fetch } = globalThis
    vi.stubGlobal("fetch", (url: string, init: RequestInit) => fetch(url.replace(":8080", `:${port}`), init))
    const published = new PublishedClient({ apiKey: Redacted.value(apiKey), env: "dev", maxRetries: 0 })
    const was = yield* Effect.promise(() => before(published, "hi"))
    assert.deepStrictEqual(yield* after("hi"), was)
    yield* addFaults({ script: ["429:retry=30"] })
    assert.strictEqual(yield* after("hi"), "later")
  }).pipe(Effect.provide(world)))

it.scopedLive("Promises", () =>
  Effect.gen(function*() {
    const { apiKey, port } = yield* Emulator
    const client = () => new NoukaiClient({ apiKey: Redacted.value(apiKey), env: "dev", port })
    assert.deepStrictEqual(yield* Effect.promise(() => gradeByPromise(client())), yield* grade)
    const { addFaults } = yield* Emulator
    yield* addFaults({ script: ["reset"] })
    assert.strictEqual(
      yield* Effect.promise(() => gradeByPromise(client())),
      "a run may exist, and may be billed"
    )
  }).pipe(Effect.provide(world)))

it.scopedLive("tools, and a pause that is answered later", () =>
  Effect.gen(function*() {
    assert.include(JSON.stringify(yield* withTools), "18 °C and sunny in")
    const stored = yield* ask
    assert.isString(stored)
    assert.strictEqual((yield* answer(stored as string, "rain")).status, "completed")
    assert.strictEqual(yield* runs, 2)
  }).pipe(Effect.provide(world)))

it.scopedLive("limits of a client", () =>
  Effect.gen(function*() {
    const texts = Array.from({ length: 100 }, (_, n) => `The cat sat ${n} times.`)
    assert.lengthOf(yield* gradeAll(texts), 100)
    assert.strictEqual(yield* runs, 100)
    yield* withEnv({ NOUKAI_API_KEY: "nk_test" })(Layer.build(NoukaiLimited))
  }).pipe(Effect.provide(
    Layer.provideMerge(
      Noukai.layerServices,
      Emulator.layer({ flows: samples, config: { maxConcurrency: 50, rate: 200 } })
    )
  )))

it.scopedLive("many jobs", () =>
  Effect.gen(function*() {
    const all = Chunk.toReadonlyArray(yield* Stream.runCollect(scores))
    assert.strictEqual(new Set(all.map(({ executionId }) => executionId)).size, 20)
    for (const { score } of all) assert.isNumber(score)
  }).pipe(Effect.provide(world)))

it.scopedLive("streams", () =>
  Effect.gen(function*() {
    const { addFaults } = yield* Emulator
    yield* addFaults({ script: ["cut:e3"] })
    const runtime = yield* Effect.runtime<FlowService>()
    const lines = yield* Effect.promise(() => printed(() => Runtime.runPromise(runtime, watched), 1))
    assert.deepStrictEqual(lines.map(String).at(-1), `  result    {"text":"About your order: Where is my order?"}`)
    assert.strictEqual(yield* runs, 1)
    assert.deepStrictEqual(Chunk.toReadonlyArray(yield* byHand), [
      { label: "order", about: "Where is my order?" },
      { text: "About your order: Where is my order?" }
    ])
  }).pipe(Effect.provide(world)))

it.scopedLive("what a run costs, and a limit of it", () =>
  Effect.gen(function*() {
    assert.strictEqual((yield* withCost).cost, "$0.00121")
    const asked: Array<string> = []
    const run = (yes: boolean) => capped("0.0003", (spentUsd) => asked.push(spentUsd) > 0 && yes)
    assert.deepStrictEqual(yield* run(true), { text: "About your order: Where is my order?" })
    assert.strictEqual((yield* Effect.flip(run(false)))._tag, "CostLimitError")
    assert.deepStrictEqual(asked, ["0.00031", "0.00031"])
    assert.strictEqual(yield* runs, 3)
  }).pipe(Effect.provide(world)))

it.scopedLive("a budget for several calls", () =>
  Effect.gen(function*() {
    const { answers, spentUsd } = yield* answerAll(["one", "two", "three", "four", "five"], "0.005")
    const answered = answers.filter((answer) => answer !== undefined)
    assert.strictEqual(Number(spentUsd).toFixed(5), (answered.length * 0.00121).toFixed(5))
    assert.isAtLeast(answers.length - answered.length, 2)
    assert.strictEqual(yield* runs, answered.length)
  }).pipe(Effect.provide(world)))

it.scopedLive("runs once per key", () =>
  Effect.gen(function*() {
    const essays = [{ id: "a", text: "The cat sat." }, { id: "b", text: "The dog lay." }]
    const first = yield* gradeEach(essays)
    assert.deepStrictEqual(yield* gradeEach(essays), first)
    // the events of the run that the key has
    yield* watchGrade(essays[0]!.id, essays[0]!.text)
    assert.strictEqual(yield* runs, 2)
    const submitted = yield* gradeOnce("c", "The cat sat.")
    assert.deepStrictEqual(yield* gradeOnce("c", "The cat sat."), { ...submitted, submittedBefore: true })
    assert.isFalse(submitted.submittedBefore)
    assert.strictEqual(yield* runs, 3)
    const kept = new Map<string, string>()
    const states = {
      put: (key: string, text: string) => Effect.sync(() => void kept.set(key, text)),
      get: (key: string) => Effect.sync(() => kept.get(key))
    }
    const dying = {
      ...states,
      put: (key: string, text: string) => Effect.zipRight(states.put(key, text), Effect.die(1))
    }
    yield* Effect.exit(askOnce("weather", dying))
    assert.strictEqual(kept.size, 1)
    assert.deepStrictEqual(yield* goOn("weather", states, ["rainy in Lisbon"]), {
      text: "The weather, as get_weather says: rainy in Lisbon"
    })
    assert.deepStrictEqual(yield* askOnce("weather", states), {
      text: "The weather, as get_weather says: rainy in Lisbon"
    })
    assert.strictEqual(yield* runs, 4)
    yield* Effect.exit(askOnce("later", dying))
    assert.strictEqual((yield* Effect.flip(askOnce("later", states)))._tag, "RunInProgressError")
    assert.deepStrictEqual(yield* askAgain("later"), {
      text: "The weather, as get_weather says: sunny in Lisbon"
    })
    assert.strictEqual(yield* runs, 5)
  }).pipe(
    Effect.provide(Layer.provideMerge(Noukai.layerServices, Emulator.layer({ flows: samples })))
  ))

it.scopedLive("runs once per key behind a gateway with words of its own", () =>
  Effect.gen(function*() {
    const { addFaults } = yield* Emulator
    const said = (body: string) => `404:body=${encodeURIComponent(body)}`
    const script = [said(`{"error":"no_route"}`), said(`{"error":"unknown_session"}`)] as const
    yield* addFaults({ match: { endpoint: "session" }, script })
    const grading = gradeEach([{ id: "a", text: "The cat sat." }])
    assert.strictEqual((yield* Effect.flip(grading))._tag, "UnexpectedResponseError")
    assert.strictEqual(yield* runs, 0)
    assert.lengthOf(yield* grading, 1)
    assert.strictEqual(yield* runs, 1)
    yield* withEnv({ NOUKAI_API_KEY: "nk_test" })(Layer.build(NoukaiBehindGateway))
  }).pipe(
    Effect.provide(
      Layer.provideMerge(Noukai.layerServices, Emulator.layer({ flows: samples, config: { isSessionNotFound } }))
    )
  ))

it.scopedLive("jobs and traces", () =>
  Effect.gen(function*() {
    const executionId = yield* submit
    assert.strictEqual((yield* collect(executionId)).score, 10)
    assert.strictEqual(Chunk.unsafeLast(yield* Stream.runCollect(follow(executionId))), "completed")
    assert.include(yield* cost(executionId), "in all $0.00075")
    assert.match(yield* time(executionId), /^\d+ ms: \d+ at work, 0 for tools, \d+ between$/)
    assert.deepStrictEqual(yield* attempts(executionId, "grade"), ["1: completed"])
    assert.strictEqual(Chunk.unsafeLast(yield* Stream.runCollect(watch(executionId))), "flow_completed")
  }).pipe(Effect.provide(world)))

it.scopedLive("capture, replay, and a file of it", () =>
  Effect.gen(function*() {
    const folder = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "noukai-guides-"))),
      (path) => Effect.promise(() => rm(path, { recursive: true }))
    )
    const question = "Where is my order?"
    const captured = yield* handler(question)
    const path = join(folder, "order.json")
    assert.strictEqual(yield* runs, 2)
    assert.deepStrictEqual(yield* again(question, captured.sessionId!), captured)
    yield* keep(captured.sessionId!, path)
    assert.deepStrictEqual((yield* kept(question, path)).answer, captured.answer)
    assert.strictEqual(yield* runs, 2)

    const recording = join(folder, "grade.json")
    const recorded = yield* withEnv({})(graded(recording)) // where CI is set it would not record
    assert.deepStrictEqual(yield* graded(recording), recorded)
    assert.strictEqual(yield* limited, "later")
  }).pipe(Effect.provide(world)))

it.scopedLive("errors and retries", () =>
  Effect.gen(function*() {
    const { addFaults } = yield* Emulator
    assert.include(yield* failure, "there is no such flow")
    yield* addFaults({ script: ["402", "429:retry=30", "reset"] })
    assert.deepStrictEqual(yield* Effect.all([failure, failure, failure]), [
      "the workspace has no credits left",
      "try again in 30 s",
      "no answer; did the request arrive? unknown"
    ])
    assert.lengthOf(yield* patient, 3)
    assert.deepStrictEqual(yield* asked, { score: 9, sent: { difficulty: "hard" } })
    assert.deepStrictEqual(yield* faked, { score: 9, feedback: "grade-3: The cat sat." })
    assert.strictEqual(yield* refused, "later")
  }).pipe(Effect.provide(world)))

it("a batch whose process is killed in the middle", async () => {
  const program = await bundledProgram(new URL("../batchProcess.ts", import.meta.url))
  const log = vi.spyOn(console, "log").mockReturnValue(undefined)
  try {
    const { ran, summary } = await Effect.runPromise(crash([program]))
    assert.deepStrictEqual([summary.status, summary.states.done, ran], ["completed", 200, 200])
    assert.deepStrictEqual(log.mock.calls[2], ["  emulator  200 runs, 0 twice"])
  } finally {
    log.mockRestore()
  }
})

it.scopedLive("a service with limits, a budget and metrics", () =>
  Effect.gen(function*() {
    const answers = yield* answered(["Where is A17?", "Where is A18?"])
    assert.lengthOf(answers, 2)
    const counted = (yield* metrics).filter((line) => line.startsWith("noukai_executions "))
    assert.isTrue(counted.some((line) => line.includes("operation=execute") && line.includes("outcome=completed")))
    yield* Effect.scoped(withEnv({ NOUKAI_API_KEY: "nk_test" })(Layer.build(NoukaiOperated)))
  }).pipe(Effect.provide(world)))
