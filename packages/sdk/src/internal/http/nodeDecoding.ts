/**
 * Decompresses bodies that came compressed without being asked for, as a proxy may send them, with Node's own zlib,
 * which is loaded for the first of them; elsewhere `fetch` has done so. The headers of a body that `fetch` has
 * decompressed still name the coding, so its first bytes decide.
 */
import type { Transform } from "node:stream"
import type * as NodeZlib from "node:zlib"
import { concat } from "./HttpTransport.js"

/** A source of bytes that can be paused. */
export interface Pausable {
  readonly pause: () => void
  readonly resume: () => void
}

/** A receiver of bytes. */
export interface Sink {
  readonly body: (bytes: Uint8Array) => void
  readonly end: () => void
  /** The bytes break off here. */
  readonly broken: (error: unknown) => void
  /** The bytes are not in this coding, or it is unknown. */
  readonly undecodable: (coding: string) => void
}

/** `createZstdDecompress` is there since Node 22.15. */
type Zlib = Omit<typeof NodeZlib, "createZstdDecompress"> & { readonly createZstdDecompress?: () => Transform }

declare const globalThis: { readonly process?: { readonly getBuiltinModule?: (id: string) => unknown } }

type OpenDecoder = (zlib: Zlib, first: number) => Transform | undefined

const gunzip: OpenDecoder = (zlib) => zlib.createGunzip()

const openers = new Map<string, OpenDecoder>([
  ["gzip", gunzip],
  ["x-gzip", gunzip],
  // some servers leave the header of zlib out
  ["deflate", (zlib, first) => (first & 15) === 8 ? zlib.createInflate() : zlib.createInflateRaw()],
  ["br", (zlib) => zlib.createBrotliDecompress()],
  ["zstd", (zlib) => zlib.createZstdDecompress?.()]
])

const open = (coding: string, first: number): Transform | undefined => {
  const zlib = globalThis.process?.getBuiltinModule?.("node:zlib") as Zlib | undefined
  return zlib && openers.get(coding)?.(zlib, first)
}

/** The number of bytes that tell text from compressed bytes. */
const enough = 64

/**
 * Whether bytes are text, which has no control characters and no broken ones; compressed bytes have some from the first
 * on.
 */
const isText = (bytes: Uint8Array): boolean => {
  const start = bytes.subarray(0, enough)
  try {
    return !/[^\t\n\r -\uffff]/.test(new TextDecoder("utf-8", { fatal: true }).decode(start, { stream: true }))
  } catch {
    return false
  }
}

export interface BodyDecoder extends Omit<Sink, "undecodable">, Pausable {
  readonly stop: () => void
}

/** Decodes one coding. The bytes before an end or an error have been given on by then. */
const decoding = (coding: string, sink: Sink, source: Pausable): BodyDecoder => {
  let stream: Transform | undefined
  /** The bytes so far, until it is known whether they are text. */
  let start: Array<Uint8Array> | undefined = []
  let size = 0
  let last: (() => void) | undefined

  const settle = () => {
    if (last === undefined || stream!.readableLength > 0) return
    const run = last
    last = undefined
    run()
  }
  const give = (bytes: Uint8Array) => {
    if (stream === undefined) sink.body(bytes)
    else if (!stream.write(bytes)) source.pause()
  }
  const begin = () => {
    if (start === undefined) return
    const bytes = concat(start, size)
    start = undefined
    if (!isText(bytes)) {
      stream = open(coding, bytes[0]!)
      if (stream === undefined) return sink.undecodable(coding)
      stream.on("data", (bytes: Uint8Array) => {
        sink.body(bytes)
        settle()
      })
      stream.on("drain", () => source.resume())
      stream.on("end", sink.end)
      stream.on("error", (error: { readonly code: string }) =>
        error.code === "Z_BUF_ERROR"
          ? sink.broken(new Error(`the ${coding} body is cut off`))
          : sink.undecodable(coding))
    }
    give(bytes)
  }
  /** Runs the last action once all bytes have been given on. */
  const finish = (run: () => void) => {
    begin()
    if (stream === undefined) return run()
    stream.write(new Uint8Array(0), () => {
      last = run
      settle()
    })
  }
  const flow = () => stream ?? source

  return {
    body: (bytes) => {
      if (start === undefined) return give(bytes)
      start.push(bytes)
      size += bytes.length
      if (size >= enough) begin()
    },
    end: () => finish(() => stream === undefined ? sink.end() : stream.end()),
    broken: (error) => finish(() => sink.broken(error)),
    pause: () => void flow().pause(),
    resume: () => void flow().resume(),
    stop: () => stream?.destroy()
  }
}

/**
 * Decodes the coding of a body.
 *
 * @param encoding the header `content-encoding`
 * @returns the name of a coding that is unknown, such as a list of codings; `undefined` if there is none to decode
 */
export const decode = (encoding: string, sink: Sink, source: Pausable): BodyDecoder | string | undefined => {
  const coding = encoding.trim().toLowerCase()
  if (coding === "" || coding === "identity") return undefined
  return openers.has(coding) ? decoding(coding, sink, source) : coding
}
