/** A receiver of webhooks: a server on loopback that keeps what arrived. */
import { Effect, type Scope } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"

export interface Received {
  readonly url: string
  readonly header: (name: string) => string | undefined
  readonly body: Buffer
}

export interface Receiver {
  /** `http://127.0.0.1:<port>`. */
  readonly origin: string
  readonly received: ReadonlyArray<Received>
  /** The number of connections that were opened, also by requests that never came. */
  readonly connections: () => number
  /** Resolves when so many requests have come. */
  readonly until: (count: number) => Effect.Effect<void>
}

/** Answers a request: with the status that it returns, or else by itself. */
export type Answer = (received: Received, response: ServerResponse) => number | Promise<number> | undefined

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Listens for the life of the scope. */
export const receiver = (
  answer: Answer = () => 204,
  host = "127.0.0.1",
  /** Default: a free one. */
  port = 0
): Effect.Effect<Receiver, never, Scope.Scope> =>
  Effect.gen(function*() {
    const received: Array<Received> = []
    const waiting = new Set<() => void>()
    let connections = 0
    const server = createServer((request, response) => {
      // the emulator may leave while the body arrives
      bodyOf(request).then(async (body) => {
        const header = (name: string) => {
          const value = request.headers[name]
          return Array.isArray(value) ? value.join(", ") : value
        }
        const one: Received = { url: request.url ?? "", header, body }
        received.push(one)
        for (const wake of waiting) wake()
        const status = await answer(one, response)
        if (status !== undefined) response.writeHead(status).end()
      }, () => undefined)
    })
    server.on("connection", () => connections++)
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => {
        server.listen(port, host, () => resume(Effect.void))
      }),
      () =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    const address = server.address()
    const own = typeof address === "object" && address !== null ? address.port : 0
    return {
      origin: `http://${host.includes(":") ? `[${host}]` : host}:${own}`,
      received,
      connections: () => connections,
      until: (count) =>
        Effect.async<void>((resume) => {
          const look = () => {
            if (received.length < count) return
            waiting.delete(look)
            resume(Effect.void)
          }
          waiting.add(look)
          look()
          return Effect.sync(() => waiting.delete(look))
        })
    }
  })
