/** Requests with long bodies, made by hand: of clients that look at an answer at once, late, or not before all is sent. */
import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { setTimeout as pause } from "node:timers/promises"

export interface LongRequest {
  readonly path: string
  readonly method?: string | undefined
  readonly headers?: ReadonlyArray<string> | undefined
  readonly bytes: number
  readonly framing: "Content-Length" | "chunked"
  /** Between two parts of 64 KB, in milliseconds: what makes a caller slow. Default: none. */
  readonly pauseBetween?: number | undefined
  /** Looks at what comes only when all has been sent, as many clients do. Default: false. */
  readonly isDeaf?: boolean | undefined
  /** Waits for this when half of the body has been sent. Default: nothing. */
  readonly atHalf?: (() => Promise<void>) | undefined
}

const partSize = 64 * 1024

const chunk = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")])

const wholePart = Buffer.alloc(partSize, "x")
const wholeChunk = chunk(wholePart)

const head = (method: string, path: string, headers: ReadonlyArray<string>): string =>
  [`${method} ${path} HTTP/1.1`, "Host: localhost", ...headers, "", ""].join("\r\n")

export class Connection {
  private seen = ""
  private gone: Promise<unknown>
  private isOpen = true

  private constructor(readonly socket: Socket) {
    socket.on("data", (bytes) => {
      this.seen += bytes.toString("latin1")
    })
    // a reset shows in what has come
    socket.on("error", () => {})
    this.gone = new Promise<void>((resolve) =>
      socket.on("close", () => {
        this.isOpen = false
        resolve()
      })
    )
  }

  static async open(url: string): Promise<Connection> {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    await once(socket, "connect")
    return new Connection(socket)
  }

  /** The statuses of the answers that have come. */
  readonly statuses = (): ReadonlyArray<number> =>
    [...this.seen.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))

  /** Waits until so many answers have come, or the connection is gone. */
  readonly answered = async (count: number): Promise<void> => {
    while (this.isOpen && this.statuses().length < count) {
      const controller = new AbortController()
      await Promise.race([this.gone, once(this.socket, "data", { signal: controller.signal }).catch(() => {})])
      controller.abort()
    }
  }

  readonly soFar = (): string => this.seen

  readonly isClosed = (): boolean => !this.isOpen

  /** Waits until there is room for more, or the connection is gone. */
  readonly write = async (bytes: string | Uint8Array): Promise<void> => {
    if (!this.isOpen || this.socket.write(bytes)) return
    const controller = new AbortController()
    await Promise.race([this.gone, once(this.socket, "drain", { signal: controller.signal }).catch(() => {})])
    controller.abort()
  }

  readonly part = (framing: LongRequest["framing"], length: number = partSize): Promise<void> => {
    const bytes = length === partSize ? wholePart : Buffer.alloc(length, "x")
    return this.write(framing === "chunked" ? (length === partSize ? wholeChunk : chunk(bytes)) : bytes)
  }

  readonly begin = ({ bytes, framing, headers, method, path }: LongRequest): Promise<void> =>
    this.write(head(method ?? "POST", path, [
      "Content-Type: application/json",
      framing === "chunked" ? "Transfer-Encoding: chunked" : `Content-Length: ${bytes}`,
      ...headers ?? []
    ]))

  readonly send = async (request: LongRequest): Promise<void> => {
    const { atHalf, bytes, framing, isDeaf, pauseBetween } = request
    if (isDeaf === true) this.socket.pause()
    await this.begin(request)
    let half = atHalf
    for (let left = bytes; left > 0 && this.isOpen; left -= partSize) {
      if (left <= bytes / 2) {
        await half?.()
        half = undefined
      }
      await this.part(framing, Math.min(left, partSize))
      if (pauseBetween !== undefined) await pause(pauseBetween)
    }
    if (framing === "chunked") await this.write("0\r\n\r\n")
    if (isDeaf === true) this.socket.resume()
  }

  /** A request that the server answers as ever. */
  readonly sendSmall = (path: string): Promise<void> =>
    this.write(`${head("POST", path, ["Content-Type: application/json", "Content-Length: 2"])}{}`)

  readonly close = (): void => {
    this.socket.destroy()
  }
}
