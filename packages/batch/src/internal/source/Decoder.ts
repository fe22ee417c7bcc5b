import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { BatchSourceError } from "../../BatchError.js"

/** A row of a source: its value, or the reason if it cannot be read. */
export type SourceRow<Row> =
  | { readonly _tag: "Row"; readonly at: string; readonly value: Row }
  | { readonly _tag: "Unreadable"; readonly at: string; readonly reason: string }

/** A record of CSV: the text of each column by its name. The schema of the definition reads numbers and dates from it. */
export type CsvRow = Readonly<Record<string, string>>

/**
 * Divides bytes, without a byte order mark, into rows. After a failure it returns the rows before it, so that they do
 * not depend on how the bytes were cut.
 */
export interface Decoder<Row> {
  readonly push: (bytes: Uint8Array) => Effect.Effect<ReadonlyArray<SourceRow<Row>>>
  /** The last rows, after all bytes. */
  readonly end: Effect.Effect<ReadonlyArray<SourceRow<Row>>>
  /** The reason if it cannot continue. */
  readonly failure: () => BatchSourceError | undefined
}

/** The name of the source, in the places of its rows, and in its errors. */
export interface Place {
  readonly name: string
  readonly source: string
}

const startsWith = (bytes: Uint8Array, ...start: ReadonlyArray<number>): boolean =>
  bytes.length >= start.length && start.every((byte, index) => bytes[index] === byte)

const byteOrderMark = 3

/** The reason if a file with these first bytes is not UTF-8 text. */
const foreign = (head: Uint8Array): string | undefined => {
  if (startsWith(head, 0xff, 0xfe) || startsWith(head, 0xfe, 0xff)) return "it is UTF-16: save it as UTF-8"
  if (startsWith(head, 0x1f, 0x8b)) return "it is compressed with gzip: decompress it first"
  if (startsWith(head, 0x50, 0x4b, 3)) return "it is a ZIP archive or a spreadsheet: export it as text"
  return undefined
}

/** Checks the first bytes, which may arrive one by one, and removes the byte order mark. */
function opened<Row>(source: string, decoder: Decoder<Row>): Decoder<Row> {
  let head: Uint8Array | undefined = new Uint8Array(0)
  let failed: BatchSourceError | undefined
  const begin = (bytes: Uint8Array): Effect.Effect<ReadonlyArray<SourceRow<Row>>> => {
    head = undefined
    const reason = foreign(bytes)
    if (reason === undefined) {
      return decoder.push(startsWith(bytes, 0xef, 0xbb, 0xbf) ? bytes.subarray(byteOrderMark) : bytes)
    }
    failed = new BatchSourceError({ source, line: 1, reason })
    return Effect.succeed([])
  }
  return {
    push: (bytes) => {
      if (head === undefined) return decoder.push(bytes)
      const all = head.length === 0 ? bytes : Buffer.concat([head, bytes])
      if (all.length >= byteOrderMark) return begin(all)
      head = Uint8Array.from(all)
      return Effect.succeed([])
    },
    end: Effect.suspend(() =>
      head === undefined || head.length === 0
        ? decoder.end
        : Effect.zipWith(begin(head), decoder.end, (rows, rest) => [...rows, ...rest])
    ),
    failure: () => failed ?? decoder.failure()
  }
}

/** Decodes bytes. The rows of one pull are one chunk. */
export const decode = <Row, E, R>(
  bytes: Stream.Stream<Uint8Array, E, R>,
  place: Place,
  make: Effect.Effect<Decoder<Row>, BatchSourceError, Scope.Scope>
): Stream.Stream<SourceRow<Row>, E | BatchSourceError, R> =>
  Stream.unwrapScoped(Effect.map(make, (inner) => {
    const decoder = opened(place.source, inner)
    const check = Effect.suspend(() => {
      const failure = decoder.failure()
      return failure === undefined ? Effect.void : Effect.fail(failure)
    })
    const pushAll = Effect.fnUntraced(function*(pieces: Chunk.Chunk<Uint8Array>) {
      yield* check
      if (pieces.length === 1) return Chunk.unsafeFromArray(yield* decoder.push(Chunk.unsafeHead(pieces)))
      const rows: Array<SourceRow<Row>> = []
      for (const piece of pieces) for (const row of yield* decoder.push(piece)) rows.push(row)
      return Chunk.unsafeFromArray(rows)
    })
    const rest = Effect.zipRight(check, decoder.end).pipe(
      Effect.map((rows) => Stream.fromChunk(Chunk.unsafeFromArray(rows)))
    )
    return Stream.mapChunksEffect(bytes, pushAll).pipe(
      Stream.concat(Stream.unwrap(rest)),
      Stream.concat(Stream.execute(check))
    )
  }))

/** A view of the same bytes. */
export const view = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
