import * as Effect from "effect/Effect"
import { isUtf8 } from "node:buffer"
import { type Decoder, type Place, type SourceRow, view } from "./Decoder.js"

const newline = 0x0a

const excerptLength = 40

/** The first characters of a text, as a JSON string. */
const excerpt = (text: string): string => {
  if (text.length <= excerptLength) return JSON.stringify(text)
  return JSON.stringify(`${text.slice(0, excerptLength).replace(/[\ud800-\udbff]$/, "")}…`)
}

const parse = (at: string, text: string): SourceRow<unknown> => {
  try {
    return { _tag: "Row", at, value: JSON.parse(text) }
  } catch {
    // the messages of JSON.parse differ between versions of Node, and show more of the text
    return { _tag: "Unreadable", at, reason: `it is not JSON: ${excerpt(text.trim())}` }
  }
}

const blank = /^[ \t\r]*$/

/** Decodes lines of JSON. Holds the received part of one line, up to the limit. */
export const makeJsonl = ({ name }: Place, maxLineBytes: number): Decoder<unknown> => {
  let line = 1
  let pieces: Array<Buffer> = []
  let length = 0

  /** Keeps a part of an unfinished line, as a copy, since the part is small and its buffer is large. */
  const hold = (part: Buffer): void => {
    length += part.length
    if (length > maxLineBytes) pieces = []
    else pieces.push(Buffer.from(part))
  }

  const read = (rows: Array<SourceRow<unknown>>, bytes: Buffer, from: number, to: number, valid: boolean): void => {
    const no = line++
    if (to === from) return
    const at = `${name}:${no}`
    if (to - from > maxLineBytes) {
      rows.push({ _tag: "Unreadable", at, reason: `it is longer than ${maxLineBytes} bytes` })
    } else if (!valid && !isUtf8(bytes.subarray(from, to))) {
      rows.push({ _tag: "Unreadable", at, reason: "it is not UTF-8" })
    } else {
      const text = bytes.toString("utf8", from, to)
      if (bytes[from]! > 0x20 || !blank.test(text)) rows.push(parse(at, text))
    }
  }

  /** Reads the line whose parts were held. */
  const readHeld = (rows: Array<SourceRow<unknown>>): void => {
    if (length > maxLineBytes) {
      rows.push({ _tag: "Unreadable", at: `${name}:${line++}`, reason: `it is longer than ${maxLineBytes} bytes` })
    } else {
      read(rows, Buffer.concat(pieces), 0, length, false)
    }
    pieces = []
    length = 0
  }

  const push = (piece: Uint8Array): ReadonlyArray<SourceRow<unknown>> => {
    const rows: Array<SourceRow<unknown>> = []
    const bytes = view(piece)
    let from = 0
    let to = bytes.indexOf(newline)
    if (to !== -1 && length > 0) {
      hold(bytes.subarray(0, to))
      readHeld(rows)
      from = to + 1
      to = bytes.indexOf(newline, from)
    }
    if (to !== -1) {
      const valid = isUtf8(bytes.subarray(from, bytes.lastIndexOf(newline)))
      while (to !== -1) {
        read(rows, bytes, from, to, valid)
        from = to + 1
        to = bytes.indexOf(newline, from)
      }
    }
    if (from < bytes.length) hold(bytes.subarray(from))
    return rows
  }

  return {
    push: (piece) => Effect.sync(() => push(piece)),
    end: Effect.sync(() => {
      const rows: Array<SourceRow<unknown>> = []
      if (length > 0) readHeld(rows)
      return rows
    }),
    failure: () => undefined
  }
}
