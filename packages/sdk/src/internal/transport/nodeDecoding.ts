/**
 * Bodies that came compressed although nobody asked for that, as a proxy may send them. Node decompresses them with its own
 * zlib, which is loaded for the first of them; elsewhere `fetch` has done so. What `fetch` has decompressed still says that
 * it is compressed: its bytes tell.
 *
 * @internal
 */
import { concat } from "./response.js"

/** What can be made to wait. @internal */
export interface Flow {
  readonly pause: () => void
  readonly resume: () => void
}

/** Where bytes go. @internal */
export interface Sink {
  readonly body: (bytes: Uint8Array) => void
  readonly end: () => void
  /** They break off here. */
  readonly broken: (error: unknown) => void
  /** They are not what this coding makes of a body, or nobody here can read it. */
  readonly undecodable: (coding: string) => void
}

/** What of a stream of zlib matters here. */
interface ZlibStream {
  readonly readableLength: number
  readonly write: (bytes: Uint8Array, done?: () => void) => boolean
  readonly end: () => void
  readonly pause: () => void
  readonly resume: () => void
  readonly destroy: () => void
  readonly on: (event: string, listener: (value: never) => void) => void
}

interface Zlib {
  readonly createGunzip: () => ZlibStream
  readonly createInflate: () => ZlibStream
  readonly createInflateRaw: () => ZlibStream
  readonly createBrotliDecompress: () => ZlibStream
  /** Since Node 22.15. */
  readonly createZstdDecompress?: () => ZlibStream
}

declare const globalThis: { readonly process?: { readonly getBuiltinModule?: (id: string) => unknown } }

type Open = (zlib: Zlib, first: number) => ZlibStream | undefined

const gunzip: Open = (zlib) => zlib.createGunzip()

const openers = new Map<string, Open>([
  ["gzip", gunzip],
  ["x-gzip", gunzip],
  // some servers leave the header of zlib out
  ["deflate", (zlib, first) => (first & 15) === 8 ? zlib.createInflate() : zlib.createInflateRaw()],
  ["br", (zlib) => zlib.createBrotliDecompress()],
  ["zstd", (zlib) => zlib.createZstdDecompress?.()]
])

const open = (coding: string, first: number): ZlibStream | undefined => {
  const zlib = globalThis.process?.getBuiltinModule?.("node:zlib") as Zlib | undefined
  return zlib && openers.get(coding)?.(zlib, first)
}

/** As many bytes as tell text from what is compressed. */
const enough = 64

/** Text has no control characters and no broken ones; what is compressed has some from its first bytes on. */
const isText = (bytes: Uint8Array): boolean => {
  const start = bytes.subarray(0, enough)
  try {
    return !/[^\t\n\r -\uffff]/.test(new TextDecoder("utf-8", { fatal: true }).decode(start, { stream: true }))
  } catch {
    return false
  }
}

/** @internal */
export interface Decoding extends Sink, Flow {
  readonly stop: () => void
}

/** Takes one coding off. Whatever came before an end or an error has been given on by then. */
const decoding = (coding: string, sink: Sink, source: () => Flow): Decoding => {
  let stream: ZlibStream | undefined
  /** What has come before it is known whether it is text. */
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
    else if (!stream.write(bytes)) source().pause()
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
      stream.on("drain", () => source().resume())
      stream.on("end", sink.end)
      stream.on("error", (error: { readonly code: string }) =>
        error.code === "Z_BUF_ERROR"
          ? sink.broken(new Error(`the ${coding} body is cut off`))
          : sink.undecodable(coding))
    }
    give(bytes)
  }
  /** Does the last thing once everything has been given on. */
  const finish = (run: () => void) => {
    begin()
    if (stream === undefined) return run()
    stream.write(new Uint8Array(0), () => {
      last = run
      settle()
    })
  }
  const flow = () => stream ?? source()

  return {
    body: (bytes) => {
      if (start === undefined) return give(bytes)
      start.push(bytes)
      size += bytes.length
      if (size >= enough) begin()
    },
    end: () => finish(() => stream === undefined ? sink.end() : stream.end()),
    broken: (error) => finish(() => sink.broken(error)),
    undecodable: (inner) => finish(() => sink.undecodable(inner)),
    pause: () => void flow().pause(),
    resume: () => void flow().resume(),
    stop: () => stream?.destroy()
  }
}

/** More are no body but an attack. */
const maxCodings = 3

/**
 * Takes the codings of a body off, the last one first; of codings that nobody knows it gives the name.
 *
 * @param encoding the header `content-encoding`
 * @returns the codings as they were applied: bytes go into the last and come out of the first
 *
 * @internal
 */
export const decode = (encoding: string, reader: Sink, wire: Flow): ReadonlyArray<Decoding> | string => {
  const codings = encoding.toLowerCase().split(",").map((coding) => coding.trim()).filter((coding) =>
    coding !== "" && coding !== "identity"
  )
  const unknown = codings.length > maxCodings ? encoding : codings.find((coding) => !openers.has(coding))
  if (unknown !== undefined) return unknown
  const stages: Array<Decoding> = []
  codings.forEach((coding, index) =>
    stages.push(decoding(coding, stages[index - 1] ?? reader, () => stages[index + 1] ?? wire))
  )
  return stages
}
