/** Noukai as a scripted server: what a relay sends, byte for byte, and whatever answer a test wants. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage["headers"]
  readonly body: string
}

export type Answer = (response: ServerResponse) => void

export interface Upstream {
  readonly port: number
  readonly received: ReadonlyArray<Received>
  /** How many requests have no whole answer yet, on connections that are open. */
  readonly open: () => number
  /** The answers to the next requests, whatever was scripted before; every later request completes. */
  readonly script: (...answers: ReadonlyArray<Answer>) => void
  readonly close: () => Promise<void>
}

export const text = (status: number, body: string, headers: Record<string, string> = {}): Answer => (response) => {
  response.writeHead(status, { "content-type": "application/json", ...headers })
  response.end(body)
}

export const completed = "{\"status\":\"completed\", \"result\":{\"text\":\"hi\"},\"flowId\":\"fl\",\"blockCount\":1}"

export const startUpstream = async (): Promise<Upstream> => {
  const received: Array<Received> = []
  const answers: Array<Answer> = []
  let open = 0
  const server = createServer(async (request, response) => {
    const parts: Array<Buffer> = []
    for await (const part of request) parts.push(part as Buffer)
    const { headers, method = "", url = "" } = request
    received.push({ method, path: url, headers, body: Buffer.concat(parts).toString() })
    open++
    response.on("close", () => open--)
    const answer = answers.shift() ?? text(200, completed)
    answer(response)
  })
  server.on("connection", (socket) => socket.on("error", () => {}))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    port: (server.address() as AddressInfo).port,
    received,
    open: () => open,
    script: (...more) => void answers.splice(0, Infinity, ...more),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}
