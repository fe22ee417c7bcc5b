import { Emulator } from "@effect-noukai/emulator"
import { layer } from "@effect-noukai/emulator/Emulator"
import { parse } from "@effect-noukai/emulator/Fault"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, FastCheck, Fiber, TestClock } from "effect"
import { connect } from "node:net"
import { size } from "../../sdk/test/support/size.js"
import { call } from "./client.js"
import { parseEvents } from "./eventStream.js"

const hello = "/seq/noukai/samples/hello-world/execute"
const twoStep = "/seq/noukai/samples/two-step/step"

const run = layer()

const stepBody = { stepIndex: 0, message: "hé", runRemaining: true }

interface Received {
  readonly head: string
  readonly body: string
  /** data chunks of the transfer encoding */
  readonly chunks: ReadonlyArray<string>
  readonly ended: "clean" | "cut" | "reset"
}

/** The bytes of one response, from a socket: nothing is interpreted but the transfer encoding. */
const receive = (path: string, body: object, fault: string): Effect.Effect<Received, never, Emulator> =>
  Effect.flatMap(Emulator, ({ port }) =>
    Effect.async((resume) => {
      const text = JSON.stringify(body)
      const socket = connect(port, "127.0.0.1", () => {
        socket.write(
          `POST /api/v1${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer nk_a\r\nConnection: close\r\n` +
            `X-Noukai-Emulator-Fault: ${fault}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
        )
      })
      const parts: Array<Buffer> = []
      let reset = false
      socket.on("data", (chunk: Buffer) => parts.push(chunk))
      socket.on("error", () => {
        reset = true
      })
      socket.on("close", () => {
        const bytes = Buffer.concat(parts)
        const split = bytes.indexOf("\r\n\r\n")
        const head = split < 0 ? "" : bytes.subarray(0, split).toString()
        let rest = split < 0 ? Buffer.alloc(0) : bytes.subarray(split + 4)
        const chunks: Array<string> = []
        const pieces: Array<Buffer> = []
        let last = false
        if (/transfer-encoding: chunked/i.test(head)) {
          while (rest.length > 0 && !last) {
            const line = rest.indexOf("\r\n")
            const size = Number.parseInt(rest.subarray(0, line).toString(), 16)
            last = size === 0
            const piece = rest.subarray(line + 2, line + 2 + size)
            pieces.push(piece)
            chunks.push(piece.toString())
            rest = rest.subarray(line + 2 + size + 2)
          }
        } else {
          pieces.push(rest)
          last = rest.length === Number(/content-length: (\d+)/i.exec(head)?.[1] ?? -1)
        }
        resume(Effect.succeed({
          head,
          body: Buffer.concat(pieces).toString(),
          chunks,
          ended: reset ? "reset" : last ? "clean" : "cut"
        }))
      })
      return Effect.sync(() => socket.destroy())
    }))

describe("faults", () => {
  it("the grammar takes every form of design, and nothing else", () => {
    const good = [
      "ok",
      "",
      "cut:b0",
      "cut:e3",
      "end:b5",
      "end:e1",
      "stall:10000",
      "stall:5:e2",
      "stall:5:b9",
      "delay:7",
      "reset",
      "reset:late",
      "reset:b4",
      "reset:e2",
      "split:1",
      "drip:2:50",
      "crlf",
      "cr",
      "bom",
      "unterminated",
      "comment",
      "unknown",
      "malformed",
      "malformed:e1",
      "drop:e1",
      "repeat:e2",
      "html",
      "empty",
      "late:5000",
      "twice",
      "reorder",
      "signature",
      "old",
      "changed",
      "drop",
      "503",
      "429:RATE_LIMIT:retry=12",
      "302",
      "502:html",
      "500:text",
      "422:list",
      "500:empty",
      "404:body=",
      "404:body=%7B%22detail%22%3A%22a%2Cb%22%7D",
      "crlf, split:1 ,cut:e3"
    ]
    for (const text of good) assert.isTrue(Either.isRight(parse(text)), text)
    const bad = [
      "cut",
      "cut:3",
      "cut:b",
      "cut:b-1",
      "stall",
      "stall:x",
      "stall:1:z3",
      "split:0",
      "drip:1",
      "crlf:1",
      "malformed:e0",
      "drop:1",
      "drop:e0",
      "late",
      "late:x",
      "twice:2",
      "99",
      "600",
      "503:lower",
      "404:body=%7",
      "reset:now",
      "Ok",
      "cut:b3 cut:b4"
    ]
    for (const text of bad) assert.isTrue(Either.isLeft(parse(text)), text)
  })

  it.prop("no text makes the grammar throw", [FastCheck.string()], ([text]) => {
    const parsed = parse(text)
    return Either.isLeft(parsed) ? parsed.left.includes("is not a fault") : Array.isArray(parsed.right)
  })

  it.scoped("cut:b<n> ends the connection after exactly n bytes of a JSON body, for every n", () =>
    Effect.gen(function*() {
      const whole = yield* receive(hello, { message: "hi" }, "ok")
      assert.strictEqual(whole.ended, "clean")
      // to the last one, whatever the step
      for (let count = whole.body.length; count >= 0; count -= size(1, 3)) {
        const { body, ended } = yield* receive(hello, { message: "hi" }, `cut:b${count}`)
        assert.strictEqual(body.length, count)
        assert.strictEqual(ended, count === whole.body.length ? "clean" : "cut")
      }
    }).pipe(Effect.provide(run)))

  it.scoped("cut:e<n> ends the connection after exactly n events", () =>
    Effect.gen(function*() {
      const whole = parseEvents((yield* receive(twoStep, stepBody, "ok")).body)
      for (let count = 0; count <= whole.length; count++) {
        const { body, ended } = yield* receive(twoStep, stepBody, `cut:e${count}`)
        assert.deepStrictEqual(
          parseEvents(body).map(({ event }) => event),
          whole.slice(0, count).map(({ event }) => event)
        )
        assert.strictEqual(ended, "cut")
      }
      const ledger = yield* (yield* Emulator).ledger
      assert.strictEqual(ledger.runsStarted, whole.length + 2)
      assert.strictEqual(ledger.requests.at(-1)!.outcome, "fault")
      assert.strictEqual(ledger.connections.at(-1)!.closedBy, "fault")
      assert.strictEqual(ledger.requests.at(-1)!.fault, `cut:e${whole.length}`)
    }).pipe(Effect.provide(run)))

  it.scoped("end:b<n> and end:e<n> end the body politely", () =>
    Effect.gen(function*() {
      const json = yield* receive(hello, { message: "hi" }, "end:b5")
      assert.strictEqual(json.body, "{\"sta")
      assert.strictEqual(json.ended, "clean")
      const events = yield* receive(twoStep, stepBody, "end:e2")
      assert.strictEqual(parseEvents(events.body).length, 2)
      assert.strictEqual(events.ended, "clean")
    }).pipe(Effect.provide(run)))

  it.scoped("reset runs nothing, reset:late has run, reset:e<n> breaks a stream", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      assert.strictEqual((yield* receive(hello, { message: "hi" }, "reset")).ended, "reset")
      assert.strictEqual((yield* emulator.ledger).runsStarted, 0)
      assert.strictEqual((yield* receive(hello, { message: "hi" }, "reset:late")).ended, "reset")
      assert.strictEqual((yield* emulator.ledger).runs[0]!.status, "completed")
      // a peer that gets data and reset at once is told of an end by its own runtime
      assert.notStrictEqual((yield* receive(twoStep, stepBody, "reset:e2")).ended, "clean")
    }).pipe(Effect.provide(run)))

  it.scoped("split:<n> writes n bytes at a time, through characters too", () =>
    Effect.gen(function*() {
      const whole = yield* receive(twoStep, stepBody, "split:1")
      assert.strictEqual(parseEvents(whole.body).at(-1)!.event, "flow_completed")
      assert.isTrue(whole.chunks.every((chunk) => Buffer.byteLength(chunk) <= 3 && chunk.length <= 1))
      const json = yield* receive(hello, { message: "hé" }, "split:7")
      assert.include(json.body, "hé")
      assert.strictEqual(json.ended, "clean")
    }).pipe(Effect.provide(run)))

  it.scoped("crlf and cr change the line ends, bom and unterminated the edges", () =>
    Effect.gen(function*() {
      const crlf = (yield* receive(twoStep, stepBody, "crlf")).body
      assert.match(crlf, /^event: run_started\r\ndata: \{.+\}\r\n\r\nevent: /)
      assert.notMatch(crlf, /[^\r]\n/)
      const cr = (yield* receive(twoStep, stepBody, "cr")).body
      assert.notInclude(cr, "\n")
      assert.match(cr, /\}\r\revent: /)
      const edges = (yield* receive(twoStep, stepBody, "bom,unterminated")).body
      assert.isTrue(edges.startsWith("\uFEFFevent: run_started\n"))
      assert.match(edges, /event: flow_completed\ndata: \{.+\}\n$/)
    }).pipe(Effect.provide(run)))

  it.scoped("comment, unknown and malformed put noise between events", () =>
    Effect.gen(function*() {
      const whole = parseEvents((yield* receive(twoStep, stepBody, "ok")).body)
      const { body } = yield* receive(twoStep, stepBody, "comment,unknown,malformed")
      const frames = body.split("\n\n").filter((frame) => frame !== "")
      assert.strictEqual(frames.filter((frame) => frame.startsWith(": ")).length, whole.length)
      assert.strictEqual(frames.filter((frame) => frame.startsWith("event: step_dreamt")).length, whole.length)
      assert.strictEqual(frames[0], "event: step_progress\ndata: {\"broken\": ")
      const completed = whole.findIndex(({ event }) => event === "step_completed")
      const spoiled = (yield* receive(twoStep, stepBody, `malformed:e${completed + 1}`)).body.split("\n\n")[completed]!
      assert.match(spoiled, /^event: step_completed\n/)
      assert.throws(() => JSON.parse(spoiled.slice(spoiled.indexOf("data: ") + 6)) as unknown)
    }).pipe(Effect.provide(run)))

  it.scoped("drop and repeat leave out and double one event", () =>
    Effect.gen(function*() {
      const dropped = parseEvents((yield* receive(twoStep, stepBody, "drop:e1")).body)
      assert.strictEqual(dropped[0]!.event, "step_started")
      const repeated = parseEvents((yield* receive(twoStep, stepBody, "repeat:e1")).body)
      assert.deepStrictEqual(repeated.slice(0, 2).map(({ event }) => event), ["run_started", "run_started"])
    }).pipe(Effect.provide(run)))

  const statuses: ReadonlyArray<[fault: string, status: number, check: RegExp]> = [
    ["503", 503, /^\{"detail":\{"code":"BILLING_UNAVAILABLE","message":"/],
    ["500:BOOM", 500, /"code":"BOOM"/],
    ["500:text", 500, /^\{"detail":"/],
    ["422:list", 422, /^\{"detail":\[\{"loc":/],
    ["502:html", 502, /^<html>/],
    ["504:empty", 504, /^$/],
    [`404:body=${encodeURIComponent("{\"detail\":\"a,b:c\"}")}`, 404, /^\{"detail":"a,b:c"\}$/]
  ]
  for (const [fault, status, check] of statuses) {
    it.scoped(`errors: ${fault} answers ${status} and runs nothing`, () =>
      Effect.gen(function*() {
        const { body, head } = yield* receive(hello, { message: "hi" }, fault)
        assert.include(head, `HTTP/1.1 ${status} `)
        assert.match(head, /X-Request-ID: req-/)
        assert.match(body, check)
        assert.strictEqual((yield* (yield* Emulator).ledger).runsStarted, 0)
      }).pipe(Effect.provide(run)))
  }

  it.scoped("headers: Retry-After, WWW-Authenticate and Location go with their statuses", () =>
    Effect.gen(function*() {
      assert.match((yield* receive(hello, {}, "429:retry=12")).head, /Retry-After: 12/)
      assert.match((yield* receive(hello, {}, "401")).head, /WWW-Authenticate: Bearer/)
      assert.match((yield* receive(hello, {}, "307")).head, /Location: \/api\/v1\/elsewhere/)
    }).pipe(Effect.provide(run)))

  it.scoped("html and empty replace the body of a run that ran", () =>
    Effect.gen(function*() {
      assert.match((yield* receive(hello, { message: "a" }, "html")).body, /^<html>/)
      assert.strictEqual((yield* receive(hello, { message: "a" }, "empty")).body, "")
      assert.deepStrictEqual((yield* (yield* Emulator).ledger).runs.map((made) => made.status), [
        "completed",
        "completed"
      ])
    }).pipe(Effect.provide(run)))

  it.scoped("what is no fault is a 400 INVALID_FAULT", () =>
    Effect.gen(function*() {
      const { body, head } = yield* receive(hello, { message: "a" }, "explode")
      assert.include(head, " 400 ")
      assert.include(body, "INVALID_FAULT")
    }).pipe(Effect.provide(run)))

  for (
    const [fault, path, body] of [
      ["stall:60000", hello, { message: "a" }],
      ["stall:60000", twoStep, stepBody],
      ["stall:60000:e3", twoStep, stepBody],
      ["stall:60000:b10", hello, { message: "a" }],
      ["delay:60000", hello, { message: "a" }]
    ] as const
  ) {
    it.scoped(`${fault} on ${path} is silent until the clock has moved`, () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        const fiber = yield* Effect.fork(receive(path, body, fault))
        yield* emulator.awaitEvent((event) => event.type === "Waiting" && event.ms === 60_000)
        yield* TestClock.adjust("59999 millis")
        const [request] = (yield* emulator.ledger).requests
        assert.strictEqual(request!.outcome, "open")
        assert.strictEqual(
          request!.responseEvents,
          path !== twoStep ? 0 : fault === "stall:60000" ? 1 : 3
        )
        assert.strictEqual(request!.status, fault.startsWith("delay") ? undefined : 200)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* Fiber.join(fiber)).ended, "clean")
      }).pipe(Effect.provide(run)))
  }

  it.scoped("a client who leaves a stalled response is seen to close", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const fiber = yield* Effect.fork(receive(twoStep, stepBody, "stall:60000"))
      yield* emulator.awaitEvent((event) => event.type === "Waiting")
      yield* Fiber.interrupt(fiber)
      yield* emulator.awaitClose
      const closed = yield* emulator.awaitEvent((event) => event.type === "ConnectionClosed")
      assert.deepStrictEqual(closed, { type: "ConnectionClosed", connection: 1, by: "client" })
    }).pipe(Effect.provide(run)))

  it.scoped("a script gives each matching request its next entry, then nothing", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults(
        { match: { endpoint: "execute", flow: "noukai/samples/hello-world" }, script: ["ok", "503", "429:retry=1"] },
        { match: { endpoint: "step" }, script: ["500"], repeat: true }
      )
      const statuses: Array<number> = []
      for (let count = 0; count < 5; count++) {
        statuses.push((yield* call((client) => client.post(hello, { message: "a" }))).status)
      }
      assert.deepStrictEqual(statuses, [200, 503, 429, 200, 200])
      const steps = [
        yield* call((client) => client.post(twoStep, stepBody)),
        yield* call((client) => client.post(twoStep, stepBody))
      ]
      assert.deepStrictEqual(steps.map(({ status }) => status), [500, 500])
      yield* emulator.clearFaults
      assert.strictEqual((yield* call((client) => client.post(twoStep, stepBody))).status, 200)
      const error = yield* Effect.flip(emulator.addFaults({ script: ["explode"] }))
      assert.include(error.message, "\"explode\" is not a fault")
    }).pipe(Effect.provide(run)))

  it.scoped("nth picks one request", () =>
    Effect.gen(function*() {
      const statuses: Array<number> = []
      for (let count = 0; count < 4; count++) {
        statuses.push((yield* call((client) => client.post(hello, { message: "a" }))).status)
      }
      assert.deepStrictEqual(statuses, [200, 200, 503, 200])
    }).pipe(Effect.provide(layer({ faults: [{ match: { nth: 3 }, script: ["503"] }] }))))

  it.scoped("dice fall the same for the same seed", () =>
    Effect.gen(function*() {
      const throwAll = (seed: number) =>
        Effect.gen(function*() {
          const statuses: Array<number> = []
          for (let count = 0; count < 24; count++) {
            statuses.push((yield* call((client) => client.post(hello, { message: "a" }))).status)
          }
          return statuses.join(" ")
        }).pipe(Effect.provide(layer({ seed, faults: [{ rate: 0.5, faults: ["503", "500"] }] })))
      const first = yield* throwAll(7)
      assert.strictEqual(yield* throwAll(7), first)
      assert.notStrictEqual(yield* throwAll(8), first)
      assert.match(first, /200/)
      assert.match(first, /503/)
      assert.match(first, /500/)
    }))
})
