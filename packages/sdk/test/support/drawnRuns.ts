/** Stored runs to draw. */
import { Trace } from "@effect-noukai/sdk"
import { FastCheck as fc, Schema } from "effect"
import { anyText } from "./fuzz.js"

const begin = Date.UTC(2026, 5, 7, 9)

export const at = (ms: number) => new Date(begin + ms).toISOString()

export const decode = Schema.decodeUnknownSync(Trace.Trace)

export const step = (stepId: string, from: number, ms: number, rest: object = {}) => ({
  stepId,
  attempt: 1,
  status: "completed",
  startedAt: at(from),
  completedAt: at(from + ms),
  durationMs: ms,
  ...rest
})

export const traceOf = (ms: number, ...steps: ReadonlyArray<object>): Trace.Trace =>
  decode({
    flowRun: { id: "run-1", status: "completed", startedAt: at(0), completedAt: at(ms) },
    steps
  })

/** None of the words by which a test recognises a number that was not computed. */
const isPlain = (text: string) => !/NaN|Infinity|undefined/.test(text)

const anything = anyText({ maxLength: 60 }).filter(isPlain)

const moment = fc.option(fc.integer({ min: -1e6, max: 1e6 }).map(at), { nil: null })

/** Runs with any names, statuses and times. */
export const anyTrace: fc.Arbitrary<Trace.Trace> = fc.record({
  flowRun: fc.record({ id: anything, status: fc.constant("running"), startedAt: moment }),
  steps: fc.array(
    fc.record({
      stepId: anything,
      attempt: fc.nat(3),
      loopIndex: fc.option(fc.nat(2)),
      status: fc.oneof(anything, fc.constantFrom("failed", "running", "skipped")),
      startedAt: moment,
      completedAt: moment,
      durationMs: fc.option(fc.oneof(fc.nat(1e7), fc.double())),
      costUsd: fc.option(fc.constantFrom("0.1", "1e-9")),
      modelUsed: fc.option(anything),
      inputContext: fc.jsonValue().filter((value) => isPlain(JSON.stringify(value)))
    }),
    { maxLength: 8 }
  )
}).map((run) => decode(run))
