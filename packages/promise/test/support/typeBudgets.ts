/** Programs with a typed flow and three tools in each library, and the budgets of their types. */
import type { Library } from "./libraries.js"

interface Budget {
  /** The schemas: `parameters`, `result`, and the arguments `a`, `b` and `c` of three tools. */
  readonly schemas: string
  /** The most instantiations of a program with these schemas, a flow and three tools. */
  readonly most: number
}

export const budgets: { readonly [L in Library]: Budget } = {
  zod: {
    most: 10_000,
    schemas: `import { z } from "zod"
export const parameters = z.object({ difficulty: z.enum(["easy", "hard"]), count: z.number().optional() })
export const result = z.object({
  score: z.number(),
  marks: z.array(z.object({ word: z.string(), at: z.object({ line: z.number(), column: z.number() }) }))
})
export const a = z.object({ city: z.string() })
export const b = z.object({ word: z.string(), strict: z.boolean().optional() })
export const c = z.object({ ids: z.array(z.number()) })`
  },
  effect: {
    most: 20_000,
    schemas: `import { Schema } from "effect"
export const parameters = Schema.Struct({ difficulty: Schema.Literal("easy", "hard"), count: Schema.optional(Schema.Number) })
export const result = Schema.Struct({
  score: Schema.Number,
  marks: Schema.Array(Schema.Struct({ word: Schema.String, at: Schema.Struct({ line: Schema.Number, column: Schema.Number }) }))
})
export const a = Schema.Struct({ city: Schema.String })
export const b = Schema.Struct({ word: Schema.String, strict: Schema.optional(Schema.Boolean) })
export const c = Schema.Struct({ ids: Schema.Array(Schema.Number) })`
  },
  valibot: {
    most: 25_000,
    schemas: `import { toStandardJsonSchema } from "@valibot/to-json-schema"
import * as v from "valibot"
export const parameters = v.object({ difficulty: v.picklist(["easy", "hard"]), count: v.optional(v.number()) })
export const result = v.object({
  score: v.number(),
  marks: v.array(v.object({ word: v.string(), at: v.object({ line: v.number(), column: v.number() }) }))
})
export const a = toStandardJsonSchema(v.object({ city: v.string() }))
export const b = toStandardJsonSchema(v.object({ word: v.string(), strict: v.optional(v.boolean()) }))
export const c = toStandardJsonSchema(v.object({ ids: v.array(v.number()) }))`
  },
  arktype: {
    most: 40_000,
    schemas: `import { type } from "arktype"
export const parameters = type({ difficulty: "'easy' | 'hard'", "count?": "number" })
export const result = type({
  score: "number",
  marks: type({ word: "string", at: { line: "number", column: "number" } }).array()
})
export const a = type({ city: "string" })
export const b = type({ word: "string", "strict?": "boolean" })
export const c = type({ ids: "number[]" })`
  }
}

/** Our part of a program. */
export const ours = `import { defineTool, type Noukai } from "@effect-noukai/promise"
const tools = [
  defineTool({ name: "a", parameters: a, run: ({ city }) => city.length }),
  defineTool({ name: "b", parameters: b, run: async ({ strict, word }) => ({ word, strict }) }),
  defineTool({ name: "c", parameters: c, run: ({ ids }) => ids.map((id) => id + 1) })
]
export const grade = async (noukai: Noukai): Promise<number> => {
  const flow = noukai.flow("acme/spelling/grade-3", { parameters, result })
  const done = await flow.execute({ message: "hi", parameters: { difficulty: "easy" }, tools })
  if (done.status !== "completed") return 0
  return done.result.score + done.result.marks.filter(({ at }) => at.line > 0).length
}`

const types: { readonly [L in Library]: string } = {
  zod: `NonNullable<S["~standard"]["types"]>`,
  valibot: `NonNullable<S["~standard"]["types"]>`,
  arktype: `NonNullable<S["~standard"]["types"]>`,
  effect: `{ input: S["Type"]; output: S["Type"] }`
}

const constraints: { readonly [L in Library]: string } = {
  zod: `{ "~standard": { types?: { input: unknown; output: unknown } | undefined } }`,
  valibot: `{ "~standard": { types?: { input: unknown; output: unknown } | undefined } }`,
  arktype: `{ "~standard": { types?: { input: unknown; output: unknown } | undefined } }`,
  effect: `{ Type: unknown }`
}

/** The same program without us: it uses the types of the same schemas. */
export const without = (library: Library): string =>
  `type Types<S extends ${constraints[library]}> = ${types[library]}
export const tools = [
  ({ city }: Types<typeof a>["output"]) => city.length,
  async ({ strict, word }: Types<typeof b>["output"]) => ({ word, strict }),
  ({ ids }: Types<typeof c>["output"]) => ids.map((id) => id + 1)
]
type Execute = (given: Types<typeof parameters>["input"]) => Promise<Types<typeof result>["output"]>
export const grade = async (execute: Execute): Promise<number> => {
  const done = await execute({ difficulty: "easy" })
  return done.score + done.marks.filter(({ at }) => at.line > 0).length
}`

type Each = (text: (n: number) => string) => string

/** Many flows, each executed, of schemas with a number behind their names. */
export const thirty = (each: Each): string =>
  `import type { Noukai } from "@effect-noukai/promise"
declare const noukai: Noukai
${
    each((n) =>
      `export const run${n} = async () => {
  const done = await noukai.flow("a/b/c${n}", { parameters: parameters${n}, result: result${n} }).execute({
    parameters: { difficulty: "easy" }
  })
  return done.status === "completed" ? done.result.score : 0
}`
    )
  }`
