/** Reads and checks the options of replays and recordings. */
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { InvalidRequestError } from "../../NoukaiError.js"
import type { Redact } from "../../Redact.js"
import { checkStored } from "../core/checkJson.js"
import { invalid, type Problem, problem } from "../core/makeError.js"
import type { Match } from "../core/replayReport.js"
import * as Fields from "../options/fields.js"
import { options } from "../options/options.js"
import { RecordedCassette, SessionCassette } from "./RecordedCassette.js"

interface ReplayOptions {
  readonly org?: string | undefined
  readonly project?: string | undefined
  readonly match?: Match | undefined
  readonly redact?: Redact | undefined
}

interface RecordOptions {
  readonly mode?: "once" | "new" | "all" | "none" | undefined
  readonly match?: Match | undefined
  readonly redact?: Redact | undefined
  readonly live?: unknown
}

const maxListed = 10_000

const checkList = (field: string, list: unknown, isOne: (u: unknown) => boolean, what: string): Problem | undefined =>
  list === undefined || (Array.isArray(list) && list.length <= maxListed && list.every(isOne))
    ? undefined
    : problem(field, `must be ${what}`)

const match = Fields.oneOf("position", "input", "strict")

const redact = Fields.checked((path, value) => {
  if (!Predicate.isRecord(value)) return problem(path, "must be an object with paths or patterns")
  return checkList(`${path}.paths`, value.paths, Predicate.isString, "a list of paths") ??
    checkList(`${path}.patterns`, value.patterns, Predicate.isRegExp, "a list of regular expressions")
})

export const replayOptions = options<ReplayOptions>("options", () => ({
  org: Fields.text,
  project: Fields.text,
  match,
  redact
}))

export const recordOptions = options<RecordOptions>("options", () => ({
  mode: Fields.oneOf("once", "new", "all", "none"),
  match,
  redact,
  live: Fields.must(Layer.isLayer, "must be a Layer")
}))

/** Checks that a path is text, since the file system takes a number for a file that is already open. */
export const checkPath = (method: string, path: unknown): Either.Either<void, InvalidRequestError> =>
  typeof path === "string" && path !== ""
    ? Either.void
    : Either.left(invalid(method, "path", "must be the path of a file"))

const isCassette = Schema.is(Schema.Union(SessionCassette, RecordedCassette))

export function checkCassette<A>(method: string, cassette: A): Either.Either<A, InvalidRequestError> {
  return checkStored("cassette", cassette) === undefined && isCassette(cassette)
    ? Either.right(cassette)
    : Either.left(invalid(method, "cassette", "is not a cassette: read it with Cassette.decode or Cassette.load"))
}
