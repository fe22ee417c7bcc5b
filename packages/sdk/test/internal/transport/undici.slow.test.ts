import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { Agent, MockAgent } from "undici"
import type { HttpTransport, TransportError, TransportResponse } from "../../../src/internal/http/HttpTransport.js"
import * as Undici from "../../../src/internal/http/undici.js"
import type { Progress } from "../../../src/internal/options/callOptions.js"
import * as RawServer from "./RawServer.js"
import {
  assertNoSecret,
  openRequest,
  openScoped,
  sendRequest,
  transportSuite,
  under,
  untilReusable
} from "./transportSuite.js"

const make = Undici.make({ dispatcher: undefined })

transportSuite({
  name: "undici",
  make,
  seesSocket: true,
  endsWithScope: true,
  noticesCutOfClosing: true,
  decodes: true
})

const agent = Effect.acquireRelease(
  Effect.sync(() => new Agent({ connections: 64 })),
  (agent) => Effect.promise(() => agent.destroy())
)

transportSuite({
  name: "undici with a given dispatcher",
  make: Effect.flatMap(agent, (dispatcher) => Undici.make({ dispatcher })),
  seesSocket: true,
  endsWithScope: false,
  noticesCutOfClosing: true,
  decodes: true,
  leavesOut: 2
})

/** A TLS handshake that nobody answers: a connection attempt that hangs. */
const hanging = <A, E>(call: (transport: HttpTransport, origin: string) => Effect.Effect<A, E, Scope.Scope>) =>
  Effect.gen(function*() {
    const server = yield* RawServer.make()
    const scope = yield* Scope.make()
    const transport = yield* Scope.extend(make, scope)
    const fiber = yield* Effect.fork(call(transport, `https://127.0.0.1:${server.port}`))
    const connection = yield* server.accept
    return { fiber, connection, scope }
  })

describe("a connection whose request failed is forgotten", () => {
  const failures = {
    "a reset before the response": ({ socket }: RawServer.Connection) =>
      Effect.sync(() => void socket.resetAndDestroy()),
    "a cut in the body": ({ socket, write }: RawServer.Connection) =>
      Effect.zipRight(
        write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"),
        Effect.sync(() => void socket.destroy())
      )
  }
  for (const [name, fail] of Object.entries(failures)) {
    it.scopedLive(name, () =>
      Effect.gen(function*() {
        const server = yield* RawServer.make()
        const transport = yield* make
        const fiber = yield* Effect.fork(
          Effect.exit(transport.send(sendRequest(`http://127.0.0.1:${server.port}`)))
        )
        yield* Effect.flatMap(server.accept, fail)
        assert.isTrue(Exit.isFailure(yield* Fiber.join(fiber)))
        const next = yield* under(server, transport.send(sendRequest(server.origin)))
        yield* next.connection.write(RawServer.response("2"))
        assert.strictEqual((yield* Fiber.join(next.fiber)).text, "2")
        assert.strictEqual(server.connections(), 2)
      }))
  }
})

