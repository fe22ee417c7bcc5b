/** A server that answers with the bodies that it is told, and knows nothing of Noukai. */
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

export interface RawServer {
  readonly url: string
  readonly port: number
  /** The bodies of the next answers, in order. */
  readonly answer: (...bodies: ReadonlyArray<unknown>) => void
  /** Whether there is an answer left. */
  readonly hasAnswer: () => boolean
  readonly close: () => Promise<void>
}

export const startRawServer = async (): Promise<RawServer> => {
  let left: ReadonlyArray<unknown> = []
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      const [body, ...rest] = left
      left = rest
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body))
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    answer: (...bodies) => {
      left = bodies
    },
    hasAnswer: () => left.length > 0,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    }
  }
}
