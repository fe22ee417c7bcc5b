/** The definition of an eval, checked, and its cases. */
import type { JobInput, RequestInput } from "@effect-noukai/batch/Batch"
import * as BatchSource from "@effect-noukai/batch/BatchSource"
import { Flow, NoukaiConfig, type NoukaiError, type Tools } from "@effect-noukai/sdk"
import type { FlowRef } from "@effect-noukai/sdk/Flow"
import { hint, isFields, misnamed, type Names, type Problem } from "@effect-noukai/sdk/kit/names"
import { withoutDigits } from "@effect-noukai/sdk/kit/plainJson"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Record from "effect/Record"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TypeId as CheckTypeId } from "../Check.js"
import { InvalidEvalError } from "../EvalError.js"
import { type Side, Thresholds } from "../EvalOptions.js"
import type { Hashes } from "../EvalReport.js"
import * as Ranges from "./ranges.js"
import { canonical, exact, filled, line, messageOf, schemaText, shortHash, show } from "./values.js"
import { type Checks, checksOfCase, human, type MeanRule } from "./verdict.js"

// named by the public types
export const TypeId: unique symbol = Symbol.for("@effect-noukai/eval/Eval")

interface Options {
  readonly flow: FlowRef<never>
  readonly cases: BatchSource.BatchSource<unknown, unknown, unknown> | Iterable<unknown>
  readonly case?: Schema.Schema.AnyNoContext | undefined
  readonly key: (value: unknown) => string
  readonly input: (value: unknown) => JobInput | RequestInput
  readonly operation?: "jobs" | "execute" | undefined
  readonly tools?: Tools.ToolSet<NoukaiError, never> | undefined
  readonly thresholds?: Thresholds | undefined
  readonly weights?: { readonly [check: string]: number } | undefined
  readonly minMean?: number | undefined
  readonly sides?: { readonly [name: string]: Side } | undefined
  readonly marks?: string | undefined
  readonly checksOf?: ((value: unknown) => ReadonlyArray<string> | string | undefined) | undefined
}

/** An eval as it was defined. */
export interface Definition extends Options {
  readonly [TypeId]: object
  readonly name: string
  readonly checks: Checks
  readonly cases: BatchSource.BatchSource<unknown, unknown, unknown>
  readonly operation: "jobs" | "execute"
  readonly thresholds: Thresholds
  /** The reason why the options were refused. */
  readonly problem?: Problem
}

const variance = {}

/** The options in place of those that cannot be used. */
const refusedOptions: Options = { flow: "", cases: [], key: String, input: () => ({}) }

export const make = (name: string, given: Options, checks: Checks): Definition => {
  const problem = misnamed("options", given, names)
  const options = problem === undefined ? given : refusedOptions
  return {
    ...options,
    ...problem && { problem },
    [TypeId]: variance,
    name,
    checks,
    cases: Predicate.hasProperty(options.cases, Symbol.iterator)
      ? BatchSource.fromIterable(options.cases)
      : options.cases,
    operation: options.operation ?? "jobs",
    thresholds: options.thresholds === undefined ? {} : options.thresholds
  }
}

/** A definition that can be used. */
export interface Checked {
  /** `org/project/slug`. */
  readonly flow: string
  readonly checks: ReadonlyArray<string>
  readonly hashes: Hashes
  readonly mean?: MeanRule
}

const decodeThresholds = Schema.decodeUnknownEither(Thresholds, { onExcessProperty: "error" })

export const isName = (name: unknown): boolean =>
  typeof name === "string" && /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,99}$/u.test(name)

export const nameForms = "must be 1 to 100 letters, digits, spaces and any of . _ -, and begin with a letter or a digit"

const names: Names<Definition> = {
  name: true,
  checks: true,
  flow: true,
  cases: true,
  case: true,
  key: true,
  input: true,
  operation: true,
  tools: true,
  thresholds: true,
  weights: true,
  minMean: true,
  sides: true,
  marks: true,
  checksOf: true,
  problem: true
}

