import { isNegativeTime, type Names } from "@effect-noukai/sdk/kit/names"
import type * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { FileHandle } from "node:fs/promises"
import { BatchReportError } from "../../BatchError.js"
import type { RowResult } from "../../BatchRow.js"
import { attempt, openToGoOn, optionsNamed, pieceLength, writeAt } from "./file.js"
import { beginsRowLine, parseRowLine, rowLine, type WrittenRow } from "./rowLine.js"

/** The options of appending rows as they settle. */
export interface AppendOptions<out E = never, out R = never> {
  /**
   * The rows with a higher `settledNo`, in the order in which they settled; 0 means all. It is called with the number
   * before the number of the last row in the file, since this row shows whether the file belongs to the batch. If the batch
   * no longer has that row, it is called once more, for the first row of the file.
   */
  readonly after: (settledNo: number) => Stream.Stream<RowResult, E, R>
  /**
   * The time between two syncs of the file; the next row after it triggers one. The end always syncs. Default: 1
   * second.
   */
  readonly syncInterval?: Duration.DurationInput | undefined
}

const appendNames: Names<AppendOptions> = { after: true, syncInterval: true }

/** Fails for an interval that is not a time. */
const checkInterval = (
  path: string,
  { syncInterval: interval = 0 }: AppendOptions<unknown, unknown>
): Effect.Effect<void, BatchReportError> => {
  const isTime = !isNegativeTime(interval) && Option.exists(Duration.decodeUnknown(interval), Duration.isFinite)
  return isTime
    ? Effect.void
    : new BatchReportError({ path, reason: "syncInterval must be a duration, at least 0 and with an end" })
}

/** The result of appending. */
export interface AppendResult {
  /** The number of rows that this call wrote. */
  readonly rows: number
  /** The `settledNo` of the last row in the file; 0 if it has no row. */
  readonly settledNo: number
}

const newline = 0x0a
const blockBytes = 64 * 1024
const maxLineBytes = 256 * 1024 * 1024

const readRange = async (file: FileHandle, from: number, to: number): Promise<Buffer> => {
  const bytes = Buffer.alloc(to - from)
  let done = 0
  while (done < bytes.length) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, from + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return bytes.subarray(0, done)
}

/** The place after the last end of a line before `to`; 0 where there is none. */
const lineStart = async (file: FileHandle, to: number): Promise<number> => {
  for (let end = to; end > 0;) {
    const start = Math.max(0, end - blockBytes)
    const found = (await readRange(file, start, end)).lastIndexOf(newline)
    if (found !== -1) return start + found + 1
    end = start
  }
  return 0
}

/** The place of the first end of a line before `to`; `to` where there is none. */
const firstLineEnd = async (file: FileHandle, to: number): Promise<number> => {
  for (let start = 0; start < to; start += blockBytes) {
    const found = (await readRange(file, start, Math.min(to, start + blockBytes))).indexOf(newline)
    if (found !== -1) return start + found
  }
  return to
}

/** The end of a file, and its first and last row. */
interface Tail {
  /** The end of its last complete line. The rest is a line that a crash cut off. */
  readonly end: number
  /** The rows of its first and its last whole line. */
  readonly first?: WrittenRow
  readonly last?: WrittenRow
}

/** Enough of a line to tell whether it is one of a row. */
const headBytes = 64

/** Finds the end of the file, and reads its first and last line. Changes nothing. */
const readTail: (path: string, file: FileHandle, size: number) => Effect.Effect<Tail, BatchReportError> = Effect
  .fnUntraced(function*(path, file, size) {
    const refusal = (what: string) =>
      new BatchReportError({ path, reason: `${what}: it is not a file of batch rows, and is left unchanged` })
    const readLine = Effect.fnUntraced(function*(which: string, from: number, to: number) {
      if (to - from > maxLineBytes) return yield* refusal(`its ${which} line is longer than ${maxLineBytes} bytes`)
      const bytes = yield* attempt(path, () => readRange(file, from, to))
      const row = parseRowLine(bytes.toString("utf8"))
      return row === undefined ? yield* refusal(`its ${which} line is not one of a settled row`) : row
    })

    if (size === 0) return { end: 0 }
    const head = yield* attempt(path, () => readRange(file, 0, Math.min(size, headBytes)))
    if (!beginsRowLine(head.toString("latin1"))) return yield* refusal("its first line is not one of a settled row")

    const end = yield* attempt(path, () => lineStart(file, size))
    const torn = yield* attempt(path, () => readRange(file, end, Math.min(size, end + headBytes)))
    // a file system may have allocated space that was never written: it reads as zeros
    const beginning = torn.toString("latin1").replace(/\0+$/, "")
    if (!beginsRowLine(beginning)) return yield* refusal("its last line is not one of a settled row")
    if (end === 0) return { end }

    const start = yield* attempt(path, () => lineStart(file, end - 1))
    const last = yield* readLine("last", start, end - 1)
    const first = start === 0 ? last : yield* readLine("first", 0, yield* attempt(path, () => firstLineEnd(file, end)))
    if (first.settledNo > last.settledNo) {
      return yield* refusal("its rows do not stand in the order in which they settled")
    }
    return { end, first, last }
  })

