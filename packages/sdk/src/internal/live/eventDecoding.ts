/**
 * Decodes the frames of an event stream.
 *
 * @see contract 7.2, 7.3
 */
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
import * as FlowEvent from "../../FlowEvent.js"
import { keepOriginal } from "../operations/rawEvent.js"
import { compiledCheck } from "../schema/compiledCheck.js"

/** A frame that the run depends on, and that cannot be decoded. It quotes nothing of the payload. */
export interface UndecodableFrame {
  readonly type: "undecodable"
  readonly reason: string
}

type Payload = { [key: string]: unknown }

interface EventKind {
  readonly type: FlowEvent.WireEvent["type"]
  /** Whether the run depends on the event. */
  readonly essential: boolean
  readonly fits: (payload: Payload) => boolean
  readonly fields: ReadonlyArray<
    { readonly name: string; readonly dispensable: boolean; readonly fits: EventKind["fits"] }
  >
}

const literalOf = (schema: Schema.Schema.AnyNoContext): FlowEvent.WireEvent["type"] => {
  const type = AST.getPropertySignatures(schema.ast).find(({ name }) => name === "type")!.type
  return (type as AST.Literal).literal as FlowEvent.WireEvent["type"]
}

/**
 * Makes a kind of event. Fields in `dispensable` only inform: one that does not fit is dropped, and the event is kept.
 */
const kind = (
  schema: Schema.Schema.AnyNoContext,
  essential: boolean,
  dispensable: ReadonlyArray<string>
): EventKind => {
  const signatures = AST.getPropertySignatures(schema.ast).filter(({ name }) => name !== "type")
  const checkOf = (some: ReadonlyArray<AST.PropertySignature>) =>
    compiledCheck(Schema.make<unknown>(new AST.TypeLiteral(some, [])))
  let fields: EventKind["fields"] | undefined
  return {
    type: literalOf(schema),
    essential,
    fits: checkOf(signatures),
    get fields() {
      return fields ??= signatures.map((signature) => ({
        name: String(signature.name),
        dispensable: dispensable.includes(String(signature.name)),
        fits: checkOf([signature])
      }))
    }
  }
}

const runStarted = kind(FlowEvent.WireRunStarted, true, ["executionId", "flowId", "stepCount", "runId"])

/** The kinds, most frequent first: comparing names is cheaper than hashing one that is made anew for each event. */
const kinds: ReadonlyArray<readonly [name: string, kind: EventKind]> = [
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

const kindOf = (name: string): EventKind | undefined => {
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

/** Drops fields that only inform and do not fit. */
const mend = (kind: EventKind, name: string, payload: Payload, warn: (text: string) => void): string | undefined => {
  keepOriginal(payload, { ...payload })
  for (const field of kind.fields) {
    if (field.fits(payload)) continue
    if (!field.dispensable) return field.name
    delete payload[field.name]
    warn(`${field.name} of an event ${name} does not fit and was left out`)
  }
  return undefined
}

const refuse = (
  kind: EventKind | undefined,
  reason: string,
  warn: (text: string) => void
): UndecodableFrame | undefined => {
  if (kind?.essential === true) return { type: "undecodable", reason }
  warn(reason)
  return undefined
}

/**
 * The event of a frame; `undefined` for a dropped one, which `warn` reports. `name` is the frame's own name, if it has
 * one.
 */
export const decodeEvent = (
  frameName: string | undefined,
  data: string,
  warn: (text: string) => void
): FlowEvent.WireEvent | UndecodableFrame | undefined => {
  const payload = parse(data)
  const name = frameName ?? payload?.eventType
  if (typeof name !== "string" || name === "") {
    warn(payload === undefined ? "an event is not a JSON object" : "an event has no name")
    return undefined
  }
  const known = kindOf(name)
  if (payload === undefined) return refuse(known, `an event ${name} is not a JSON object`, warn)
  if (known === undefined) return { type: "unknown", name, data: payload }
  if (!known.fits(payload)) {
    const misfit = mend(known, name, payload, warn)
    if (misfit !== undefined) return refuse(known, `an event ${name} has no ${misfit} that fits`, warn)
  }
  // older servers name the run in `runId` alone
  if (known === runStarted && typeof payload.executionId !== "string" && typeof payload.runId !== "string") {
    return refuse(known, `an event ${name} has no executionId that fits`, warn)
  }
  // a key `type` of the payload is the server's own, and stays in `raw`
  if (payload.type !== undefined) keepOriginal(payload, { ...payload })
  payload.type = known.type
  return payload as FlowEvent.WireEvent
}
