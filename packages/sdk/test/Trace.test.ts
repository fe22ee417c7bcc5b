/** Traces as values: every optional and null field, and exact totals (docs/wire.md#traces, docs/wire.md#step-traces). */
import { Trace } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Either, FastCheck as fc, Schema } from "effect"
import { RunListResponse } from "../src/internal/operations/requests.js"
import { step } from "./support/traces.js"

const fullRun = {
  id: "run-1",
  flowId: "fl_1",
  status: "completed",
  triggerType: "ad_hoc",
  startedAt: "2026-06-07T09:00:00Z",
  completedAt: "2026-06-07T09:00:02Z",
  durationMs: 1145,
  stepCount: 2
}

const fullStep = {
  stepId: "classify",
  attempt: 2,
  loopIndex: 0,
  status: "completed",
  startedAt: "2026-06-07T09:00:00Z",
  completedAt: "2026-06-07T09:00:01Z",
  durationMs: 412,
  modelUsed: "example-model",
  tokens: { prompt: 120, completion: 9, total: 129 },
  costUsd: "0.00031",
  inputContext: { message: "hi" },
  outputContext: { label: "order" },
  errorContext: { code: "X" },
  inputSizeBytes: 21,
  outputSizeBytes: 17,
  truncated: true
}

const optionalRunFields = ["flowId", "triggerType", "startedAt", "completedAt", "durationMs", "stepCount"] as const

const optionalStepFields = [
  "loopIndex",
  "startedAt",
  "completedAt",
  "durationMs",
  "modelUsed",
  "tokens",
  "costUsd",
  "inputContext",
  "outputContext",
  "errorContext",
  "inputSizeBytes",
  "outputSizeBytes"
] as const

const without = (value: object, field: string): unknown => {
  const { [field]: _, ...rest } = value as { readonly [key: string]: unknown }
  return rest
}

const decodeRun = Schema.decodeUnknownEither(Trace.FlowRun)
const decodeStep = Schema.decodeUnknownEither(Trace.StepTrace)
const decodeTrace = Schema.decodeUnknownEither(Trace.Trace)
const decodeAttempts = Schema.decodeUnknownEither(Trace.StepAttempts)
const decodeList = Schema.decodeUnknownEither(RunListResponse)

describe("traces: a run", () => {
  it("with every field", () => {
    assert.deepStrictEqual(decodeRun(fullRun), Either.right(fullRun))
  })

  for (const field of optionalRunFields) {
    it(`${field} may be absent, and null means absent`, () => {
      const expected = Either.right(without(fullRun, field))
      assert.deepStrictEqual<unknown>(decodeRun(without(fullRun, field)), expected)
      assert.deepStrictEqual<unknown>(decodeRun({ ...fullRun, [field]: null }), expected)
    })
  }

  it("with all of them null at once", () => {
    const nulls = Object.fromEntries(optionalRunFields.map((field) => [field, null]))
    assert.deepStrictEqual(
      decodeRun({ ...fullRun, ...nulls }),
      Either.right({ id: "run-1", status: "completed" })
    )
  })

  for (const field of ["id", "status"] as const) {
    it(`${field} is required`, () => {
      assert.isTrue(Either.isLeft(decodeRun(without(fullRun, field))))
      assert.isTrue(Either.isLeft(decodeRun({ ...fullRun, [field]: null })))
    })
  }

  it("a status is free text, and unknown keys are ignored", () => {
    assert.deepStrictEqual(
      Either.map(decodeRun({ ...fullRun, status: "hibernating", summary: {} }), (run) => run.status),
      Either.right("hibernating")
    )
  })
})

