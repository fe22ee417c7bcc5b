import * as TraceDiff from "@effect-noukai/report/TraceDiff"
import type { Trace } from "@effect-noukai/sdk"
import type { Suite } from "../Suite.js"

const steps = 10_000

const words = (step: number, run: number): string =>
  Array.from({ length: 100 }, (_, n) => `word${(n * (step + 1) * (step % 2 === 0 ? 1 : run)) % 101}`).join(" ")

/** A run whose every third input and every second output differ from other runs. */
const traceOf = (run: number): Trace.Trace => ({
  flowRun: { id: `run-${run}`, status: "completed" },
  steps: Array.from({ length: steps }, (_, step) => ({
    stepId: `step-${step}`,
    attempt: 1,
    status: "completed",
    truncated: false,
    durationMs: step % 97 + run / 10,
    costUsd: `0.0000${step % 1000}`,
    inputContext: { message: step % 3 === 0 ? `run ${run}` : "the same", list: [1, 2, { step }] },
    outputContext: { text: words(step, run) }
  }))
})

/** The cost of comparing two runs of 10,000 steps. */
export const traces: Suite = {
  name: "traces",
  prepare: () => {
    const [first, second] = [traceOf(1), traceOf(2)]
    const compared = (other: Trace.Trace, changed: number) => () => {
      if (TraceDiff.make(first, other).counts.changed !== changed) throw new Error("other steps are changed")
      return Promise.resolve(1)
    }
    return Promise.resolve({
      groups: [{
        name: "two runs of 10,000 steps compared",
        baselines: ["equal"],
        rows: [
          { name: "equal", run: compared(first, 0) },
          { name: "two of three steps differ", run: compared(second, TraceDiff.make(first, second).counts.changed) }
        ]
      }],
      close: () => Promise.resolve()
    })
  }
}
