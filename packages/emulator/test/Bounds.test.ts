import { Emulator } from "@effect-noukai/emulator"
import { layer } from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { connect, type Socket } from "node:net"
import { call } from "./client.js"

const hello = "/api/v1/seq/noukai/samples/hello-world/execute"

const open: Effect.Effect<Socket, never, Emulator> = Effect.flatMap(Emulator, ({ port }) =>
  Effect.async((resume) => {
    const socket = connect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
    socket.on("error", () => undefined)
  }))

/** Everything until the server closes. */
const readAll = (socket: Socket) =>
  Effect.async<string>((resume) => {
    let text = ""
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString()
    })
    socket.on("close", () => resume(Effect.succeed(text)))
    return Effect.sync(() => socket.destroy())
  })

const exchange = (bytes: string) =>
  Effect.flatMap(open, (socket) => {
    socket.write(bytes)
    return readAll(socket)
  })

const stillAnswers = Effect.map(
  call((client) => client.post("/seq/noukai/samples/hello-world/execute", { message: "a" })),
  ({ status }) => assert.strictEqual(status, 200)
)

const post = (headers: string, body: string) =>
  `POST ${hello} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer nk_a\r\nConnection: close\r\n${headers}\r\n${body}`

describe("bounds", () => {
  it.scoped("a body over the limit is a 413, whether its length is announced or not", () =>
    Effect.gen(function*() {
      const big = JSON.stringify({ message: "x".repeat(5_000) })
      const announced = yield* exchange(post(`Content-Length: ${big.length}\r\n`, big))
      assert.match(announced, /^HTTP\/1\.1 413 /)
      assert.include(announced, "BODY_TOO_LARGE")
      const chunked = yield* exchange(
        post("Transfer-Encoding: chunked\r\n", `${big.length.toString(16)}\r\n${big}\r\n0\r\n\r\n`)
      )
      assert.match(chunked, /^HTTP\/1\.1 413 /)
      // the rest of a far larger one is not waited for
      const endless = yield* exchange(post(`Content-Length: 100000000\r\n`, "x".repeat(20_000)))
      assert.match(endless, /^HTTP\/1\.1 413 /)
      const ledger = yield* (yield* Emulator).ledger
      assert.strictEqual(ledger.runsStarted, 0)
      assert.deepStrictEqual(ledger.requests.map((request) => request.status), [413, 413, 413])
      yield* stillAnswers
    }).pipe(Effect.provide(layer({ limits: { bodyBytes: 4_096 } }))))

  it.scoped("headers over the limit are a 431 with a request id", () =>
    Effect.gen(function*() {
      const text = yield* exchange(post(`X-Large: ${"x".repeat(20_000)}\r\n`, ""))
      assert.match(text, /^HTTP\/1\.1 431 /)
      assert.match(text, /X-Request-ID: req-/)
      yield* stillAnswers
    }).pipe(Effect.provide(layer())))

  const garbage: ReadonlyArray<[name: string, bytes: string]> = [
    ["no HTTP", "hello\r\n\r\n"],
    ["TLS", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003"],
    ["a header without a colon", "GET / HTTP/1.1\r\nnonsense\r\n\r\n"],
    ["two lengths", `POST ${hello} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}`],
    [
      "a length and chunks",
      `POST ${hello} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`
    ]
  ]
  for (const [name, bytes] of garbage) {
    it.scoped(`${name} is a 400 with a request id`, () =>
      Effect.gen(function*() {
        const text = yield* exchange(bytes)
        assert.match(text, /^HTTP\/1\.1 400 /)
        assert.match(text, /X-Request-ID: req-/)
        assert.include(text, "\"code\":\"BAD_REQUEST\"")
        yield* stillAnswers
      }).pipe(Effect.provide(layer())))
  }

  it.scoped("a client that is slow to send is a 408", () =>
    Effect.gen(function*() {
      const headers = yield* exchange("POST ")
      assert.match(headers, /^HTTP\/1\.1 408 /)
      const body = yield* exchange(post("Content-Length: 10\r\n", "{"))
      assert.match(body, /^HTTP\/1\.1 408 /)
      assert.match(body, /X-Request-ID: req-/)
      yield* stillAnswers
    }).pipe(Effect.provide(layer({ limits: { requestTimeout: 50 } }))))

  it.scoped("an idle connection is closed by the server", () =>
    Effect.gen(function*() {
      const socket = yield* open
      const body = "{\"message\":\"a\"}"
      socket.write(
        `POST ${hello} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer nk_a\r\nContent-Length: ${body.length}\r\n\r\n${body}`
      )
      assert.include(yield* readAll(socket), "completed")
      const closed = yield* (yield* Emulator).awaitEvent((event) => event.type === "ConnectionClosed")
      assert.deepStrictEqual(closed, { type: "ConnectionClosed", connection: 1, by: "server" })
    }).pipe(Effect.provide(layer({ limits: { keepAliveTimeout: 50 } }))))

  it.scoped("more connections than allowed are refused, and let in when others leave", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const first = yield* open
      const second = yield* open
      assert.strictEqual(yield* Effect.flatMap(open, readAll), "")
      assert.strictEqual((yield* emulator.ledger).openConnections, 2)
      for (const socket of [first, second]) socket.destroy()
      for (const connection of [1, 2]) {
        yield* emulator.awaitEvent((event) => event.type === "ConnectionClosed" && event.connection === connection)
      }
      yield* stillAnswers
    }).pipe(Effect.provide(layer({ limits: { connections: 2 } }))))

  it.scoped("a client that sends half a body and leaves leaves nothing behind", () =>
    Effect.gen(function*() {
      const socket = yield* open
      socket.write(post("Content-Length: 100\r\n", "{"), () => socket.destroy())
      yield* (yield* Emulator).awaitEvent((event) => event.type === "ConnectionClosed")
      const ledger = yield* (yield* Emulator).ledger
      assert.strictEqual(ledger.requestsReceived, 0)
      assert.strictEqual(ledger.openConnections, 0)
    }).pipe(Effect.provide(layer())))

  it.scoped("a reader that does not read holds the run back", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const socket = yield* open
      const body = "{\"stepIndex\":0}"
      socket.write(
        `POST /api/v1/seq/acme/test/flood/step HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer nk_a\r\n` +
          `Content-Length: ${body.length}\r\n\r\n${body}`
      )
      // the headers arrive, then nobody reads
      yield* Effect.async<void>((resume) => {
        socket.once("readable", () => resume(Effect.void))
      })
      yield* emulator.awaitEvent((event) => event.type === "StepEnded")
      socket.destroy()
      yield* emulator.awaitEvent((event) => event.type === "RequestEnded")
      const [request] = (yield* emulator.ledger).requests
      assert.strictEqual(request!.outcome, "client")
      assert.isBelow(request!.responseEvents, 1_000_000)
    }).pipe(Effect.provide(layer({
      flows: [{
        ref: "acme/test/flood",
        steps: [{ kind: "template", id: "a", output: 1, partials: ["x".repeat(1_000)], repeatPartials: 1_000_000 }]
      }]
    }))))

  it.scoped("a reader that does not read for too long is closed, and its step stream ends", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const socket = yield* open
      const body = "{\"stepIndex\":0}"
      socket.pause()
      socket.write(
        `POST /api/v1/seq/acme/test/flood/step HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer nk_a\r\n` +
          `Content-Length: ${body.length}\r\n\r\n${body}`
      )
      yield* emulator.awaitEvent((event) => event.type === "RequestEnded")
      const closed = yield* emulator.awaitEvent((event) => event.type === "ConnectionClosed")
      assert.deepStrictEqual(closed, { type: "ConnectionClosed", connection: 1, by: "server" })
      socket.destroy()
    }).pipe(Effect.provide(layer({
      limits: { readerTimeout: 50 },
      flows: [{
        ref: "acme/test/flood",
        steps: [{ kind: "template", id: "a", output: 1, partials: ["x".repeat(1_000)], repeatPartials: 1_000_000 }]
      }]
    }))))

  it.scoped("the oldest runs go when there are too many", () =>
    Effect.gen(function*() {
      const ids: Array<string> = []
      for (let count = 0; count < 3; count++) {
        const { json } = yield* call((client) =>
          client.post("/seq/noukai/samples/hello-world/execute", { message: "a" })
        )
        ids.push(json.executionId)
      }
      const statuses = yield* Effect.forEach(
        ids,
        (id) => Effect.map(call((client) => client.get(`/flow-runs/${id}`)), ({ status }) => status)
      )
      assert.deepStrictEqual(statuses, [410, 200, 200])
      assert.strictEqual((yield* (yield* Emulator).ledger).runsStarted, 3)
    }).pipe(Effect.provide(layer({ limits: { runs: 2 } }))))
})
