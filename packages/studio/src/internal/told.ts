/** The facts of a run that its trace tells a list: its error, the first lines of its input and output, tokens and models. */
import * as TraceLayout from "@effect-noukai/report/TraceLayout"
import { problemOf, type StepTrace, type Trace } from "@effect-noukai/sdk/Trace"
import * as Predicate from "effect/Predicate"
import type { Run } from "../RunsApi.js"
import { payloadJson, type PayloadName } from "./payloads.js"

export type Told = Pick<Run, "error" | "problem" | "input" | "output" | "tokens" | "model">

/** The most characters of a line. */
const mostLine = 200

/** The most characters of the code of an error. */
const mostCode = 80

/** The largest payload that is read whole, in bytes. Of a larger object, the names of its fields are told. */
const mostBytes = 64 * 1024

/**
 * Returns the first line of a text. No word is cut: a part of a secret would not be masked.
 *
 * @param most The most characters of the line.
 */
export const firstLine = (text: string, most = mostLine): string => {
  const start = text.slice(0, 20 * most).trimStart()
  const [line = ""] = start.split(/[\r\n\u2028\u2029]/, 1)
  if (line.length <= most && (line.length < start.length || text.length <= 20 * most)) return line.trimEnd()
  // a word may go on behind the cut, and an escape of it, too
  const whole = line.slice(0, most + 1).replace(/[^\s"'`,;:(){}[\]]*$/, "").slice(0, most)
  return `${whole.trimEnd()}…`
}

/** The fields in which payloads have a text. */
const textFields = ["message", "text", "content", "answer"]

/** The text that a payload is, or that its message has. */
const saidIn = (value: unknown): string | undefined => {
  if (typeof value === "string") return value
  if (Array.isArray(value)) {
    return value.length > 0 && value.every((one) => Predicate.hasProperty(one, "role"))
      ? saidIn(value.at(-1))
      : undefined
  }
  if (!Predicate.isRecord(value)) return undefined
  if (Array.isArray(value.messages)) return saidIn(value.messages)
  const field = textFields.find((name) => typeof value[name] === "string" && value[name] !== "")
  return field === undefined ? undefined : saidIn(value[field])
}

const lineOf = (step: StepTrace | undefined, of: Exclude<PayloadName, "errorContext">): string | undefined => {
  const value = step?.[of]
  if (step === undefined || value === undefined) return undefined
  const said = saidIn(value)
  if (said !== undefined) return firstLine(said)
  const size = of === "inputContext" ? step.inputSizeBytes : step.outputSizeBytes
  return firstLine(
    Predicate.isRecord(value) && (size ?? 0) > mostBytes
      ? `{${Object.keys(value).join(", ")}}`
      : payloadJson(step, of) ?? ""
  )
}

/** Returns the code of the error of a step, or the first line of its message where it has none, and that line. */
export const errorOf = ({ errorContext }: StepTrace): Pick<Told, "error" | "problem"> => {
  const { code, message } = errorContext === undefined ? {} : problemOf(errorContext)
  const problem = message === undefined ? undefined : firstLine(message)
  const error = code === undefined ? problem : firstLine(code, mostCode)
  return { ...error !== undefined && { error }, ...code !== undefined && problem !== undefined && { problem } }
}

/** The longest list of models. */
const mostModels = 3

/** Returns the facts that a trace tells. A fact that it does not tell is absent. */
export const toldOf = (trace: Trace): Told => {
  const { bars, focus, rows, tokens } = TraceLayout.make(trace)
  const steps = bars.filter(({ step }) => step.loopIndex === undefined)
  const failed = focus === undefined ? undefined : rows[focus]?.bars[0]
  const input = lineOf(steps[0]?.step, "inputContext")
  const output = lineOf(steps.findLast(({ kind }) => kind === "completed")?.step, "outputContext")
  const models = [...new Set(bars.flatMap(({ step: { modelUsed } }) => modelUsed ?? []))]
  return {
    ...trace.flowRun.status === "failed" && failed !== undefined && errorOf(failed.step),
    ...input !== undefined && { input },
    ...output !== undefined && { output },
    ...tokens > 0 && { tokens },
    ...models.length > 0 && {
      model: `${models.slice(0, mostModels).join(", ")}${models.length > mostModels ? ", …" : ""}`
    }
  }
}
