/** Holds flows written in code to the rules of a flows file. */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { FileFlow } from "../../Flow.js"
import type { Flow, Step } from "../../Flow.js"
import { readSchema } from "../json/readSchema.js"
import { mistakesOf } from "../json/schemaMistakes.js"
import type { Mistake } from "../json/schemaMistakes.js"

const decode = readSchema(Schema.Struct({ flows: Schema.Array(FileFlow) }))

/** A duration of Effect as a file has it. */
const inFile = (duration: unknown): unknown =>
  typeof duration === "string"
    ? duration
    : Option.match(Duration.decodeUnknown(duration), { onNone: () => duration, onSome: Duration.toMillis })

/** A step as a file has it, with a template in place of a function; their other fields are the same. */
const asFileStep = (step: Step): unknown => {
  if (step.kind === "loop") return { ...step, steps: step.steps.map(asFileStep) }
  const timed = step.duration === undefined ? step : { ...step, duration: inFile(step.duration) }
  if (timed.kind !== "function") return timed
  const { run: _, ...rest } = timed
  return { ...rest, kind: "template", output: null }
}

const asFileFlow = (flow: Flow): unknown => ({
  ...flow,
  steps: flow.steps.map(asFileStep),
  ...(flow.versions === undefined
    ? {}
    : {
      versions: Object.fromEntries(
        Object.entries(flow.versions).map(([number, version]) => [
          number,
          { ...version, steps: version.steps.map(asFileStep) }
        ])
      )
    })
})

/** The mistakes for which a file would be refused. */
export const shapeMistakes = (flows: ReadonlyArray<Flow>): ReadonlyArray<Mistake> =>
  Either.match(decode({ flows: flows.map(asFileFlow) }), { onLeft: mistakesOf, onRight: () => [] })
