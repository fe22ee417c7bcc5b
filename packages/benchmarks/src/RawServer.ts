/**
 * A server that answers with canned bytes.
 */
import { startServerProcess } from "./ServerProcess.js"

export interface RawServer {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string
  readonly port: number
  readonly close: () => Promise<void>
}

/** `port` 0, the default, takes a free one. */
export const startRawServer = async (port = 0): Promise<RawServer> => {
  const { close, message } = await startServerProcess("./rawServerProcess.ts", String(port))
  return { origin: `http://127.0.0.1:${message}`, port: Number(message), close }
}
