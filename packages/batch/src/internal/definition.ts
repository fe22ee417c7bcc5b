/** The definition of a batch, and the rows of a source as its rows. */
import { Flow, NoukaiConfig } from "@effect-noukai/sdk"
import type { ExecuteOptions } from "@effect-noukai/sdk/Execution"
import type { AnyParameters, FlowRef, FlowVersion } from "@effect-noukai/sdk/Flow"
import { callbackNames, type CallbackOption, callbackProblem } from "@effect-noukai/sdk/kit/callback"
import { checkJson } from "@effect-noukai/sdk/kit/jsonProblem"
import { isVersion, misnamed, type Names, type Problem } from "@effect-noukai/sdk/kit/names"
import { canonicalText, withoutDigits } from "@effect-noukai/sdk/kit/plainJson"
import { forNames, type QueuedOption, rowOptions, unqueuedFields } from "@effect-noukai/sdk/kit/runOptions"
import { jsonCopy } from "@effect-noukai/sdk/kit/runs/report"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { hash } from "node:crypto"
import { InvalidBatchError } from "../BatchError.js"
import type { RowError } from "../BatchRow.js"
import type { SourceRow } from "../BatchSource.js"
import type { BatchTools } from "./drive/executeRuns.js"
import type { BatchIdentity, Operation } from "./ledger/batches.js"
import type { PlannedRow } from "./ledger/planning.js"
import { fitting, named } from "./names.js"

// named by the public types
export const TypeId: unique symbol = Symbol.for("@effect-noukai/batch/Batch")

interface Options {
  readonly id: string
  readonly flow: FlowRef<never>
  readonly version?: FlowVersion | undefined
  readonly row?: Schema.Schema.AnyNoContext | undefined
  readonly key: (row: unknown) => string
  readonly input: (row: unknown) => object
  readonly target?: ((row: unknown) => RowTarget) | undefined
  readonly operation?: Operation | undefined
  readonly tools?: BatchTools | undefined
  readonly callback?: CallbackOption | undefined
  readonly maxInputBytes?: number | undefined
  readonly note?: string | undefined
}

/** The flow and version of a row, where they are not those of the batch. */
export interface RowTarget {
  /** Default: the flow of the batch. The schemas of the batch's flow apply to every row. */
  readonly flow?: FlowRef<never> | undefined
  /** Default: the version of the batch. */
  readonly version?: FlowVersion | undefined
}

/** A batch as it was defined. */
export interface Definition extends Options {
  readonly [TypeId]: object
  readonly version: FlowVersion
  readonly operation: Operation
  readonly recovery: "exact" | "reported"
  readonly maxInputBytes: number
  /** The reason why the options were refused. */
  readonly problem?: Problem
}

const variance = {}

/** The options in place of those that cannot be used. */
const refusedOptions: Options = { id: "", flow: "", key: String, input: () => ({}) }

export const make = (options: Options): Definition => {
  const problem = misnamed("options", options, names)
  const given = problem === undefined ? options : refusedOptions
  const { maxInputBytes = 16 * 1024 * 1024, operation = "jobs", version = "production" } = given
  return {
    ...given,
    ...problem && { problem },
    [TypeId]: variance,
    version,
    operation,
    recovery: operation === "jobs" ? "exact" : "reported",
    maxInputBytes
  }
}

/** The highest limit of an input, in bytes: it fits into a text even if each of its bytes is escaped. */
const mostInputBytes = 64 * 1024 * 1024

const invalid = (method: string, field: string, reason: string) => new InvalidBatchError({ method, field, reason })

/** The longest id and key, in UTF-16 code units. */
const longest = 1024

const names: Names<Definition> = {
  id: true,
  flow: true,
  version: true,
  row: true,
  key: true,
  input: true,
  target: true,
  operation: true,
  tools: true,
  callback: callbackNames,
  maxInputBytes: true,
  note: true,
  recovery: true,
  problem: true
}

const targetNames: Names<RowTarget> = { flow: true, version: true }

