/** Facts about the parameters and results of flows, from flows files, cassettes and stored runs. */
import type { FileFlow, FileStep, Json } from "@effect-noukai/emulator/Flow"
import type { Cassette, RecordedCassette } from "@effect-noukai/sdk/Cassette"
import type { SessionExecution } from "@effect-noukai/sdk/SessionService"
import type { Trace } from "@effect-noukai/sdk/Trace"
import * as Predicate from "effect/Predicate"
import * as Struct from "effect/Struct"
import * as Shape from "./shape.js"

/** The facts about one flow. */
export interface Known {
  /** `org/project/slug`, or only a slug where the source has no more. */
  readonly flow: string
  readonly parameters: Shape.Shape
  readonly result: Shape.Shape
}

const known = (flow: string, facts: Partial<Known>): Known => ({
  flow,
  parameters: Shape.unknown,
  result: Shape.unknown,
  ...facts
})

const placeholder = /\{\{\s*([^{}]+?)\s*\}\}/g

const textsOf = (value: unknown): ReadonlyArray<string> =>
  typeof value === "string"
    ? [value]
    : typeof value === "object" && value !== null
    ? Object.values(value).flatMap(textsOf)
    : []

const propertyOf = ({ object }: Shape.Shape, key: string): Shape.Shape =>
  object?.properties.get(key)?.shape ?? Shape.unknown

type Outputs = { readonly [stepId: string]: Shape.Shape }

/** The shape of the value of a placeholder. `input`: the output of the previous step. */
const placed = (path: string, outputs: Outputs, input: Shape.Shape): Shape.Shape => {
  const [root, ...rest] = path.split(".")
  if (root === "message") return Shape.simple("string")
  if (root === "loop" && rest[0] === "index") return Shape.simple("number")
  if (root === "input") return rest.reduce(propertyOf, input)
  if (root === "steps" && rest[1] === "output") {
    return rest.slice(2).reduce(propertyOf, outputs[rest[0] ?? ""] ?? Shape.unknown)
  }
  return Shape.unknown
}

/** The shape of a rendered template. */
const rendered = (template: Json, outputs: Outputs, input: Shape.Shape): Shape.Shape => {
  const render = (value: Json): Shape.Shape => {
    if (typeof value === "string") {
      const whole = /^\{\{\s*([^{}]+?)\s*\}\}$/.exec(value)
      return whole === null ? Shape.simple("string") : placed(whole[1]!, outputs, input)
    }
    if (Array.isArray(value)) return Shape.listOf(Shape.unionAll(value.map(render)))
    if (!Predicate.isRecord(value)) return Shape.shapeOf(value)
    if (Object.hasOwn(value, "$match")) {
      const cases = Predicate.isRecord(value.cases) ? Object.values(value.cases) : []
      return Shape.unionAll([...cases, value.default ?? null].map((one) => render(one as Json)))
    }
    return Shape.objectOf(Object.entries(value).map(([key, item]) => [key, render(item as Json)]))
  }
  return render(template)
}

/** The shape of the output of the last step. */
const lastOutput = (steps: ReadonlyArray<FileStep>, given: Shape.Shape = Shape.unknown): Shape.Shape => {
  const outputs: Record<string, Shape.Shape> = {}
  let input = given
  for (const step of steps) {
    input = step.kind === "loop"
      ? Shape.listOf(lastOutput(step.steps))
      : step.kind === "fail"
      ? Shape.unknown
      : rendered(step.output, outputs, input)
    outputs[step.id] = input
  }
  return input
}

/** The steps that run where a call names no version. */
const productionOf = ({ production, steps, versions = {} }: FileFlow): ReadonlyArray<FileStep> => {
  const newest = production ?? Math.max(0, ...Object.keys(versions).map(Number))
  return versions[newest]?.steps ?? steps
}

/** The facts in a flow of the emulator: names of parameters, and the template of the last output. */
export const ofFileFlow = (flow: FileFlow): Known => {
  const steps = productionOf(flow)
  const parameters = textsOf(steps).flatMap((text) =>
    [...text.matchAll(placeholder)].flatMap(([, path = ""]) => /^parameters\.([^.]+)/.exec(path)?.[1] ?? [])
  )
  return known(flow.ref, {
    parameters: parameters.length === 0 ? Shape.unknown : Shape.named(parameters),
    result: lastOutput(steps)
  })
}

/** The result of a recorded answer. Absent if the run did not complete. */
const resultOf = ({ answer, endpoint }: RecordedCassette["entries"][number]): unknown => {
  if ("events" in answer) {
    const events = answer.events.filter(Predicate.isRecord)
    const end = events.at(-1)
    if (endpoint !== "step" || end?.type !== "flow_completed") return undefined
    if ("result" in end) return end.result
    const last = events.findLast((event) => event.type === "step_completed" && event.loopIndex === undefined)
    if (last === undefined || "output" in last) return last?.output
    const output = events.findLast((event) => event.type === "step_output" && event.stepId === last.stepId)
    return output?.outputContext ?? output?.output
  }
  const value = "statuses" in answer ? answer.statuses.at(-1) : answer
  return value !== undefined && "value" in value && Predicate.isRecord(value.value) &&
      value.value.status === "completed"
    ? value.value.result
    : undefined
}

/** The parameters of a request that begins a run. */
const parametersOf = (input: unknown): unknown =>
  Predicate.isRecord(input) && Predicate.isRecord(input.parameters) && input.executionId === undefined
    ? input.parameters
    : undefined

interface Step {
  readonly loopIndex?: number | undefined
  readonly status: string
  readonly truncated: boolean
}

/** The facts in a stored run. Runs that did not complete, or that end in a loop, say nothing about the result. */
const ofSteps = <S extends Step>(
  flow: string,
  status: string,
  steps: ReadonlyArray<S>,
  input: keyof S,
  output: keyof S
): Known => {
  const [given, last] = [steps[0]?.[input], steps.at(-1)]
  const isWhole = status === "completed" && last?.status === "completed" && last.loopIndex === undefined
  const result = isWhole && !last.truncated ? last[output] : undefined
  return known(flow, {
    parameters: Predicate.isRecord(given) ? Shape.shapeOf(Struct.omit(given, "message", "messages")) : Shape.unknown,
    // the server stores the prompt beside an output
    result: Shape.shapeOf(Predicate.isRecord(result) ? Struct.omit(result, "__rendered_prompt__") : result ?? undefined)
  })
}

const ofExecution = ({ slug = "", status, steps }: SessionExecution): Known =>
  ofSteps(slug, status, steps, "inputSnapshot", "outputSnapshot")

/** The facts in a cassette. The recording of a session has only the slugs of flows. */
export const ofCassette = (cassette: Cassette): ReadonlyArray<Known> =>
  cassette.kind === "session"
    ? cassette.session.executions.filter(({ slug }) => slug !== undefined).map(ofExecution)
    : cassette.entries.flatMap((entry) =>
      entry.flow === undefined ? [] : [known(entry.flow, {
        parameters: Shape.shapeOf(parametersOf(entry.input)),
        result: Shape.shapeOf(resultOf(entry))
      })]
    )

/** The facts in the trace of a run. */
export const ofTrace = (flow: string, { flowRun, steps }: Trace): Known =>
  ofSteps(flow, flowRun.status, steps, "inputContext", "outputContext")

/** Merges facts about the same flow. */
export const merged = (flow: string, all: ReadonlyArray<Known>): Known => ({
  flow,
  parameters: Shape.unionAll(all.map(({ parameters }) => parameters)),
  result: Shape.unionAll(all.map(({ result }) => result))
})
