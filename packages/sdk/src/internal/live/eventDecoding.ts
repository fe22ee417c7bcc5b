/**
 * From a frame to the event that it means.
 *
 * @see contract 7.2, 7.3
 * @internal
 */
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
import * as FlowEvent from "../../FlowEvent.js"
import { keepOriginal } from "../operations/rawEvent.js"
import { compiledCheck } from "../schema/compiledCheck.js"

/**
 * A frame that the run cannot go on without, and that cannot be understood. It quotes nothing of the payload.
 *
 * @internal
 */
export interface Undecodable {
  readonly type: "undecodable"
  readonly reason: string
}

type Payload = { [key: string]: unknown }

interface Kind {
  readonly type: FlowEvent.WireEvent["type"]
  /** Whether the run depends on it. */
  readonly essential: boolean
  readonly fits: (payload: Payload) => boolean
  readonly fields: ReadonlyArray<{ readonly name: string; readonly dispensable: boolean; readonly fits: Kind["fits"] }>
}

const literalOf = (schema: Schema.Schema.AnyNoContext): FlowEvent.WireEvent["type"] => {
  const type = AST.getPropertySignatures(schema.ast).find(({ name }) => name === "type")!.type
  return (type as AST.Literal).literal as FlowEvent.WireEvent["type"]
}

/** `dispensable` fields only inform: one that does not fit is left out rather than costing the event. */
const kind = (
  schema: Schema.Schema.AnyNoContext,
  essential: boolean,
  dispensable: ReadonlyArray<string>
): Kind => {
  const signatures = AST.getPropertySignatures(schema.ast).filter(({ name }) => name !== "type")
  const checkOf = (some: ReadonlyArray<AST.PropertySignature>) =>
    compiledCheck(Schema.make<unknown>(new AST.TypeLiteral(some, [])))
  return {
    type: literalOf(schema),
    essential,
    fits: checkOf(signatures),
    fields: signatures.map((signature) => ({
      name: String(signature.name),
      dispensable: dispensable.includes(String(signature.name)),
      fits: checkOf([signature])
    }))
  }
}

const runStarted = kind(FlowEvent.WireRunStarted, true, ["executionId", "flowId", "stepCount", "runId"])

/** The most frequent first: names are compared, which is cheaper than to hash one that is made anew for each event. */
const kinds: ReadonlyArray<readonly [name: string, kind: Kind]> = [
  ["step_output", kind(FlowEvent.WireStepOutput, false, [])],
  ["step_started", kind(FlowEvent.WireStepStarted, false, ["name", "stepIndex"])],
  ["step_completed", kind(FlowEvent.WireStepCompleted, true, ["name", "durationMs", "tokens", "costUsd"])],
  ["step_input", kind(FlowEvent.WireStepInput, false, [])],
  ["step_paused", kind(FlowEvent.WireStepPaused, true, ["stepId"])],
  ["step_error", kind(FlowEvent.WireStepError, true, ["name"])],
  ["step_paused_for_tool_calls", kind(FlowEvent.WireToolCallsRequired, true, ["stepId", "runId"])],
  ["flow_completed", kind(FlowEvent.WireFlowCompleted, true, ["executionId", "runId", "summary"])],
  ["run_started", runStarted],
  ["flow_started", runStarted]
]

const kindOf = (name: string): Kind | undefined => {
  for (const entry of kinds) if (entry[0] === name) return entry[1]
  return undefined
}

const parse = (data: string): Payload | undefined => {
  try {
    const json: unknown = JSON.parse(data)
    return typeof json === "object" && json !== null && !Array.isArray(json) ? json as Payload : undefined
  } catch {
    return undefined
  }
}

/** Gives up what only informs and does not fit. */
const mend = (kind: Kind, name: string, payload: Payload, warn: (text: string) => void): string | undefined => {
  keepOriginal(payload, { ...payload })
  for (const field of kind.fields) {
    if (field.fits(payload)) continue
    if (!field.dispensable) return field.name
    delete payload[field.name]
    warn(`${field.name} of an event ${name} does not fit and was left out`)
  }
  return undefined
}

/**
 * The event of a frame; `undefined` for one that was dropped, which `warn` has been told. `name` is the frame's own
 * name, if it has one.
 *
 * @internal
 */
export const decodeEvent = (
  frameName: string | undefined,
  data: string,
  warn: (text: string) => void
): FlowEvent.WireEvent | Undecodable | undefined => {
  const payload = parse(data)
  const name = frameName ?? payload?.eventType
  if (typeof name !== "string" || name === "") {
    warn(payload === undefined ? "an event is not a JSON object" : "an event has no name")
    return undefined
  }
  const known = kindOf(name)
  const refuse = (problem: string): Undecodable | undefined => {
    if (known?.essential === true) {
      return { type: "undecodable", reason: `an event ${name} ${problem}` }
    }
    warn(`an event ${name} ${problem}`)
    return undefined
  }
  if (payload === undefined) return refuse("is not a JSON object")
  if (known === undefined) return { type: "unknown", name, data: payload }
  if (!known.fits(payload)) {
    const misfit = mend(known, name, payload, warn)
    if (misfit !== undefined) return refuse(`has no ${misfit} that fits`)
  }
  // older servers name the run in `runId` alone
  if (known === runStarted && typeof payload.executionId !== "string" && typeof payload.runId !== "string") {
    return refuse("has no executionId that fits")
  }
  // a key of that name is the server's own
  if (payload.type !== undefined) keepOriginal(payload, { ...payload })
  payload.type = known.type
  return payload as FlowEvent.WireEvent
}
