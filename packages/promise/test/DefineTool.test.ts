/** Tools that check and answer their own calls, against the emulator. */
import {
  type AnySchema,
  createRelayFlow,
  currentSessionId,
  defineTool,
  InvalidRequestError,
  type Tool,
  ToolCallLimitError,
  traceScope
} from "@effect-noukai/promise"
import { type } from "arktype"
import { Schema } from "effect"
import * as v from "valibot"
import { assert, describe, it } from "vitest"
import { z } from "zod"
import * as mini from "zod/mini"
import * as z3 from "zod/v3"
import { libraries, libraryNames } from "./support/libraries.js"
import { ownEmulator } from "./support/ownEmulator.js"
import { notingBodies } from "./support/sentBodies.js"
import { collect, rejection, resultOf, tools as declared, weather } from "./support/world.js"

const { client, emulator } = ownEmulator()

const jsonSchema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] }

for (const library of libraryNames) {
  describe(`a tool with a schema of ${library}`, () => {
    const { city, wrongCity } = libraries[library] as typeof libraries.zod

    it("is sent as JSON Schema, and answers the call with checked arguments", async () => {
      const { bodies, fetch } = notingBodies()
      const seen: Array<unknown> = []
      const tool = defineTool({
        name: "get_weather",
        description: "The weather of a city",
        parameters: city,
        run: async (args, { signal, toolCall }) => {
          seen.push(args, signal.aborted, toolCall.function.name)
          return { sky: `sunny in ${args.city}` }
        }
      })
      const done = await client({ fetch }).flow(weather).execute({ message: "hi", tools: [tool] })
      assert.include(JSON.stringify(resultOf(done)), "sunny in Lisbon")
      assert.deepStrictEqual(seen, [{ city: "Lisbon" }, false, "get_weather"])
      const sent = JSON.parse(bodies[0]!).tools
      const { additionalProperties: _, ...parameters } = sent[0].function.parameters
      assert.deepStrictEqual({ ...sent[0].function, parameters }, {
        name: "get_weather",
        description: "The weather of a city",
        parameters: jsonSchema
      })
      assert.include(bodies[1], String.raw`"content":"{\"sky\":\"sunny in Lisbon\"}"`)
      assert.strictEqual(emulator().ledger().runsStarted, 1)
    })

    it("reports wrong arguments to the model, and runs nothing", async () => {
      const { bodies, fetch } = notingBodies()
      let ran = false
      const tool = defineTool({
        name: "get_weather",
        parameters: wrongCity,
        run: () => {
          ran = true
        }
      })
      const done = await client({ fetch }).flow(weather).execute({ tools: [tool] })
      assert.strictEqual(done.status, "completed")
      assert.isFalse(ran)
      assert.match(bodies[1]!, /"content":"\{\\"error\\":\\"bad arguments: at city: /)
      const error = await rejection(client().flow("noukai/tests/forever").execute({ tools: [tool] }))
      assert.instanceOf(error, ToolCallLimitError)
    })
  })
}

