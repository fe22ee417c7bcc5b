/** The types of typed flows and tools, in each library. */
import {
  type AnySchema,
  type CompletedResult,
  defineTool,
  type Flow,
  type Job,
  type Noukai,
  type OnceResult,
  type PausedResult,
  type RelayFlow,
  type ResultOfStatusFailed,
  type StepCompleted,
  type StreamEvent,
  type Tool,
  type TypedFlow,
  type TypedJob,
  type TypedJobStatus,
  type TypedOnceJob,
  type TypedPausedResult,
  type TypedResult
} from "@effect-noukai/promise"
import { type } from "arktype"
import { Schema } from "effect"
import * as v from "valibot"
import { expectTypeOf } from "vitest"
import { z } from "zod"

declare const noukai: Noukai

interface Parameters {
  difficulty: "easy" | "hard"
  count?: number | undefined
}

interface Result {
  score: number
}

// Zod: the input of the parameters, with what has a default; the output of the result
const OfZod = noukai.flow("a/b/c", {
  parameters: z.object({ difficulty: z.enum(["easy", "hard"]), count: z.number().default(1) }),
  result: z.object({ score: z.string().transform(Number) })
})
expectTypeOf(OfZod).toEqualTypeOf<TypedFlow<Parameters, Result>>()
expectTypeOf(OfZod.execute({ parameters: { difficulty: "easy" } })).toEqualTypeOf<Promise<TypedResult<Result>>>()
// @ts-expect-error a wrong value
void OfZod.execute({ parameters: { difficulty: "medium" } })
// @ts-expect-error an unknown parameter
void OfZod.execute({ parameters: { difficulty: "easy", tone: "dry" } })
// @ts-expect-error required parameters
void OfZod.execute({ message: "hi" })
// @ts-expect-error required parameters
void OfZod.execute()
// @ts-expect-error a misspelt option
void OfZod.execute({ parameters: { difficulty: "easy" }, mesage: "hi" })

// Valibot
const OfValibot = noukai.flow("a/b/c", {
  parameters: v.object({ difficulty: v.picklist(["easy", "hard"]), count: v.optional(v.number(), 1) }),
  result: v.object({ score: v.pipe(v.string(), v.transform(Number)) })
})
expectTypeOf(OfValibot).toEqualTypeOf<TypedFlow<Parameters, Result>>()
// @ts-expect-error a wrong value
void OfValibot.execute({ parameters: { difficulty: "medium" } })
// @ts-expect-error required parameters
void OfValibot.execute({})

// ArkType
const OfArkType = noukai.flow("a/b/c", {
  parameters: type({ difficulty: "'easy' | 'hard'", count: "number = 1" }),
  result: type({ score: "string.numeric.parse" })
})
expectTypeOf(OfArkType.execute({ parameters: { difficulty: "easy" } })).toEqualTypeOf<Promise<TypedResult<Result>>>()
// @ts-expect-error a wrong value
void OfArkType.execute({ parameters: { difficulty: "medium" } })
// @ts-expect-error required parameters
void OfArkType.execute({})

// Effect: its Type on both sides
const OfEffect = noukai.flow("a/b/c", {
  parameters: Schema.mutable(
    Schema.Struct({ difficulty: Schema.Literal("easy", "hard"), count: Schema.optional(Schema.NumberFromString) })
  ),
  result: Schema.mutable(Schema.Struct({ score: Schema.NumberFromString }))
})
expectTypeOf(OfEffect).toEqualTypeOf<TypedFlow<Parameters, Result>>()
// @ts-expect-error a wrong value
void OfEffect.execute({ parameters: { difficulty: "medium" } })
// @ts-expect-error required parameters
void OfEffect.execute({})
declare const Demanding: Schema.Schema<string, string, Flow>
// @ts-expect-error a schema with requirements
noukai.flow("a/b/c", { result: Demanding })

// not schemas
// @ts-expect-error an object of fields
noukai.flow("a/b/c", { result: { score: z.number() } })
// @ts-expect-error a misspelt option
noukai.flow("a/b/c", { results: z.number() })
expectTypeOf(noukai.flow("a/b/c")).toEqualTypeOf<Flow>()

