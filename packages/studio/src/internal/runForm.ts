/** The form about a new run of a flow. */
import * as StoredRuns from "@effect-noukai/report/StoredRuns"
import { digitsAt, digitsOf, digitsWithin, withDigits } from "@effect-noukai/sdk/kit/plainJson"
import * as Trace from "@effect-noukai/sdk/Trace"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { RunAttachment, type RunForm, type RunInput } from "../RunAgainApi.js"
import { NotFound, type Run, type RunFilter, type Unavailable } from "../RunsApi.js"
import type { FlowFacts, StoredRun, StudioSource } from "../StudioSource.js"
import { knownCostOf } from "./detail.js"
import { versionOf } from "./runTexts.js"
import { exactJson, type Mask, maskedValue } from "./text.js"

type Source = StudioSource.Service

/** The number of runs of a version whose costs are shown, and of those that are listed to find them. */
const most = { priced: 20, listed: 100 }

/** The number of runs that are read at once. */
const concurrency = 4

const attachmentOf = Schema.decodeUnknownOption(RunAttachment)

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0)

/** The fields of a request that are those of the form, or say nothing about the input. */
const told = new Set(["message", "parameters", "attachments", "sessionId", "stepIndex", "accumulatedOutputs"].concat(
  ["inputOverrides", "runRemaining", "iterationsUsed", "trace", "stream", "snapshots", "executionId"]
))

type Known = Pick<RunInput, "message" | "parameters" | "attachments" | "inputOverrides">

const unknownInput = "The input of the run is not stored whole. Write it again."

const ofRequest = (request: NonNullable<StoredRun["request"]>): readonly [Known, ReadonlyArray<string>] => {
  const { attachments, inputOverrides, message, parameters } = request
  const given = Array.isArray(attachments) ? attachments : []
  const images = given.flatMap((one) => Option.toArray(attachmentOf(one)))
  const others = Object.keys(request).filter((name) => !told.has(name) && !isEmpty(request[name]))
  return [
    {
      ...typeof message === "string" && { message },
      ...!isEmpty(parameters) && { parameters: parameters as RunInput["parameters"] },
      ...images.length > 0 && { attachments: images },
      ...!isEmpty(inputOverrides) && { inputOverrides: inputOverrides as RunInput["inputOverrides"] }
    },
    [
      ...images.length < given.length ? ["The run had attachments that are not https URLs of images."] : [],
      ...others.length === 0 ? [] : [`The form has no fields for \`${others.join("`, `")}\` of the request.`]
    ]
  ]
}

const ofTrace = (trace: Trace.Trace): readonly [Known, ReadonlyArray<string>] =>
  Option.match(StoredRuns.inputOf(trace), {
    onNone: () => [{}, [unknownInput]] as const,
    onSome: ({ message, parameters }) => [
      { ...message !== undefined && { message }, ...!isEmpty(parameters) && { parameters } },
      ["The input is that of the first step. The request that began the run may have had more, such as attachments."]
    ]
  })

/** The input of a run. `undefined`: it is not stored whole. */
export const knownInput = ({ request, trace }: StoredRun): Known | undefined =>
  request !== undefined
    ? ofRequest(request)[0]
    : Option.isSome(StoredRuns.inputOf(trace))
    ? ofTrace(trace)[0]
    : undefined

/** The output of a step as later steps see it. A trace has objects alone, and a prompt beside them. */
const outputOf = (stored: unknown): unknown => {
  if (!Predicate.isRecord(stored)) return stored
  const { __rendered_prompt__: _, ...fields } = stored
  const output = withDigits(fields, digitsOf(stored))
  const [value, ...more] = Object.values(output)
  return more.length === 0 && Object.hasOwn(output, "output") && !Predicate.isRecord(value) ? value : output
}

/** That output as JSON. */
const outputJson = (stored: unknown): string => {
  const output = outputOf(stored)
  return exactJson(output, digitsWithin(output) ?? digitsAt(digitsOf(stored), "output")) ?? "null"
}

/** The steps of a flow, with the outputs of the run that later steps see, and its costs from each step on. */
const stepsOf = (
  stored: StoredRun | undefined,
  facts: FlowFacts | undefined
): Pick<RunForm, "later" | "steps"> => {
  const all = stored?.trace.steps ?? []
  const run = all.filter(({ loopIndex }) => loopIndex === undefined)
  const ids = facts?.steps ?? [...new Set(run.map(({ stepId }) => stepId))]
  const isCompleted = stored?.run.status === "completed"
  const costFrom = (stepId: string) => {
    const at = all.findIndex((step) => step.stepId === stepId && step.loopIndex === undefined)
    return isCompleted && at !== -1 ? knownCostOf(Trace.totals({ steps: all.slice(at) })) : {}
  }
  return {
    steps: (facts !== undefined || isCompleted ? ids.slice(0, -1) : ids).map((stepId) => {
      const output = run.findLast((step) => step.stepId === stepId && !step.truncated)?.outputContext
      return { stepId, ...output !== undefined && { output: outputJson(output) } }
    }),
    later: ids.slice(1).map((stepId) => ({ stepId, ...costFrom(stepId) }))
  }
}

