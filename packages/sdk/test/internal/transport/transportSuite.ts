/**
 * The promises of every transport, over real sockets.
 */
import { assert, describe, it, type Vitest } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { inspect } from "node:util"
import * as Zlib from "node:zlib"
import type {
  ConnectionFailure,
  HttpTransport,
  OpenRequest,
  SendRequest,
  StreamResponse,
  TransportError
} from "../../../src/internal/http/HttpTransport.js"
import type { Progress } from "../../../src/internal/options/callOptions.js"
import { deal, size } from "../../support/size.js"
import * as RawServer from "./RawServer.js"

export interface Subject {
  /** How many of its rules `npm test` leaves out for each that it tries. Default: 0. */
  readonly leavesOut?: number
  readonly name: string
  readonly make: Effect.Effect<HttpTransport, never, Scope.Scope>
  /** It knows when a request is on a socket. */
  readonly seesSocket: boolean
  /** The end of the transport's scope closes idle sockets too. */
  readonly endsWithScope: boolean
  /** It notices that a chunked body on a connection that was to close is cut. */
  readonly noticesCutOfClosing: boolean
  /** It decodes bodies itself and not by what `fetch` does. */
  readonly decodes: boolean
}

export const key = "nk_test_12345678_abcdefghijklmnopqrstuvwxyz012345"

const headers = { authorization: `Bearer ${key}`, "content-type": "application/json", "x-extra": "extra-secret-0" }

export const sendRequest = (origin: string, options?: Partial<SendRequest>): SendRequest => ({
  method: "POST",
  origin,
  path: "/api/v1/seq/acme/support/greet/execute?a=%20b",
  headers,
  body: "{\"message\":\"é\"}",
  connectTimeout: undefined,
  attemptTimeout: undefined,
  maxBytes: 1024 * 1024,
  progress: { sent: "no" },
  ...options
})

export const openRequest = (origin: string, options?: Partial<OpenRequest>): OpenRequest => ({
  method: "POST",
  origin,
  path: "/api/v1/seq/acme/support/greet/step",
  headers,
  body: "{}",
  connectTimeout: undefined,
  firstByteTimeout: undefined,
  idleTimeout: undefined,
  progress: { sent: "no" },
  ...options
})

/** Opens a response that is closed with the scope. */
export const openScoped = (transport: HttpTransport, request: OpenRequest) =>
  Effect.flatMap(
    Effect.scope,
    (scope) => transport.open(request, (close) => Effect.runSync(Scope.addFinalizer(scope, Effect.sync(close))))
  )

/** Starts a request and waits until the server has it. */
export const under = <A, E>(server: RawServer.RawServer, call: Effect.Effect<A, E, Scope.Scope>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(call)
    const connection = yield* server.accept
    const request = yield* connection.request
    return { fiber, connection, request }
  })

/** A response that is being opened in a scope of its own. */
export const underInScope = (server: RawServer.RawServer, transport: HttpTransport) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const { connection, fiber } = yield* under(
      server,
      Scope.extend(openScoped(transport, openRequest(server.origin)), scope)
    )
    return { connection, fiber, scope }
  })

const payload = JSON.stringify({ status: "completed", result: { text: "é".repeat(200), numbers: [1, 2, 3] } })

/** How a body may be encoded: a name, the header, the bytes. */
const encodings: ReadonlyArray<readonly [name: string, header: string, body: Uint8Array]> = [
  ["gzip", "gzip", Zlib.gzipSync(payload)],
  ["x-gzip, in whatever case", " X-Gzip ", Zlib.gzipSync(payload)],
  ["br", "br", Zlib.brotliCompressSync(payload)],
  ["deflate", "deflate", Zlib.deflateSync(payload)],
  ["deflate without its header", "deflate", Zlib.deflateRawSync(payload)]
]

const compressors: ReadonlyArray<
  readonly [name: string, header: string, compress: () => Zlib.Gzip | Zlib.Deflate | Zlib.BrotliCompress]
> = [
  ["gzip", "gzip", () => Zlib.createGzip({ flush: Zlib.constants.Z_SYNC_FLUSH })],
  ["deflate", "deflate", () => Zlib.createDeflate({ flush: Zlib.constants.Z_SYNC_FLUSH })],
  ["br", "br", () => Zlib.createBrotliCompress({ flush: Zlib.constants.BROTLI_OPERATION_FLUSH })]
]

const bombSize = size(200_000_000, 120_000_000)

/** A twentieth of a bomb: the parts of a gzip body may be compressed one by one. */
const bombPart = Zlib.gzipSync(Buffer.alloc(bombSize / 20, "x"), { level: 1 })

const bombs: ReadonlyArray<readonly [header: string, body: Uint8Array]> = [
  ["gzip", Buffer.concat(Array.from({ length: 20 }, () => bombPart))],
  [
    "br",
    Zlib.brotliCompressSync(Buffer.alloc(bombSize / 10, "x"), { params: { [Zlib.constants.BROTLI_PARAM_QUALITY]: 1 } })
  ]
]

/** Bytes that no decoder takes. */
const noise = Uint8Array.from({ length: 200 }, (_, index) => (index * 167 + 255) % 256)

const encodedHead = (status: number, header: string, length: number, connection = "close"): string =>
  `HTTP/1.1 ${status} X\r\nConnection: ${connection}\r\nContent-Encoding: ${header}\r\nContent-Length: ${length}\r\n\r\n`

/** Lets the event loop go around. */
const turn = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** A socket is free a turn after its response has been read. */
export const untilReusable = Effect.replicateEffect(turn, 3)

const text = (parts: ReadonlyArray<Uint8Array>): string => Buffer.concat(parts).toString()

/** Everything up to the clean end. */
const pullAll = (response: StreamResponse): Effect.Effect<string, TransportError> => {
  const parts: Array<Uint8Array> = []
  return response.pull.pipe(
    Effect.map((more) => parts.push(...more)),
    Effect.forever,
    Effect.catchAll(Option.match({
      onNone: () => Effect.sync(() => text(parts)),
      onSome: (error: TransportError) => Effect.fail(error)
    }))
  )
}

/** At least `length` characters. */
const pullText = (response: StreamResponse, length: number) =>
  Effect.gen(function*() {
    let pulled = ""
    while (pulled.length < length) {
      pulled += text(yield* response.pull)
    }
    return pulled
  })

const pullFailure = (response: StreamResponse): Effect.Effect<TransportError, unknown> =>
  Effect.flatMap(Effect.flip(Effect.forever(response.pull)), (end) => end)

export const assertNoSecret = (value: unknown): void => {
  const shown = inspect(value, { depth: 20, showHidden: true, getters: true }) + JSON.stringify(value) + String(value)
  assert.notInclude(shown, key)
  assert.notInclude(shown, "extra-secret-0")
}