// one schema alone
const Results = noukai.flow("a/b/c", { result: z.object({ score: z.number() }) })
expectTypeOf(Results).toEqualTypeOf<TypedFlow<Record<string, unknown>, Result>>()
void Results.execute()
void Results.execute({ parameters: { anything: 1 } })
const Inputs = noukai.flow("a/b/c", { parameters: z.object({ tone: z.string().optional() }) })
expectTypeOf(Inputs.execute()).toEqualTypeOf<Promise<TypedResult<unknown>>>()

// every operation
const given = { parameters: { difficulty: "easy" } } as const
expectTypeOf(OfZod.executeOnce("key", given)).toEqualTypeOf<Promise<OnceResult<TypedResult<Result>>>>()
expectTypeOf(OfZod.executeAsync(given)).toEqualTypeOf<Promise<TypedJob<Result>>>()
expectTypeOf(OfZod.executeAsyncOnce("key", given)).toEqualTypeOf<Promise<TypedOnceJob<Result>>>()
expectTypeOf(OfZod.events(given)).toEqualTypeOf<AsyncIterable<StreamEvent<Result>>>()
expectTypeOf(OfZod.steps(given)).toEqualTypeOf<AsyncIterable<StepCompleted>>()
expectTypeOf(OfZod.job("id")).toEqualTypeOf<TypedJob<Result>>()
expectTypeOf<TypedJob<Result>>().toExtend<Job>()
// @ts-expect-error the queue takes no tools
void OfZod.executeAsync({ ...given, tools: [] })

// results: one check for the status
declare const done: TypedResult<Result>
if (done.status === "completed") expectTypeOf(done).toEqualTypeOf<CompletedResult<Result>>()
if (done.status === "failed") expectTypeOf(done.result).toEqualTypeOf<ResultOfStatusFailed | undefined>()
// @ts-expect-error a run that waits has no result: the status comes first
void done.result
// where only the pause is checked, the type of the result names the status
if (!done.requiresToolCalls) expectTypeOf(done.result).toEqualTypeOf<Result | ResultOfStatusFailed | undefined>()
if (done.requiresToolCalls) expectTypeOf(done).toEqualTypeOf<TypedPausedResult<Result>>()
expectTypeOf<TypedPausedResult<Result>>().toExtend<PausedResult>()
// @ts-expect-error the run may have failed
if (!done.requiresToolCalls) void done.result.score
declare const status: TypedJobStatus<Result>
if (status.status === "completed") expectTypeOf(status.result.score).toEqualTypeOf<number>()
// @ts-expect-error the job may not have ended
void status.result.score

// tools: the output of the schema, in each library
const tools = [
  defineTool({
    name: "a",
    parameters: z.object({ count: z.number().default(1) }),
    run: (args, { signal, toolCall }) => {
      expectTypeOf(args).toEqualTypeOf<{ count: number }>()
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
      return toolCall.id
    }
  }),
  defineTool({
    name: "b",
    parameters: v.object({ count: v.optional(v.number(), 1) }),
    run: (args) => expectTypeOf(args).toEqualTypeOf<{ count: number }>()
  }),
  defineTool({
    name: "c",
    parameters: type({ count: "number = 1" }),
    run: (args) => expectTypeOf(args.count).toEqualTypeOf<number>()
  }),
  defineTool({
    name: "d",
    parameters: Schema.Struct({ count: Schema.NumberFromString }),
    run: (args) => expectTypeOf(args).toEqualTypeOf<{ readonly count: number }>()
  })
]
expectTypeOf(tools).toEqualTypeOf<Array<Tool>>()
void noukai.flow("a/b/c").execute({ tools })
void OfZod.execute({ ...given, tools })
declare const relay: RelayFlow
// @ts-expect-error a relay takes declarations
void relay.execute({ tools })
// @ts-expect-error no such argument
defineTool({ name: "a", parameters: z.object({ city: z.string() }), run: ({ town }) => town })
// @ts-expect-error not a schema
defineTool({ name: "a", parameters: { city: "string" }, run: () => null })
// @ts-expect-error no name
defineTool({ parameters: z.object({}), run: () => null })
// @ts-expect-error declarations and tools are not mixed
void noukai.flow("a/b/c").execute({ tools: [tools[0]!, { type: "function" }] })
expectTypeOf<z.ZodType>().toExtend<AnySchema>()
