import { createParser } from "eventsource-parser"
import { decodeEvent } from "../../../sdk/src/internal/eventDecoding.js"
import { SseDecoder } from "../../../sdk/src/internal/sse.js"
import { eventStream, payloadsOf } from "../Fixtures.js"
import type { Group, Row, Suite } from "../Suite.js"

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

const counting = (name: string, expected: number, run: () => number): Row => ({
  name,
  run: () => {
    const seen = run()
    if (seen !== expected) {
      throw new Error(`${seen} events instead of ${expected}`)
    }
    return Promise.resolve(expected)
  }
})

const floor = "JSON.parse alone"

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
      counting(floor, payloads.length, () => {
        let seen = 0
        for (const payload of payloads) {
          const event: unknown = JSON.parse(payload)
          if (event !== undefined) seen++
        }
        return seen
      }),
      counting("eventsource-parser + JSON.parse", payloads.length, () => {
        let seen = 0
        const text = new TextDecoder()
        const parser = createParser({
          onEvent: ({ data }) => {
            const event: unknown = JSON.parse(data)
            if (event !== undefined) seen++
          }
        })
        for (const chunk of chunks) {
          parser.feed(text.decode(chunk, { stream: true }))
        }
        return seen
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
