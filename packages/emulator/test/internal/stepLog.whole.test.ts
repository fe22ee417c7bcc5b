import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { size } from "../../../sdk/test/support/size.js"
import { StepLog, type StepRecord } from "../../src/internal/store/history.js"

const snapshot = { value: { a: [1, null] }, sizeBytes: 12, truncated: false }

const record = (stepId: string, loopIndex: number | undefined) => (attempt: number): StepRecord => ({
  stepId,
  attempt,
  loopIndex,
  status: "running",
  startedAt: 1,
  completedAt: undefined,
  busyMs: 0,
  pausedAt: undefined,
  waitingMs: 0,
  model: undefined,
  tokens: undefined,
  costUsd: undefined,
  input: snapshot,
  output: undefined,
  prompted: undefined,
  error: undefined
})

const run = (log: StepLog, stepId: string, loopIndex?: number): StepRecord => {
  const made = log.begin(stepId, loopIndex, record(stepId, loopIndex))
  made.status = "completed"
  return made
}

const anySnapshot = FastCheck.record({
  value: FastCheck.jsonValue() as FastCheck.Arbitrary<string>,
  sizeBytes: FastCheck.nat(),
  truncated: FastCheck.boolean()
})

const perhaps = <A>(arbitrary: FastCheck.Arbitrary<A>) => FastCheck.option(arbitrary, { nil: undefined })

const anyRecord: FastCheck.Arbitrary<Omit<StepRecord, "attempt">> = FastCheck.record({
  stepId: FastCheck.string({ minLength: 1 }),
  loopIndex: perhaps(FastCheck.nat()),
  status: FastCheck.constantFrom("completed" as const, "failed" as const),
  startedAt: FastCheck.nat(),
  completedAt: perhaps(FastCheck.nat()),
  busyMs: FastCheck.nat(),
  pausedAt: perhaps(FastCheck.nat()),
  waitingMs: FastCheck.nat(),
  model: perhaps(FastCheck.string()),
  tokens: perhaps(FastCheck.record({ prompt: FastCheck.nat(), completion: FastCheck.nat(), total: FastCheck.nat() })),
  costUsd: perhaps(FastCheck.string()),
  input: anySnapshot,
  output: perhaps(anySnapshot),
  prompted: perhaps(anySnapshot),
  error: perhaps(FastCheck.record({ code: FastCheck.string(), message: FastCheck.string() }))
})

describe("step logs", () => {
  it.prop(
    "give what they were given, after a rest too",
    [FastCheck.array(anyRecord, { maxLength: 10 })],
    ([records]) => {
      const log = new StepLog()
      const before = records.map((made) => log.begin(made.stepId, made.loopIndex, (attempt) => ({ ...made, attempt })))
      const copies = JSON.parse(JSON.stringify(before)) as unknown
      log.rest(true)
      assert.deepStrictEqual(JSON.parse(JSON.stringify(log.list())), copies)
      assert.deepStrictEqual(
        log.list().map(({ output }) => output === undefined),
        before.map(({ output }) => output === undefined)
      )
    }
  )

  it("go on with an execution that waits for tool results, and count the others", () => {
    const log = new StepLog()
    run(log, "a")
    const waiting = log.begin("b", undefined, record("b", undefined))
    log.rest(false)
    assert.strictEqual(log.begin("b", undefined, record("b", undefined)), waiting)
    waiting.status = "completed"
    log.rest(true)
    assert.strictEqual(run(log, "b").attempt, 2)
    assert.strictEqual(run(log, "a").attempt, 2)
    log.rest(true)
    assert.strictEqual(run(log, "a").attempt, 3)
    assert.deepStrictEqual(log.list().map(({ attempt, stepId }) => `${stepId}${attempt}`), [
      "a1",
      "b1",
      "b2",
      "a2",
      "a3"
    ])
  })

  it("stay bounded when a step is run again and again, and go on counting", () => {
    const log = new StepLog()
    const rounds = size(50_000, 15_000)
    run(log, "a")
    log.rest(false)
    let bytes = 0
    for (let count = 1; count <= rounds; count++) {
      assert.strictEqual(run(log, "b").attempt, count)
      bytes = Math.max(bytes, log.rest(false))
    }
    const list = log.list()
    assert.isBelow(list.length, 11_000)
    assert.isBelow(bytes, 2_000_000)
    assert.deepStrictEqual([list[0]!.stepId, list.at(-1)!.attempt], ["a", rounds])
  })

  it("keep the newest rounds of a loop without end, and the loop", () => {
    const log = new StepLog()
    const loop = log.begin("each", undefined, record("each", undefined))
    for (let round = 0; round < 200_000; round++) run(log, "in", round)
    const list = log.list()
    assert.isAtMost(list.length, 50_001)
    assert.isAtLeast(list.length, 25_000)
    assert.strictEqual(list[0], loop)
    assert.strictEqual(list.at(-1)!.loopIndex, 199_999)
  })
})
