/** Strict schemas of each library take results with numbers that JavaScript cannot hold. */
import { type AnySchema, defineTool } from "@effect-noukai/promise"
import { parseJson } from "@effect-noukai/sdk/kit/plainJson"
import { toStandardJsonSchema } from "@valibot/to-json-schema"
import { type } from "arktype"
import { Schema } from "effect"
import * as v from "valibot"
import { assert, beforeEach, describe, it } from "vitest"
import { z } from "zod"
import { ownEmulator } from "./support/ownEmulator.js"
import { notingBodies } from "./support/sentBodies.js"
import { collect, resultOf } from "./support/world.js"

const { client, emulator } = ownEmulator()

const big = "12345678901234567890"

beforeEach(() =>
  emulator().putFlows(
    {
      ref: "noukai/strict/inputs",
      steps: [{ kind: "template", id: "only", output: { seen: { of: "{{parameters.of}}" } } }]
    },
    {
      ref: "noukai/strict/calls",
      steps: [{
        kind: "tool",
        id: "only",
        rounds: [[{ name: "look", arguments: parseJson(`{"of":{"id":${big}}}`) as never }]],
        output: 1
      }]
    }
  )
)

const of = { id: Number(big) }
const seen = { of }

const strict = { parseOptions: { onExcessProperty: "error" } } as const
const Of = Schema.Struct({ id: Schema.Number }).annotations(strict)
const Parameters = Schema.Struct({ of: Of }).annotations(strict)

/** The schemas of parameters and of a result that holds them. */
const libraries = {
  zod: {
    parameters: z.strictObject({ of: z.strictObject({ id: z.number() }) }),
    result: z.strictObject({ seen: z.strictObject({ of: z.strictObject({ id: z.number() }) }) })
  },
  valibot: {
    parameters: toStandardJsonSchema(v.strictObject({ of: v.strictObject({ id: v.number() }) })),
    result: v.strictObject({ seen: v.strictObject({ of: v.strictObject({ id: v.number() }) }) })
  },
  arktype: {
    parameters: type({ "+": "reject", of: { "+": "reject", id: "number" } }),
    result: type({ "+": "reject", seen: { "+": "reject", of: { "+": "reject", id: "number" } } })
  },
  effect: {
    parameters: Parameters,
    result: Schema.Struct({ seen: Parameters }).annotations(strict)
  }
} satisfies { readonly [library: string]: { readonly parameters: AnySchema; readonly result: AnySchema } }

for (const [library, schemas] of Object.entries(libraries)) {
  // the tests take all libraries for one: each has the same types
  const { parameters, result } = schemas as typeof libraries.zod

  describe(`strict schemas of ${library}`, () => {
    it("take results, and parameters are sent as they came", async () => {
      const { bodies, fetch } = notingBodies()
      const flow = client({ fetch }).flow("noukai/strict/inputs", { parameters, result })
      const input = { parameters: parseJson(`{"of":{"id":${big}}}`) as typeof seen }
      assert.deepStrictEqual(resultOf(await flow.execute(input)), { seen })
      assert.deepStrictEqual(resultOf(await flow.executeOnce("key", input)), { seen })
      const job = await flow.executeAsync(input)
      assert.deepStrictEqual((await job.wait({ pollInterval: 5 })).result, { seen })
      const last = (await collect(flow.events({ ...input, runRemaining: true }))).at(-1)
      assert.deepStrictEqual(last?.type === "flow_completed" && last.result, { seen })
      for (const body of bodies.filter((body) => body.includes("parameters"))) {
        assert.include(body, `"parameters":{"of":{"id":${big}}}`)
      }
    })

    it("take the arguments of a tool", async () => {
      const given: Array<unknown> = []
      const look = defineTool({
        name: "look",
        parameters,
        run: (args) => {
          given.push(args)
          return "seen"
        }
      })
      await client().flow("noukai/strict/calls").execute({ tools: [look] })
      assert.deepStrictEqual(given, [seen])
    })
  })
}
