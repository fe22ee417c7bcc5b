/** Two runs side by side. */
import * as TraceDiff from "@effect-noukai/report/TraceDiff"
import { digitsOf, withDigits } from "@effect-noukai/sdk/kit/plainJson"
import type { StepTrace, Trace } from "@effect-noukai/sdk/Trace"
import * as ValueDiff from "@effect-noukai/sdk/ValueDiff"
import type { RunComparison, StepComparison } from "../CompareApi.js"
import type { Run, Source } from "../RunsApi.js"
import type { StoredRun } from "../StudioSource.js"
import { type Exact, exactChanges } from "./exactChanges.js"
import { digitsOfPayload } from "./payloads.js"
import { cut, type Mask, maskedValue, serverFlags, shellWord } from "./text.js"
import { hasEnded } from "./times.js"

/** The most differences of a payload, characters of a text in them, and differences that are compared word by word. */
const most = { changes: 1_000, text: 200_000, words: 20 }

/** The length up to which texts are shown side by side. */
const shortText = 80

const payloads = ["input", "output", "error"] as const

const contexts = { input: "inputContext", output: "outputContext", error: "errorContext" } as const

const withoutValues = (step: TraceDiff.StepDiff): TraceDiff.StepDiff => ({
  ...step,
  ...Object.fromEntries(payloads.flatMap((name) => {
    const changes = step[name]
    return changes === undefined ? [] : [[name, changes.map(({ path }) => ({ path }))]]
  }))
})

const nameOf = ({ flow, id }: Run): string => `${flow}/${id}`

/** Compares two runs. */
export const comparisonOf = (
  mask: Mask,
  server: Pick<Source, "address" | "kind">,
  before: StoredRun,
  after: StoredRun
): RunComparison => {
  // a difference would cut a key into parts
  const difference = TraceDiff.make(maskedValue(mask, before.trace), maskedValue(mask, after.trace), { limit: 1 })
  const sides = [["first", before.run, difference.before], ["second", after.run, difference.after]] as const
  return {
    before: before.run,
    after: after.run,
    difference: { ...difference, steps: difference.steps.map(withoutValues) },
    command: ["noukai", "diff", mask(nameOf(before.run)), mask(nameOf(after.run)), ...serverFlags(server)]
      .map(shellWord)
      .join(" "),
    notes: sides.flatMap(([which, { status }, { hasPayloads, stepCount }]) => [
      ...hasEnded(status) ? [] : [`The ${which} run goes on: its later steps are not compared yet.`],
      ...!hasEnded(status) || hasPayloads
        ? []
        : stepCount === 0
        ? [`The ${which} run has no stored steps.`]
        : [
          `The ${which} run kept no payloads, so inputs and outputs are not compared. Run the flow with \`snapshots: true\` (\`noukai run --snapshots\`), or set its capture mode to \`full\`.`
        ]
    ])
  }
}

const shortened = (value: unknown): unknown => typeof value === "string" ? cut(value, most.text) : value

/** A run whose steps can be paired in little time. */
const withoutPayloads = (trace: Trace): Trace => ({
  ...trace,
  steps: trace.steps.map(({ errorContext: _, inputContext: __, outputContext: ___, ...step }) => step)
})

const hasPayloads = ({ steps }: Trace): boolean =>
  steps.some((step) => payloads.some((of) => step[contexts[of]] !== undefined))

/** A payload of a step. */
const exactly = (step: StepTrace, of: (typeof payloads)[number]): Exact => ({
  value: step[contexts[of]],
  digits: digitsOfPayload(step, contexts[of])
})

/** Compares the payloads of one step. Returns `undefined` if the comparison has no such step. */
export const stepOf = (
  mask: Mask,
  before: StoredRun,
  after: StoredRun,
  at: number
): StepComparison | undefined => {
  const [first, second] = [maskedValue(mask, before.trace), maskedValue(mask, after.trace)]
  const step = TraceDiff.make(withoutPayloads(first), withoutPayloads(second)).steps[at]
  if (step === undefined) return undefined
  const was: StepTrace | undefined = first.steps[(step.before?.place ?? 0) - 1]
  const is: StepTrace | undefined = second.steps[(step.after?.place ?? 0) - 1]
  if (!hasPayloads(first) || !hasPayloads(second) || was === undefined || is === undefined) return { step, parts: [] }
  const compared = payloads.map((of) => {
    const all = exactChanges(exactly(was, of), exactly(is, of), most.changes + 1)
    return {
      of,
      hasMore: all.length > most.changes,
      changes: all.slice(0, most.changes).map((one): ValueDiff.Change => {
        const { actual, expected, words: _, ...change } = one
        return withDigits({
          ...change,
          ...expected !== undefined && { expected: shortened(expected) },
          ...actual !== undefined && { actual: shortened(actual) }
        }, digitsOf(one))
      })
    }
  })
  return {
    step: {
      ...step,
      kind: step.kind === "same" && compared.every(({ changes }) => changes.length === 0) ? "same" : "changed",
      ...Object.fromEntries(compared.map(({ changes, of }) => [of, changes])),
      hasMore: compared.some(({ hasMore }) => hasMore)
    },
    parts: compared
      .flatMap(({ changes, of }) =>
        changes.flatMap(({ actual, expected, path }) =>
          typeof expected === "string" && typeof actual === "string" &&
            Math.max(expected.length, actual.length) > shortText
            ? [{ of, path, expected, actual }]
            : []
        )
      )
      .slice(0, most.words)
      .map(({ actual, expected, of, path }) => ({ of, path, parts: ValueDiff.words(expected, actual) }))
  }
}