/** The first problem of a definition: its field, and the rule that it breaks. */
export const problemOf = (definition: Definition): readonly [field: string, reason: string] | undefined => {
  const { cases, checks, name, operation, problem, sides = {}, thresholds, tools } = definition
  if (!isName(name)) return ["name", nameForms]
  if (problem !== undefined) return [problem.field, problem.reason]
  const misspelt = misnamed("options", definition, names)
  if (misspelt !== undefined) return [misspelt.field, misspelt.reason]
  if (!Predicate.hasProperty(cases, "rows") || !Predicate.hasProperty(cases.rows, Stream.StreamTypeId)) {
    return ["cases", "must be a source or an iterable of cases"]
  }
  if (definition.case !== undefined && !Schema.isSchema(definition.case)) return ["case", "must be a Schema"]
  for (const field of ["key", "input", "checksOf"] as const) {
    const isAbsent = field === "checksOf" && definition[field] === undefined
    if (!isAbsent && typeof definition[field] !== "function") return [field, "must be a function of a case"]
  }
  if (operation !== "jobs" && operation !== "execute") return ["operation", "must be \"jobs\" or \"execute\""]
  if (operation === "jobs" && tools !== undefined) return ["tools", "require operation \"execute\""]
  if (!Predicate.isRecord(checks) || Object.keys(checks).length === 0) return ["checks", "must have at least one check"]
  for (const [check, one] of Object.entries(checks)) {
    if (!Predicate.hasProperty(one, CheckTypeId)) return [`checks.${check}`, "must be a check of the module Check"]
    // every object has these fields: a missing verdict would be found
    if (check in {}) return [`the name of the check ${show(check)}`, "is a field of every object: choose another name"]
    if (!isName(check)) return [`the name of the check ${show(check)}`, nameForms]
    if (one.problem !== undefined) return [`checks.${check}`, one.problem]
  }
  if (definition.marks !== undefined && (typeof definition.marks !== "string" || definition.marks === "")) {
    return ["marks", `must be the path of a file, not ${show(definition.marks)}`]
  }
  if (!isFields(sides)) return ["sides", "must be an object"]
  const side = Object.keys(sides).find((side) => !isName(side) || /^(none|draft|production|\d+)$/.test(side))
  if (side !== undefined) return [`sides.${side}`, `has a name that is a version, or not a name: it ${nameForms}`]
  if (!isFields(thresholds)) return ["thresholds", "must be an object"]
  const decoded = decodeThresholds(thresholds)
  if (Either.isLeft(decoded)) return ["thresholds", line(`are wrong: ${Flow.formatMismatch(decoded.left)}`)]
  const unknown = Object.keys(thresholds.checks ?? {}).find((check) => check !== human && !Object.hasOwn(checks, check))
  return unknown === undefined
    ? meanProblem(definition)
    : [`thresholds.checks.${unknown}`, "is not the name of a check"]
}

/** The first problem of the rule by which cases pass. */
const meanProblem = (
  { checks, minMean, weights }: Definition
): readonly [field: string, reason: string] | undefined => {
  if (minMean === undefined) {
    return weights === undefined ? undefined : ["weights", "require minMean, the least weighted mean of the scores"]
  }
  const wrong = Ranges.outOf(Ranges.share, minMean)
  if (wrong !== undefined) return ["minMean", wrong]
  if (weights === undefined) return undefined
  if (!isFields(weights)) return ["weights", "must be an object of numbers by the names of checks"]
  for (const [name, weight] of Object.entries(weights)) {
    if (name !== human && !Object.hasOwn(checks, name)) return [`weights.${name}`, "is not the name of a check"]
    const problem = Ranges.outOf(Ranges.limit, weight)
    if (problem !== undefined) return [`weights.${name}`, problem]
  }
  return Object.keys(checks).every((name) => weights[name] === 0) ? ["weights", "must not all be 0"] : undefined
}

/** The rule by which cases pass, if it is not that every check passes. */
const meanRule = ({ checks, minMean, weights = {} }: Definition): MeanRule | undefined =>
  minMean === undefined ? undefined : { minMean, weights: Record.map(checks, (_, name) => weights[name] ?? 1) }

