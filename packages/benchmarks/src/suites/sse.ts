import { createParser } from "eventsource-parser"
import { SseDecoder } from "../../../sdk/src/internal/sse.js"
import { eventStream } from "../Fixtures.js"
import type { Row, Suite } from "../Suite.js"

const chunksOf = (bytes: Buffer, size: number): ReadonlyArray<Uint8Array> => {
  const chunks: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; at += size) {
    chunks.push(bytes.subarray(at, at + size))
  }
  return chunks
}

const peer = (chunks: ReadonlyArray<Uint8Array>, frames: number): Row => ({
  name: "eventsource-parser",
  run: () => {
    let seen = 0
    const text = new TextDecoder()
    const parser = createParser({ onEvent: () => seen++ })
    for (const chunk of chunks) {
      parser.feed(text.decode(chunk, { stream: true }))
    }
    if (seen !== frames) {
      throw new Error(`${seen} frames instead of ${frames}`)
    }
    return Promise.resolve(frames)
  }
})

const own = (chunks: ReadonlyArray<Uint8Array>, frames: number): Row => ({
  name: "SseDecoder",
  run: () => {
    let seen = 0
    const decoder = new SseDecoder(() => seen++)
    for (const chunk of chunks) {
      decoder.push(chunk)
    }
    decoder.end()
    if (seen !== frames) {
      throw new Error(`${seen} frames instead of ${frames}`)
    }
    return Promise.resolve(frames)
  }
})

const group = (name: string, chunks: ReadonlyArray<Uint8Array>, frames: number) => ({
  name,
  baselines: ["eventsource-parser"],
  rows: [peer(chunks, frames), own(chunks, frames)]
})

/** Bytes to frames, without a network. */
export const sse: Suite = {
  name: "sse",
  prepare: () => {
    const small = Buffer.from(eventStream(10_000))
    const crlf = Buffer.from(eventStream(10_000).replaceAll("\n", "\r\n"))
    const large = Buffer.from(`event: step_completed\ndata: {"output":"${"x".repeat(8 * 1024 * 1024)}"}\n\n`)
    return Promise.resolve({
      groups: [
        group("10,000 events of 320 B in 16 KiB chunks", chunksOf(small, 16_384), 10_000),
        group("the same with CRLF", chunksOf(crlf, 16_384), 10_000),
        group("one event of 8 MiB in 4 KiB chunks", chunksOf(large, 4096), 1)
      ],
      close: () => Promise.resolve()
    })
  }
}