describe("a connection attempt that hangs", () => {
  it.scoped("time-limits: ends with the connect clock, nothing sent, and its socket closes", () =>
    Effect.gen(function*() {
      const progress: Progress = { sent: "no" }
      const { connection, fiber } = yield* hanging((transport, origin) =>
        transport.send(sendRequest(origin, { connectTimeout: 10_000, attemptTimeout: 300_000, progress }))
      )
      yield* TestClock.adjust(9999)
      assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
      yield* TestClock.adjust(1)
      const error = yield* Effect.flip(Fiber.join(fiber))
      assert.deepInclude(error, { _tag: "ClockExpired", clock: "connect", after: 10_000, sent: "no" })
      yield* connection.closed
      assert.strictEqual(progress.sent, "no")
    }))

  it.scoped("time-limits: ends with the attempt clock when that is nearer", () =>
    Effect.gen(function*() {
      const { connection, fiber } = yield* hanging((transport, origin) =>
        transport.send(sendRequest(origin, { connectTimeout: 10_000, attemptTimeout: 5000 }))
      )
      yield* TestClock.adjust(5000)
      const error = yield* Effect.flip(Fiber.join(fiber))
      assert.deepInclude(error, { _tag: "ClockExpired", clock: "attempt", after: 5000, sent: "no" })
      yield* connection.closed
    }))

  it.scoped("time-limits: ends an open request with the connect clock; the first-byte clock has not begun", () =>
    Effect.gen(function*() {
      const { connection, fiber } = yield* hanging((transport, origin) =>
        openScoped(transport, openRequest(origin, { connectTimeout: 10_000, firstByteTimeout: 100, idleTimeout: 100 }))
      )
      yield* TestClock.adjust(10_000)
      const error = yield* Effect.flip(Fiber.join(fiber))
      assert.deepInclude(error, { _tag: "ClockExpired", clock: "connect", after: 10_000, sent: "no" })
      yield* connection.closed
    }))

  it.scopedLive("time-limits: ends with the connect clock on the live clock too", () =>
    Effect.gen(function*() {
      const { connection, fiber } = yield* hanging((transport, origin) =>
        transport.send(sendRequest(origin, { connectTimeout: 30, attemptTimeout: 10_000 }))
      )
      assert.deepInclude(yield* Effect.flip(Fiber.join(fiber)), { clock: "connect", after: 30, sent: "no" })
      yield* connection.closed
    }))

  it.scopedLive("closes its socket when it is interrupted", () =>
    Effect.gen(function*() {
      const progress: Progress = { sent: "no" }
      const sending = yield* hanging((transport, origin) => transport.send(sendRequest(origin, { progress })))
      yield* Fiber.interrupt(sending.fiber)
      yield* sending.connection.closed
      const opening = yield* hanging((transport, origin) => openScoped(transport, openRequest(origin, { progress })))
      yield* Fiber.interrupt(opening.fiber)
      yield* opening.connection.closed
      assert.strictEqual(progress.sent, "no")
    }))

  it.scopedLive("does not outlive the transport's scope", () =>
    Effect.gen(function*() {
      const { connection, fiber, scope } = yield* hanging((transport, origin) => transport.send(sendRequest(origin)))
      yield* Scope.close(scope, Exit.void)
      assert.deepInclude(yield* Effect.flip(Fiber.join(fiber)), { _tag: "TransportClosed", sent: "no" })
      yield* connection.closed
    }))
})

describe("undici", () => {
  it.scoped("time-limits: the connect clock is over when the request is on a socket", () =>
    Effect.gen(function*() {
      const server = yield* RawServer.make()
      const transport = yield* make
      const request = sendRequest(server.origin, { connectTimeout: 100, attemptTimeout: 1000 })
      const { connection, fiber } = yield* under(server, transport.send(request))
      yield* TestClock.adjust(999)
      assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
      yield* connection.write(RawServer.response("late"))
      assert.strictEqual((yield* Fiber.join(fiber)).text, "late")
    }))

  it.scoped("time-limits: the connect clock alone does not end what is on a socket", () =>
    Effect.gen(function*() {
      const server = yield* RawServer.make()
      const transport = yield* make
      const sending = yield* under(server, transport.send(sendRequest(server.origin, { connectTimeout: 100 })))
      const opening = yield* under(server, openScoped(transport, openRequest(server.origin, { connectTimeout: 100 })))
      yield* TestClock.adjust(1000)
      yield* sending.connection.write(RawServer.response("late"))
      assert.strictEqual((yield* Fiber.join(sending.fiber)).text, "late")
      yield* opening.connection.write(RawServer.chunkedHead + RawServer.lastChunk)
      assert.strictEqual((yield* Fiber.join(opening.fiber)).status, 200)
    }))

  it.scopedLive("says who closed the connection", () =>
    Effect.gen(function*() {
      const server = yield* RawServer.make()
      const transport = yield* make
      const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin)))
      connection.socket.end()
      assert.deepInclude(yield* Effect.flip(Fiber.join(fiber)), { reason: "other side closed", sent: "unknown" })
    }))

  it.scopedLive("connects anew when the server closed the kept socket, or said that it would", () =>
    Effect.gen(function*() {
      const server = yield* RawServer.make()
      const transport = yield* make
      const first = yield* under(server, transport.send(sendRequest(server.origin)))
      yield* first.connection.write(RawServer.response("1"))
      yield* Fiber.join(first.fiber)
      first.connection.socket.end()
      yield* first.connection.closed
      const second = yield* under(server, transport.send(sendRequest(server.origin)))
      yield* second.connection.write(RawServer.response("2", "HTTP/1.1 200 OK\r\nConnection: close"))
      assert.strictEqual((yield* Fiber.join(second.fiber)).text, "2")
      const third = yield* under(server, transport.send(sendRequest(server.origin)))
      yield* third.connection.write(RawServer.response("3"))
      assert.strictEqual((yield* Fiber.join(third.fiber)).text, "3")
      assert.strictEqual(server.connections(), 3)
    }))

  it.scopedLive("a kept socket that closes while a call is made on it: nothing is sent twice", () =>
    Effect.gen(function*() {
      const server = yield* RawServer.make()
      const transport = yield* make
      const first = yield* under(server, transport.send(sendRequest(server.origin)))
      yield* first.connection.write(RawServer.response("1"))
      yield* Fiber.join(first.fiber)
      yield* untilReusable
      const second = yield* Effect.fork(transport.send(sendRequest(server.origin)))
      yield* first.connection.request
      first.connection.socket.resetAndDestroy()
      assert.deepInclude(yield* Effect.flip(Fiber.join(second)), { _tag: "ConnectionFailure", sent: "unknown" })
      assert.strictEqual(server.connections(), 1)
    }))

  it.scopedLive("calls at the same time leave their sockets to those that follow", () =>
    Effect.gen(function*() {
      const server = yield* RawServer.make()
      const transport = yield* make
      const calls = Effect.all(Array.from({ length: 8 }, () => transport.send(sendRequest(server.origin))), {
        concurrency: "unbounded"
      })
      const answer = (connection: RawServer.Connection) =>
        Effect.zipRight(connection.request, connection.write(RawServer.response("{}")))
      const first = yield* Effect.fork(calls)
      const connections = yield* Effect.replicateEffect(server.accept, 8)
      yield* Effect.forEach(connections, answer)
      yield* Fiber.join(first)
      yield* untilReusable
      const second = yield* Effect.fork(calls)
      yield* Effect.forEach(connections, answer)
      yield* Fiber.join(second)
      assert.strictEqual(server.connections(), 8)
    }))
})

