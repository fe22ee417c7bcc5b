import { Emulator, type Flow } from "@effect-noukai/emulator"
import { layer } from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, FiberId } from "effect"
import { Agent, request } from "node:http"
import { size } from "../../sdk/test/support/size.js"
import { outputOf, parseEvents } from "./eventStream.js"

const streams = size(1_000, 250)

/** Opened when all streams are under way. */
const gate = Deferred.unsafeMake<string>(FiberId.none)

const gated: Flow = {
  ref: "acme/test/gated",
  steps: [
    {
      kind: "function",
      id: "a",
      run: ({ message }) => Effect.map(Deferred.await(gate), (text) => `${message}${text}`)
    },
    { kind: "template", id: "b", output: { text: "{{steps.a.output}}" } }
  ]
}

const stream = (port: number, agent: Agent, message: string) =>
  Effect.async<string, Error>((resume) => {
    const made = request(
      {
        port,
        host: "127.0.0.1",
        agent,
        method: "POST",
        path: "/api/v1/seq/acme/test/gated/step",
        headers: { authorization: "Bearer nk_a" }
      },
      (response) => {
        let text = ""
        response.setEncoding("utf8")
        response.on("data", (chunk: string) => {
          text += chunk
        })
        response.on("end", () => resume(Effect.succeed(text)))
        response.on("error", (error) => resume(Effect.fail(error)))
      }
    )
    made.on("error", (error) => resume(Effect.fail(error)))
    made.end(JSON.stringify({ stepIndex: 0, message, runRemaining: true }))
    return Effect.sync(() => made.destroy())
  })

describe("concurrency", () => {
  it.scoped("very many streams at once, each with its own run", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const agent = new Agent({ maxSockets: streams })
      const all = yield* Effect.fork(
        Effect.forEach(
          Array.from({ length: streams }, (_, index) => index),
          (index) => stream(emulator.port, agent, `m${index}`),
          { concurrency: streams }
        )
      )
      let started = 0
      yield* emulator.awaitEvent((event) => event.type === "StepStarted" && ++started === streams)
      assert.strictEqual((yield* emulator.ledger).openConnections, streams)
      yield* Deferred.succeed(gate, "!")
      const texts = yield* Fiber.join(all)
      const results = texts.map((text) => outputOf(parseEvents(text), "b").text as string)
      assert.deepStrictEqual(results, Array.from({ length: streams }, (_, index) => `m${index}!`))
      assert.strictEqual(new Set(texts.map((text) => parseEvents(text)[0]!.data.executionId as string)).size, streams)
      const ledger = yield* emulator.ledger
      assert.deepStrictEqual([ledger.runsStarted, ledger.mostRunsAtOnce], [streams, streams])
      assert.strictEqual(ledger.stepsRun, streams * 2)
    }).pipe(Effect.provide(layer({ flows: [gated] }))))
})
