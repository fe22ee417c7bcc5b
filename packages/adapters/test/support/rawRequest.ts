/** Requests that no client would send. */
import { connect, type Socket } from "node:net"

export interface RawConnection {
  readonly socket: Socket
  /** The text that has come until the server has closed the connection. */
  readonly response: Promise<string>
  /** The text that has come so far. */
  readonly soFar: () => string
}

export const rawConnection = (url: string, head: ReadonlyArray<string>): Promise<RawConnection> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    let seen = ""
    const socket = connect(Number(port), hostname, () => {
      socket.write(`${head.join("\r\n")}\r\n\r\n`)
      resolve({ socket, response, soFar: () => seen })
    })
    const response = new Promise<string>((resolve) => {
      socket.on("data", (bytes) => {
        seen += bytes.toString()
      })
      socket.on("close", () => resolve(seen))
    })
    socket.on("error", reject)
  })
