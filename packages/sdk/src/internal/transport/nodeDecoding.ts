/**
 * Bodies that came compressed although nobody asked for that, as a proxy may send them. Node decompresses them with its own
 * zlib, which is loaded for the first of them; elsewhere `fetch` has done so. What `fetch` has decompressed still says that
 * it is compressed: its bytes tell.
 *
 * @internal
 */
import type { Transform } from "node:stream"
import type * as Zlib from "node:zlib"
import { concat } from "./bytes.js"

declare const globalThis: { readonly process?: { readonly getBuiltinModule?: (id: string) => unknown } }

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

interface NodeZlib
  extends Pick<typeof Zlib, "createGunzip" | "createInflate" | "createInflateRaw" | "createBrotliDecompress">
{
  /** Since 22.15. */
  readonly createZstdDecompress?: () => Transform
}

type Open = (zlib: NodeZlib, first: number) => Transform | undefined

const gunzip: Open = (zlib) => zlib.createGunzip()

const openers = new Map<string, Open>([
  ["gzip", gunzip],
  ["x-gzip", gunzip],
  // some servers leave the header of zlib out
  ["deflate", (zlib, first) => (first & 15) === 8 ? zlib.createInflate() : zlib.createInflateRaw()],
  ["br", (zlib) => zlib.createBrotliDecompress()],
  ["zstd", (zlib) => zlib.createZstdDecompress?.()]
])

const open = (coding: string, first: number): Transform | undefined => {
  const zlib = globalThis.process?.getBuiltinModule?.("node:zlib") as NodeZlib | undefined
  return zlib && openers.get(coding)?.(zlib, first)
}

/** As many bytes as tell text from what is compressed. */
const enough = 64

/** Text has no control characters and no broken ones; what is compressed has some from its first bytes on. */
const isText = (bytes: Uint8Array): boolean => {
  const start = bytes.subarray(0, enough)
  if (start.some((byte) => byte < 32 && byte !== 9 && byte !== 10 && byte !== 13)) return false
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(start, { stream: true })
    return true
  } catch {
    return false
  }
}

/** Takes one coding off. Whatever came before an end or an error has been given on by then. */
class Decoding implements Sink, Flow {
  source: Flow
  private readonly sink: Sink
  private stream: Transform | undefined = undefined
  /** What has come before it is known whether it is text. */
  private start: Array<Uint8Array> | undefined = []
  private size = 0
  private last: (() => void) | undefined = undefined

  constructor(private readonly coding: string, sink: Sink, source: Flow) {
    this.sink = sink
    this.source = source
  }

  readonly body = (bytes: Uint8Array): void => {
    if (this.start === undefined) return this.give(bytes)
    this.start.push(bytes)
    this.size += bytes.length
    if (this.size >= enough) this.begin()
  }

  private begin(): void {
    if (this.start === undefined) return
    const bytes = concat(this.start, this.size)
    this.start = undefined
    if (!isText(bytes)) {
      this.stream = open(this.coding, bytes[0]!)
      if (this.stream === undefined) return this.sink.undecodable(this.coding)
      this.listen(this.stream)
    }
    this.give(bytes)
  }

  private listen(stream: Transform): void {
    const { coding, sink } = this
    stream.on("data", (bytes: Uint8Array) => {
      sink.body(bytes)
      this.settle()
    })
    stream.on("drain", () => this.source.resume())
    stream.on("end", sink.end)
    stream.on("error", (error: NodeJS.ErrnoException) =>
      error.code === "Z_BUF_ERROR"
        ? sink.broken(new Error(`the ${coding} body is cut off`))
        : sink.undecodable(coding))
  }

  private give(bytes: Uint8Array): void {
    if (this.stream === undefined) this.sink.body(bytes)
    else if (!this.stream.write(bytes)) this.source.pause()
  }

  readonly end = (): void => {
    this.begin()
    this.finish(() => this.stream === undefined ? this.sink.end() : void this.stream.end())
  }

  readonly broken = (error: unknown): void => {
    this.begin()
    this.finish(() => this.sink.broken(error))
  }

  readonly undecodable = (coding: string): void => this.finish(() => this.sink.undecodable(coding))

  /** Does the last thing once everything has been given on. */
  private finish(last: () => void): void {
    if (this.stream === undefined) return last()
    this.stream.write(new Uint8Array(0), () => {
      this.last = last
      this.settle()
    })
  }

  private settle(): void {
    const { last } = this
    if (last === undefined || this.stream!.readableLength > 0) return
    this.last = undefined
    last()
  }

  readonly pause = (): void => void (this.stream ?? this.source).pause()

  readonly resume = (): void => void (this.stream ?? this.source).resume()

  stop(): void {
    this.stream?.destroy()
  }
}

/**
 * The codings of a body, in the order in which they were applied.
 *
 * @param header `content-encoding`
 *
 * @internal
 */
export const codingsOf = (header: string): ReadonlyArray<string> =>
  header.toLowerCase().split(",").map((coding) => coding.trim()).filter((coding) =>
    coding !== "" && coding !== "identity"
  )

/** More are no body but an attack. */
const maxCodings = 3

/**
 * The first coding whose name means nothing here.
 *
 * @internal
 */
export const unknownOf = (codings: ReadonlyArray<string>): string | undefined =>
  codings.length > maxCodings ? codings.join(", ") : codings.find((coding) => !openers.has(coding))

/**
 * A body between a wire and its reader.
 *
 * @internal
 */
export interface Decoded {
  /** Where the bytes of the wire go. */
  readonly sink: Sink
  /** Makes its bytes wait. */
  readonly flow: Flow
  readonly stop: () => void
}

/** @internal */
export const decode = (codings: ReadonlyArray<string>, reader: Sink, wire: Flow): Decoded => {
  const stages: Array<Decoding> = []
  for (const coding of codings) {
    const stage = new Decoding(coding, stages.at(-1) ?? reader, wire)
    const inner = stages.at(-1)
    if (inner !== undefined) inner.source = stage
    stages.push(stage)
  }
  return {
    sink: stages.at(-1) ?? reader,
    flow: stages[0] ?? wire,
    stop: () => stages.forEach((stage) => stage.stop())
  }
}