/** The origin of a server that answers by itself, so that round trips to it tell that time went by. */
const answering: Effect.Effect<string, never, Scope.Scope> = Effect.gen(function*() {
  const server = createServer((_, response) => response.end())
  yield* Effect.acquireRelease(
    Effect.async<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    }),
    () =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

/** Until what was written before has been read. */
const settle = (transport: HttpTransport): Effect.Effect<void, TransportError, Scope.Scope> =>
  Effect.flatMap(
    answering,
    (other) => Effect.asVoid(Effect.replicateEffect(transport.send(sendRequest(other)), 3))
  )

export const transportSuite = (subject: Subject): void => {
  const isDealt = deal(0, 1 + (subject.leavesOut ?? 0), 1)

  const dealt =
    <R>(register: Vitest.Tester<R>) =>
    <A, E>(name: string, test: () => Effect.Effect<A, E, R>, timeout?: number): void => {
      if (isDealt()) register(name, test, timeout)
    }

  const rule = { scoped: dealt(it.scoped), scopedLive: dealt(it.scopedLive) }

  const sentEarly = subject.seesSocket ? "no" : "unknown"
  const setUp = Effect.all({ server: RawServer.make(), transport: subject.make })

  describe(`send over ${subject.name}`, () => {
    rule.scopedLive("writes method, path, headers and body as they were given", () =>
      Effect.gen(function*() {
        const { server, transport } = yield* setUp
        const { connection, fiber, request } = yield* under(server, transport.send(sendRequest(server.origin)))
        assert.isTrue(request.startsWith("POST /api/v1/seq/acme/support/greet/execute?a=%20b HTTP/1.1\r\n"), request)
        assert.include(request.toLowerCase(), `\r\nauthorization: bearer ${key}\r\n`)
        assert.include(request.toLowerCase(), "\r\ncontent-type: application/json\r\n")
        assert.include(request.toLowerCase(), "\r\ncontent-length: 16\r\n")
        assert.strictEqual(request.split("\r\n\r\n")[1], Buffer.from("{\"message\":\"é\"}").toString("latin1"))
        yield* connection.write(RawServer.response("{}"))
        yield* Fiber.join(fiber)
      }))

    rule.scopedLive("sends a GET without a body", () =>
      Effect.gen(function*() {
        const { server, transport } = yield* setUp
        const { connection, fiber, request } = yield* under(
          server,
          transport.send(sendRequest(server.origin, { method: "GET", body: undefined }))
        )
        assert.isTrue(request.startsWith("GET /api/"), request)
        assert.notInclude(request.toLowerCase(), "content-length")
        assert.notInclude(request.toLowerCase(), "transfer-encoding")
        yield* connection.write(RawServer.response("{}"))
        yield* Fiber.join(fiber)
      }))

    rule.scopedLive("gives status, headers by their lower-case names and the text", () =>
      Effect.gen(function*() {
        const { server, transport } = yield* setUp
        const progress: Progress = { sent: "no" }
        const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin, { progress })))
        assert.strictEqual(progress.sent, "unknown")
        yield* connection.write(
          RawServer.response("{\"a\":1}", "HTTP/1.1 200 OK\r\nX-Request-ID: req_1\r\nRetry-After: 7")
        )
        const response = yield* Fiber.join(fiber)
        assert.strictEqual(response.status, 200)
        assert.strictEqual(response.header("x-request-id"), "req_1")
        assert.strictEqual(response.header("retry-after"), "7")
        assert.isUndefined(response.header("x-other"))
        assert.strictEqual(response.text, "{\"a\":1}")
        assert.strictEqual(progress.sent, "yes")
      }))

    for (const status of [201, 204, 400, 404, 429, 500, 503]) {
      rule.scopedLive(`a ${status} is a response`, () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin)))
          yield* connection.write(
            status === 204 ? "HTTP/1.1 204 No Content\r\n\r\n" : RawServer.response("why", `HTTP/1.1 ${status} X`)
          )
          const response = yield* Fiber.join(fiber)
          assert.strictEqual(response.status, status)
          assert.strictEqual(response.text, status === 204 ? "" : "why")
        }))
    }

    rule.scopedLive("gives an empty text for an empty body", () =>
      Effect.gen(function*() {
        const { server, transport } = yield* setUp
        const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin)))
        yield* connection.write(RawServer.response(""))
        assert.strictEqual((yield* Fiber.join(fiber)).text, "")
      }))

    rule.scopedLive("decodes UTF-8 that is cut anywhere and strips its byte order mark", () =>
      Effect.gen(function*() {
        const { server, transport } = yield* setUp
        const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin)))
        const body = Buffer.from("\ufeff\"€😀\ufeff\"")
        yield* connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`)
        for (const byte of body) {
          yield* connection.write(Uint8Array.of(byte))
        }
        assert.strictEqual((yield* Fiber.join(fiber)).text, "\"€😀\ufeff\"")
      }))

    rule.scopedLive("takes the response after an informational one", () =>
      Effect.gen(function*() {
        const { server, transport } = yield* setUp
        const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin)))
        yield* connection.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        yield* connection.write(RawServer.response("late"))
        const response = yield* Fiber.join(fiber)
        assert.strictEqual(response.status, 200)
        assert.strictEqual(response.text, "late")
      }))

    for (const status of [301, 302, 303, 307, 308]) {
      rule.scopedLive(`headers: a ${status} is returned, not followed`, () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const other = yield* RawServer.make()
          const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin)))
          yield* connection.write(
            RawServer.response("moved", `HTTP/1.1 ${status} Moved\r\nLocation: ${other.origin}/x`)
          )
          const response = yield* Fiber.join(fiber)
          assert.strictEqual(response.status, status)
          assert.strictEqual(other.connections(), 0)
        }))
    }

    rule.scopedLive("keeps a socket for the next call", () =>
      Effect.gen(function*() {
        const { server, transport } = yield* setUp
        const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin)))
        yield* connection.write(RawServer.response("1"))
        assert.strictEqual((yield* Fiber.join(fiber)).text, "1")
        yield* untilReusable
        const second = yield* Effect.fork(transport.send(sendRequest(server.origin)))
        yield* connection.request
        yield* connection.write(RawServer.response("2"))
        assert.strictEqual((yield* Fiber.join(second)).text, "2")
        assert.strictEqual(server.connections(), 1)
      }))

    rule.scopedLive("makes calls at the same time", () =>
      Effect.gen(function*() {
        const { server, transport } = yield* setUp
        const calls = Array.from(
          { length: 20 },
          (_, i) => transport.send(sendRequest(server.origin, { body: `<${i}>` }))
        )
        const fiber = yield* Effect.fork(Effect.all(calls, { concurrency: "unbounded" }))
        const connections = yield* Effect.replicateEffect(server.accept, 20)
        for (const connection of connections.reverse()) {
          const request = yield* connection.request
          yield* connection.write(RawServer.response(request.split("\r\n\r\n")[1]!))
        }
        const texts = (yield* Fiber.join(fiber)).map((response) => response.text)
        assert.deepStrictEqual(texts, calls.map((_, i) => `<${i}>`))
      }))

    describe("the limit of the body", () => {
      rule.scopedLive("a body of exactly that size passes", () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const { connection, fiber } = yield* under(
            server,
            transport.send(sendRequest(server.origin, { maxBytes: 1000 }))
          )
          yield* connection.write(RawServer.response("x".repeat(1000)))
          assert.strictEqual((yield* Fiber.join(fiber)).text.length, 1000)
        }))

      rule.scopedLive(
        "a longer one fails at once, while the server still writes, and closes the socket",
        () =>
          Effect.gen(function*() {
            const { server, transport } = yield* setUp
            const { connection, fiber } = yield* under(
              server,
              transport.send(sendRequest(server.origin, { maxBytes: 100_000 }))
            )
            yield* connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            const more = (): void => {
              if (!connection.socket.destroyed) {
                connection.socket.write(RawServer.chunk("x".repeat(10_000)), more)
              }
            }
            more()
            const error = yield* Effect.flip(Fiber.join(fiber))
            assert.deepInclude(error, { _tag: "BodyTooLarge", maxBytes: 100_000, status: 200 })
            yield* connection.closed
          })
      )

      rule.scopedLive("an announced length over it fails without the body", () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const { connection, fiber } = yield* under(
            server,
            transport.send(sendRequest(server.origin, { maxBytes: 1000 }))
          )
          yield* connection.write("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n")
          assert.deepInclude(yield* Effect.flip(Fiber.join(fiber)), { _tag: "BodyTooLarge", status: 200 })
          yield* connection.closed
        }))
    })

    describe("a content coding", () => {
      for (const [name, header, body] of encodings) {
        rule.scopedLive(`${name} is taken off, however the bytes come`, () =>
          Effect.gen(function*() {
            const { server, transport } = yield* setUp
            for (const size of [1, 7, body.length]) {
              const fiber = yield* Effect.fork(transport.send(sendRequest(server.origin)))
              const connection = yield* server.accept
              yield* connection.request
              yield* connection.write(encodedHead(200, header, body.length))
              for (let at = 0; at < body.length; at += size) yield* connection.write(body.subarray(at, at + size))
              const response = yield* Fiber.join(fiber)
              assert.strictEqual(response.status, 200)
              assert.strictEqual(response.text, payload)
            }
          }))
      }

      rule.scopedLive("of an empty body makes no difference", () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin)))
          yield* connection.write(encodedHead(204, "gzip", 0))
          assert.deepInclude(yield* Fiber.join(fiber), { status: 204, text: "" })
        }))

      rule.scopedLive("that nobody knows fails with its name, and closes the socket", () =>
        Effect.gen(function*() {
          for (const header of ["snappy", "SNAPPY", "gzip, br"]) {
            const { server, transport } = yield* setUp
            const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin)))
            yield* connection.write(encodedHead(200, header, payload.length))
            assert.deepInclude(yield* Effect.flip(Fiber.join(fiber)), {
              _tag: "BodyUndecodable",
              coding: header.toLowerCase(),
              isKnown: false,
              status: 200
            })
            yield* connection.closed
          }
        }))

      rule.scopedLive("does not lift the limit of the body", () =>
        Effect.gen(function*() {
          for (const [header, bomb] of bombs) {
            const { server, transport } = yield* setUp
            const request = sendRequest(server.origin, { maxBytes: 1_000_000 })
            const { connection, fiber } = yield* under(server, transport.send(request))
            yield* connection.write(encodedHead(200, header, bomb.length))
            yield* connection.write(bomb)
            assert.deepInclude(yield* Effect.flip(Fiber.join(fiber)), { _tag: "BodyTooLarge", maxBytes: 1_000_000 })
          }
        }))

      if (subject.decodes) {
        rule.scopedLive("whose bytes are wrong is a failure", () =>
          Effect.gen(function*() {
            for (const header of ["gzip", "deflate", "br"]) {
              const { server, transport } = yield* setUp
              const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin)))
              yield* connection.write(encodedHead(200, header, noise.length))
              yield* connection.write(noise)
              const error = yield* Effect.flip(Fiber.join(fiber))
              assert.deepInclude(error, { _tag: "BodyUndecodable", coding: header, isKnown: true, status: 200 })
            }
          }))

        rule.scopedLive(
          "of a body that is cut off, though its message is whole, is a ConnectionFailure; its socket serves on",
          () =>
            Effect.gen(function*() {
              const { server, transport } = yield* setUp
              const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin)))
              const answered = (fiber: Fiber.Fiber<unknown, TransportError>, header: string, body: Uint8Array) =>
                Effect.gen(function*() {
                  const cut = body.subarray(0, body.length - 9)
                  yield* connection.write(encodedHead(200, header, cut.length, "keep-alive"))
                  yield* connection.write(cut)
                  const error = yield* Effect.flip(Fiber.join(fiber))
                  assert.deepInclude(error, { _tag: "ConnectionFailure", sent: "yes" })
                  assert.match((error as ConnectionFailure).reason, /is cut off$/)
                })
              yield* answered(fiber, "gzip", encodings[0]![2])
              for (const [, header, body] of encodings.slice(1)) {
                yield* untilReusable
                const next = yield* Effect.fork(transport.send(sendRequest(server.origin)))
                yield* connection.request
                yield* answered(next, header, body)
              }
            })
        )

        rule.scopedLive("that a body does not have, though it says so, costs nothing", () =>
          Effect.gen(function*() {
            for (const header of ["gzip", "br", "deflate", "zstd"]) {
              const { server, transport } = yield* setUp
              const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin)))
              yield* connection.write(encodedHead(200, header, Buffer.byteLength(payload)))
              yield* connection.write(payload)
              assert.strictEqual((yield* Fiber.join(fiber)).text, payload)
            }
          }))

        rule.scopedLive(
          "zstd is taken off where this Node can, and named where it cannot",
          () =>
            Effect.gen(function*() {
              const { server, transport } = yield* setUp
              const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin)))
              const body = Buffer.from("KLUv/SQQgQAAeyJzdGF0dXMiOiJva2F5In3Xe3R7", "base64")
              yield* connection.write(encodedHead(200, "zstd", body.length))
              yield* connection.write(body)
              const exit = yield* Effect.exit(Fiber.join(fiber))
              if (Exit.isFailure(exit)) {
                assert.deepInclude(yield* Effect.flip(exit), { _tag: "BodyUndecodable", coding: "zstd", isKnown: true })
              }
            })
        )
      }
    })

    describe("an error", () => {
      rule.scoped(
        "whose body does not end is one after five seconds, with what came of it",
        () =>
          Effect.gen(function*() {
            const { server, transport } = yield* setUp
            const { connection, fiber } = yield* under(
              server,
              transport.send(sendRequest(server.origin, { attemptTimeout: 300_000 }))
            )
            yield* connection.write("HTTP/1.1 402 Oops\r\nX-Request-ID: req_4\r\nTransfer-Encoding: chunked\r\n\r\n")
            for (const part of ["{", "\"a\"", ":"]) {
              yield* connection.write(RawServer.chunk(part))
              yield* settle(transport)
              yield* TestClock.adjust(1600)
            }
            assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
            yield* TestClock.adjust(200)
            const response = yield* Fiber.join(fiber)
            assert.strictEqual(response.status, 402)
            assert.strictEqual(response.header("x-request-id"), "req_4")
            assert.strictEqual(response.text, "{\"a\":")
            yield* connection.closed
          })
      )

      rule.scoped("whose body does not end is one when the attempt clock runs out", () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const progress: Progress = { sent: "no" }
          const request = sendRequest(server.origin, { attemptTimeout: 1000, progress })
          const { connection, fiber } = yield* under(server, transport.send(request))
          yield* connection.write("HTTP/1.1 503 Oops\r\nContent-Length: 10\r\n\r\n")
          yield* Effect.repeat(Effect.yieldNow(), { until: () => progress.sent === "yes" })
          yield* TestClock.adjust(1000)
          assert.deepInclude(yield* Fiber.join(fiber), { status: 503, text: "" })
          yield* connection.closed
        }))

      rule.scopedLive(
        "whose body is cut off, too long or in an unknown coding is one all the same",
        () =>
          Effect.gen(function*() {
            const { server, transport } = yield* setUp
            const cut = yield* under(server, transport.send(sendRequest(server.origin)))
            yield* cut.connection.write("HTTP/1.1 429 Slow\r\nRetry-After: 3\r\nContent-Length: 10\r\n\r\n{}")
            yield* Effect.sync(() => cut.connection.socket.end())
            const response = yield* Fiber.join(cut.fiber)
            assert.deepInclude(response, { status: 429, text: "{}" })
            assert.strictEqual(response.header("retry-after"), "3")

            const long = yield* under(server, transport.send(sendRequest(server.origin, { maxBytes: 1000 })))
            yield* long.connection.write(RawServer.response("x".repeat(5000), "HTTP/1.1 500 Oops"))
            const { status, text } = yield* Fiber.join(long.fiber)
            assert.strictEqual(status, 500)
            assert.match(text, /^x{1000,}$/)

            const odd = yield* under(server, transport.send(sendRequest(server.origin)))
            yield* odd.connection.write(encodedHead(401, "snappy", 3))
            assert.deepInclude(yield* Fiber.join(odd.fiber), { status: 401, text: "" })
            yield* odd.connection.closed
          })
      )
    })

    describe("clocks", () => {
      rule.scoped(
        "time-limits: the attempt clock ends a call without a response and closes the socket",
        () =>
          Effect.gen(function*() {
            const { server, transport } = yield* setUp
            const request = sendRequest(server.origin, { attemptTimeout: 300_000 })
            const { connection, fiber } = yield* under(server, transport.send(request))
            yield* TestClock.adjust(299_999)
            assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
            yield* TestClock.adjust(1)
            const error = yield* Effect.flip(Fiber.join(fiber))
            assert.deepInclude(error, { _tag: "ClockExpired", clock: "attempt", after: 300_000, sent: "unknown" })
            yield* connection.closed
          })
      )

      rule.scoped("time-limits: the attempt clock covers the body", () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const progress: Progress = { sent: "no" }
          const request = sendRequest(server.origin, { attemptTimeout: 1000, connectTimeout: 100, progress })
          const { connection, fiber } = yield* under(server, transport.send(request))
          yield* connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
          yield* Effect.repeat(Effect.yieldNow(), { until: () => progress.sent === "yes" })
          yield* TestClock.adjust(1000)
          const error = yield* Effect.flip(Fiber.join(fiber))
          assert.deepInclude(error, { _tag: "ClockExpired", clock: "attempt", after: 1000, sent: "yes" })
          yield* connection.closed
        }))

      rule.scopedLive("time-limits: the attempt clock runs on the live clock too", () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const request = sendRequest(server.origin, { attemptTimeout: 30, connectTimeout: 10_000 })
          const error = yield* Effect.flip(transport.send(request))
          assert.deepInclude(error, { _tag: "ClockExpired", clock: "attempt", after: 30 })
        }))

      rule.scoped("no clock ends a call that has none", () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin)))
          yield* TestClock.adjust("10 days")
          yield* connection.write(RawServer.response("patience"))
          assert.strictEqual((yield* Fiber.join(fiber)).text, "patience")
        }))

      rule.scoped("a slow drip is not idle: only the attempt clock ends it", () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const request = sendRequest(server.origin, { connectTimeout: 50, attemptTimeout: 1000 })
          const { connection, fiber } = yield* under(server, transport.send(request))
          for (const char of RawServer.response("0123456789")) {
            yield* connection.write(char)
            yield* TestClock.adjust(10)
          }
          assert.strictEqual((yield* Fiber.join(fiber)).text, "0123456789")
        }))
    })

    rule.scopedLive("interruption before the response closes the socket", () =>
      Effect.gen(function*() {
        const { server, transport } = yield* setUp
        const progress: Progress = { sent: "no" }
        const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin, { progress })))
        yield* Fiber.interrupt(fiber)
        yield* connection.closed
        assert.strictEqual(progress.sent, "unknown")
      }))

    rule.scopedLive("interruption within the response closes the socket", () =>
      Effect.gen(function*() {
        const { server, transport } = yield* setUp
        const progress: Progress = { sent: "no" }
        const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin, { progress })))
        yield* connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
        yield* Effect.repeat(Effect.yieldNow(), { until: () => progress.sent === "yes" })
        yield* Fiber.interrupt(fiber)
        yield* connection.closed
      }))

    describe("failures", () => {
      const fails = (
        what: string,
        sent: "no" | "unknown" | "yes",
        answer: (connection: RawServer.Connection) => Effect.Effect<unknown>
      ) =>
        rule.scopedLive(`${what}: ConnectionFailure with sent "${sent}"`, () =>
          Effect.gen(function*() {
            const server = yield* RawServer.make({ allowHalfOpen: true })
            const transport = yield* subject.make
            const progress: Progress = { sent: "no" }
            const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin, { progress })))
            yield* answer(connection)
            const error = yield* Effect.flip(Fiber.join(fiber))
            if (error._tag !== "ConnectionFailure") {
              return assert.fail(error._tag)
            }
            assert.strictEqual(error.sent, sent)
            assert.isAbove(error.reason.length, 0)
            assert.instanceOf(error.cause, Error)
            assertNoSecret(error)
            assert.strictEqual(server.connections(), 1)
          }))

      const reset = (connection: RawServer.Connection) => Effect.sync(() => connection.socket.resetAndDestroy())
      const end = (connection: RawServer.Connection) => Effect.sync(() => connection.socket.end())
      const after = (
        bytes: string,
        then: (connection: RawServer.Connection) => Effect.Effect<unknown>
      ) =>
      (connection: RawServer.Connection) => Effect.zipRight(connection.write(bytes), then(connection))

      fails("a reset before the response", "unknown", reset)
      fails("an end before the response", "unknown", end)
      fails("a cut within the headers", "unknown", after("HTTP/1.1 200 OK\r\nContent-Le", end))
      fails("bytes that are not HTTP", "unknown", after("hello there, who are you?\r\n\r\n", end))
      fails("a body shorter than its length", "yes", after("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", end))
      fails(
        "a body shorter than its length on a connection that was to close",
        "yes",
        after("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\n{}", end)
      )
      fails("a chunked body without its last chunk", "yes", after(`${RawServer.chunkedHead}2\r\n{}\r\n`, end))
      fails("a chunk that is cut", "yes", after(`${RawServer.chunkedHead}9\r\n{}`, end))
      if (subject.noticesCutOfClosing) {
        fails(
          "a chunked body without its last chunk on a connection that was to close",
          "yes",
          after("HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", end)
        )
      }

      const resetWithin = (what: string, head: string) =>
        rule.scopedLive(`a reset within ${what}: ConnectionFailure with sent "yes"`, () =>
          Effect.gen(function*() {
            const { server, transport } = yield* setUp
            const progress: Progress = { sent: "no" }
            const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin, { progress })))
            yield* connection.write(head)
            yield* Effect.repeat(Effect.yieldNow(), { until: () => progress.sent === "yes" })
            connection.socket.resetAndDestroy()
            const error = yield* Effect.flip(Fiber.join(fiber))
            assert.deepInclude(error, { _tag: "ConnectionFailure", sent: "yes" })
            assertNoSecret(error)
          }))

      resetWithin("a body of known length", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}")
      resetWithin("a chunked body", `${RawServer.chunkedHead}2\r\n{}\r\n`)

      rule.scopedLive("reads a body that ends with its connection", () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin)))
          yield* connection.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}")
          connection.socket.end()
          assert.strictEqual((yield* Fiber.join(fiber)).text, "{}")
        }))

      rule.scopedLive(
        `a refused connection: sent "${sentEarly}", and the reason says where`,
        () =>
          Effect.gen(function*() {
            const { port } = yield* Effect.scoped(RawServer.make())
            const transport = yield* subject.make
            const error = yield* Effect.flip(transport.send(sendRequest(`http://127.0.0.1:${port}`)))
            assert.deepInclude(error, {
              _tag: "ConnectionFailure",
              sent: sentEarly,
              reason: `connect ECONNREFUSED 127.0.0.1:${port}`
            })
            assertNoSecret(error)
          })
      )

      rule.scopedLive(`a name that is none: sent "${sentEarly}"`, () =>
        Effect.gen(function*() {
          const transport = yield* subject.make
          const error = yield* Effect.flip(transport.send(sendRequest(`http://${"a".repeat(64)}.localhost`)))
          assert.deepInclude(error, { _tag: "ConnectionFailure", sent: sentEarly })
          assertNoSecret(error)
        }))

      rule.scopedLive(`a server that does not speak TLS: sent "${sentEarly}"`, () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const fiber = yield* Effect.fork(transport.send(sendRequest(`https://127.0.0.1:${server.port}`)))
          const connection = yield* server.accept
          yield* connection.write("HTTP/1.1 400 Bad Request\r\n\r\n")
          const error = yield* Effect.flip(Fiber.join(fiber))
          assert.deepInclude(error, { _tag: "ConnectionFailure", sent: sentEarly })
          assertNoSecret(error)
        }))

      for (const bad of ["with\nnewline", "with \u20ac"]) {
        rule.scopedLive(
          `a header that cannot be sent (${JSON.stringify(bad)}) fails without its value`,
          () =>
            Effect.gen(function*() {
              const { server, transport } = yield* setUp
              const error = yield* Effect.flip(
                transport.send(sendRequest(server.origin, { headers: { authorization: `Bearer ${key} ${bad}` } }))
              )
              assert.strictEqual(error._tag, "ConnectionFailure")
              assertNoSecret(error)
              assert.strictEqual(server.connections(), 0)
            })
        )
      }
    })
  })

  describe(`open over ${subject.name}`, () => {
    rule.scopedLive(
      "hands over the body as it arrives and fails with None at its end, from then on",
      () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const progress: Progress = { sent: "no" }
          const { connection, fiber } = yield* under(
            server,
            openScoped(transport, openRequest(server.origin, { progress }))
          )
          yield* connection.write(RawServer.chunkedHead)
          const response = yield* Fiber.join(fiber)
          assert.strictEqual(progress.sent, "yes")
          assert.strictEqual(response.status, 200)
          assert.strictEqual(response.header("content-type"), "text/event-stream")
          for (const part of ["data: 1\n\n", "data: 2\n\n"]) {
            yield* connection.write(RawServer.chunk(part))
            assert.strictEqual(yield* pullText(response, 1), part)
          }
          yield* connection.write(RawServer.lastChunk)
          assert.isTrue(Option.isNone(yield* Effect.flip(response.pull)))
          assert.isTrue(Option.isNone(yield* Effect.flip(response.pull)))
        })
    )

    rule.scopedLive("gives the head before there is a body, whatever its status", () =>
      Effect.gen(function*() {
        const { server, transport } = yield* setUp
        const { connection, fiber } = yield* under(server, openScoped(transport, openRequest(server.origin)))
        yield* connection.write("HTTP/1.1 404 Not Found\r\nX-Request-ID: req_2\r\nContent-Length: 2\r\n\r\n")
        const response = yield* Fiber.join(fiber)
        assert.strictEqual(response.status, 404)
        assert.strictEqual(response.header("x-request-id"), "req_2")
        yield* connection.write("{}")
        assert.strictEqual(yield* pullAll(response), "{}")
      }))

    rule.scoped("an empty body is a clean end, which no clock makes a failure", () =>
      Effect.gen(function*() {
        const { server, transport } = yield* setUp
        const request = openRequest(server.origin, { firstByteTimeout: 100, idleTimeout: 100 })
        const { connection, fiber } = yield* under(server, openScoped(transport, request))
        yield* connection.write(RawServer.response(""))
        const response = yield* Fiber.join(fiber)
        assert.isTrue(Option.isNone(yield* Effect.flip(response.pull)))
        yield* TestClock.adjust(1000)
        assert.isTrue(Option.isNone(yield* Effect.flip(response.pull)))
      }))

    describe("a content coding", () => {
      for (const [name, header, compress] of compressors) {
        rule.scopedLive(`${name} is taken off as the bytes come`, () =>
          Effect.gen(function*() {
            const { server, transport } = yield* setUp
            const { connection, fiber } = yield* under(server, openScoped(transport, openRequest(server.origin)))
            const stream = compress()
            stream.on("data", (bytes: Uint8Array) => {
              connection.socket.write(`${bytes.length.toString(16)}\r\n`)
              connection.socket.write(bytes)
              connection.socket.write("\r\n")
            })
            yield* connection.write(
              `HTTP/1.1 200 OK\r\nContent-Encoding: ${header}\r\nTransfer-Encoding: chunked\r\n\r\n`
            )
            const response = yield* Fiber.join(fiber)
            for (const number of [1, 2, 3]) {
              const frame = `event: step_output\ndata: {"number":${number},"text":"${"long enough ".repeat(8)}"}\n\n`
              stream.write(frame)
              stream.flush()
              assert.strictEqual(yield* pullText(response, frame.length), frame)
            }
            stream.on("end", () => connection.socket.write(RawServer.lastChunk)).end()
            assert.strictEqual(yield* pullAll(response), "")
          }))
      }

      rule.scopedLive(
        "that nobody knows, or whose bytes are wrong, fails the body and not the head",
        () =>
          Effect.gen(function*() {
            for (const [header, isKnown] of [["snappy", false], ["gzip", true]] as const) {
              if (isKnown && !subject.decodes) continue
              const { server, transport } = yield* setUp
              const { connection, fiber } = yield* under(server, openScoped(transport, openRequest(server.origin)))
              yield* connection.write(encodedHead(200, header, noise.length))
              const response = yield* Fiber.join(fiber)
              yield* connection.write(noise)
              const error = yield* pullFailure(response)
              assert.deepInclude(error, { _tag: "BodyUndecodable", coding: header, isKnown, status: 200 })
            }
          })
      )

      if (subject.decodes) {
        for (const [name, header, compress] of compressors) {
          rule.scopedLive(
            `${name} of a body that is cut fails after everything that came`,
            () =>
              Effect.gen(function*() {
                for (const how of ["end", "reset"] as const) {
                  const { server, transport } = yield* setUp
                  const { connection, fiber } = yield* under(server, openScoped(transport, openRequest(server.origin)))
                  const stream = compress()
                  const parts: Array<Uint8Array> = []
                  stream.on("data", (bytes: Uint8Array) => parts.push(bytes))
                  stream.write(payload)
                  yield* Effect.async<void>((resume) => stream.flush(() => resume(Effect.void)))
                  const bytes = Buffer.concat(parts)
                  yield* connection.write(
                    `HTTP/1.1 200 OK\r\nContent-Encoding: ${header}\r\nTransfer-Encoding: chunked\r\n\r\n` +
                      `${bytes.length.toString(16)}\r\n`
                  )
                  yield* connection.write(bytes)
                  const response = yield* Fiber.join(fiber)
                  if (how === "end") yield* connection.write(`\r\n${RawServer.lastChunk}`)
                  else {
                    // a reset may overtake what it follows
                    yield* settle(transport)
                    connection.socket.resetAndDestroy()
                  }
                  assert.strictEqual(yield* pullText(response, payload.length), payload)
                  const error = yield* pullFailure(response)
                  assert.deepInclude(error, { _tag: "ConnectionFailure", sent: "yes" })
                  assert.deepStrictEqual(Option.getOrUndefined(yield* Effect.flip(response.pull)), error)
                }
              })
          )
        }

        rule.scopedLive("does not fill the memory while nobody reads", () =>
          Effect.gen(function*() {
            const { server, transport } = yield* setUp
            const { connection, fiber } = yield* under(server, openScoped(transport, openRequest(server.origin)))
            const [header, bomb] = bombs[0]!
            const before = process.memoryUsage().rss
            yield* connection.write(encodedHead(200, header, bomb.length))
            yield* connection.write(bomb)
            const response = yield* Fiber.join(fiber)
            const other = yield* answering
            for (let i = 0; i < size(200, 50); i++) {
              yield* transport.send(sendRequest(other))
            }
            assert.isBelow(process.memoryUsage().rss - before, bombSize / 2)
            let got = 0
            yield* response.pull.pipe(
              Effect.map((parts) => {
                for (const bytes of parts) got += bytes.length
              }),
              Effect.forever,
              Effect.catchAll((end) => Option.isNone(end) ? Effect.void : Effect.fail(end.value))
            )
            assert.strictEqual(got, bombSize)
          }))
      }
    })

    rule.scopedLive("headers: a redirect is returned, not followed", () =>
      Effect.gen(function*() {
        const { server, transport } = yield* setUp
        const other = yield* RawServer.make()
        const { connection, fiber } = yield* under(server, openScoped(transport, openRequest(server.origin)))
        yield* connection.write(RawServer.response("", `HTTP/1.1 307 Moved\r\nLocation: ${other.origin}/x`))
        assert.strictEqual((yield* Fiber.join(fiber)).status, 307)
        assert.strictEqual(other.connections(), 0)
      }))

    describe("clocks", () => {
      rule.scoped("time-limits: the first-byte clock ends a request without a response", () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const request = openRequest(server.origin, { firstByteTimeout: 1000, idleTimeout: 10 })
          const { connection, fiber } = yield* under(server, openScoped(transport, request))
          yield* TestClock.adjust(999)
          assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
          yield* TestClock.adjust(1)
          const error = yield* Effect.flip(Fiber.join(fiber))
          assert.deepInclude(error, { _tag: "ClockExpired", clock: "firstByte", after: 1000, sent: "unknown" })
          yield* connection.closed
        }))

      rule.scoped("time-limits: headers are not enough for the first-byte clock", () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const request = openRequest(server.origin, { firstByteTimeout: 1000, idleTimeout: 10 })
          const { connection, fiber } = yield* under(server, openScoped(transport, request))
          yield* TestClock.adjust(400)
          yield* connection.write(RawServer.chunkedHead)
          const response = yield* Fiber.join(fiber)
          yield* TestClock.adjust(599)
          const waiting = yield* Effect.fork(pullFailure(response))
          yield* TestClock.adjust(1)
          const error = yield* Fiber.join(waiting)
          assert.deepInclude(error, { _tag: "ClockExpired", clock: "firstByte", after: 1000, sent: "yes" })
          yield* connection.closed
          assert.deepStrictEqual(Option.getOrUndefined(yield* Effect.flip(response.pull)), error)
        }))

      rule.scoped("time-limits: the first byte stops the first-byte clock, taken or not", () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const request = openRequest(server.origin, { firstByteTimeout: 1000 })
          const { connection, fiber } = yield* under(server, openScoped(transport, request))
          yield* connection.write(RawServer.chunkedHead + RawServer.chunk("a"))
          const response = yield* Fiber.join(fiber)
          const other = yield* under(server, transport.send(sendRequest(server.origin)))
          yield* other.connection.write(RawServer.response(""))
          yield* Fiber.join(other.fiber)
          yield* TestClock.adjust(5000)
          assert.strictEqual(yield* pullText(response, 1), "a")
          yield* connection.write(RawServer.chunk("b") + RawServer.lastChunk)
          assert.strictEqual(yield* pullAll(response), "b")
        }))

      rule.scoped("time-limits: the idle clock runs only while somebody waits for bytes", () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const request = openRequest(server.origin, { firstByteTimeout: 50, idleTimeout: 1000 })
          const { connection, fiber } = yield* under(server, openScoped(transport, request))
          yield* connection.write(RawServer.chunkedHead + RawServer.chunk("a"))
          const response = yield* Fiber.join(fiber)
          assert.strictEqual(yield* pullText(response, 1), "a")
          yield* TestClock.adjust(10_000)
          yield* connection.write(RawServer.chunk("b"))
          assert.strictEqual(yield* pullText(response, 1), "b")
          const waiting = yield* Effect.fork(pullFailure(response))
          yield* TestClock.adjust(999)
          assert.isTrue(Option.isNone(yield* Fiber.poll(waiting)))
          yield* TestClock.adjust(1)
          const error = yield* Fiber.join(waiting)
          assert.deepInclude(error, { _tag: "ClockExpired", clock: "idle", after: 1000, sent: "yes" })
          yield* connection.closed
          assert.deepStrictEqual(Option.getOrUndefined(yield* Effect.flip(response.pull)), error)
        }))

      rule.scoped("time-limits: bytes start the idle clock anew", () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const request = openRequest(server.origin, { idleTimeout: 1000 })
          const { connection, fiber } = yield* under(server, openScoped(transport, request))
          yield* connection.write(RawServer.chunkedHead + RawServer.chunk("a"))
          const response = yield* Fiber.join(fiber)
          assert.strictEqual(yield* pullText(response, 1), "a")
          for (const part of ["b", "c", "d"]) {
            const waiting = yield* Effect.fork(response.pull)
            yield* TestClock.adjust(900)
            yield* connection.write(RawServer.chunk(part))
            assert.strictEqual(text(yield* Fiber.join(waiting)), part)
          }
        }))

      rule.scopedLive("time-limits: both run on the live clock too", () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          // which may be before there is a connection
          const silent = yield* Effect.flip(openScoped(transport, openRequest(server.origin, { firstByteTimeout: 30 })))
          assert.deepInclude(silent, { _tag: "ClockExpired", clock: "firstByte" })
          const other = yield* RawServer.make()
          const request = openRequest(other.origin, { firstByteTimeout: 10_000, idleTimeout: 30 })
          const { connection, fiber } = yield* under(other, openScoped(transport, request))
          yield* connection.write(RawServer.chunkedHead + RawServer.chunk("a"))
          const error = yield* pullFailure(yield* Fiber.join(fiber))
          assert.deepInclude(error, { _tag: "ClockExpired", clock: "idle", after: 30, sent: "yes" })
          yield* connection.closed
        }))
    })

    describe("cuts", () => {
      const cut = (what: string, head: string, how: (connection: RawServer.Connection) => void) =>
        rule.scopedLive(
          `${what} is a ConnectionFailure after the bytes that came, from then on`,
          () =>
            Effect.gen(function*() {
              const { server, transport } = yield* setUp
              const { connection, fiber } = yield* under(server, openScoped(transport, openRequest(server.origin)))
              yield* connection.write(head)
              const response = yield* Fiber.join(fiber)
              assert.strictEqual(yield* pullText(response, 5), "abcde")
              how(connection)
              const error = yield* pullFailure(response)
              assert.deepInclude(error, { _tag: "ConnectionFailure", sent: "yes" })
              assertNoSecret(error)
              assert.deepStrictEqual(Option.getOrUndefined(yield* Effect.flip(response.pull)), error)
            })
        )

      const chunked = RawServer.chunkedHead + RawServer.chunk("abcde")
      cut("a reset of a chunked body", chunked, (connection) => connection.socket.resetAndDestroy())
      cut("the end of a chunked body before its last chunk", chunked, (connection) => connection.socket.end())
      const known = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcde"
      cut("a reset of a body of known length", known, (connection) => connection.socket.resetAndDestroy())
      cut("the end of a body of known length before its end", known, (connection) => connection.socket.end())
    })

    describe("lifetime", () => {
      rule.scopedLive("interruption before the head closes the socket", () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const { connection, fiber } = yield* under(server, openScoped(transport, openRequest(server.origin)))
          yield* Fiber.interrupt(fiber)
          yield* connection.closed
        }))

      rule.scopedLive(
        "the end of its scope closes the socket of a response that was never read",
        () =>
          Effect.gen(function*() {
            const { server, transport } = yield* setUp
            const { connection, fiber, scope } = yield* underInScope(server, transport)
            yield* connection.write(RawServer.chunkedHead)
            yield* Fiber.join(fiber)
            yield* Scope.close(scope, Exit.void)
            yield* connection.closed
          })
      )

      rule.scopedLive(
        "the end of its scope closes the socket of a response that was read in part",
        () =>
          Effect.gen(function*() {
            const { server, transport } = yield* setUp
            const { connection, fiber, scope } = yield* underInScope(server, transport)
            yield* connection.write(RawServer.chunkedHead + RawServer.chunk("a"))
            const response = yield* Fiber.join(fiber)
            assert.strictEqual(yield* pullText(response, 1), "a")
            yield* Scope.close(scope, Exit.void)
            yield* connection.closed
            const end = yield* Effect.flip(response.pull)
            assert.isTrue(Option.isSome(end) && end.value._tag === "ConnectionFailure")
          })
      )

      rule.scopedLive(
        "a response that was read to its end leaves its socket to the next request",
        () =>
          Effect.gen(function*() {
            const { server, transport } = yield* setUp
            const { connection, fiber, scope } = yield* underInScope(server, transport)
            yield* connection.write(RawServer.chunkedHead + RawServer.chunk("a") + RawServer.lastChunk)
            assert.strictEqual(yield* pullAll(yield* Fiber.join(fiber)), "a")
            yield* Scope.close(scope, Exit.void)
            yield* untilReusable
            const second = yield* Effect.fork(transport.send(sendRequest(server.origin)))
            yield* connection.request
            yield* connection.write(RawServer.response("b"))
            assert.strictEqual((yield* Fiber.join(second)).text, "b")
            assert.strictEqual(server.connections(), 1)
          })
      )

      /** A response of which a part was read, and that was closed when nothing but its end was wanted. */
      const complete = (scope?: Scope.CloseableScope) =>
        Effect.gen(function*() {
          const server = yield* RawServer.make()
          const transport = yield* scope === undefined ? subject.make : Scope.extend(subject.make, scope)
          const { connection, fiber, scope: reading } = yield* underInScope(server, transport)
          yield* connection.write(RawServer.chunkedHead + RawServer.chunk("a"))
          const response = yield* Fiber.join(fiber)
          assert.strictEqual(yield* pullText(response, 1), "a")
          response.complete()
          yield* Scope.close(reading, Exit.void)
          return { server, transport, connection, response }
        })

      rule.scopedLive(
        "a complete response leaves its socket to the next request once it has ended",
        () =>
          Effect.gen(function*() {
            const { connection, server, transport } = yield* complete()
            yield* connection.write(RawServer.chunk("b"))
            yield* connection.write(RawServer.lastChunk)
            yield* settle(transport)
            const second = yield* Effect.fork(transport.send(sendRequest(server.origin)))
            yield* connection.request
            yield* connection.write(RawServer.response("c"))
            assert.strictEqual((yield* Fiber.join(second)).text, "c")
            assert.strictEqual(server.connections(), 1)
          })
      )

      rule.scopedLive("a complete response that has been closed gives nothing more", () =>
        Effect.gen(function*() {
          const { connection, response, transport } = yield* complete()
          const end = yield* Effect.flip(response.pull)
          yield* connection.write(RawServer.chunk("b"))
          yield* connection.write(RawServer.lastChunk)
          yield* settle(transport)
          assert.isTrue(Option.isSome(end) && end.value._tag === "ConnectionFailure")
          assert.deepStrictEqual(yield* Effect.flip(response.pull), end)
        }))

      rule.scoped("a complete response that does not end is given up after 100 ms", () =>
        Effect.gen(function*() {
          const { connection } = yield* complete()
          yield* TestClock.adjust(100)
          yield* connection.closed
        }))

      rule.scoped("a complete response that goes on for more than 64 KiB is given up", () =>
        Effect.gen(function*() {
          const { connection } = yield* complete()
          yield* connection.write(RawServer.chunk("x".repeat(70 * 1024)))
          yield* connection.closed
        }))

      rule.scoped("a complete response of which much was not taken is read to its end", () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const { connection, fiber, scope: reading } = yield* underInScope(server, transport)
          yield* connection.write(RawServer.chunkedHead)
          const response = yield* Fiber.join(fiber)
          // pauses the socket, so that the end is not read before the response is closed
          yield* connection.write(RawServer.chunk("x".repeat(80 * 1024)))
          yield* settle(transport)
          response.complete()
          yield* Scope.close(reading, Exit.void)
          yield* connection.write(RawServer.lastChunk)
          yield* settle(transport)
          const second = yield* Effect.fork(transport.send(sendRequest(server.origin)))
          yield* connection.request
          yield* connection.write(RawServer.response("c"))
          assert.strictEqual((yield* Fiber.join(second)).text, "c")
          assert.strictEqual(server.connections(), 1)
        }))

      rule.scoped("a complete response does not outlive the transport's scope", () =>
        Effect.gen(function*() {
          const scope = yield* Scope.make()
          const { connection } = yield* complete(scope)
          yield* Scope.close(scope, Exit.void)
          yield* connection.closed
        }))

      rule.scoped("a complete response that breaks off makes no difference", () =>
        Effect.gen(function*() {
          const { connection, server, transport } = yield* complete()
          connection.socket.resetAndDestroy()
          yield* connection.closed
          const { connection: other, fiber } = yield* under(server, transport.send(sendRequest(server.origin)))
          yield* other.write(RawServer.response("c"))
          assert.strictEqual((yield* Fiber.join(fiber)).text, "c")
        }))

      rule.scopedLive(
        "the end of the transport's scope fails what is under way and closes every socket",
        () =>
          Effect.gen(function*() {
            const server = yield* RawServer.make()
            const scope = yield* Scope.make()
            const transport = yield* Scope.extend(subject.make, scope)
            const idle = yield* under(server, transport.send(sendRequest(server.origin)))
            const sending = yield* under(server, transport.send(sendRequest(server.origin)))
            const opened = yield* under(server, openScoped(transport, openRequest(server.origin)))
            yield* idle.connection.write(RawServer.response("{}"))
            yield* Fiber.join(idle.fiber)
            yield* opened.connection.write(RawServer.chunkedHead)
            const response = yield* Fiber.join(opened.fiber)
            const pulling = yield* Effect.fork(pullFailure(response))
            yield* Scope.close(scope, Exit.void)
            assert.deepInclude(yield* Effect.flip(Fiber.join(sending.fiber)), {
              _tag: "TransportClosed",
              sent: "unknown"
            })
            assert.deepInclude(yield* Fiber.join(pulling), { _tag: "TransportClosed", sent: "yes" })
            yield* sending.connection.closed
            yield* opened.connection.closed
            if (subject.endsWithScope) {
              yield* idle.connection.closed
            }
          })
      )

      rule.scopedLive("takes no request after the transport's scope", () =>
        Effect.gen(function*() {
          const server = yield* RawServer.make()
          const scope = yield* Scope.make()
          const transport = yield* Scope.extend(subject.make, scope)
          const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin)))
          yield* connection.write(RawServer.response("{}"))
          yield* Fiber.join(fiber)
          yield* Scope.close(scope, Exit.void)
          const calls: ReadonlyArray<Effect.Effect<unknown, TransportError, Scope.Scope>> = [
            transport.send(sendRequest(server.origin)),
            openScoped(transport, openRequest(server.origin))
          ]
          for (const call of calls) {
            assert.deepInclude(yield* Effect.flip(call), { _tag: "TransportClosed", sent: "no" })
          }
          assert.strictEqual(connection.received(), "")
          assert.isAtMost(server.connections(), 1)
        }))

      rule.scopedLive(
        "the end of the transport's scope fails a response of which a part was not taken, after that part",
        () =>
          Effect.gen(function*() {
            const server = yield* RawServer.make()
            const scope = yield* Scope.make()
            const transport = yield* Scope.extend(subject.make, scope)
            const { connection, fiber } = yield* under(server, openScoped(transport, openRequest(server.origin)))
            yield* connection.write(RawServer.chunkedHead + RawServer.chunk("a"))
            const response = yield* Fiber.join(fiber)
            assert.strictEqual(yield* pullText(response, 1), "a")
            yield* Scope.close(scope, Exit.void)
            yield* connection.closed
            const error = yield* pullFailure(response)
            assert.deepInclude(error, { _tag: "TransportClosed", sent: "yes" })
            assert.deepStrictEqual(Option.getOrUndefined(yield* Effect.flip(response.pull)), error)
          })
      )

      rule.scoped(
        "time-limits: a pause ends with its time, or with the transport's scope",
        () =>
          Effect.gen(function*() {
            const scope = yield* Scope.make()
            const transport = yield* Scope.extend(subject.make, scope)
            const short = yield* Effect.fork(transport.pause(1000))
            const long = yield* Effect.fork(transport.pause(Infinity))
            yield* TestClock.adjust(999)
            assert.isTrue(Option.isNone(yield* Fiber.poll(short)))
            yield* TestClock.adjust(1)
            yield* Fiber.join(short)
            yield* TestClock.adjust("10 days")
            assert.isTrue(Option.isNone(yield* Fiber.poll(long)))
            yield* Scope.close(scope, Exit.void)
            yield* Fiber.join(long)
            const late = yield* Effect.fork(transport.pause(1000))
            yield* TestClock.adjust(999)
            assert.isTrue(Option.isNone(yield* Fiber.poll(late)))
            yield* TestClock.adjust(1)
            yield* Fiber.join(late)
          })
      )

      rule.scopedLive("an interrupted pull loses no bytes", () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const { connection, fiber } = yield* under(server, openScoped(transport, openRequest(server.origin)))
          yield* connection.write(RawServer.chunkedHead)
          const response = yield* Fiber.join(fiber)
          for (const part of ["a", "b"]) {
            const waiting = yield* Effect.fork(response.pull)
            yield* Effect.yieldNow()
            yield* Fiber.interrupt(waiting)
            yield* connection.write(RawServer.chunk(part))
            assert.strictEqual(yield* pullText(response, 1), part)
          }
        }))

      rule.scopedLive("the end of its scope fails whoever waits in pull", () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const { connection, fiber, scope } = yield* underInScope(server, transport)
          yield* connection.write(RawServer.chunkedHead)
          const response = yield* Fiber.join(fiber)
          const started = yield* Deferred.make<void>()
          const waiting = yield* Effect.fork(
            Effect.zipRight(Deferred.succeed(started, void 0), pullFailure(response))
          )
          yield* Deferred.await(started)
          yield* Scope.close(scope, Exit.void)
          assert.strictEqual((yield* Fiber.join(waiting))._tag, "ConnectionFailure")
          yield* connection.closed
        }))
    })

    rule.scopedLive(
      "a reader that does not read stops the server's writing, and then misses nothing",
      () =>
        Effect.gen(function*() {
          const { server, transport } = yield* setUp
          const { connection, fiber } = yield* under(server, openScoped(transport, openRequest(server.origin)))
          const part = Buffer.alloc(64 * 1024, "x")
          const parts = 1024
          connection.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${parts * part.length}\r\n\r\n`)
          let written = 0
          const more = (): void => {
            while (written < parts) {
              written++
              if (!connection.socket.write(part)) {
                connection.socket.once("drain", more)
                return
              }
            }
          }
          more()
          const response = yield* Fiber.join(fiber)
          const other = yield* answering
          for (let i = 0; i < size(200, 50); i++) {
            yield* transport.send(sendRequest(other))
          }
          assert.isBelow(written, parts / 2)
          let got = 0
          yield* response.pull.pipe(
            Effect.map((parts) => {
              for (const bytes of parts) got += bytes.length
            }),
            Effect.forever,
            Effect.catchAll((end) => Option.isNone(end) ? Effect.void : Effect.fail(end.value))
          )
          assert.strictEqual(got, parts * part.length)
        })
    )
  })
}
