/**
 * Resolves references to flows to addresses and paths. Every reference that is not plainly right is refused before
 * anything is sent.
 *
 * @see docs/wire.md#addresses
 */
import * as Either from "effect/Either"
import { type Pipeable, pipeArguments } from "effect/Pipeable"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { accepted, type Checked, invalid, type Problem, problem, readable } from "../core/makeError.js"
import { misnamed, type Names, unreadable } from "../kit/names.js"
import { decoding, encoding, isStandardSchema, type StandardSchema } from "./standardSchema.js"

/** The default org and project of a client; both or neither. */
export interface AddressDefaults {
  readonly org?: string | undefined
  readonly project?: string | undefined
}

const maxSegmentBytes = 255

const encoder = new TextEncoder()

/** The reason why a string cannot be one path segment, or `undefined`. */
const segmentProblem = (segment: string): string | undefined => {
  if (segment === "") return "must not be empty"
  if (segment === "." || segment === "..") return "must not be a dot segment"
  if (segment.length > maxSegmentBytes || encoder.encode(segment).length > maxSegmentBytes) {
    return `must be at most ${maxSegmentBytes} bytes of UTF-8`
  }
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(segment)) return "must not hold control characters"
  if (/\p{Surrogate}/u.test(segment)) return "must be well-formed Unicode"
  return undefined
}

/** The problem of a value that cannot be one path segment, if it cannot. */
export const checkSegment = (field: string, value: unknown): Problem | undefined => {
  const reason = typeof value === "string" ? segmentProblem(value) : "must be a string"
  return reason === undefined ? undefined : problem(field, reason)
}

/** One percent-encoded path segment. */
export const segment = (method: string, field: string, value: string): Checked<string> =>
  Either.map(accepted(method, value, checkSegment(field, value)), encodeURIComponent)

const forms = "use \"slug\" with a default org and project, \"org/project/slug\", or { org, project, slug }"

type Resolved = Either.Either<FlowAddress, Problem>

const wrong = (field: string, reason: string): Resolved => Either.left(problem(field, reason))

const fromString = (ref: string, defaults: AddressDefaults): Resolved => {
  const [first = "", project, slug, ...more] = ref.split("/", 5)
  if (project === undefined) {
    return defaults.org === undefined || defaults.project === undefined
      ? wrong("flow", "org and project are missing: use \"org/project/slug\", or set a default org and project")
      : check({ org: defaults.org, project: defaults.project, slug: ref })
  }
  return slug === undefined || more.length > 0
    ? wrong("flow", `must have one or three segments: ${forms}`)
    : check({ org: first, project, slug })
}

const check = (address: FlowAddress): Resolved => {
  for (const field of ["org", "project", "slug"] as const) {
    const value: unknown = address[field]
    const reason = value === undefined
      ? `org, project and slug must all be given: ${forms}`
      : typeof value === "string" && value.includes("/")
      ? `must be one segment, without "/": ${forms}`
      : checkSegment(field, value)?.reason
    if (reason !== undefined) return wrong(`flow.${field}`, reason)
  }
  return Either.right(address)
}

const addressNames: Names<FlowAddress> = { org: true, project: true, slug: true }

/** The problem of the schemas with which a flow was made, if they have one. */
const problemOf = (flow: Flow<never> & { readonly problem?: Problem }): Problem | undefined => flow.problem

/** The address of a reference. */
export const resolve = (method: string, flow: FlowRef<never>, defaults: AddressDefaults): Checked<FlowAddress> =>
  readable(
    method,
    "flow",
    () => Either.mapLeft(addressOf(flow, defaults), ({ field, reason }) => invalid(method, field, reason))
  )

const addressOf = (flow: FlowRef<never>, defaults: AddressDefaults): Resolved => {
  const found = isFlow(flow) ? problemOf(flow) : undefined
  if (found !== undefined) return Either.left(found)
  const ref: unknown = isFlow(flow) ? flow.ref : flow
  if (typeof ref === "string") return fromString(ref, defaults)
  if (typeof ref !== "object" || ref === null) return wrong("flow", forms)
  const unknown = misnamed("flow", ref, addressNames)
  if (unknown !== undefined) {
    const { field } = unknown
    const reason = field === "version" ? "is not part of an address: pass the version with the call" : unknown.reason
    return wrong(field === "flow" ? field : `flow.${field}`, reason)
  }
  const { org, project, slug } = ref as FlowAddress
  return check({ org, project, slug })
}

/** The text `org/project/slug` of an address. */
export const format = (address: FlowAddress): string => `${address.org}/${address.project}/${address.slug}`

/** The path `/seq/{org}/{project}/{slug}` of a checked address. */
export const basePath = (address: FlowAddress): string =>
  `/seq/${[address.org, address.project, address.slug].map(encodeURIComponent).join("/")}`

/** The path of a version: `""`, `/v0` or `/vN`. */
export const versionPath = (version: FlowVersion): string =>
  version === "production" ? "" : version === "draft" ? "/v0" : `/v${version}`

export const versionForms = "must be \"production\", \"draft\" or an integer of at least 0"

/** The version of a call. Absent: the production version; 0: the draft. */
export const versionOf = (version: FlowVersion = "production"): FlowVersion => version === 0 ? "draft" : version

