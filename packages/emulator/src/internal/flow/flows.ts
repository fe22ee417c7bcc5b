/**
 * The flows of a server. Finds the version for a path.
 *
 * @see docs/wire.md#versions
 */
import { digitsWithin } from "@effect-noukai/sdk/kit/plainJson"
import * as Either from "effect/Either"
import * as Hash from "effect/Hash"
import * as Option from "effect/Option"
import { isDeepStrictEqual } from "node:util"
import type { CaptureMode, Flow, FlowFacts, Step } from "../../Flow.js"
import { type ApiError, refuse } from "../apiError.js"
import { placeholders } from "./template.js"

interface Slugs {
  readonly org: string
  readonly project: string
  readonly slug: string
}

/** The flow that a request names: three slugs and the version segment, if any. */
export interface FlowAddress extends Slugs {
  /** `undefined` for the plain path, 0 for the draft. */
  readonly version: number | undefined
}

export const refOf = ({ org, project, slug }: Slugs): string => `${org}/${project}/${slug}`

/** The summary of one version of a flow. All runs of the version share it. */
export interface FlowSummary extends Slugs {
  readonly ref: string
  readonly flowId: string
  readonly stepCount: number
  /** 0 for the draft; `undefined` for a flow without versions. */
  readonly version: number | undefined
}

/** One version of a flow, ready to run. */
export interface Tree extends Slugs {
  readonly ref: string
  readonly flowId: string
  readonly summary: FlowSummary
  readonly steps: ReadonlyArray<Step>
  readonly broken: string | undefined
  readonly needsMessage: boolean
  readonly toolsEnabled: boolean
  readonly vision: boolean
  readonly capture: CaptureMode | undefined
}

export interface Flows {
  readonly resolve: (address: FlowAddress) => Either.Either<Tree, ApiError>
  readonly projectOfFlowId: (flowId: string) => { readonly org: string; readonly project: string } | undefined
  /** Adds a flow or replaces the one of the same ref. */
  readonly put: (flow: Flow) => void
  readonly remove: (ref: string) => void
  readonly has: (ref: string) => boolean
  readonly count: () => number
  readonly refs: () => ReadonlyArray<string>
  readonly facts: (ref: string) => Option.Option<FlowFacts>
  readonly reset: () => void
}

const flowIdOf = (flow: Flow): string => flow.id ?? `fl_${(Hash.string(flow.ref) >>> 0).toString(16).padStart(8, "0")}`

const slugsOf = (flow: Flow): Slugs => {
  const [org, project, slug] = flow.ref.split("/") as [string, string, string]
  return { org, project, slug }
}

const everyStep = (steps: ReadonlyArray<Step>): ReadonlyArray<Step> =>
  steps.flatMap((step) => step.kind === "loop" ? [step, ...everyStep(step.steps)] : [step])

const placeholdersOf = (step: Step): ReadonlyArray<string> =>
  step.kind === "template" || step.kind === "tool"
    ? placeholders([step.output, step.kind === "template" ? step.prompt ?? null : null])
    : step.kind === "loop"
    ? placeholders(step.over ?? null)
    : []

const usesMessage = (step: Step): boolean =>
  (step.kind === "template" || step.kind === "tool") && placeholdersOf(step).includes("message")

/** An object of the parameters that templates use. */
const schemaOf = (steps: ReadonlyArray<Step>): FlowFacts["parametersSchema"] => ({
  type: "object",
  properties: Object.fromEntries(
    everyStep(steps).flatMap(placeholdersOf).flatMap((path) => {
      const [root, name] = path.split(".")
      return root === "parameters" && name !== undefined && name !== "message" ? [[name, {}]] : []
    })
  )
})

const toTree = (flow: Flow, version: number): Tree => {
  const published = version === 0 ? undefined : flow.versions?.[String(version)]
  const steps = published?.steps ?? flow.steps
  const every = everyStep(steps)
  const named = { ref: flow.ref, ...slugsOf(flow), flowId: flowIdOf(flow) }
  return {
    ...named,
    summary: {
      ...named,
      stepCount: steps.length,
      version: Object.keys(flow.versions ?? {}).length === 0 ? undefined : version
    },
    steps,
    broken: published === undefined ? flow.broken : published.broken,
    needsMessage: flow.needsMessage ?? every.some(usesMessage),
    toolsEnabled: flow.toolsEnabled ?? every.some((step) => step.kind === "tool"),
    vision: flow.vision ?? true,
    capture: flow.capture
  }
}

const productionOf = (flow: Flow): number =>
  flow.production ?? Math.max(0, ...Object.keys(flow.versions ?? {}).map(Number))

const isSame = (tree: Tree, other: Tree): boolean =>
  isDeepStrictEqual([tree, digitsWithin(tree.steps)], [other, digitsWithin(other.steps)])

export const make = (initial: ReadonlyArray<Flow>): Flows => {
  const flows = new Map(initial.map((flow) => [flow.ref, flow]))
  // each tree is built once, because a run compares trees by identity to detect that a flow was edited
  const trees = new Map<Flow, Map<number, Tree>>()

  const treeOf = (flow: Flow, version: number): Tree => {
    const built = trees.get(flow) ?? new Map<number, Tree>()
    trees.set(flow, built)
    const tree = built.get(version) ?? toTree(flow, version)
    built.set(version, tree)
    return tree
  }

  return {
    resolve: (address) => {
      const ref = refOf(address)
      const flow = flows.get(ref)
      if (flow === undefined) return refuse(404, "FLOW_NOT_FOUND", `There is no flow ${ref}.`)
      const version = address.version ?? productionOf(flow)
      if (version !== 0 && flow.versions?.[String(version)] === undefined) {
        return refuse(404, "FLOW_NOT_FOUND", `${ref} has no version ${version}.`)
      }
      return Either.right(treeOf(flow, version))
    },
    projectOfFlowId: (flowId) => {
      for (const flow of flows.values()) {
        if (flowIdOf(flow) === flowId) return slugsOf(flow)
      }
      return undefined
    },
    put: (flow) => {
      const replaced = flows.get(flow.ref)
      if (replaced !== undefined) {
        // an equal version was not edited, so it keeps its tree
        const built = [...trees.get(replaced) ?? []]
        trees.delete(replaced)
        trees.set(flow, new Map(built.filter(([version, tree]) => isSame(tree, toTree(flow, version)))))
      }
      flows.set(flow.ref, flow)
    },
    remove: (ref) => {
      const removed = flows.get(ref)
      if (removed !== undefined) trees.delete(removed)
      flows.delete(ref)
    },
    has: (ref) => flows.has(ref),
    count: () => flows.size,
    refs: () => [...flows.keys()],
    facts: (ref) =>
      Option.map(Option.fromNullable(flows.get(ref)), (flow) => {
        const production = productionOf(flow)
        const { needsMessage, steps } = treeOf(flow, production)
        return {
          versions: [...Object.keys(flow.versions ?? {}), "draft"],
          production: production === 0 ? "draft" : String(production),
          needsMessage,
          parametersSchema: flow.parameters ?? schemaOf(steps),
          steps: steps.map(({ id }) => id)
        }
      }),
    reset: () => {
      flows.clear()
      trees.clear()
      for (const flow of initial) flows.set(flow.ref, flow)
    }
  }
}
