import { defineTool, type Noukai } from "@effect-noukai/promise"
import { toStandardJsonSchema } from "@valibot/to-json-schema"
import { type } from "arktype"
import { Schema } from "effect"
import * as v from "valibot"

const address = "acme/spelling/grade-3"

export const flows = (noukai: Noukai) => [
  noukai.flow(address, { result: v.object({ score: v.number() }) }),
  noukai.flow(address, { result: type({ score: "number" }) }),
  noukai.flow(address, { result: Schema.Struct({ score: Schema.Number }) })
]

export const tools = [
  defineTool({
    name: "with_valibot",
    parameters: toStandardJsonSchema(v.object({ city: v.string() })),
    run: ({ city }) => city
  }),
  defineTool({ name: "with_arktype", parameters: type({ city: "string" }), run: ({ city }) => city }),
  defineTool({ name: "with_effect", parameters: Schema.Struct({ city: Schema.String }), run: ({ city }) => city }),
  defineTool({
    name: "by_hand",
    // a Date has no JSON Schema
    parameters: type({ day: "string.date.parse" }),
    jsonSchema: { type: "object", properties: { day: { type: "string", format: "date" } }, required: ["day"] },
    run: ({ day }) => day.getDay()
  })
]