const versionsOf = (runs: ReadonlyArray<Run>, facts: FlowFacts | undefined): ReadonlyArray<string> => {
  const known = new Set(facts?.versions ?? runs.flatMap((run) => versionOf(run.version) ?? []))
  const numbers = [...known].filter((version) => version !== "draft").toSorted((one, other) =>
    Number(other) - Number(one)
  )
  return ["production", ...numbers, ...known.has("draft") ? ["draft"] : []]
}

/** The versions of a form that a run is of: one in production has its number, too. Absent: it is not known. */
const choicesOf = ({ version }: Run, facts: FlowFacts | undefined): ReadonlyArray<string | undefined> => {
  if (version === "production") return [version]
  // a run of a flow without versions is of its draft
  const known = versionOf(version) ?? (version === undefined && facts?.versions.length === 1 ? "draft" : undefined)
  return known !== undefined && known === facts?.production ? ["production", known] : [known]
}

/** The costs of completed runs of a flow by version. Those that cannot be read are left out. `stored`: the run of the form. */
const costsOf = (
  source: Source,
  stored: StoredRun | undefined,
  runs: ReadonlyArray<Run>,
  facts: FlowFacts | undefined
): Effect.Effect<RunForm["costs"]> => {
  const ofVersions = new Map<string | undefined, Array<Run>>()
  const own = stored?.run.status === "completed" ? [stored.run] : []
  for (const run of [...own, ...runs.filter(({ id }) => id !== stored?.run.id)]) {
    for (const version of choicesOf(run, facts)) {
      const others = ofVersions.get(version) ?? []
      if (others.length < most.priced) ofVersions.set(version, [...others, run])
    }
  }
  const costOf = (run: Run) =>
    run.id === stored?.run.id
      ? Effect.succeed([Trace.costOf(stored.trace, run.id)])
      : run.costUsd !== undefined
      ? Effect.succeed([{ costUsd: run.costUsd, isKnown: (run.unknownCosts ?? 0) === 0 }])
      : Effect.map(
        Effect.option(source.run(run.flow, run.id)),
        Option.match({ onNone: () => [], onSome: ({ trace }) => [Trace.costOf(trace, run.id)] })
      )
  return Effect.gen(function*() {
    // the version in production and its number have the same runs
    const read = new Set([...ofVersions.values()].flat())
    const costs = new Map(
      yield* Effect.forEach(read, (run) => Effect.map(costOf(run), (cost) => [run, cost] as const), { concurrency })
    )
    return [...ofVersions].flatMap(([version, runs]) =>
      Option.match(StoredRuns.costRange(runs.flatMap((run) => costs.get(run) ?? [])), {
        onNone: () => [],
        onSome: (range) => [{ ...version !== undefined && { version }, ...range }]
      })
    )
  })
}

/** Says that a run began at a later step: a new run of the form begins at the first one. */
const laterStartOf = (stored: StoredRun | undefined, facts: FlowFacts | undefined): ReadonlyArray<string> => {
  const first = stored?.trace.steps.find(({ loopIndex }) => loopIndex === undefined)
  return first === undefined || (facts?.steps.indexOf(first.stepId) ?? 0) <= 0
    ? []
    : [`The run began at the step \`${first.stepId}\`, with outputs of another run. Choose where the new one begins.`]
}

/** Makes the form of a flow and a run of it; without one, of the newest run whose input is stored. */
export const formOf = (
  source: Source,
  mask: Mask,
  flow: string,
  id: string | undefined
): Effect.Effect<Omit<RunForm, "studio" | "canStart" | "whyNot">, NotFound | Unavailable> =>
  Effect.gen(function*() {
    const runsOf = (filter: RunFilter) =>
      Effect.map(source.list({ ...filter, ofFlow: flow }, { offset: 0, limit: most.listed }), ({ runs }) => runs)
    const runs = yield* runsOf({ status: "completed" })
    const facts = Option.getOrUndefined(yield* source.flow?.(flow) ?? Effect.succeedNone)
    const like = id ?? runs[0]?.id ?? (yield* runsOf({}))[0]?.id
    if (like === undefined && facts === undefined && source.flow !== undefined) {
      return yield* new NotFound({ message: `There is no flow ${flow}.` })
    }
    const stored = like === undefined ? undefined : yield* source.run(flow, like)
    const costs = yield* costsOf(source, stored, runs, facts)
    const [known, notes]: ReturnType<typeof ofTrace> = stored === undefined
      ? [{}, ["No run of this flow is known, so the form is empty."]]
      : stored.request === undefined
      ? ofTrace(stored.trace)
      : ofRequest(stored.request)
    const version = stored === undefined ? undefined : versionOf(stored.run.version)
    const hasPayloads = stored?.trace.steps.some(({ inputContext, outputContext }) =>
      inputContext !== undefined || outputContext !== undefined
    )
    return {
      input: {
        flow,
        ...known,
        ...version !== undefined && { version },
        ...hasPayloads === true && { snapshots: true }
      },
      ...facts !== undefined && { parametersSchema: facts.parametersSchema, needsMessage: facts.needsMessage },
      versions: versionsOf(stored === undefined ? runs : [stored.run, ...runs], facts),
      ...stepsOf(stored, facts),
      costs,
      notes: [
        ...notes,
        ...laterStartOf(stored, facts),
        ...maskedValue(mask, known) === known
          ? []
          : ["The input has a key, which is masked here. Write it again before you run the flow."]
      ]
    }
  })