/** Marks the flows of {@link make}. */
export const TypeId: unique symbol = Symbol.for("@effect-noukai/sdk/Flow")

/** Marks the flows of {@link make}. */
export type TypeId = typeof TypeId

/** The three slugs of a flow. Each becomes one percent-encoded path segment. */
export interface FlowAddress {
  readonly org: string
  readonly project: string
  readonly slug: string
}

/** Named inputs of a flow without a schema. */
export type AnyParameters = { readonly [name: string]: unknown }

/**
 * The version of a flow that runs: `"production"` the published one (the draft while nothing is published), `"draft"`
 * or 0 the live draft, N >= 1 the published version N. Step streams take no draft.
 */
export type FlowVersion = "production" | "draft" | number

/** A flow whose parameters are `P` and whose result is `A`. */
export interface Flow<in P = AnyParameters, out A = unknown> extends Pipeable {
  readonly [TypeId]: { readonly _P: (_: P) => void; readonly _A: () => A }
  readonly ref: string | FlowAddress
  readonly parameters: Schema.Schema.AnyNoContext | undefined
  readonly result: Schema.Schema.AnyNoContext | undefined
}

/**
 * A name of a flow: `"slug"` (with the client's default org and project), `"org/project/slug"`, an address, or a
 * `Flow`.
 */
export type FlowRef<P = AnyParameters, A = unknown> = Flow<P, A> | FlowAddress | string

/** The types of {@link Flow}. */
export declare namespace Flow {
  /** The type {@link FlowRef}, beside the other types of a flow. */
  export type Ref<P = AnyParameters, A = unknown> = FlowRef<P, A>

  /** The parameters of a flow: `Flow.Flow.Parameters<typeof Grade>`. */
  export type Parameters<F> = F extends Flow<infer P, infer _> ? P : never

  /** The result of a flow: `Flow.Flow.Result<typeof Grade>`. */
  export type Result<F> = F extends Flow<infer _, infer A> ? A : never
}

/** The schemas of a flow, both optional: of Effect, or of another library that implements Standard Schema. */
export interface Schemas<P, A, PI = unknown, AI = unknown> {
  /**
   * Types the parameters of every call. A schema of Effect encodes them. A Standard Schema validates them, and its
   * output is sent. Default: any named inputs.
   */
  readonly parameters?: Schema.Schema<P, PI> | StandardSchema<P, PI> | undefined
  /** Decodes the result. Default: the result is `unknown`. */
  readonly result?: Schema.Schema<A, AI> | StandardSchema<AI, A> | undefined
}

const variance = { _P: (_: never) => {}, _A: () => undefined as never }

const Proto = {
  [TypeId]: variance,
  pipe() {
    return pipeArguments(this, arguments)
  }
}

/**
 * Makes a flow reference. Pure: the address, and the names of the schemas, are checked by each operation, which fails
 * with `InvalidRequestError` before anything is sent.
 *
 * With `parameters`, the parameters of every call are typed and encoded through that schema; with `result`, the result
 * is decoded, and one that does not fit is an `UnexpectedResponseError` that carries the raw value. Both take a schema
 * of Effect, or one of Zod, Valibot, ArkType or another library that implements Standard Schema.
 *
 * @example
 * ```ts
 * import { Flow } from "@effect-noukai/sdk"
 * import { Schema } from "effect"
 *
 * const Grade = Flow.make("acme/spelling/grade-3", {
 *   parameters: Schema.Struct({ difficulty: Schema.Literal("easy", "hard") }),
 *   result: Schema.Struct({ score: Schema.Number, feedback: Schema.String })
 * })
 * ```
 */
export const make: <P = AnyParameters, A = unknown, PI = unknown, AI = unknown>(
  ref: string | FlowAddress,
  schemas?: Schemas<P, A, PI, AI>
) => Flow<P, A> = (ref, schemas = {}, ...others: ReadonlyArray<unknown>) => {
  const made = others.some((other) => other !== undefined)
    ? { problem: problem("options", "are not taken after the schemas: pass the version with the call") }
    : schemasOf(schemas)
  return Object.assign(Object.create(Proto), { ref, parameters: undefined, result: undefined, ...made })
}

/** The schemas of a flow as schemas of Effect, or their problem. */
const schemasOf = <P, A, PI, AI>(schemas: Schemas<P, A, PI, AI>) => {
  const found = misnamed("schemas", schemas, schemaNames)
  if (found !== undefined) return { problem: found }
  let at = "parameters"
  try {
    const { parameters, result } = schemas
    const encoded = isStandard(parameters) ? encoding(parameters) : parameters
    at = "result"
    return { parameters: encoded, result: isStandard(result) ? decoding(result) : result }
  } catch {
    return { problem: problem(`flow.${at}`, unreadable) }
  }
}

const schemaNames: Names<Schemas<never, unknown>> = { parameters: true, result: true }

/** Whether a schema is not one of Effect, which may implement Standard Schema too. */
const isStandard = (u: unknown): u is StandardSchema => !Schema.isSchema(u) && isStandardSchema(u)

/** Whether a value was made by {@link make}. */
export const isFlow = (u: unknown): u is Flow<never, unknown> => Predicate.hasProperty(u, TypeId)
