/**
 * The process behind `startRawServer`: one answer per action, made once, for any flow of any project.
 *
 * | request | answer |
 * | --- | --- |
 * | `POST …/execute` | a completed run |
 * | `POST …/{n}/step` | `n` events in writes of 16 KiB, from `run_started` to `flow_completed` |
 * | `POST …/{n}-of-{steps}/step` | the same, of that many steps in a loop |
 * | `POST …/{n}…-hosted/step` | the same, outputs where the hosted service says them |
 * | `POST …/{n}…-completed/step` | the same, of `step_completed` alone |
 * | `POST …/large/step` | three events, one of them of 8 MiB, in the same writes |
 */
import { createServer } from "node:net"
import { completedRun, eventStream, largeEvent } from "./Fixtures.js"

const json = (body: string): Buffer =>
  Buffer.from(
    `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-ID: req_bench\r\nContent-Length: ${
      Buffer.byteLength(body)
    }\r\n\r\n${body}`
  )

const chunked = (body: Buffer): ReadonlyArray<Buffer> => {
  const parts = [
    Buffer.from("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
  ]
  for (let at = 0; at < body.length; at += 16_384) {
    const part = body.subarray(at, at + 16_384)
    parts.push(Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n")]))
  }
  parts.push(Buffer.from("0\r\n\r\n"))
  return parts
}

const execute = [json(completedRun)]
const notFound = [Buffer.from("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")]
const streams = new Map<string, ReadonlyArray<Buffer>>()

const answer = (path: string): ReadonlyArray<Buffer> => {
  if (path.endsWith("/execute")) {
    return execute
  }
  const [, slug, count, steps, kind] = /\/(large|(\d+)(?:-of-(\d+))?(?:-(hosted|completed))?)\/step$/.exec(path) ?? []
  if (slug === undefined) {
    return notFound
  }
  let stream = streams.get(slug)
  if (stream === undefined) {
    const text = count === undefined
      ? largeEvent(8 * 1024 * 1024)
      : eventStream(Number(count), {
        steps: steps === undefined ? undefined : Number(steps),
        shape: kind === "hosted" ? "hosted" : "documented",
        completedOnly: kind === "completed"
      })
    stream = chunked(Buffer.from(text))
    streams.set(slug, stream)
  }
  return stream
}

const server = createServer({ noDelay: true }, (socket) => {
  let pending: Buffer = Buffer.alloc(0)
  const readRequest = (): boolean => {
    const end = pending.indexOf("\r\n\r\n")
    if (end === -1) {
      return false
    }
    const head = pending.toString("latin1", 0, end)
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
    if (pending.length < end + 4 + length) {
      return false
    }
    pending = pending.subarray(end + 4 + length)
    for (const part of answer(head.slice(head.indexOf(" ") + 1, head.indexOf(" HTTP/")))) {
      socket.write(part)
    }
    return true
  }
  socket.on("data", (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    while (pending.length > 0 && readRequest()) { /* the next of several requests in one read */ }
  })
  socket.on("error", () => socket.destroy())
})

server.listen(Number(process.argv[2]), "127.0.0.1", () => {
  const address = server.address()
  process.send!(typeof address === "object" && address !== null ? address.port : 0)
})

process.on("disconnect", () => process.exit())
