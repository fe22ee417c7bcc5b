/** Finds the mistakes in flows that the types do not exclude. */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Record from "effect/Record"
import * as Schema from "effect/Schema"
import { FileFlow, type Flow, type Json, type PublishedVersion, type Step } from "../../Flow.js"
import { isObject, type Mistake, mistakesOf, readSchema } from "../json.js"
import { placeholders } from "./template.js"

const roots = new Set(["message", "messages", "parameters", "input", "steps", "tools", "results", "loop"])

const templatesOf = (step: Step): ReadonlyArray<readonly [name: string, template: Json]> => {
  switch (step.kind) {
    case "template":
      return [
        ["output", step.output],
        ...(step.prompt === undefined ? [] : [["prompt", step.prompt] as const]),
        ...(step.partials === undefined ? [] : [["partials", step.partials] as const])
      ]
    case "tool":
      return [
        ["rounds", step.rounds.map((round) => round.map((call) => call.arguments ?? null))],
        ["output", step.output]
      ]
    case "loop":
      return step.over === undefined ? [] : [["over", step.over]]
    case "fail":
    case "function":
      return []
  }
}

/** The mistake in a placeholder, if there is one. */
const checkPlaceholder = (path: string, before: ReadonlySet<string>): string | undefined => {
  const [root, id, output] = path.split(".")
  if (!roots.has(root!)) return `{{${path}}} refers to nothing: begin it with one of ${[...roots].join(", ")}`
  if (root !== "steps") return undefined
  if (id === undefined || output !== "output") return `{{${path}}} must read {{steps.<id>.output}}`
  return before.has(id) ? undefined : `{{${path}}} refers to a step that does not run before this one`
}

const checkSteps = (steps: ReadonlyArray<Step>, path: string, seen: Set<string>, inLoop: boolean): Array<Mistake> =>
  steps.flatMap((step, index) => {
    const place = `${path}[${index}]`
    const mistakes: Array<Mistake> = []
    if (seen.has(step.id)) mistakes.push({ path: `${place}.id`, message: `"${step.id}" is the id of two steps` })
    for (const [name, template] of templatesOf(step)) {
      for (const found of placeholders(template)) {
        const message = checkPlaceholder(found, seen)
        if (message !== undefined) mistakes.push({ path: `${place}.${name}`, message })
      }
    }
    if (step.kind === "loop") {
      if ((step.times === undefined) === (step.over === undefined)) {
        mistakes.push({ path: place, message: "a loop has either \"times\" or \"over\"" })
      }
      if (inLoop) mistakes.push({ path: place, message: "a loop cannot be inside a loop" })
      mistakes.push(...checkSteps(step.steps, `${place}.steps`, seen, true))
    }
    seen.add(step.id)
    return mistakes
  })

export const findMistakes = (flows: ReadonlyArray<Flow>): ReadonlyArray<Mistake> => {
  const refs = new Set<string>()
  return flows.flatMap((flow, index) => {
    const place = `flows[${index}]`
    const mistakes: Array<Mistake> = []
    if (refs.has(flow.ref)) mistakes.push({ path: `${place}.ref`, message: `"${flow.ref}" is the ref of two flows` })
    refs.add(flow.ref)
    mistakes.push(...checkSteps(flow.steps, `${place}.steps`, new Set(), false))
    const versions: ReadonlyArray<[string, PublishedVersion]> = Object.entries(flow.versions ?? {})
    for (const [number, version] of versions) {
      mistakes.push(...checkSteps(version.steps, `${place}.versions.${number}.steps`, new Set(), false))
    }
    if (flow.production !== undefined && flow.versions?.[String(flow.production)] === undefined) {
      mistakes.push({ path: `${place}.production`, message: `there is no version ${flow.production}` })
    }
    return mistakes
  })
}

const decode = readSchema(Schema.Struct({ flows: Schema.Array(FileFlow) }))

/** An Effect duration in the form of a file. A number stays as it is: a duration of one that is negative or NaN is 0. */
const inFile = (duration: unknown): unknown =>
  typeof duration === "string" || typeof duration === "number"
    ? duration
    : Option.match(Duration.decodeUnknown(duration), { onNone: () => duration, onSome: Duration.toMillis })

const each = (list: unknown, read: (one: unknown) => unknown): unknown => Array.isArray(list) ? list.map(read) : list

/** A step in the form of a file. A template replaces a function, because their other fields are the same. */
const asFileStep = (step: unknown): unknown => {
  if (!isObject(step)) return step
  if (step.kind === "loop") return { ...step, steps: each(step.steps, asFileStep) }
  const timed: { readonly [field: string]: unknown } = step.duration === undefined
    ? step
    : { ...step, duration: inFile(step.duration) }
  if (timed.kind !== "function") return timed
  const { run: _, ...rest } = timed
  return { ...rest, kind: "template", output: null }
}

const withFileSteps = (part: unknown): unknown =>
  isObject(part) ? { ...part, steps: each(part.steps, asFileStep) } : part

/** A flow in the form of a file. A program without types may pass any value. */
const asFileFlow = (flow: unknown): unknown => {
  const found = withFileSteps(flow)
  return isObject(found) && isObject(found.versions)
    ? { ...found, versions: Record.map(found.versions, withFileSteps) }
    : found
}

/** The mistakes that a file with these flows would have. */
export const shapeMistakes = (flows: ReadonlyArray<Flow>): ReadonlyArray<Mistake> =>
  Either.match(decode({ flows: flows.map(asFileFlow) }), { onLeft: mistakesOf, onRight: () => [] })