/** Fails if a value was not made by {@link make}. */
export const made = (method: string, definition: unknown): Effect.Effect<void, InvalidEvalError> =>
  Predicate.hasProperty(definition, TypeId)
    ? Effect.void
    : new InvalidEvalError({ at: method, field: "eval", reason: "must be made by Eval.make" })

/** Checks a definition. `method` is the operation that needs it. */
export const checked = (method: string, definition: Definition): Effect.Effect<Checked, InvalidEvalError> =>
  Effect.gen(function*() {
    const problem = problemOf(definition)
    if (problem !== undefined) {
      return yield* new InvalidEvalError({ at: method, field: problem[0], reason: problem[1] })
    }
    for (const [check, { loads }] of Object.entries(definition.checks)) {
      const reason = loads && (yield* loads)
      if (reason !== undefined) return yield* new InvalidEvalError({ at: method, field: `checks.${check}`, reason })
    }
    const mean = meanRule(definition)
    // the weight 1 is the default
    const rule = mean && canonical([mean.minMean, Record.filter(definition.weights ?? {}, (weight) => weight !== 1)])
    return {
      flow: yield* addressOf(method, "flow", definition.flow),
      checks: Object.keys(definition.checks),
      hashes: {
        parameters: shortHash(parametersText(definition.flow)),
        checks: Record.map(definition.checks, ({ definition }) => shortHash(definition)),
        ...(rule !== undefined && { mean: shortHash(rule) })
      },
      ...mean && { mean }
    }
  })

const parametersText = (flow: FlowRef<never>): string =>
  typeof flow === "object" && Flow.isFlow(flow) && flow.parameters !== undefined ? schemaText(flow.parameters) : ""

/** The address `org/project/slug` of a flow, with the defaults of the client. */
export const addressOf = (
  method: string,
  field: string,
  flow: FlowRef<never>
): Effect.Effect<string, InvalidEvalError> =>
  Effect.gen(function*() {
    const config = yield* Effect.serviceOption(NoukaiConfig)
    return yield* Either.mapBoth(Flow.resolve(flow, Option.getOrElse(config, () => ({}))), {
      onLeft: ({ reason }) => new InvalidEvalError({ at: method, field, reason: line(reason) }),
      onRight: Flow.format
    })
  })

/** A case of an eval. */
export interface EvalCase {
  /** Its place in the source, from 1. */
  readonly no: number
  readonly at: string
  readonly key: string
  readonly value: unknown
  readonly input: JobInput | RequestInput
  /** Of the case in the source, and of its input. */
  readonly hash: string
  /** The names of the checks that judge it. Absent: all. */
  readonly checks?: ReadonlySet<string>
}

const longestKey = 512

const keyProblem = (key: unknown): string | undefined =>
  typeof key !== "string"
    ? `is ${show(key)}, which is not a text`
    : key === ""
    ? "is empty"
    : key.length > longestKey
    ? `has ${key.length} characters, and may have ${longestKey}`
    : key.includes("\0") || /\p{Surrogate}/u.test(key)
    ? "is not valid Unicode"
    : undefined

const thrown = (error: unknown): string =>
  line(ParseResult.isParseError(error) ? Flow.formatMismatch(error) : messageOf(error))

/** The names in a text. A name may have spaces, so that commas come first. */
const split = (text: string, checks: Checks): ReadonlyArray<string> =>
  text.split(",").flatMap((part) => Object.hasOwn(checks, part.trim()) ? [part.trim()] : part.split(/\s+/))
    .filter((name) => name !== "")

/** The names of the checks that judge a case; none if all do. */
const namesOf = (
  { checks, checksOf }: Definition,
  value: unknown
): Either.Either<ReadonlySet<string> | undefined, string> =>
  Either.try({ try: () => checksOf?.(value), catch: (error) => `cannot be made: ${thrown(error)}` }).pipe(
    Either.flatMap((given: unknown = []) => {
      const names = typeof given === "string" ? split(given, checks) : given ?? []
      if (!Array.isArray(names)) return Either.left(`is ${show(given)}: it must be a list of names`)
      const unknown: unknown = names.find((name) => typeof name !== "string" || !Object.hasOwn(checks, name))
      return unknown === undefined
        ? Either.right(names.length === 0 ? undefined : new Set<string>(names))
        : Either.left(
          `has ${show(unknown)}: ${
            hint(String(unknown), Object.keys(checks), `the checks are ${Object.keys(checks).join(", ")}`)
          }`
        )
    })
  )