describe("traces: a step", () => {
  it("with every field", () => {
    assert.deepStrictEqual(decodeStep(fullStep), Either.right(fullStep))
  })

  for (const field of optionalStepFields) {
    it(`${field} may be absent, and null means absent`, () => {
      const expected = Either.right(without(fullStep, field))
      assert.deepStrictEqual<unknown>(decodeStep(without(fullStep, field)), expected)
      assert.deepStrictEqual<unknown>(decodeStep({ ...fullStep, [field]: null }), expected)
    })
  }

  it("with all of them null at once, as capture mode metadata_only or off sends them", () => {
    const nulls = Object.fromEntries([...optionalStepFields, "truncated"].map((field) => [field, null]))
    assert.deepStrictEqual(
      decodeStep({ ...fullStep, ...nulls }),
      Either.right({ stepId: "classify", attempt: 2, status: "completed", truncated: false })
    )
  })

  it("truncated is false unless it is said", () => {
    assert.deepStrictEqual(decodeStep(without(fullStep, "truncated")), Either.right({ ...fullStep, truncated: false }))
  })

  for (const field of ["prompt", "completion", "total"] as const) {
    it(`tokens.${field} is 0 when absent or null`, () => {
      const expected = Either.right({ ...fullStep, tokens: { ...fullStep.tokens, [field]: 0 } })
      assert.deepStrictEqual(decodeStep({ ...fullStep, tokens: without(fullStep.tokens, field) }), expected)
      assert.deepStrictEqual(decodeStep({ ...fullStep, tokens: { ...fullStep.tokens, [field]: null } }), expected)
    })
  }

  it("attempt is 1 unless it is said", () => {
    assert.deepStrictEqual(decodeStep(without(fullStep, "attempt")), Either.right({ ...fullStep, attempt: 1 }))
    assert.deepStrictEqual(decodeStep({ ...fullStep, attempt: null }), Either.right({ ...fullStep, attempt: 1 }))
  })

  for (const field of ["stepId", "status"] as const) {
    it(`${field} is required`, () => {
      assert.isTrue(Either.isLeft(decodeStep(without(fullStep, field))))
      assert.isTrue(Either.isLeft(decodeStep({ ...fullStep, [field]: null })))
    })
  }

  for (const context of ["inputContext", "outputContext", "errorContext"] as const) {
    it(`${context} keeps what it holds, nulls inside and bare text too`, () => {
      for (const value of [{ a: null, b: [null] }, "text", [], 0, false]) {
        assert.deepStrictEqual(
          Either.map(decodeStep({ ...fullStep, [context]: value }), (step) => step[context]),
          Either.right(value)
        )
      }
    })
  }

  it("json: a cost is decimal text, and anything else is none", () => {
    for (const good of ["0", "0.00031", "12", "-0", "+2", "1E-7", "0E-8", "3e2", ".5", "5."]) {
      assert.deepStrictEqual(
        decodeStep({ ...fullStep, costUsd: good }),
        Either.right({ ...fullStep, costUsd: good })
      )
    }
    for (
      const bad of [0.1, "", " 1", "1,5", "NaN", "Infinity", "0x1", "1e", "$1", "-1.5", "1e999", "9".repeat(65), {}]
    ) {
      assert.deepStrictEqual<unknown>(
        decodeStep({ ...fullStep, costUsd: bad }),
        Either.right(without(fullStep, "costUsd")),
        String(bad)
      )
    }
  })
})

describe("traces, step-traces, lists-of-runs: what holds runs and steps", () => {
  it("a trace needs its run; steps may be none", () => {
    assert.deepStrictEqual(
      decodeTrace({ flowRun: fullRun, steps: [] }),
      Either.right({ flowRun: fullRun, steps: [] })
    )
    assert.deepStrictEqual(
      decodeTrace({ flowRun: fullRun, steps: [fullStep, fullStep] }),
      Either.right({ flowRun: fullRun, steps: [fullStep, fullStep] })
    )
    for (const none of [{ flowRun: fullRun }, { flowRun: fullRun, steps: null }]) {
      assert.deepStrictEqual(decodeTrace(none), Either.right({ flowRun: fullRun, steps: [] }))
    }
    for (const bad of [{}, { steps: [] }, { flowRun: fullRun, steps: {} }, []]) {
      assert.isTrue(Either.isLeft(decodeTrace(bad)))
    }
  })

  it("attempts", () => {
    assert.deepStrictEqual(
      decodeAttempts({ stepId: "classify", attempts: [fullStep] }),
      Either.right({ stepId: "classify", attempts: [fullStep] })
    )
    assert.isTrue(Either.isLeft(decodeAttempts(fullStep)))
  })

  it("a list", () => {
    assert.deepStrictEqual(decodeList({ runs: [fullRun], cursor: null }), Either.right({ runs: [fullRun] }))
    assert.isTrue(Either.isLeft(decodeList({ runs: null })))
  })
})

