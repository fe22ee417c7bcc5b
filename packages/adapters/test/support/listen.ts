import type { RequestListener, Server } from "node:http"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { RunningApp } from "./world.js"

export const urlOf = (server: Pick<Server, "address">): string =>
  `http://127.0.0.1:${(server.address() as AddressInfo).port}`

/** A server of Node on a free port; closing it closes its connections. */
export const listen = async (listener: RequestListener, close: () => Promise<void>): Promise<RunningApp> => {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: urlOf(server),
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
      await close()
    }
  }
}
