/** Cassettes as files and as text. */
import { files } from "#files"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { CassetteError } from "../../NoukaiError.js"
import { canonical, maxDepth, nestsTooDeep } from "../core/json.js"
import { known, unchecked } from "../core/makeError.js"
import { problemOfAnswer, readRecorded } from "./codec.js"
import type { FileFailure } from "./Files.js"
import { RecordedCassette, SessionCassette } from "./RecordedCassette.js"
import { withoutSecrets } from "./secretForms.js"

const formatVersion = 1

export const maxBytes = 64 * 1024 * 1024

const AnyCassette = Schema.Union(SessionCassette, RecordedCassette)

export type AnyCassette = Schema.Schema.Type<typeof AnyCassette>

interface CassetteErrorFields {
  readonly path?: string | undefined
  readonly detail?: string | undefined
  readonly at?: ReadonlyArray<string> | undefined
  readonly cause?: unknown
}

export const cassetteError = (
  method: string,
  reason: CassetteError["reason"],
  facts: CassetteErrorFields
): CassetteError => new CassetteError(known({ method, reason, ...facts, isRetryable: false }), unchecked)

const ofFile = (method: string, path: string) => (failure: FileFailure): CassetteError =>
  cassetteError(method, failure.reason, { path, detail: failure.detail, cause: failure.cause })

const decodeCassette = readRecorded(AnyCassette)

const decodeKind = {
  session: readRecorded(SessionCassette),
  recording: readRecorded(RecordedCassette)
}

const field = (value: unknown, name: string): unknown => Predicate.isRecord(value) ? value[name] : undefined

const versionOf = (value: unknown): number | undefined => {
  const format = field(value, "format")
  const match = typeof format === "string" ? /^noukai-cassette\/(\d{1,9})$/.exec(format) : null
  return match === null ? undefined : Number(match[1])
}

const badEntry = (cassette: AnyCassette): { readonly at: string; readonly detail: string } | undefined => {
  if (cassette.kind === "session") return undefined
  for (const [place, { answer, endpoint }] of cassette.entries.entries()) {
    const detail = problemOfAnswer(endpoint, answer)
    if (detail !== undefined) return { at: `$.entries[${place}].answer`, detail }
  }
  return undefined
}

export const decode = (
  method: string,
  path: string | undefined,
  value: unknown
): Either.Either<AnyCassette, CassetteError> => {
  if (nestsTooDeep(value)) {
    return Either.left(cassetteError(method, "Invalid", { path, detail: `it nests deeper than ${maxDepth} levels` }))
  }
  const version = versionOf(value)
  if (version === undefined) {
    return Either.left(
      cassetteError(method, "Invalid", { path, detail: `its format is not noukai-cassette/${formatVersion}` })
    )
  }
  if (version > formatVersion) {
    return Either.left(
      cassetteError(method, "NewerFormat", { path, detail: `its format is noukai-cassette/${version}` })
    )
  }
  const kind = field(value, "kind")
  const decoded = kind === "session" || kind === "recording" ? decodeKind[kind](value) : decodeCassette(value)
  if (Either.isLeft(decoded)) {
    return Either.left(cassetteError(method, "Invalid", { path, detail: decoded.left }))
  }
  const bad = badEntry(decoded.right)
  return bad === undefined
    ? Either.right(decoded.right)
    : Either.left(cassetteError(method, "Invalid", { path, detail: bad.detail, at: [bad.at] }))
}

const encodeSession = Schema.encodeSync(SessionCassette)

const snapshots = ["inputSnapshot", "outputSnapshot", "errorSnapshot"] as const

const plainSession = (cassette: SessionCassette): unknown => {
  const { client, format, kind, session: { executions = [], ...session } } = encodeSession(cassette)
  return {
    format,
    kind,
    client,
    session: {
      ...session,
      executions: (executions ?? []).map(({ steps, ...execution }) => ({
        ...execution,
        steps: (steps ?? []).map((step) => ({
          ...step,
          ...Object.fromEntries(snapshots.flatMap((name) => name in step ? [[name, canonical(step[name])]] : []))
        }))
      }))
    }
  }
}

const plainRecording = ({ client, entries, format, incomplete, kind, meta }: RecordedCassette): unknown => ({
  format,
  kind,
  client,
  incomplete,
  entries: entries.map(({ answer, endpoint, fingerprint, flow, input, occurrence, version }) => ({
    flow,
    endpoint,
    version,
    fingerprint,
    occurrence,
    input: canonical(input),
    answer: canonical(answer)
  })),
  meta: canonical(meta)
})

/** The plain value of a cassette, without secrets of well-known forms, with its keys in the order of the file. */
const plain = (cassette: AnyCassette): unknown =>
  withoutSecrets(cassette.kind === "session" ? plainSession(cassette) : plainRecording(cassette))

export const encode = (cassette: AnyCassette): string => `${JSON.stringify(plain(cassette), null, 2)}\n`

/** Writes a cassette, unless it is too large or could not be read again. */
export const write = (
  method: string,
  path: string,
  cassette: AnyCassette
): Effect.Effect<void, CassetteError> =>
  Effect.gen(function*() {
    const text = yield* Either.try({
      try: () => encode(cassette),
      catch: (cause) => cassetteError(method, "Invalid", { path, detail: "it holds what is no JSON", cause })
    })
    const bytes = new TextEncoder().encode(text).length
    if (bytes > maxBytes) {
      return yield* tooLarge(method, path, `it has ${bytes} bytes, and the limit is ${maxBytes}`)
    }
    // a redaction may have removed a part that every answer must have
    yield* decode(method, path, JSON.parse(text))
    yield* Effect.mapError(files.write(path, text), ofFile(method, path))
  })

export const tooLarge = (method: string, path: string, detail: string): CassetteError =>
  cassetteError(method, "TooLarge", { path, detail })

const readJson = (method: string, path: string): Effect.Effect<unknown, CassetteError> =>
  Effect.flatMap(
    Effect.mapError(files.read(path, maxBytes), ofFile(method, path)),
    (text) =>
      Either.try({
        try: (): unknown => JSON.parse(text.replace(/^\uFEFF/, "")),
        catch: () => cassetteError(method, "Invalid", { path, detail: "it is not JSON" })
      })
  )

export const read = (method: string, path: string): Effect.Effect<AnyCassette, CassetteError> =>
  Effect.flatMap(readJson(method, path), (value) => decode(method, path, value))
