/** The runs of the hosted service that the caller has seen, and the flows that these runs name. */
import type { CallError } from "@effect-noukai/sdk/NoukaiError"
import type { SessionExecution } from "@effect-noukai/sdk/SessionService"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type { Traces } from "./hostedTraces.js"

/**
 * A run that the caller has seen, oldest first in a list of them.
 *
 * @since 0.1.0
 * @category models
 */
export interface SeenRun {
  /** `org/project/slug`. */
  readonly flow: string
  readonly id: string
  /** The server's id of the flow. Where no run of a flow has one, it is read from the newest run. */
  readonly flowId?: string | undefined
  readonly version?: string | undefined
  readonly sessionId?: string | undefined
  /** Milliseconds since 1970. */
  readonly at?: number | undefined
}

/** A flow whose runs are shown. */
export interface ShownFlow {
  readonly flow: string
  readonly flowId: string | undefined
  /** The seen runs, newest first. */
  readonly runs: ReadonlyArray<SeenRun>
}

/** The project of the flows whose address names none. */
export interface Defaults {
  readonly org?: string | undefined
  readonly project?: string | undefined
}

export interface SeenFlows {
  /** The seen runs by their ids. */
  known: ReadonlyMap<string, SeenRun>
  shown: ReadonlyArray<ShownFlow>
  /** The ids of flows that were read from traces. */
  readonly ids: Map<string, string>
  readonly traces: Traces
}

export const make = (traces: Traces): SeenFlows => ({ known: new Map(), shown: [], ids: new Map(), traces })

/** Replaces the seen runs. */
export const note = (flows: SeenFlows, seen: ReadonlyArray<SeenRun>): void => {
  flows.known = new Map(seen.map((run) => [run.id, run]))
  flows.shown = Object.entries(Arr.groupBy(seen, ({ flow }) => flow)).map(([flow, runs]) => ({
    flow,
    flowId: runs.findLast(({ flowId }) => flowId !== undefined)?.flowId,
    runs: runs.toReversed()
  }))
}

/** Returns the id of a flow, if it is known. */
export const idOf = ({ ids }: SeenFlows, { flow, flowId }: ShownFlow): string | undefined => flowId ?? ids.get(flow)

/** Returns the id of a flow. Reads it from its newest run if it is not known. */
export const readId = (flows: SeenFlows, shown: ShownFlow): Effect.Effect<string | undefined, CallError> =>
  Effect.gen(function*() {
    const { flow, runs: [last] } = shown
    const known = idOf(flows, shown)
    if (known !== undefined || last === undefined) return known
    const { flowRun: { flowId } } = yield* flows.traces.read(flow, last.id)
    if (flowId !== undefined) flows.ids.set(flow, flowId)
    return flowId
  })

/**
 * Returns the flow of a run of a session. The service tells only the last part of its name: the rest comes from a flow with
 * its id, or from the defaults, if the key of the service is of one project.
 */
export const flowOf = (
  flows: SeenFlows,
  { flowId, slug }: SessionExecution,
  { org, project }: Defaults
): string | undefined => {
  const ofId = flowId === undefined ? undefined : flows.shown.find((one) => idOf(flows, one) === flowId)
  if (ofId !== undefined || slug === undefined) return ofId?.flow
  return org !== undefined && project !== undefined ? `${org}/${project}/${slug}` : undefined
}

/** Reads the ids of the flows whose name ends in one of these slugs: another project may have that name, too. */
export const readIdsOf = (
  flows: SeenFlows,
  slugs: ReadonlySet<string>,
  concurrency: number
): Effect.Effect<void> => {
  const named = flows.shown.filter((one) =>
    idOf(flows, one) === undefined && slugs.has(one.flow.slice(one.flow.lastIndexOf("/") + 1))
  )
  return Effect.forEach(named, (one) => Effect.ignore(readId(flows, one)), { concurrency, discard: true })
}
