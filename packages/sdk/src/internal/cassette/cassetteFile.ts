/** Cassettes as files and as text. */
import { files } from "#files"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { CassetteError, type InvalidRequestError } from "../../NoukaiError.js"
import { mapParts, type Segment } from "../core/diff.js"
import { canonical, isOf, maxDepth, nestsTooDeep } from "../core/json.js"
import { invalid, newError } from "../core/makeError.js"
import { checkAnswer, readRecorded } from "./codec.js"
import type { FileFailure } from "./noFiles.js"
import { Cassette } from "./recording.js"
import { withoutSecrets } from "./secretForms.js"

const formatVersion = 1

export const maxBytes = 64 * 1024 * 1024

export const cassetteError = (
  method: string,
  reason: CassetteError["reason"],
  facts: { readonly [K in "path" | "detail" | "at" | "cause"]?: CassetteError[K] | undefined }
): CassetteError => newError(CassetteError, { method, reason, ...facts })

const ofFile = (method: string, path: string) => (failure: FileFailure): CassetteError =>
  cassetteError(method, failure.reason, { path, detail: failure.detail, cause: failure.cause })

export const isCassette = isOf(Cassette)

const decodeCassette = readRecorded(Cassette)

const field = (value: unknown, name: string): unknown => Predicate.isRecord(value) ? value[name] : undefined

export const decode = (
  method: string,
  path: string | undefined,
  value: unknown
): Either.Either<Cassette, CassetteError> =>
  Either.gen(function*() {
    const spoiled = (detail: string, at?: string) =>
      cassetteError(method, "Invalid", { path, detail, ...(at === undefined ? undefined : { at: [at] }) })
    if (nestsTooDeep(value)) return yield* Either.left(spoiled(`it nests deeper than ${maxDepth} levels`))
    const version = /^noukai-cassette\/(\d{1,9})$/.exec(String(field(value, "format")))?.[1]
    if (version === undefined) return yield* Either.left(spoiled(`its format is not noukai-cassette/${formatVersion}`))
    if (Number(version) > formatVersion) {
      const detail = `its format is noukai-cassette/${version}`
      return yield* Either.left(cassetteError(method, "NewerFormat", { path, detail }))
    }
    const cassette = yield* Either.mapLeft(decodeCassette(value), (detail) => spoiled(detail))
    const entries = cassette.kind === "recording" ? cassette.entries : []
    for (const [place, { answer, endpoint }] of entries.entries()) {
      yield* Either.mapLeft(checkAnswer(endpoint, answer), (detail) => spoiled(detail, `$.entries[${place}].answer`))
    }
    return cassette
  })

const encodeCassette = Schema.encodeSync(Cassette)

/** Fields with JSON of the server or of callers, whose keys are written in alphabetical order. */
const ofJson: ReadonlySet<Segment> = new Set("input answer meta inputSnapshot outputSnapshot errorSnapshot".split(" "))

/** A value whose keys are in the order of the file: the order of the schema, and below it the order of {@link ofJson}. */
const inOrder = (value: unknown): unknown =>
  mapParts(value, (item, key) => ofJson.has(key) ? canonical(item) : inOrder(item))

export const encode = (cassette: Cassette): string => {
  const { format, kind, ...rest } = encodeCassette(cassette)
  return `${JSON.stringify(withoutSecrets(inOrder({ format, kind, ...rest })), null, 2)}\n`
}

/** Writes a cassette, unless it is too large or could not be read again. */
export const write = (method: string, path: string, cassette: Cassette): Effect.Effect<void, CassetteError> =>
  Effect.gen(function*() {
    const text = yield* Either.try({
      try: () => encode(cassette),
      catch: (cause) => cassetteError(method, "Invalid", { path, detail: "it is not JSON", cause })
    })
    const bytes = new TextEncoder().encode(text).length
    if (bytes > maxBytes) {
      const detail = `it has ${bytes} bytes, and the limit is ${maxBytes}`
      return yield* cassetteError(method, "TooLarge", { path, detail })
    }
    // a redaction may have removed a part that every answer must have
    yield* decode(method, path, JSON.parse(text))
    yield* Effect.mapError(files.write(path, text), ofFile(method, path))
  })

/** Checks that a path is text, since the file system takes a number for a file that is already open. */
export const checkPath = (method: string, path: unknown): Either.Either<void, InvalidRequestError> =>
  typeof path === "string" && path !== ""
    ? Either.void
    : Either.left(invalid(method, "path", "must be the path of a file"))

export const read = (method: string, path: string): Effect.Effect<Cassette, CassetteError> =>
  Effect.gen(function*() {
    const text = yield* Effect.mapError(files.read(path, maxBytes), ofFile(method, path))
    const value = yield* Either.try({
      try: (): unknown => JSON.parse(text.replace(/^\uFEFF/, "")),
      catch: () => cassetteError(method, "Invalid", { path, detail: "it is not JSON" })
    })
    return yield* decode(method, path, value)
  })
