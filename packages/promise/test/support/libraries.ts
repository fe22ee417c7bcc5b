/** The same schemas in each library. */
import { toStandardJsonSchema } from "@valibot/to-json-schema"
import { type } from "arktype"
import { Schema } from "effect"
import * as v from "valibot"
import { z } from "zod"

/** The parameters and the result of the flow `noukai/tests/inputs`, and the arguments of `get_weather`. */
export const libraries = {
  zod: {
    parameters: z.object({ difficulty: z.enum(["easy", "hard"]) }),
    result: z.object({ seen: z.object({ difficulty: z.enum(["easy", "hard"]) }) }),
    wrongResult: z.object({ seen: z.object({ difficulty: z.number() }) }),
    city: z.object({ city: z.string() }),
    wrongCity: z.object({ city: z.number() })
  },
  valibot: {
    parameters: v.object({ difficulty: v.picklist(["easy", "hard"]) }),
    result: v.object({ seen: v.object({ difficulty: v.picklist(["easy", "hard"]) }) }),
    wrongResult: v.object({ seen: v.object({ difficulty: v.number() }) }),
    city: toStandardJsonSchema(v.object({ city: v.string() })),
    wrongCity: toStandardJsonSchema(v.object({ city: v.number() }))
  },
  arktype: {
    parameters: type({ difficulty: "'easy' | 'hard'" }),
    result: type({ seen: { difficulty: "'easy' | 'hard'" } }),
    wrongResult: type({ seen: { difficulty: "number" } }),
    city: type({ city: "string" }),
    wrongCity: type({ city: "number" })
  },
  effect: {
    parameters: Schema.Struct({ difficulty: Schema.Literal("easy", "hard") }),
    result: Schema.Struct({ seen: Schema.Struct({ difficulty: Schema.Literal("easy", "hard") }) }),
    wrongResult: Schema.Struct({ seen: Schema.Struct({ difficulty: Schema.Number }) }),
    city: Schema.Struct({ city: Schema.String }),
    wrongCity: Schema.Struct({ city: Schema.Number })
  }
} as const

export type Library = keyof typeof libraries

export const libraryNames = Object.keys(libraries) as ReadonlyArray<Library>
