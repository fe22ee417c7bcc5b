import { createParser } from "eventsource-parser"
import { decodeEvent, SseDecoder } from "../../../sdk/src/internal/http/eventStream.js"
import { counting, EventCounter, floor, parsing } from "../EventCounting.js"
import { eventStream, payloadsOf } from "../Fixtures.js"
import type { Group, Row, Suite } from "../Suite.js"

const chunksOf = (bytes: Buffer, size: number): ReadonlyArray<Uint8Array> => {
  const chunks: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; at += size) {
    chunks.push(bytes.subarray(at, at + size))
  }
  return chunks
}

const peer = (chunks: ReadonlyArray<Uint8Array>, frames: number): Row =>
  counting("eventsource-parser", frames, () => {
    let seen = 0
    const text = new TextDecoder()
    const parser = createParser({ onEvent: () => seen++ })
    for (const chunk of chunks) {
      parser.feed(text.decode(chunk, { stream: true }))
    }
    return seen
  })

const own = (chunks: ReadonlyArray<Uint8Array>, frames: number): Row =>
  counting("SseDecoder", frames, () => {
    let seen = 0
    const decoder = new SseDecoder(() => seen++)
    for (const chunk of chunks) {
      decoder.push(chunk)
    }
    decoder.end()
    return seen
  })

/** Bytes to events: what is read, checked and dropped beside the parse itself. */
const decoded = (name: string, stream: string, chunkBytes: number): Group => {
  const chunks = chunksOf(Buffer.from(stream), chunkBytes)
  const payloads = payloadsOf(stream)
  const warn = (text: string): never => {
    throw new Error(text)
  }
  return {
    name,
    baselines: [floor, "eventsource-parser + JSON.parse"],
    rows: [
      parsing(payloads),
      counting("eventsource-parser + JSON.parse", payloads.length, () => {
        const counter = new EventCounter()
        for (const chunk of chunks) {
          counter.feed(chunk)
        }
        return counter.seen
      }),
      counting("SseDecoder + decodeEvent", payloads.length, () => {
        let seen = 0
        const decoder = new SseDecoder((name, data) => {
          if (decodeEvent(name, data, warn) !== undefined) seen++
        })
        for (const chunk of chunks) {
          decoder.push(chunk)
        }
        decoder.end()
        return seen
      })
    ]
  }
}

const group = (name: string, chunks: ReadonlyArray<Uint8Array>, frames: number): Group => ({
  name,
  baselines: ["eventsource-parser"],
  rows: [peer(chunks, frames), own(chunks, frames)]
})

/** Bytes to frames, and to events, without a network. */
export const sse: Suite = {
  name: "sse",
  prepare: () => {
    const small = Buffer.from(eventStream(10_000))
    const crlf = Buffer.from(eventStream(10_000).replaceAll("\n", "\r\n"))
    const big = `event: step_completed\ndata: {"stepId":"large","output":"${"x".repeat(8 * 1024 * 1024)}"}\n\n`
    const large = Buffer.from(big)
    return Promise.resolve({
      groups: [
        group("10,000 events of 320 B in 16 KiB chunks", chunksOf(small, 16_384), 10_000),
        group("the same with CRLF", chunksOf(crlf, 16_384), 10_000),
        group("one event of 8 MiB in 4 KiB chunks", chunksOf(large, 4096), 1),
        decoded("10,000 events of 320 B in 16 KiB chunks, decoded", eventStream(10_000), 16_384),
        decoded("one event of 8 MiB in 4 KiB chunks, decoded", big, 4096)
      ],
      close: () => Promise.resolve()
    })
  }
}
