import type * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { BatchReportError } from "../../BatchError.js"
import type { RowResult } from "../../BatchRow.js"
import { attempt, openToGoOn, writeAt } from "./file.js"
import type { Appended, AppendOptions } from "./model.js"
import { rowLine, type WrittenRow } from "./rowLine.js"
import { readTail } from "./tail.js"

/** The bytes that are encoded before they are written. */
const pieceLength = 1024 * 1024

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

    /** Fails where a row of the batch has the number of a row of the file, and is another one. */
    const agrees = (row: RowResult, line: WrittenRow): Effect.Effect<boolean, BatchReportError> =>
      row.settledNo !== line.settledNo
        ? Effect.succeed(false)
        : named(row) === named(line)
        ? Effect.succeed(true)
        : failure(
          `it is the file of another batch, and is left as it is: what settled as number ${line.settledNo} is ` +
            `${named(line)} in it, and ${named(row)} in this batch`
        )

    /** The last row of the file was run again, or the file is of another batch: its first row tells. */
    const proven = first === undefined ? Effect.void : Effect.flatMap(
      Stream.runHead(after(first.settledNo - 1)),
      Option.match({ onNone: () => Effect.void, onSome: (row) => Effect.asVoid(agrees(row, first)) })
    )

    /** Takes the torn line away, unless another process has written behind it. */
    const repair = Effect.gen(function*() {
      const stats = yield* attempt(path, () => file.stat())
      if (stats.size !== known) return yield* failure("another process writes to it")
      if (known === position) return
      yield* attempt(path, () => file.truncate(position))
      known = position
    })

    const write = Effect.fnUntraced(function*(lines: string) {
      const stats = yield* attempt(path, () => file.stat())
      if (stats.size !== known) return yield* failure("another process writes to it")
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
): Effect.Effect<Appended, E | BatchReportError, R> => Effect.scoped(goOn(path, options))