describe("totals", () => {
  it("adds every attempt and iteration; what is not said is 0", () => {
    const totals = Trace.totals({
      steps: [
        step({
          attempt: 1,
          status: "failed",
          durationMs: 10,
          costUsd: "0.1",
          tokens: { prompt: 1, completion: 2, total: 3 }
        }),
        step({ attempt: 2, durationMs: 20, costUsd: "0.2", tokens: { prompt: 10, completion: 20, total: 30 } }),
        step({})
      ]
    })
    assert.strictEqual(totals.durationMs, 30)
    assert.deepStrictEqual(totals.tokens, { prompt: 11, completion: 22, total: 33 })
    assert.strictEqual(BigDecimal.format(totals.cost), "0.3")
  })

  it("of nothing is nothing", () => {
    const totals = Trace.totals({ steps: [] })
    assert.strictEqual(totals.durationMs, 0)
    assert.deepStrictEqual(totals.tokens, { prompt: 0, completion: 0, total: 0 })
    assert.strictEqual(BigDecimal.format(totals.cost), "0")
  })

  it("of the attempts at one step", () => {
    const totals = Trace.totals({ stepId: "s", attempts: [step({ costUsd: "1E-7" }), step({ costUsd: "2" })] })
    assert.strictEqual(BigDecimal.format(totals.cost), "2.0000001")
  })

  it("keeps what a float would lose", () => {
    const totals = Trace.totals({ steps: [step({ costUsd: "9007199254740993" }), step({ costUsd: "0.000000001" })] })
    assert.strictEqual(BigDecimal.format(totals.cost), "9007199254740993.000000001")
  })

  it("any costs add up as the integers they are made of, in any order", () => {
    fc.assert(fc.property(
      fc.array(fc.tuple(fc.bigInt(0n, 10n ** 30n), fc.integer({ min: 0, max: 20 })), { maxLength: 30 }),
      (costs) => {
        const text = ([units, scale]: readonly [bigint, number]) => {
          const digits = units.toString().padStart(scale + 1, "0")
          return scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
        }
        const steps = costs.map((cost) => step({ costUsd: text(cost) }))
        const expected = costs.reduce((sum, [units, scale]) => sum + units * 10n ** BigInt(20 - scale), 0n)
        const total = Trace.totals({ steps }).cost
        assert.isTrue(BigDecimal.equals(total, BigDecimal.make(expected, 20)))
        assert.isTrue(BigDecimal.equals(total, Trace.totals({ steps: steps.reverse() }).cost))
      }
    ))
  })

  it("every cost that decodes is counted", () => {
    fc.assert(fc.property(fc.stringMatching(/^\+?(\d{1,9}(\.\d{0,9})?|\.\d{1,9})([eE][+-]?\d{1,2})?$/), (costUsd) => {
      assert.deepStrictEqual(decodeStep({ ...fullStep, costUsd }), Either.right({ ...fullStep, costUsd }))
      const counted = BigDecimal.unsafeToNumber(Trace.totals({ steps: [step({ costUsd })] }).cost)
      assert.closeTo(counted, Number(costUsd), Math.abs(Number(costUsd)) * 1e-9)
    }))
  })
})
