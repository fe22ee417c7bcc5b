/**
 * The part of the studio's API that keeps a session as a test. The studio writes no files: they are downloads.
 *
 * @since 0.1.0
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as Schema from "effect/Schema"
import { NotFound, Unavailable } from "./RunsApi.js"

/**
 * A session to keep, and the values to remove from it.
 *
 * @since 0.1.0
 * @category models
 */
export const KeepAddress = Schema.Struct({
  /** The id of the session. */
  session: Schema.String,
  /** Paths whose values are removed, such as `**.email`: one per line. */
  paths: Schema.optional(Schema.String),
  /** Regular expressions whose matches are removed: one per line. */
  patterns: Schema.optional(Schema.String)
})

/** @since 0.1.0 */
export interface KeepAddress extends Schema.Schema.Type<typeof KeepAddress> {}

/**
 * How a session would be kept.
 *
 * @since 0.1.0
 * @category models
 */
export const Kept = Schema.Struct({
  session: Schema.String,
  runs: Schema.Number,
  /** The places whose values are removed, never the values: the first 1,000. */
  redacted: Schema.Array(Schema.String),
  /** The number of all of them. */
  redactedTotal: Schema.Number,
  /** The names of the files: a cassette `.json`, and a vitest file `.test.ts`. */
  files: Schema.Struct({ cassette: Schema.String, test: Schema.String }),
  /** The command that writes both files, and the command that runs the test. */
  command: Schema.String,
  runTest: Schema.String,
  /** The fields of its cases, in order: `id`, `message`, the parameters, `expected`. */
  fields: Schema.Array(Schema.String)
})

/** @since 0.1.0 */
export interface Kept extends Schema.Schema.Type<typeof Kept> {}

/**
 * A session as rows of a file of eval cases: a row for each run.
 *
 * @since 0.1.0
 * @category models
 */
export const KeptCases = Schema.Struct({
  /** The rows, to add to a file. */
  rows: Schema.String,
  /** A new file with the rows: of CSV, with the line of names. */
  file: Schema.String,
  fileName: Schema.String,
  /** The command that adds them to a file. */
  command: Schema.String
})

/** @since 0.1.0 */
export interface KeptCases extends Schema.Schema.Type<typeof KeptCases> {}

/**
 * The session cannot be kept in this way. `message` says why: a path or a pattern is not valid, a run did not end, was not
 * begun by `execute`, or its payloads are not stored.
 *
 * @since 0.1.0
 * @category errors
 */
export class CannotKeep extends Schema.TaggedError<CannotKeep>("@effect-noukai/studio/CannotKeep")(
  "CannotKeep",
  { message: Schema.String, advice: Schema.optional(Schema.String) },
  HttpApiSchema.annotations({ status: 400 })
) {}

/**
 * The endpoints of sessions that are kept. All are reads.
 *
 * @since 0.1.0
 * @category api
 */
export const keepGroup = HttpApiGroup.make("keep")
  .add(HttpApiEndpoint.get("keep", "/keep").setUrlParams(KeepAddress).addSuccess(Kept))
  /** A file to save: the same bytes as `noukai session save --test` writes. */
  .add(
    HttpApiEndpoint.get("keepFile", "/keep/file")
      .setUrlParams(Schema.Struct({ ...KeepAddress.fields, file: Schema.Literal("cassette", "test") }))
      .addSuccess(HttpApiSchema.Text({ contentType: "application/octet-stream" }))
  )
  .add(
    HttpApiEndpoint.get("keepCases", "/keep/cases")
      .setUrlParams(Schema.Struct({
        ...KeepAddress.fields,
        /** `json`: JSON lines. */
        format: Schema.Literal("json", "csv"),
        /** Names of fields in the file, one per line: `message=text`. */
        fields: Schema.optional(Schema.String),
        /** The first line of the file to which the rows are added. Default: the fields. */
        header: Schema.optional(Schema.String)
      }))
      .addSuccess(KeptCases)
  )
  .addError(CannotKeep)
  .addError(NotFound)
  .addError(Unavailable)
