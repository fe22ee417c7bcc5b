import * as Effect from "effect/Effect"
import type { FileHandle } from "node:fs/promises"
import { BatchReportError } from "../../BatchError.js"
import { attempt } from "./file.js"
import { beginsRowLine, parseRowLine, type WrittenRow } from "./rowLine.js"

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

/** Where to go on in a file. */
export interface Tail {
  /** The end of its last whole line. What stands behind it is a line that a crash cut off. */
  readonly end: number
  /** The rows of its first and its last whole line. */
  readonly first?: WrittenRow
  readonly last?: WrittenRow
}

/** Enough of a line to tell whether it is one of a row. */
const headBytes = 64

/** Finds the end of what was written. Reads the first and the last line, and changes nothing. */
export const readTail: (path: string, file: FileHandle, size: number) => Effect.Effect<Tail, BatchReportError> = Effect
  .fnUntraced(function*(path, file, size) {
    const refusal = (what: string) =>
      new BatchReportError({ path, reason: `${what}: it is no file of rows of a batch, and is left as it is` })
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
    // a file system may have made room for what was never written: it reads as zeros
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
