/** An HTTP server before an emulator, which changes some of its responses. */
import { Emulator } from "@effect-noukai/emulator"
import { Effect } from "effect"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"

/** Returns the new body of a response, or its new status and body. */
export type Tamper = (request: { readonly method: string; readonly path: string }, body: string) =>
  | string
  | { readonly status: number; readonly body: string }

/** The base URL of a server that passes requests to the emulator and changes what it answers. */
export const tampering = (tamper: Tamper) =>
  Effect.gen(function*() {
    const { baseUrl } = yield* Emulator
    const target = new URL(baseUrl)
    const server = yield* Effect.acquireRelease(
      Effect.async<Http.Server>((resume) => {
        const server = Http.createServer((request, response) => {
          const path = request.url!
          const passed = Http.request(
            { host: target.hostname, port: target.port, path, method: request.method, headers: request.headers },
            (answer) => {
              let body = ""
              answer.setEncoding("utf8").on("data", (text: string) => body += text).on("end", () => {
                const made = tamper({ method: request.method!, path }, body)
                const { body: text, status } = typeof made === "string"
                  ? { body: made, status: answer.statusCode! }
                  : made
                const { "content-length": _, "transfer-encoding": __, ...headers } = answer.headers
                response.writeHead(status, headers).end(text)
              }).on("error", () => response.destroy())
            }
          )
          passed.on("error", () => response.destroy())
          request.pipe(passed)
        })
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}${target.pathname}`
  })