describe("tools of defineTool", () => {
  const get = (run: () => unknown) =>
    defineTool({ name: "get_weather", parameters: z.object({ city: z.string() }), run })

  it("answer the calls of streams and of runs once per key", async () => {
    const flow = client().flow(weather)
    const tools = [get(() => "sunny")]
    const events = await collect(flow.events({ tools }))
    assert.notInclude(events.map(({ type }) => type), "tool_calls_required")
    const last = events.at(-1)
    assert.include(JSON.stringify(last?.type === "flow_completed" && last.result), "sunny")
    assert.include(JSON.stringify(await flow.executeOnce("key", { tools })), "sunny")
    assert.strictEqual(emulator().ledger().runsStarted, 2)
  })

  it("send undefined as null", async () => {
    const { bodies, fetch } = notingBodies()
    await client({ fetch }).flow(weather).execute({ tools: [get(() => undefined)] })
    assert.include(bodies[1], `"content":"null"`)
  })

  it("reject with the error of run, and abort its signal with the call", async () => {
    const boom = new Error("boom")
    const thrown = await rejection(
      client().flow(weather).execute({
        tools: [get(() => {
          throw boom
        })]
      })
    )
    assert.strictEqual(thrown, boom)
    const controller = new AbortController()
    let aborted = false
    const waits = defineTool({
      name: "get_weather",
      parameters: z.object({}),
      run: (_, { signal }) =>
        new Promise(() => {
          signal.addEventListener("abort", () => {
            aborted = true
          })
          controller.abort(boom)
        })
    })
    const left = await rejection(client().flow(weather).execute({ tools: [waits], signal: controller.signal }))
    assert.strictEqual(left, boom)
    assert.isTrue(aborted)
  })

  it("run in the scope of the call", async () => {
    let session: string | null = null
    const noukai = client()
    const tools = [get(() => {
      session = currentSessionId()
    })]
    const outside = await traceScope(async () => {
      await noukai.flow(weather).execute({ tools })
      return currentSessionId()
    }, { client: noukai })
    assert.isString(session)
    assert.strictEqual(session, outside)
  })

  it("are refused beside declarations and a toolHandler, before anything is sent", async () => {
    const flow = client().flow(weather)
    const mixed = await rejection(flow.execute({ tools: [get(() => 1), ...declared] as ReadonlyArray<Tool> }))
    assert.match(String(mixed), /invalid tools: must all be made by defineTool, or all be in OpenAI's function format/)
    const handled = await rejection(flow.execute({ tools: [get(() => 1)], toolHandler: () => [] }))
    assert.match(String(handled), /invalid toolHandler: is not used with tools of defineTool/)
    // an object of the class of another copy
    const copied = await rejection(flow.execute({ tools: [Object.assign(Object.create({}), get(() => 1))] }))
    assert.match(
      String(copied),
      /invalid tools\[0\]: was made by defineTool of another copy of @effect-noukai\/promise/
    )
    assert.isTrue(mixed instanceof InvalidRequestError && handled instanceof InvalidRequestError)
    // a declaration with a field of defineTool
    const named = await rejection(
      flow.execute({ message: "hi", tools: [{ ...declared[0]!, definition: null } as never] })
    )
    assert.match(String(named), /invalid tools\[0\]\.definition: is not an option/)
    assert.strictEqual(emulator().ledger().requestsReceived, 0)
  })

  it("check arguments asynchronously", async () => {
    const { bodies, fetch } = notingBodies()
    const parameters = z.object({ city: z.string().refine(async (city) => city === "Porto", "is not served") })
    const tools = [defineTool({ name: "get_weather", parameters, run: () => "sunny" })]
    await client({ fetch }).flow(weather).execute({ tools })
    assert.include(bodies[1], "bad arguments: at city: is not served")
  })

  const noJson: ReadonlyArray<readonly [name: string, result: () => unknown, path: string]> = [
    ["a map", () => new Map([["sky", "blue"]]), ""],
    ["a set", () => ({ seen: new Set([1]) }), ".seen"],
    ["an error", () => Object.assign(new Error("no weather"), { code: "E" }), ""],
    ["a response", () => new Response("sunny"), ""],
    ["a function", () => ({ list: [1, () => 1] }), ".list[1]"],
    ["a forgotten await", () => ({ sky: Promise.resolve("blue") }), ".sky"],
    ["NaN", () => ({ degrees: { max: Number.NaN } }), ".degrees.max"],
    ["a list with undefined", () => [undefined], "[0]"]
  ]

  for (const [name, result, path] of noJson) {
    it(`reject for ${name} with the name of the tool and the path, and send nothing`, async () => {
      const flow = client().flow(weather)
      const handled = {
        tools: declared,
        toolHandler: (calls: ReadonlyArray<{ readonly id: string }>) =>
          Promise.resolve(calls.map(({ id }) => ({ tool_call_id: id, content: result() })))
      }
      const calls = [
        () => flow.execute({ tools: [get(result)] }),
        () => collect(flow.events({ tools: [get(result)] })),
        () => flow.execute(handled as never),
        () => collect(flow.events(handled as never))
      ]
      for (const [index, call] of calls.entries()) {
        const error = await rejection(call()) as InvalidRequestError
        assert.instanceOf(error, InvalidRequestError)
        assert.strictEqual(error.field, `tools.get_weather.result${path}`)
        assert.isString(error.executionId)
        assert.strictEqual(emulator().ledger().requestsReceived, index + 1)
      }
    })
  }

  it("of Zod mini and Zod 3 are refused with the way to a JSON Schema, which works", async () => {
    const city = mini.object({ city: mini.string() })
    const refusalOf = (parameters: AnySchema): string => {
      try {
        defineTool({ name: "get_weather", parameters, run: () => "sunny" })
        return "made"
      } catch (error) {
        return String(error)
      }
    }
    assert.match(
      refusalOf(city),
      /Zod mini give jsonSchema: z\.toJSONSchema\(schema\), or import z from "zod", or give/
    )
    assert.match(refusalOf(z3.object({ city: z3.string() })), /a schema of Zod 3 cannot make one: use Zod 4, or give/)
    const tool = defineTool({
      name: "get_weather",
      parameters: city,
      jsonSchema: mini.toJSONSchema(city),
      run: (args) => args.city
    })
    assert.strictEqual((await client().flow(weather).execute({ tools: [tool] })).status, "completed")
  })

  it("are refused by a relay flow before anything is sent", async () => {
    const relay = createRelayFlow({
      url: "http://127.0.0.1/agent",
      fetch: () => {
        throw new Error("sent")
      }
    })
    const error = await rejection(relay.execute({ tools: [get(() => 1)] as never }))
    assert.instanceOf(error, InvalidRequestError)
    assert.match(String(error), /invalid tools: must be a list of/)
  })

  it("are checked by a schema with a JSON Schema by hand", async () => {
    const { bodies, fetch } = notingBodies()
    const day = new Date(0)
    const tools = [defineTool({
      name: "get_weather",
      parameters: z.object({ city: z.string(), day: z.date().default(day) }),
      jsonSchema,
      run: (args) => args.day.getTime()
    })]
    await client({ fetch }).flow(weather).execute({ tools })
    assert.deepStrictEqual(JSON.parse(bodies[0]!).tools[0].function.parameters, jsonSchema)
    assert.include(bodies[1], `"content":"0"`)
  })
})

describe("defineTool throws at once for", () => {
  /** A schema whose library writes `true` for any value. */
  const lax = {
    "~standard": {
      ...z.object({})["~standard"],
      jsonSchema: { input: () => ({ type: "object", properties: { days: { type: "array", items: true } } }) }
    }
  }
  const tree = z.object({
    value: z.unknown(),
    get children() {
      return z.array(tree)
    }
  })
  const rows: ReadonlyArray<readonly [name: string, parameters: AnySchema, message: RegExp]> = [
    ["a date of Zod", z.object({ at: z.object({ day: z.date() }) }), /invalid parameters\.at\.day: .*Date cannot/],
    ["a transform of Zod", z.object({ day: z.transform(String) }), /invalid parameters\.day: .*Transforms cannot/],
    ["a bigint in a list of Zod", z.object({ ids: z.array(z.bigint()) }), /invalid parameters\.ids: .*BigInt cannot/],
    ["an unknown field of Zod", z.object({ ids: z.array(z.unknown()) }), /invalid parameters\.ids\[\]: .*says nothing/],
    ["a Date of ArkType", type({ at: { day: "Date" } }), /invalid parameters\.at\.day: .*says nothing/],
    ["a union with a Date", type({ day: "Date | string" }), /invalid parameters\.day: .*says nothing/],
    ["an optional Date", type({ "day?": "Date" }), /invalid parameters\.day: .*says nothing/],
    ["a lax JSON Schema", lax, /invalid parameters\.days\[\]: .*says nothing/],
    ["a recursive list of Zod", tree, /invalid .*value: .*says nothing/],
    ["a described Date", type({ day: type("Date").describe("the day") }), /invalid parameters\.day: .*says nothing/],
    ["Valibot without JSON Schema", v.object({ city: v.string() }), /invalid parameters: .*toStandardJsonSchema/],
    ["a field of Effect", Schema.Struct({ day: Schema.DateFromSelf }), /invalid parameters: .*\["day"\]/],
    ["a string", z.string(), /invalid parameters: .*must be an object/],
    ["no schema", 42 as unknown as AnySchema, /invalid parameters: must be a schema of Zod 4/]
  ]
  for (const [name, parameters, message] of rows) {
    it(name, () => {
      const define = () => defineTool({ name: "find_day", parameters, run: () => null })
      assert.throws(define, InvalidRequestError, message)
      assert.throws(define, /^defineTool find_day: /)
    })
  }

  it("options that do not fit", () => {
    const parameters = z.object({})
    const run = () => null
    const wrong = (options: object) => () => defineTool({ name: "a", parameters, run, ...options })
    assert.throws(wrong({ name: "no spaces" }), InvalidRequestError, /^defineTool: invalid name/)
    assert.throws(wrong({ description: 1 }), /invalid description/)
    assert.throws(wrong({ run: 1 }), /invalid run/)
    assert.throws(wrong({ jsonSchema: 1 }), /invalid jsonSchema/)
    assert.throws(wrong({ descripton: "adds" }), InvalidRequestError, /descripton: .*did you mean description\?$/)
    assert.strictEqual(defineTool({ name: "a", parameters, run, strict: undefined } as never).name, "a")
    assert.throws(wrong({ jsonSchema: { type: "string" } }), /invalid parameters: .*must be an object/)
    assert.throws(() => defineTool(undefined as never), InvalidRequestError, /invalid name/)
  })
})
