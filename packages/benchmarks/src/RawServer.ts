/**
 * A server in its own process that answers with canned bytes, so that what is measured is the client.
 */
import { fork } from "node:child_process"
import { once } from "node:events"

export interface RawServer {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string
  readonly port: number
  readonly close: () => Promise<void>
}

/** `port` 0, the default, takes a free one. */
export const startRawServer = async (port = 0): Promise<RawServer> => {
  const child = fork(new URL("./rawServerProcess.ts", import.meta.url), [String(port)], { execArgv: process.execArgv })
  const exited = once(child, "exit")
  const [message] = await Promise.race([
    once(child, "message"),
    exited.then(([code]) => Promise.reject(new Error(`the server ended with ${String(code)} before it listened`)))
  ])
  const listening = Number(message)
  return {
    origin: `http://127.0.0.1:${listening}`,
    port: listening,
    close: async () => {
      child.disconnect()
      await exited
    }
  }
}
