import { getRequestListener } from "@hono/node-server"
import { createServer, type RequestListener, type Server } from "node:http"
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

const globals = (["Request", "Response"] as const).map((name) =>
  [name, Object.getOwnPropertyDescriptor(globalThis, name)!] as const
)

let bridged = 0

/**
 * The same for a handler of web requests. The bridge to it puts its own `Request` and `Response` in the place of Node's,
 * as it does in a program; they stand there until the last such server closes.
 */
export const listenWeb = (
  handler: Parameters<typeof getRequestListener>[0],
  close: () => Promise<void>,
  options?: Parameters<typeof getRequestListener>[1]
): Promise<RunningApp> => {
  bridged++
  return listen(getRequestListener(handler, options), async () => {
    if (--bridged === 0) globals.forEach(([name, property]) => Object.defineProperty(globalThis, name, property))
    await close()
  })
}
