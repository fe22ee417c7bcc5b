/** Flows with schemas of each library, against the emulator. */
import { type AnySchema, InvalidRequestError, UnexpectedResponseError } from "@effect-noukai/promise"
import { Schema } from "effect"
import { assert, describe, it } from "vitest"
import { z } from "zod"
import { libraries, libraryNames } from "./support/libraries.js"
import { ownEmulator } from "./support/ownEmulator.js"
import { notingBodies } from "./support/sentBodies.js"
import { collect, rejection, resultOf, weather } from "./support/world.js"

const { client, emulator } = ownEmulator()

const inputs = "noukai/tests/inputs"
const easy = { parameters: { difficulty: "easy" } } as const
const fits = { seen: { difficulty: "easy" as const } }

/** The tests take all libraries for one: each has the same types. */
const schemasOf = (library: (typeof libraryNames)[number]) => libraries[library] as typeof libraries.zod

for (const library of libraryNames) {
  describe(`a flow with schemas of ${library}`, () => {
    const { parameters, result, wrongResult } = schemasOf(library)

    it("sends its parameters and resolves with its result", async () => {
      const { bodies, fetch } = notingBodies()
      const done = await client({ fetch }).flow(inputs, { parameters, result }).execute({ message: "hi", ...easy })
      assert.deepStrictEqual(resultOf(done), fits)
      assert.deepStrictEqual(bodies, [`{"message":"hi","parameters":{"difficulty":"easy"},"trace":false}`])
    })

    it("refuses wrong parameters before anything is sent", async () => {
      const flow = client().flow(inputs, { parameters, result })
      const wrong = { parameters: { difficulty: "medium" as never } }
      for (
        const start of [
          () => flow.execute(wrong),
          () => flow.executeOnce("key", wrong),
          () => flow.executeAsync(wrong),
          () => flow.executeAsyncOnce("key", wrong),
          () => collect(flow.events(wrong)),
          () => collect(flow.steps(wrong))
        ]
      ) {
        const error = await rejection(start())
        assert.instanceOf(error, InvalidRequestError)
        assert.include([error.field, error.message].join(), "parameters")
        assert.match(error.message, /at difficulty: /)
      }
      assert.strictEqual(emulator().ledger().requestsReceived, 0)
    })

    it("rejects with the raw value of a result that does not fit", async () => {
      const flow = client().flow(inputs, { parameters, result: wrongResult })
      const error = await rejection(flow.execute(easy))
      assert.instanceOf(error, UnexpectedResponseError)
      assert.deepStrictEqual(error.result, fits)
      assert.isString(error.executionId)
      assert.match(error.message, /the result does not fit the schema of the flow: at seen\.difficulty: /)
      const { requestsReceived, runsStarted } = emulator().ledger()
      assert.deepStrictEqual([runsStarted, requestsReceived], [1, 1])
    })

    it("checks the results of jobs, keys and streams", async () => {
      const noukai = client()
      const flow = noukai.flow(inputs, { parameters, result })
      const wrong = noukai.flow(inputs, { parameters, result: wrongResult })
      const job = await flow.executeAsync(easy)
      const ended = await job.wait({ pollInterval: 5 })
      assert.deepStrictEqual([ended.status, ended.result], ["completed", fits])
      const misfit = await rejection(wrong.job(job.executionId).wait({ pollInterval: 5 }))
      assert.deepStrictEqual(misfit instanceof UnexpectedResponseError && misfit.result, fits)
      assert.deepStrictEqual((await flow.job(job.executionId).poll()).result, fits)

      const once = await flow.executeOnce("key", easy)
      assert.deepStrictEqual([once.reused, resultOf(once)], [false, fits])
      const again = await rejection(wrong.executeOnce("key", easy))
      assert.deepStrictEqual(again instanceof UnexpectedResponseError && again.result, fits)

      const events = await collect(flow.events({ ...easy, runRemaining: true }))
      const last = events.at(-1)
      assert.deepStrictEqual(last?.type === "flow_completed" && last.result, fits)
      const cut = await rejection(collect(wrong.events({ ...easy, runRemaining: true })))
      assert.deepStrictEqual(cut instanceof UnexpectedResponseError && cut.result, fits)
      // the job, the key, and two streams
      assert.strictEqual(emulator().ledger().runsStarted, 4)
    })
  })
}

describe("a typed flow", () => {
  it("sends the output of a Standard Schema, with defaults, and encodes with a schema of Effect", async () => {
    const { bodies, fetch } = notingBodies()
    const noukai = client({ fetch })
    await noukai.flow(inputs, { parameters: z.object({ difficulty: z.string().default("easy") }) }).execute()
    const since = Schema.Struct({ difficulty: Schema.NumberFromString })
    await noukai.flow(inputs, { parameters: since }).execute({ parameters: { difficulty: 3 } })
    assert.deepStrictEqual(bodies, [
      `{"parameters":{"difficulty":"easy"},"trace":false}`,
      `{"parameters":{"difficulty":"3"},"trace":false}`
    ])
  })

  it("validates asynchronously, and transforms the result", async () => {
    const allowed = async (difficulty: string) => difficulty === "easy"
    const flow = client().flow(inputs, {
      parameters: z.object({ difficulty: z.string().refine(allowed, "is not allowed") }),
      result: z.object({ seen: z.object({ difficulty: z.string().transform(async (text) => text.length) }) })
    })
    const done = await flow.execute(easy)
    assert.deepStrictEqual(resultOf(done), { seen: { difficulty: 4 } })
    const error = await rejection(flow.execute({ parameters: { difficulty: "hard" } }))
    assert.instanceOf(error, InvalidRequestError)
    assert.match(error.message, /invalid parameters: at difficulty: is not allowed/)
    assert.strictEqual(emulator().ledger().runsStarted, 1)
  })

  it("resolves with the value of the schema also where that is undefined", async () => {
    const flow = client().flow(inputs, { result: z.unknown().transform(() => undefined) })
    const done = await flow.execute(easy)
    assert.deepStrictEqual(["result" in done, resultOf(done)], [true, undefined])
  })

  it("resolves with the server's words for a run that failed, whatever the schema", async () => {
    const done = await client().flow("noukai/tests/failing", { result: z.number() }).execute()
    assert.include(JSON.stringify(done.status === "failed" && done.result), "no model")
  })

  it("checks the result of a run that goes on after a pause", async () => {
    const tools = [{ type: "function", function: { name: "get_weather" } }]
    const flow = client().flow(weather, { result: z.object({ text: z.string() }) })
    const paused = await flow.execute({ tools })
    assert.isTrue(paused.requiresToolCalls)
    if (!paused.requiresToolCalls) return
    const toolResults = paused.toolCalls.map(({ id }) => ({ tool_call_id: id, content: "sunny" }))
    const done = await paused.resume({ toolResults })
    assert.include(done.status === "completed" && done.result.text, "sunny")
  })

  it("throws at the call for a value that is not a schema", () => {
    const noukai = client()
    const flow = (schemas: unknown) => () => noukai.flow(inputs, schemas as { readonly result: AnySchema })
    assert.throws(flow({ result: 42 }), InvalidRequestError, /^noukai.flow: invalid result: must be a schema of Zod 4/)
    assert.throws(flow({ parameters: { "~standard": {} } }), InvalidRequestError, /invalid parameters/)
    assert.throws(flow(42), InvalidRequestError, /invalid options: must be an object/)
    assert.throws(
      flow({
        get result() {
          throw new Error("no")
        }
      }),
      InvalidRequestError,
      /invalid options: cannot be read/
    )
  })
})