/** A definition whose flow has its address. */
export interface Defined extends BatchIdentity {
  /** The address of a flow, or the reason if it has none. */
  readonly addressOf: (flow: FlowRef<never>) => Either.Either<string, string>
}

/** Fails if a value was not made by {@link make}, or of options that cannot be used. */
export const made = (method: string, batch: Definition): Effect.Effect<void, InvalidBatchError> =>
  fitting(method, "batch", () => Predicate.hasProperty(batch, TypeId), "must be made by Batch.make").pipe(
    Effect.zipRight(Effect.suspend(() => {
      const { problem } = batch
      return problem === undefined ? Effect.void : invalid(method, problem.field, problem.reason)
    }))
  )

/** Fails if a value is not a source of rows. */
export const isSource = (method: string, source: unknown): Effect.Effect<void, InvalidBatchError> =>
  fitting(
    method,
    "source",
    () => Predicate.hasProperty(source, "rows") && Predicate.hasProperty(source.rows, Stream.StreamTypeId),
    "must be made by BatchSource, as BatchSource.fromIterable makes one of a list"
  )

/** The definition of a batch, checked. */
export const defined = (method: string, definition: Definition): Effect.Effect<Defined, InvalidBatchError> =>
  Effect.gen(function*() {
    yield* made(method, definition)
    yield* named(method, definition, names)
    const { callback, flow, id, maxInputBytes, note, operation, version } = definition
    const wrongId = idProblem(id)
    if (wrongId !== undefined) return yield* invalid(method, "id", wrongId)
    for (const field of ["key", "input"] as const) {
      if (typeof definition[field] !== "function") return yield* invalid(method, field, "must be a function of a row")
    }
    if (definition.target !== undefined && typeof definition.target !== "function") {
      return yield* invalid(method, "target", "must be a function of a row")
    }
    if (operation !== "jobs" && operation !== "execute") {
      return yield* invalid(method, "operation", "must be \"jobs\" or \"execute\"")
    }
    if (callback !== undefined) {
      const wrong = callbackProblem("callback", callback)
      if (wrong !== undefined) return yield* invalid(method, wrong.field, wrong.reason)
      if (operation !== "jobs") {
        return yield* invalid(method, "callback", "is for operation \"jobs\": no other has webhooks")
      }
    }
    if (!isVersion(version)) {
      return yield* invalid(method, "version", "must be \"production\", \"draft\" or a version's number")
    }
    if (note !== undefined && (typeof note !== "string" || note.includes("\0"))) {
      return yield* invalid(method, "note", "must be a text without NUL")
    }
    if (!(Number.isInteger(maxInputBytes) && maxInputBytes >= 1 && maxInputBytes <= mostInputBytes)) {
      return yield* invalid(method, "maxInputBytes", `must be a whole number from 1 to ${mostInputBytes}`)
    }
    const config = Option.getOrElse(yield* Effect.serviceOption(NoukaiConfig), () => ({}))
    const addressOf = (ref: FlowRef<never>) =>
      Either.mapBoth(Flow.resolve(ref, config), { onLeft: ({ reason }) => reason, onRight: Flow.format })
    const address = addressOf(flow)
    if (Either.isLeft(address)) return yield* invalid(method, "flow", address.left)
    return { name: id, flow: address.right, version: String(version), operation, note, addressOf }
  })

const sha256 = (...texts: ReadonlyArray<string>): string => hash("sha256", JSON.stringify(texts))

/** The hash of the definition and the rows of a batch, in any order. */
export const hashing = (definition: Definition, { flow, operation, version }: BatchIdentity) => {
  const { flow: ref, row } = definition
  const { parameters, result } = typeof ref === "object" && Flow.isFlow(ref) ? ref : {}
  const schemas = [row, parameters, result].map((schema) => schema === undefined ? "" : Schema.format(schema))
  let sum = 0n
  return {
    add: ({ flow, input, key, version }: PlannedRow): void => {
      const target = flow === undefined && version === undefined ? [] : [flow ?? "", version ?? ""]
      sum += BigInt(`0x${sha256(key, input, ...target)}`)
    },
    hash: (): string => sha256(flow, version, operation, ...schemas, BigInt.asUintN(256, sum).toString(16))
  }
}