type Row = Extract<BatchSource.SourceRow<unknown>, { readonly _tag: "Row" }>

/** Reads the rows of a source as cases, each key once. */
const reading = (definition: Definition) => {
  const decode = definition.case === undefined ? Effect.succeed : Schema.decodeUnknown(definition.case)
  const places = new Map<string, string>()
  const rule = meanRule(definition)
  const read = (row: Row, no: number, value: unknown): Either.Either<EvalCase, InvalidEvalError> => {
    const wrong = (field: string, reason: string) => Either.left(new InvalidEvalError({ at: row.at, field, reason }))
    const key = Either.try(() => definition.key(value))
    if (Either.isLeft(key)) return wrong("key", `cannot be made: ${thrown(key.left)}`)
    const problem = keyProblem(key.right)
    if (problem !== undefined) return wrong("key", problem)
    const earlier = places.get(key.right)
    if (earlier !== undefined) return wrong("key", `${show(key.right)} is already used by ${earlier}`)
    places.set(key.right, row.at)
    const own = namesOf(definition, value)
    if (Either.isLeft(own)) return wrong("the list of its checks", own.left)
    const checks = own.right === undefined ? {} : { checks: own.right }
    if (rule !== undefined && Object.values(checksOfCase(rule.weights, checks)).every((weight) => weight === 0)) {
      return wrong("the list of its checks", "has only checks of the weight 0, which have no mean")
    }
    for (const [check, { expects, kind, refuses }] of Object.entries(checksOfCase(definition.checks, checks))) {
      const expected = Either.try(() => {
        const values = filled(expects, { $case: value })
        if (kind !== "near") exact(values)
        return refuses?.(value)
      })
      if (Either.isLeft(expected)) return wrong(`checks.${check}`, `has no expected value: ${thrown(expected.left)}`)
      if (expected.right !== undefined) return wrong(`checks.${check}`, expected.right)
    }
    const input = Either.try(() => definition.input(value))
    if (Either.isLeft(input)) return wrong("input", `cannot be made: ${thrown(input.left)}`)
    if (!Predicate.isRecord(input.right)) return wrong("input", `is ${show(input.right)}, which is not an object`)
    const hash = Either.try(() => shortHash(canonical([row.value, input.right])))
    if (Either.isLeft(hash)) return wrong("the case", `is not JSON: ${thrown(hash.left)}`)
    return Either.right({ no, at: row.at, key: key.right, value, input: input.right, hash: hash.right, ...checks })
  }
  return (row: BatchSource.SourceRow<unknown>, no: number): Effect.Effect<EvalCase, InvalidEvalError> => {
    const wrong = (reason: string) => new InvalidEvalError({ at: row.at, field: "the case", reason })
    return row._tag === "Unreadable" ? wrong(`cannot be read: ${row.reason}`) : Effect.flatMap(
      Effect.mapError(decode(withoutDigits(row.value)), (failure) => wrong(`does not fit: ${thrown(failure)}`)),
      (value) => read(row, no, value)
    )
  }
}

/** The cases of a definition. Fails at the first case that cannot be used, and if there are none. */
export const casesOf = (definition: Definition): Stream.Stream<EvalCase, unknown, unknown> =>
  Stream.suspend(() => {
    const read = reading(definition)
    const at = definition.cases.name ?? definition.name
    const missing = { at, field: "cases", reason: "are missing: there is not one case" }
    return Stream.zipWithIndex(definition.cases.rows).pipe(
      Stream.mapEffect(([row, index]) => read(row, index + 1)),
      Stream.orElseIfEmptyStream(() => Stream.fail(new InvalidEvalError(missing)))
    )
  })
