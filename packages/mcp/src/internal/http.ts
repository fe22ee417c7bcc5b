/** Streamable HTTP on this machine. Every request needs the token, and a `Host` and `Origin` of the server. */
import {
  createMcpHandler,
  hostHeaderValidationResponse,
  localhostAllowedHostnames,
  originValidationResponse
} from "@modelcontextprotocol/server"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createHash, timingSafeEqual } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { hostname, networkInterfaces } from "node:os"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import type { ReadableStream } from "node:stream/web"
import type { NoukaiMcpServer } from "../McpServer.js"
import { localCaller } from "./state.js"

export interface Address {
  readonly host: string
  readonly port: number
}

const bracketed = (host: string): string => host.includes(":") ? `[${host}]` : host

export const urlOf = ({ host, port }: Address): string => `http://${bracketed(host)}:${port}/mcp`

export const isLoopback = (host: string): boolean => /^(localhost|127(\.\d+){3}|::1)$/.test(host)

/** The names in `Host` and `Origin` under which a server may be called. */
const namesOf = (host: string): Array<string> => {
  const all = /^(0\.0\.0\.0|::)$/.test(host)
    ? [hostname(), ...Object.values(networkInterfaces()).flatMap((each) => each ?? []).map(({ address }) => address)]
    : [host]
  return [...localhostAllowedHostnames(), ...all.map((name) => bracketed(name).toLowerCase())]
}

const digest = (text: string) => createHash("sha256").update(text).digest()

const requestOf = (incoming: IncomingMessage, address: Address, signal: AbortSignal): Request => {
  const { headers, method = "GET", url = "/" } = incoming
  const has = method !== "GET" && method !== "HEAD"
  return new Request(new URL(url, urlOf(address)), {
    method,
    signal,
    headers: Object.entries(headers).flatMap(([name, value]) =>
      [value ?? []].flat().map((each): [string, string] => [name, each])
    ),
    ...has ? { body: Readable.toWeb(incoming) as BodyInit, duplex: "half" } : {}
  })
}

const answered = async (outgoing: ServerResponse, { body, headers, status }: Response): Promise<void> => {
  outgoing.writeHead(status, Object.fromEntries(headers))
  if (body === null) outgoing.end()
  else await pipeline(Readable.fromWeb(body as ReadableStream), outgoing)
}

/** Listens until the scope ends, and returns the address with its port. */
export const listen = (
  server: NoukaiMcpServer,
  { host, port }: Address,
  token: string,
  log: (text: string) => void
): Effect.Effect<Address, Error, Scope.Scope> => {
  const names = namesOf(host)
  const handler = createMcpHandler(server, { onerror: ({ message }) => log(`http: ${message}`) })
  const expected = digest(`Bearer ${token}`)
  const respond = async (request: Request): Promise<Response> => {
    const refused = hostHeaderValidationResponse(request, names) ?? originValidationResponse(request, names)
    if (refused !== undefined) return refused
    if (!timingSafeEqual(digest(request.headers.get("authorization") ?? ""), expected)) {
      return new Response("a bearer token is required\n", { status: 401, headers: { "www-authenticate": "Bearer" } })
    }
    return await handler.fetch(request, { authInfo: { token, clientId: localCaller(), scopes: [] } })
  }
  const listener = createServer((incoming, outgoing) => {
    const left = new AbortController()
    outgoing.on("close", () => left.abort())
    Promise.resolve()
      .then(() => respond(requestOf(incoming, { host, port }, left.signal)))
      .then((response) => answered(outgoing, response))
      .catch((error: unknown) => {
        log(`http: ${String(error)}`)
        if (outgoing.headersSent) outgoing.destroy()
        else outgoing.writeHead(400).end()
      })
  })
  return Effect.acquireRelease(
    Effect.async<Address, Error>((resume) => {
      listener.once("error", (error) => resume(Effect.fail(error)))
      listener.listen(port, host, () => {
        const address = listener.address()
        resume(Effect.succeed({ host, port: typeof address === "object" && address !== null ? address.port : port }))
      })
    }),
    () =>
      Effect.promise(async () => {
        listener.close()
        listener.closeAllConnections()
        await handler.close()
      })
  )
}