/** The reason if a text cannot name a batch. */
export const idProblem = (id: unknown): string | undefined =>
  typeof id !== "string" || id === "" || id.length > longest || id.includes("\0") || /\p{Surrogate}/u.test(id)
    ? `must be a text of 1 to ${longest} characters`
    : undefined

/** An error of a row, in one line. */
const problem = (message: string): RowError => ({
  kind: "InvalidRow",
  message: message.trim().replace(/\s*[\r\n\u2028\u2029]\s*/g, " ")
})

/** A row of a source: a row with a key, or the reason for its refusal. */
export type BatchEntry =
  | { readonly _tag: "row"; readonly row: PlannedRow }
  | { readonly _tag: "refused"; readonly at: string; readonly error: RowError }

/** The message of an error that a function of a row threw. */
export const textOf = (error: unknown): string =>
  ParseResult.isParseError(error) ? Flow.formatMismatch(error) : error instanceof Error ? error.message : String(error)

const ofBatch = "which is of the batch, not of a row"

const ofTarget = "which is of the batch: make the batch with `target` for rows with a version of their own"

const ofRequests = "which the queue does not take: make the batch with operation \"execute\""

/** The fields of the input of any row, beside its parameters. */
export interface CommonInput extends Pick<ExecuteOptions, Exclude<QueuedOption, "parameters">> {}

const refused: { readonly [field: string]: string } = {
  tools: ofBatch,
  toolChoice: ofBatch,
  sessionId: ofBatch,
  version: ofTarget,
  trace: "which is not an option: did you mean snapshots?"
}

/** The fields that a row's input cannot have, with the reason. */
const refusals = {
  execute: refused,
  jobs: { ...forNames(unqueuedFields, () => ofRequests), ...refused }
}

/** The reason why an object whose fields have known names is wrong. */
const wrongName = (whole: string, given: object, names: Parameters<typeof misnamed>[2]): string | undefined => {
  const found = misnamed(whole, given, names)
  if (found === undefined) return undefined
  return found.field === whole ? `${whole} ${found.reason}` : `${whole} has ${found.field}, which ${found.reason}`
}

/** The first field that the input of a row cannot have, with the reason. */
const refusedField = (operation: Operation, input: object): string | undefined => {
  const fields: { readonly [field: string]: string } = refusals[operation]
  for (const [field, reason] of Object.entries(fields)) {
    if ((input as { readonly [field: string]: unknown })[field] !== undefined) {
      return `its input has ${field}, ${reason}`
    }
  }
  const names = rowOptions.filter((name) => !Object.hasOwn(fields, name))
  return wrongName("its input", input, Object.fromEntries(names.map((name) => [name, true])))
}

/** JSON in which equal values have equal texts, or the reason why an input is not JSON. */
const canonical = (input: object): Either.Either<string, string> => {
  const found = checkJson("its input", input)
  return found === undefined
    ? Either.right(canonicalText(jsonCopy(input)))
    : Either.left(`${found.field} ${found.reason}`)
}

