/** The types of a flow in a page. */
import { createFlow, type PageCall, type PageError, type PageFlow, type PageState } from "@effect-noukai/promise/page"
import { type PageHandle, useFlow } from "@effect-noukai/promise/react"
import { type } from "arktype"
import { Schema } from "effect"
import * as v from "valibot"
import { expectTypeOf } from "vitest"
import { z } from "zod"

const at = { url: "/api/triage", id: "order-17" }

// without a schema the result is unknown, and any tool may be called
const bare = createFlow(at)
expectTypeOf(bare).toEqualTypeOf<PageFlow>()
expectTypeOf(bare.state().result).toEqualTypeOf<unknown>()
expectTypeOf(bare.state().calls[0]!.name).toEqualTypeOf<string>()
expectTypeOf(bare.state().calls[0]!.input).toEqualTypeOf<unknown>()
expectTypeOf(bare.run("hi")).toEqualTypeOf<Promise<PageState>>()
expectTypeOf(bare.cancel()).toEqualTypeOf<Promise<boolean>>()

// the output of the schema, in each library
const Answer = z.object({ label: z.string(), at: z.string().transform((text) => new Date(text)) })
interface Answer {
  label: string
  at: Date
}
expectTypeOf(createFlow({ ...at, result: Answer })).toEqualTypeOf<PageFlow<Answer>>()
expectTypeOf(createFlow({ ...at, result: v.object({ n: v.number() }) })).toEqualTypeOf<PageFlow<{ n: number }>>()
expectTypeOf(createFlow({ ...at, result: type({ n: "number" }) })).toEqualTypeOf<PageFlow<{ n: number }>>()
expectTypeOf(createFlow({ ...at, result: Schema.standardSchemaV1(Schema.NumberFromString) }))
  .toEqualTypeOf<PageFlow<number>>()

// the status narrows the result and the error, also where they are taken apart
const { calls, error, result, run, status } = useFlow({
  ...at,
  result: Answer,
  tools: {
    confirm: { parameters: z.object({ question: z.string() }) },
    locate: {
      parameters: z.object({ high: z.boolean() }),
      answer: (input, { id, signal }) => {
        expectTypeOf(input).toEqualTypeOf<{ high: boolean }>()
        expectTypeOf(id).toEqualTypeOf<string>()
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
        return "Lisbon"
      }
    }
  }
})
interface Tools {
  confirm: { question: string }
  locate: { high: boolean }
}
expectTypeOf(run("hi", { order: 17 })).resolves.toEqualTypeOf<PageState<Answer, Tools>>()
expectTypeOf(status).toEqualTypeOf<"idle" | "running" | "waiting" | "completed" | "failed" | "cancelled">()
if (status === "completed") expectTypeOf(result).toEqualTypeOf<Answer>()
else expectTypeOf(result).toEqualTypeOf<undefined>()
if (status === "failed") expectTypeOf(error).toEqualTypeOf<PageError>()
else expectTypeOf(error).toEqualTypeOf<undefined>()

// the name of a call narrows its input
for (const call of calls) {
  expectTypeOf(call).toEqualTypeOf<PageCall<Tools>>()
  if (call.name === "confirm") expectTypeOf(call.input.question).toEqualTypeOf<string>()
  else expectTypeOf(call.input.high).toEqualTypeOf<boolean>()
}

expectTypeOf(useFlow(at)).toEqualTypeOf<PageHandle>()

// @ts-expect-error a flow needs an id
createFlow({ url: "/api/triage" })
// @ts-expect-error a key is not an option of a page
createFlow({ ...at, apiKey: "nk_test" })
// @ts-expect-error a tool needs the schema of its input
createFlow({ ...at, tools: { confirm: {} } })
