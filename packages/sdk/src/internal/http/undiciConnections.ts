/** Connections over undici whose sockets are all known, and end with them. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { buildConnector as Connector, Client } from "undici"
import type { UndiciParts } from "./undiciRequired.js"

/** The part of a socket that is used. */
interface Socket {
  readonly errored: Error | null
  readonly destroy: (error: Error) => unknown
  readonly once: (event: "close", listener: () => void) => unknown
}

const isSocket = (value: unknown): value is Socket =>
  typeof value === "object" && value !== null && "destroy" in value && "once" in value

/**
 * One connection at a time, which is made anew when it has been closed. Undici does not show the socket that it
 * connects and lets an attempt go on when nobody waits for it any more; this does neither.
 */
export class Connection {
  readonly client: Client
  private socket: Socket | undefined = undefined

  constructor(readonly origin: string, private readonly connections: Connections) {
    this.client = new connections.parts.Client(origin, {
      connect: (options, callback) => this.connectSocket(options, callback)
    })
  }

  private connectSocket(options: Connector.Options, callback: Connector.Callback): void {
    // undici returns the socket, though its type does not say so
    const socket: unknown = this.connections.connect(options, callback)
    if (isSocket(socket)) {
      this.socket = socket
      this.connections.opened(socket)
      socket.once("close", () => this.connections.closed(socket, this))
    }
  }

  /** The error of the socket, if it had one. */
  get errored(): Error | null {
    return this.socket?.errored ?? null
  }

  /** Frees the connection for the next request, after its response has been read. */
  release(): void {
    this.connections.release(this)
  }

  /** Closes the socket, also one that is still connecting, and takes no more requests. */
  end(reason: Error): void {
    this.connections.ended(this)
    this.socket?.destroy(reason)
    void this.client.destroy(reason)
  }
}

const closed = new Error("the client is closed")

/**
 * The connections of a transport, by origin. Undici's own pool gives a call that follows another one a second socket,
 * because it hears only later that the first is free, and its agent loses sight of a pool after a failed attempt.
 */
export class Connections {
  readonly connect: Connector.connector
  private readonly all = new Set<Connection>()
  private readonly sockets = new Set<Socket>()
  /** The idle connections, the latest one last: it is taken first, so that the others of a burst time out. */
  private readonly idle = new Map<string, Array<Connection>>()

  constructor(readonly parts: UndiciParts) {
    this.connect = parts.buildConnector({ timeout: 0 })
  }

  /** An idle connection, or a new one. */
  acquire(origin: string): Connection {
    const connection = this.idle.get(origin)?.pop() ?? new Connection(origin, this)
    this.all.add(connection)
    return connection
  }

  release(connection: Connection): void {
    if (connection.client.destroyed) {
      return
    }
    const idle = this.idle.get(connection.origin)
    if (idle === undefined) {
      this.idle.set(connection.origin, [connection])
    } else {
      idle.push(connection)
    }
  }

  opened(socket: Socket): void {
    this.sockets.add(socket)
  }

  closed(socket: Socket, connection: Connection): void {
    this.sockets.delete(socket)
    const idle = this.idle.get(connection.origin)
    const at = idle === undefined ? -1 : idle.lastIndexOf(connection)
    if (at !== -1) {
      idle!.splice(at, 1)
      connection.end(closed)
    }
  }

  ended(connection: Connection): void {
    this.all.delete(connection)
  }

  /** Ends every connection and waits until its socket is closed. No connection may be acquired after that. */
  readonly close: Effect.Effect<void> = Effect.async((resume) => {
    this.idle.clear()
    this.all.forEach((connection) => connection.end(closed))
    let left = this.sockets.size
    if (left === 0) {
      resume(Effect.void)
    }
    this.sockets.forEach((socket) =>
      socket.once("close", () => {
        left--
        if (left === 0) {
          resume(Effect.void)
        }
      })
    )
  })
}

/** */
export const make = (parts: UndiciParts): Effect.Effect<Connections, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => new Connections(parts)),
    (connections) => connections.close
  )
