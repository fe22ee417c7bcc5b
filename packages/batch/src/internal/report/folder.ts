import type { Names } from "@effect-noukai/sdk/kit/names"
import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { mkdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { BatchReportError } from "../../BatchError.js"
import { isSettled, type RefusedRow, type RowResult, RowState } from "../../BatchRow.js"
import type { BatchDefinition } from "../../BatchStatus.js"
import { codeOf, kindOf } from "../node/fileKind.js"
import { attempt, type NewFile, newFile, optionsNamed, type ReportFile } from "./file.js"
import { encodeRefused, hasResult, rowLine } from "./rowLine.js"

/** The entries of a manifest about a batch, besides its rows. */
export interface ReportSummary {
  /** The id of the batch. */
  readonly batch: string
  /** The name of its flow. */
  readonly flow: string
  readonly version?: string | undefined
  /** As in its status. */
  readonly definition?: BatchDefinition | undefined
  /** When the batch began, in milliseconds since 1970. */
  readonly startedAt?: number | undefined
  /** When the batch ended, in milliseconds since 1970. */
  readonly finishedAt?: number | undefined
}

/** The report that is written to a folder. */
export interface FolderOptions<out E = never, out R = never, out E2 = never, out R2 = never> {
  /** The rows in the order of the input. */
  readonly rows: Stream.Stream<RowResult, E, R>
  /** The rows of the source that are none of the batch. Default: none. */
  readonly refused?: Stream.Stream<RefusedRow, E2, R2> | undefined
  readonly summary: ReportSummary
}

const folderNames: Names<FolderOptions> = { rows: true, refused: true, summary: true }

/** The content of `manifest.json`. */
export interface Manifest {
  readonly format: "noukai-batch/1"
  readonly batch: string
  readonly flow: string
  readonly version?: string
  /** The hash of what it runs, as in its status, and when that changed: ISO 8601, in UTC. */
  readonly definition?: { readonly hash: string; readonly changedAt?: string }
  /** ISO 8601, in UTC. */
  readonly startedAt?: string
  /** ISO 8601, in UTC. */
  readonly finishedAt?: string
  /** The number of rows of the batch. */
  readonly rows: number
  /** How many of them are in each state. */
  readonly states: Readonly<Record<RowState, number>>
  /** The number of rows that are none of the batch. */
  readonly refused: number
  /** The files beside it, by name. */
  readonly files: Readonly<Record<string, ReportFile>>
}

/** Gives every row its lines, and sees that they come in the order of the input. */
const writeRows = <E, R>(
  path: string,
  rows: Stream.Stream<RowResult, E, R>,
  fileOf: (row: RowResult) => NewFile | undefined
): Effect.Effect<void, E | BatchReportError, R> => {
  let no = 0
  const writeAll = Effect.fnUntraced(function*(chunk: Chunk.Chunk<RowResult>) {
    for (const row of chunk) {
      if (row.no <= no) {
        return yield* new BatchReportError({
          path,
          reason: `row ${row.no} came after row ${no}: they are no rows in input order`
        })
      }
      no = row.no
      const file = fileOf(row)
      if (file !== undefined) yield* file.write(yield* rowLine(path, row))
    }
  })
  return Stream.runForEachChunk(rows, writeAll)
}

export const write = <E, R>(
  path: string,
  rows: Stream.Stream<RowResult, E, R>
): Effect.Effect<ReportFile, E | BatchReportError, R> =>
  Effect.scoped(Effect.gen(function*() {
    const file = yield* newFile(path)
    yield* writeRows(path, rows, () => file)
    const written = yield* file.finish
    yield* file.publish
    return written
  }))

const makeFolder = (folder: string): Effect.Effect<void, BatchReportError> =>
  attempt(folder, async () => {
    try {
      await mkdir(folder, { mode: 0o700 })
      return undefined
    } catch (cause) {
      if (codeOf(cause) !== "EEXIST") throw cause
      return await stat(folder)
    }
  }).pipe(Effect.flatMap((there) =>
    there === undefined || there.isDirectory()
      ? Effect.void
      : Effect.fail(
        new BatchReportError({
          path: folder,
          reason: `it is ${there.isFile() ? "a file" : kindOf(there)}, and no folder`
        })
      )
  ))

const toIso = (field: string, folder: string, millis: number): Effect.Effect<string, BatchReportError> =>
  Effect.try({
    try: () => new Date(millis).toISOString(),
    catch: (cause) => new BatchReportError({ path: folder, reason: `${field} is no time: ${millis}`, cause })
  })

const names = { results: "results.jsonl", failures: "failures.jsonl", manifest: "manifest.json" }

export const toFolder = <E, R, E2 = never, R2 = never>(
  folder: string,
  options: FolderOptions<E, R, E2, R2>
): Effect.Effect<Manifest, E | E2 | BatchReportError, R | R2> =>
  Effect.scoped(Effect.gen(function*() {
    yield* optionsNamed(folder, options, folderNames)
    const { refused = Stream.empty, rows, summary } = options
    const { batch, definition, finishedAt, flow, startedAt, version } = summary
    const named = definition === undefined ? {} : {
      definition: {
        hash: definition.hash,
        ...(definition.changedAt !== undefined &&
          { changedAt: yield* toIso("changedAt", folder, definition.changedAt) })
      }
    }
    const times = {
      ...(startedAt === undefined ? {} : { startedAt: yield* toIso("startedAt", folder, startedAt) }),
      ...(finishedAt === undefined ? {} : { finishedAt: yield* toIso("finishedAt", folder, finishedAt) })
    }
    yield* makeFolder(folder)
    const results = yield* newFile(join(folder, names.results))
    const failures = yield* newFile(join(folder, names.failures))
    const manifest = yield* newFile(join(folder, names.manifest))

    const states = Object.fromEntries(RowState.literals.map((state) => [state, 0])) as Record<RowState, number>
    let total = 0
    yield* writeRows(folder, rows, (row) => {
      total++
      states[row.state]++
      const timedOut = row.state === "submitted" && row.error !== undefined
      return hasResult(row) ? results : timedOut || isSettled(row.state) ? failures : undefined
    })
    let refusedRows = 0
    yield* Stream.runForEach(refused, (row) => {
      refusedRows++
      return failures.write(`${encodeRefused(row)}\n`)
    })

    const made: Manifest = {
      format: "noukai-batch/1",
      batch,
      flow,
      ...(version === undefined ? {} : { version }),
      ...named,
      ...times,
      rows: total,
      states,
      refused: refusedRows,
      files: { [names.results]: yield* results.finish, [names.failures]: yield* failures.finish }
    }
    yield* manifest.write(`${JSON.stringify(made, undefined, 2)}\n`)
    yield* manifest.finish
    // last, so that a manifest never stands beside files that are yet to come
    yield* results.publish
    yield* failures.publish
    yield* manifest.publish
    return made
  }))
