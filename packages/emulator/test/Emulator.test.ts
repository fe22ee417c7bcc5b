import { Emulator, startEmulator } from "@effect-noukai/emulator"
import { layer, make } from "@effect-noukai/emulator/Emulator"
import type { RequestEntry } from "@effect-noukai/emulator/EmulatorLedger"
import { NoukaiConfig } from "@effect-noukai/sdk/NoukaiConfig"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted, Stream, TestClock } from "effect"
import { type AddressInfo, createServer } from "node:net"
import { call } from "./client.js"

const slow = {
  ref: "acme/test/slow",
  steps: [{ kind: "template" as const, id: "a", output: "late", duration: "5 minutes" }]
}

const isStepStarted = (event: { readonly type: string }) => event.type === "StepStarted"

describe("Emulator", () => {
  it.scoped("the layer provides a client configuration that points at it", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const config = yield* NoukaiConfig
      assert.strictEqual(config.origin + config.prefix, emulator.baseUrl)
      assert.match(emulator.url, /^http:\/\/127\.0\.0\.1:\d+$/)
      assert.match(Redacted.value(config.apiKey), /^nk_test_/)
      assert.strictEqual(config.org, "acme")
    }).pipe(Effect.provide(layer({ config: { org: "acme", project: "test" } }))))

  it.scoped("its time is the clock of the fiber that builds it: five minutes pass at once", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const answer = yield* Effect.fork(call((client) => client.post("/seq/acme/test/slow/execute", {})))
      yield* emulator.awaitEvent(isStepStarted)
      yield* TestClock.adjust("299 seconds")
      assert.strictEqual((yield* emulator.ledger).runs[0]!.status, "running")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(answer)).json.result, "late")
      const run = (yield* emulator.ledger).runs[0]!
      assert.strictEqual(run.endedAt! - run.startedAt, 300_000)
    }).pipe(Effect.provide(layer({ flows: [slow] }))))

  it.scoped("onRequest is called at the end of each request, with its run and what its steps cost", () =>
    Effect.gen(function*() {
      const ended: Array<RequestEntry> = []
      const steps = [{ kind: "template" as const, id: "a", output: "x", costUsd: "0.1" }, {
        kind: "template" as const,
        id: "b",
        output: "y",
        costUsd: "0.2",
        duration: "1 second"
      }]
      const emulator = yield* make({
        flows: [{ ref: "acme/test/two", steps }],
        onRequest: (request) => void ended.push(request)
      })
      const post = (path: string, body: object) =>
        Effect.promise(() =>
          fetch(`${emulator.baseUrl}/seq/${path}`, {
            method: "POST",
            headers: { authorization: "Bearer nk_test_a" },
            body: JSON.stringify(body)
          }).then((response) => response.text())
        )
      const begun = yield* post("acme/test/two/step", { message: "x" })
      const [, executionId] = /"executionId":"([^"]+)"/.exec(begun)!
      const second = yield* Effect.fork(post("acme/test/two/step", { executionId, stepIndex: 1 }))
      yield* emulator.awaitEvent((event) => event.type === "StepStarted" && event.stepIndex === 1)
      assert.lengthOf(ended, 1)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(second)
      yield* post("acme/test/none/execute", {})
      yield* Effect.promise(() => fetch(`${emulator.url}/_emulator/ledger`).then((response) => response.text()))
      assert.deepStrictEqual(
        ended.map(({ billedUsd, endedAt, executionId, flow, outcome, receivedAt, status }) => [
          flow,
          status,
          outcome,
          executionId,
          billedUsd,
          endedAt! - receivedAt
        ]),
        [
          ["acme/test/two", 200, "complete", executionId, "0.1", 0],
          ["acme/test/two", 200, "complete", executionId, "0.2", 1000],
          ["acme/test/none", 404, "complete", undefined, undefined, 0]
        ]
      )
      assert.deepStrictEqual((yield* emulator.ledger).requests, ended)
      assert.deepStrictEqual(yield* emulator.flows, ["acme/test/two"])
      assert.notInclude(JSON.stringify(ended), "nk_test_a")
    }))

  it.scoped("emulator: a caller who leaves does not stop a run on /execute, and the server sees the close", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const abort = new AbortController()
      yield* Effect.fork(
        call((client) =>
          client.request("POST", "/seq/acme/test/slow/execute", { body: {}, signal: abort.signal }).catch(() =>
            undefined
          )
        )
      )
      yield* emulator.awaitEvent(isStepStarted)
      abort.abort()
      yield* emulator.awaitClose
      yield* TestClock.adjust("5 minutes")
      yield* emulator.awaitEvent((event) => event.type === "RequestEnded")
      const ledger = yield* emulator.ledger
      assert.strictEqual(ledger.connections[0]!.closedBy, "client")
      assert.strictEqual(ledger.runs[0]!.status, "completed")
      assert.strictEqual(ledger.requests[0]!.outcome, "client")
    }).pipe(Effect.provide(layer({ flows: [slow] }))))

  it.scoped("closing its scope closes connections and interrupts what runs", () =>
    Effect.gen(function*() {
      const failure = yield* Effect.scoped(
        Effect.gen(function*() {
          const emulator = yield* make({ flows: [slow] })
          const request = yield* Effect.forkDaemon(
            Effect.promise(() =>
              fetch(`${emulator.baseUrl}/seq/acme/test/slow/execute`, {
                method: "POST",
                headers: { authorization: "Bearer nk_a" },
                body: "{}"
              }).then(() => "answered", (error: unknown) => error)
            )
          )
          yield* emulator.awaitEvent(isStepStarted)
          return request
        })
      )
      assert.instanceOf(yield* Fiber.join(failure), TypeError)
    }))

  it.scoped("a port that is taken is said plainly", () =>
    Effect.gen(function*() {
      const server = yield* Effect.acquireRelease(
        Effect.async<ReturnType<typeof createServer>>((resume) => {
          const made = createServer()
          made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
        }),
        (made) => Effect.sync(() => made.close())
      )
      const { port } = server.address() as AddressInfo
      const error = yield* Effect.flip(make({ port }))
      assert.strictEqual(error.reason, "PortInUse")
      assert.include(error.message, String(port))
    }))

  it.scoped("a port that cannot be one is refused before it listens", () =>
    Effect.gen(function*() {
      for (const port of [-1, 65536, 1.5]) {
        const error = yield* Effect.flip(make({ port }))
        assert.strictEqual(error.reason, "Config")
        assert.include(error.message, String(port))
      }
    }))

  it.scoped("events replays what happened, then goes on; reset forgets", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* call((client) => client.post("/seq/noukai/samples/hello-world/execute", { message: "a" }))
      const events = yield* emulator.events.pipe(
        Stream.takeUntil((event) => event.type === "RequestEnded"),
        Stream.runCollect
      )
      assert.deepStrictEqual([...events].map((event) => event.type), [
        "ConnectionOpened",
        "RequestReceived",
        "RunStarted",
        "StepStarted",
        "StepEnded",
        "RunEnded",
        "RequestEnded"
      ])
      yield* emulator.reset
      const ledger = yield* emulator.ledger
      assert.strictEqual(ledger.runsStarted, 0)
      assert.deepStrictEqual(ledger.requests, [])
    }).pipe(Effect.provide(layer())))

  it("startEmulator gives the same to people without Effect", async () => {
    const emulator = await startEmulator()
    const send = () =>
      fetch(`${emulator.baseUrl}/seq/noukai/samples/hello-world/execute`, {
        method: "POST",
        headers: { authorization: `Bearer ${emulator.apiKey}` },
        body: JSON.stringify({ message: "hi" })
      })
    assert.strictEqual((await send()).status, 200)
    assert.strictEqual(emulator.ledger().runsStarted, 1)
    emulator.addFaults({ script: ["503"] })
    assert.throws(() => emulator.addFaults({ script: ["explode"] }), /is not a fault/)
    assert.strictEqual((await send()).status, 503)
    assert.strictEqual((await send()).status, 200)
    await emulator.reset()
    assert.strictEqual(emulator.ledger().runsStarted, 0)
    await emulator.close()
    await emulator.close()
    assert.instanceOf(await send().catch((error: unknown) => error), TypeError)
  })
})
