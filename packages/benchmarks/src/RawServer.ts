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

const at = (port: string, close: RawServer["close"]): RawServer => ({
  origin: `http://127.0.0.1:${port}`,
  port: Number(port),
  close
})

/** The port of a server that runs for all processes of a suite. */
const shared = "BENCH_SERVER_PORT"

/** `port` 0, the default, takes a free one. Where processes share a server, it is that one. */
export const startRawServer = async (port = 0): Promise<RawServer> => {
  const running = process.env[shared]
  if (running !== undefined) return at(running, () => Promise.resolve())
  const { close, message } = await startServerProcess("rawServerProcess", String(port))
  return at(message, close)
}

/** Starts the server that this process and those that it starts share, until it is closed. */
export const shareRawServer = async (): Promise<RawServer> => {
  const server = await startRawServer()
  process.env[shared] = String(server.port)
  return {
    ...server,
    close: async () => {
      delete process.env[shared]
      await server.close()
    }
  }
}
