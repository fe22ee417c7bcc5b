/** Reads and checks the options of replays and recordings. */
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { InvalidRequestError } from "../../NoukaiError.js"
import type { Redact } from "../../Redact.js"
import { invalid, type Problem, problem } from "../errors/makeError.js"
import type { Match } from "../errors/replayReport.js"
import { checkOneOf, checkText } from "../input/checks.js"
import { checkStored } from "../input/json.js"
import { guarded, type InputRules, take } from "../input/take.js"
import { RecordedCassette } from "./RecordedCassette.js"
import { SessionCassette } from "./SessionCassette.js"

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
}

const matches = ["position", "input", "strict"]

const modes = ["once", "new", "all", "none"]

const maxListed = 10_000

const checkList = (field: string, list: unknown, isOne: (u: unknown) => boolean, what: string): Problem | undefined =>
  list === undefined || (Array.isArray(list) && list.length <= maxListed && list.every(isOne))
    ? undefined
    : problem(field, `must be ${what}`)

const checkRedact = (redact: unknown): Problem | undefined => {
  if (redact === undefined) return undefined
  if (!Predicate.isRecord(redact)) return problem("redact", "must be an object with paths or patterns")
  return checkList("redact.paths", redact.paths, Predicate.isString, "a list of paths") ??
    checkList("redact.patterns", redact.patterns, Predicate.isRegExp, "a list of regular expressions")
}

const replayRules: InputRules<ReplayOptions, ReplayOptions> = {
  field: "options",
  pick: ({ match, org, project, redact }) => ({ match, org, project, redact }),
  check: ({ match, org, project, redact }) =>
    checkText("org", org) ?? checkText("project", project) ?? checkOneOf("match", match, matches) ?? checkRedact(redact)
}

const recordRules: InputRules<RecordOptions, RecordOptions> = {
  field: "options",
  pick: ({ match, mode, redact }) => ({ match, mode, redact }),
  check: ({ match, mode, redact }) =>
    checkOneOf("mode", mode, modes) ?? checkOneOf("match", match, matches) ?? checkRedact(redact)
}

/** Checks that a path is text, since the file system takes a number for a file that is already open. */
const checkPath = (method: string, path: unknown): Either.Either<void, InvalidRequestError> =>
  typeof path === "string" && path !== ""
    ? Either.void
    : Either.left(invalid(method, "path", "must be the path of a file"))

export const replayOptions = (
  method: string,
  options: ReplayOptions
): Either.Either<ReplayOptions, InvalidRequestError> => take(method, replayRules, options)

export const replayFileOptions = (
  method: string,
  path: string,
  options: ReplayOptions
): Either.Either<ReplayOptions, InvalidRequestError> =>
  Either.flatMap(checkPath(method, path), () => replayOptions(method, options))

export const recordOptions = (
  method: string,
  path: string,
  options: RecordOptions
): Either.Either<RecordOptions, InvalidRequestError> =>
  Either.flatMap(checkPath(method, path), () => take(method, recordRules, options))

const isCassette = Schema.is(Schema.Union(SessionCassette, RecordedCassette))

export const checkCassette = <A>(method: string, cassette: A): Either.Either<A, InvalidRequestError> =>
  guarded(
    method,
    "cassette",
    () =>
      checkStored("cassette", cassette) === undefined && isCassette(cassette)
        ? Either.right(cassette)
        : Either.left(invalid(method, "cassette", "is no cassette: read it with Cassette.decode or Cassette.load"))
  )

/** The layer of the option `live`, if it is given. */
export const liveOf = <A>(
  method: string,
  options: { readonly live?: A | undefined }
): Either.Either<A | undefined, InvalidRequestError> =>
  guarded(method, "live", () => {
    const live = Predicate.isRecord(options) ? options.live : undefined
    return live === undefined || Layer.isLayer(live)
      ? Either.right(live)
      : Either.left(invalid(method, "live", "must be a Layer"))
  })
