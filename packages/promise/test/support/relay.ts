/** A relay as an application has one: adds the key and runs one flow of the emulator (13.2). */
import type { RunningEmulator } from "@effect-noukai/emulator"
import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"

export interface Relay {
  readonly url: string
  /** The headers that came from the browser. */
  readonly received: ReadonlyArray<IncomingHttpHeaders>
  readonly close: () => Promise<void>
}

export const startRelay = async (emulator: RunningEmulator, flow: string): Promise<Relay> => {
  const received: Array<IncomingHttpHeaders> = []
  const server = createServer(async (request, response) => {
    received.push(request.headers)
    response.setHeader("access-control-allow-origin", "*")
    const chunks: Array<Buffer> = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    try {
      const upstream = await fetch(`${emulator.baseUrl}/seq/${flow}/execute`, {
        method: "POST",
        headers: { authorization: `Bearer ${emulator.apiKey}`, "content-type": "application/json" },
        body: Buffer.concat(chunks)
      })
      response.writeHead(upstream.status, { "content-type": "application/json" })
      response.end(await upstream.text())
    } catch {
      response.writeHead(502, { "content-type": "application/json" })
      response.end(`{"detail":"UPSTREAM_UNAVAILABLE"}`)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/agent/execute`,
    received,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}