/** Takes rows of a source as rows of a batch. */
export const taking = (definition: Definition, given: Defined): (row: SourceRow<unknown>) => BatchEntry => {
  const { flow, input: inputOf, key: keyOf, maxInputBytes, operation, target } = definition
  const decode = definition.row === undefined ? undefined : Schema.decodeUnknownEither(definition.row)
  const parameters = typeof flow === "object" && Flow.isFlow(flow) ? flow.parameters : undefined
  const encode = parameters === undefined ? undefined : Schema.encodeUnknownEither(parameters)

  const encoded = (given: object): Either.Either<string, string> => {
    const input = given as { readonly [field: string]: unknown; readonly parameters?: AnyParameters }
    const wrong = refusedField(operation, input)
    if (wrong !== undefined) return Either.left(wrong)
    const { snapshots: trace } = input
    const stored = trace === undefined ? input : { ...input, snapshots: undefined, trace }
    if (encode === undefined) return canonical(stored)
    return encode(withoutDigits(input.parameters ?? {})).pipe(
      Either.mapLeft((error) => `its parameters do not fit the flow: ${Flow.formatMismatch(error)}`),
      Either.flatMap((known) => canonical({ ...stored, parameters: known }))
    )
  }

  /** The flow and version of a row, where they differ from the batch's, or the reason if it cannot have them. */
  const targeted = (row: unknown): Either.Either<Pick<PlannedRow, "flow" | "version">, string> => {
    if (target === undefined) return Either.right({})
    const own: unknown = target(row)
    if (!Predicate.isRecord(own)) return Either.left("its target is not an object")
    const wrong = wrongName("its target", own, targetNames)
    if (wrong !== undefined) return Either.left(wrong)
    const { flow: ref, version: number } = own as ReturnType<typeof target>
    const address = ref === undefined ? Either.right(given.flow) : given.addressOf(ref)
    if (Either.isLeft(address)) return Either.left(`its flow ${address.left}`)
    if (number !== undefined && !isVersion(number)) {
      return Either.left("its version is not \"production\", \"draft\" or a version's number")
    }
    const version = number === undefined ? given.version : String(number)
    return Either.right({
      ...(address.right !== given.flow && { flow: address.right }),
      ...(version !== given.version && { version })
    })
  }

  return (source) => {
    const { at } = source
    if (source._tag === "Unreadable") return { _tag: "refused", at, error: problem(source.reason) }
    const invalid = (key: string, error: RowError): BatchEntry => ({ _tag: "row", row: { key, at, input: "", error } })
    let row: unknown = source.value
    try {
      if (decode !== undefined) {
        const decoded = decode(withoutDigits(row))
        if (Either.isLeft(decoded)) {
          // it may have a key all the same, and then it is a row
          const error = problem(Flow.formatMismatch(decoded.left))
          const key = guess(keyOf, row)
          return key === undefined ? { _tag: "refused", at, error } : invalid(key, error)
        }
        row = decoded.right
      }
      const key = keyOf(row)
      const wrong = keyProblem(key)
      if (wrong !== undefined) return { _tag: "refused", at, error: problem(wrong) }
      try {
        const input = inputOf(row)
        if (typeof input !== "object" || input === null) {
          return invalid(key, problem("its input is not an object"))
        }
        const of = targeted(row)
        if (Either.isLeft(of)) return invalid(key, problem(of.left))
        return Either.match(encoded(input), {
          onLeft: (reason) => invalid(key, problem(reason)),
          onRight: (text): BatchEntry => {
            const bytes = Buffer.byteLength(text)
            return bytes <= maxInputBytes
              ? { _tag: "row", row: { key, at, ...of.right, input: text, error: undefined } }
              : invalid(key, problem(tooLarge(bytes, maxInputBytes)))
          }
        })
      } catch (error) {
        return invalid(key, problem(`it has no input: ${textOf(error)}`))
      }
    } catch (error) {
      return { _tag: "refused", at, error: problem(`it has no key: ${textOf(error)}`) }
    }
  }
}

const tooLarge = (bytes: number, most: number): string =>
  `its input has ${bytes} bytes, and may have ${most}: shorten it, or raise maxInputBytes`

const keyProblem = (key: unknown): string | undefined => {
  if (typeof key !== "string") return `its key is ${key === null ? "null" : `a ${typeof key}`}, not a text`
  if (key === "") return "its key is empty"
  if (key.length > longest) {
    return `its key has ${key.length} characters, and may have ${longest}: use a shorter field, or a hash`
  }
  if (key.includes("\0")) return "its key has a NUL character, which a ledger cannot store"
  return /\p{Surrogate}/u.test(key) ? "its key is not valid Unicode: it has half of a surrogate pair" : undefined
}

const guess = (keyOf: (row: unknown) => string, row: unknown): string | undefined =>
  Option.getOrUndefined(Option.filter(Option.liftThrowable(keyOf)(row), (key) => keyProblem(key) === undefined))