describe("a given dispatcher", () => {
  it.scopedLive("carries the calls and is left open", () =>
    Effect.gen(function*() {
      const server = yield* RawServer.make()
      const dispatcher = yield* agent
      const origins: Array<unknown> = []
      const watched = dispatcher.compose((dispatch) => (options, handler) => {
        origins.push(options.origin)
        return dispatch(options, handler)
      })
      const { connection, fiber } = yield* Effect.scoped(
        Effect.gen(function*() {
          const transport = yield* Undici.make({ dispatcher: watched })
          const call = yield* under(server, transport.send(sendRequest(server.origin)))
          yield* call.connection.write(RawServer.response("{}"))
          yield* Fiber.join(call.fiber)
          return call
        })
      )
      assert.deepStrictEqual(origins, [server.origin])
      assert.isFalse(dispatcher.closed || dispatcher.destroyed || connection.socket.destroyed)
      assert.isTrue(Option.isSome(yield* Fiber.poll(fiber)))
    }))

  it.scopedLive("may be a mock", () =>
    Effect.gen(function*() {
      const mock = new MockAgent()
      mock.disableNetConnect()
      mock.get("http://mock.localhost").intercept({ path: /execute/, method: "POST" }).reply(
        200,
        "{\"mocked\":true}",
        { headers: { "X-Request-ID": "req_3" } }
      )
      const transport = yield* Undici.make({ dispatcher: mock })
      const response = yield* transport.send(sendRequest("http://mock.localhost"))
      assert.strictEqual(response.text, "{\"mocked\":true}")
      assert.strictEqual(response.header("x-request-id"), "req_3")
      const error = yield* Effect.flip(transport.send(sendRequest("http://other.localhost")))
      assert.strictEqual(error._tag, "ConnectionFailure")
      assertNoSecret(error)
    }))

  for (const dispatcher of [null, {}, 7, "http://proxy"]) {
    it.scopedLive(`that is none (${JSON.stringify(dispatcher)}) fails each call, nothing sent`, () =>
      Effect.gen(function*() {
        const transport = yield* Undici.make({ dispatcher })
        const calls: ReadonlyArray<Effect.Effect<TransportResponse, TransportError, Scope.Scope>> = [
          transport.send(sendRequest("http://127.0.0.1:1")),
          openScoped(transport, openRequest("http://127.0.0.1:1"))
        ]
        for (const call of calls) {
          const error = yield* Effect.flip(call)
          assert.deepInclude(error, { _tag: "ConnectionFailure", sent: "no" })
          assertNoSecret(error)
        }
      }))
  }
})