type Written = Pick<RowResult, "attempt" | "key" | "no"> & { readonly executionId?: string | undefined }

const named = ({ attempt, executionId, key, no }: Written): string =>
  `attempt ${attempt} of row ${no}, ${JSON.stringify(key)}${executionId === undefined ? "" : `, run ${executionId}`},`

const goOn = Effect.fnUntraced(
  function*<E, R>(path: string, { after, syncInterval = "1 second" }: AppendOptions<E, R>) {
    const { file, size } = yield* openToGoOn(path)
    const tail = yield* readTail(path, file, size)
    const { first, last } = tail
    const interval = Duration.toMillis(syncInterval)

    let position = tail.end
    let known = size
    let settledNo = last?.settledNo ?? 0
    let rows = 0
    let synced = yield* Clock.currentTimeMillis
    let begun = false

    const failure = (reason: string) => new BatchReportError({ path, reason })

    /** Fails if different rows of the batch and of the file have the same number. */
    const agrees = (row: RowResult, line: WrittenRow): Effect.Effect<boolean, BatchReportError> =>
      row.settledNo !== line.settledNo
        ? Effect.succeed(false)
        : named(row) === named(line)
        ? Effect.succeed(true)
        : failure(
          `it is the file of another batch and is left unchanged: the row that settled as number ${line.settledNo} is ` +
            `${named(line)} in it, and ${named(row)} in this batch`
        )

    /** The last row was run again, or the file is of another batch: the first row decides. */
    const proven = first === undefined ? Effect.void : Effect.flatMap(
      Stream.runHead(after(first.settledNo - 1)),
      Option.match({ onNone: () => Effect.void, onSome: (row) => Effect.asVoid(agrees(row, first)) })
    )

    /** Removes the torn line, unless another process has written after it. */
    const repair = Effect.gen(function*() {
      const stats = yield* attempt(path, () => file.stat())
      if (stats.size !== known) return yield* failure("another process writes to it")
      if (known === position) return
      yield* attempt(path, () => file.truncate(position))
      known = position
    })

    const write = Effect.fnUntraced(function*(lines: string) {
      yield* repair
      const bytes = Buffer.from(lines)
      yield* attempt(path, () => writeAt(file, bytes, position))
      position += bytes.length
      known = position
      const now = yield* Clock.currentTimeMillis
      if (now - synced < interval) return
      yield* attempt(path, () => file.datasync())
      synced = now
    })

    const writeAll = Effect.fnUntraced(function*(chunk: Chunk.Chunk<RowResult>) {
      let lines = ""
      for (const row of chunk) {
        if (!begun) {
          begun = true
          if (last !== undefined && (yield* agrees(row, last))) continue
          yield* proven
        }
        if (row.settledNo === undefined) return yield* failure(`row ${row.no} is not settled`)
        if (row.settledNo <= settledNo) {
          return yield* failure(`the row that settled as number ${row.settledNo} came after number ${settledNo}`)
        }
        settledNo = row.settledNo
        lines += yield* rowLine(path, row)
        rows++
        if (lines.length < pieceLength) continue
        yield* write(lines)
        lines = ""
      }
      if (lines !== "") yield* write(lines)
    })

    // asked for once more, the last row shows whether the file is of this batch
    yield* Stream.runForEachChunk(after(Math.max(0, settledNo - 1)), writeAll)
    if (!begun) yield* proven
    yield* repair
    yield* attempt(path, () => file.sync())
    return { rows, settledNo }
  }
)

export const append = <E, R>(
  path: string,
  options: AppendOptions<E, R>
): Effect.Effect<AppendResult, E | BatchReportError, R> =>
  Effect.zipRight(
    Effect.zipRight(optionsNamed(path, options, appendNames), checkInterval(path, options)),
    Effect.scoped(goOn(path, options))
  )
