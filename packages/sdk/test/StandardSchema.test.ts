/** Flows and tools with schemas of other libraries, by the Standard Schema interface. */
import * as Testing from "@effect-noukai/report/testing"
import { Flow, FlowService, Tools } from "@effect-noukai/sdk"
import { layer as flowLayer } from "@effect-noukai/sdk/FlowService"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import * as Scripted from "@effect-noukai/sdk/testing"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Layer, Schema } from "effect"

type Validate<A> = (value: never) => Flow.StandardResult<A> | Promise<Flow.StandardResult<A>>

const standard = <I, A>(validate: Validate<A>): Flow.StandardSchema<I, A> => ({
  "~standard": {
    version: 1,
    vendor: "test",
    validate: validate as Flow.StandardSchema<I, A>["~standard"]["validate"]
  }
})

interface Score {
  readonly score: number
}

/** Reads the score, a text, as a number. */
const readScore = ({ score }: { readonly score: string }): Flow.StandardResult<Score> =>
  /^\d+$/.test(score)
    ? { value: { score: Number(score) } }
    : { issues: [{ message: "must be digits", path: [{ key: "score" }] }, { message: "and few" }] }

interface Level {
  readonly level?: number
}

const withDefault = standard<Level, Required<Level>>(({ level = 1 }: Level) =>
  typeof level === "number" ? { value: { level } } : { issues: [{ message: "must be a number", path: ["level"] }] }
)

const scripted = (result: unknown) => {
  const script = layerScripted({ execute: [Testing.completed(result)] })
  return Layer.merge(Layer.provide(flowLayer, script), script)
}

describe("a flow with a Standard Schema", () => {
  for (
    const [name, result] of [
      ["at once", standard<unknown, Score>(readScore)],
      ["asynchronously", standard<unknown, Score>(async (value) => readScore(value))]
    ] as const
  ) {
    const Grade = Flow.make("acme/spelling/grade-3", { parameters: withDefault, result })

    it.effect(`sends validated parameters and returns the validated result, ${name}`, () =>
      Effect.gen(function*() {
        const flows = yield* FlowService
        const done = yield* flows.execute(Grade, {})
        assert.deepStrictEqual(done.result, { score: 7 })
        const [call] = yield* (yield* Scripted.ScriptedHttp).requests("execute")
        assert.deepStrictEqual(call!.body.parameters, { level: 1 })
      }).pipe(Effect.provide(scripted({ score: "7" }))))

    it.effect(`keeps a result that does not fit, ${name}`, () =>
      Effect.gen(function*() {
        const flows = yield* FlowService
        const error = yield* Effect.flip(flows.execute(Grade, {}))
        assert.strictEqual(error._tag, "UnexpectedResponseError")
        assert.deepStrictEqual(error._tag === "UnexpectedResponseError" && error.result, { score: "many" })
        assert.include(error.message, "does not fit the schema of the flow: at score: must be digits; and few")
        assert.strictEqual(error.executionId, "ex_test")
      }).pipe(Effect.provide(scripted({ score: "many" }))))
  }

  for (
    const [name, validate] of [
      ["throws", () => {
        throw new Error("no database")
      }],
      ["rejects", () => Promise.reject(new Error("no database"))],
      ["rejects with no error", () => Promise.reject(Object.create(null))],
      ["returns nothing", () => undefined as never],
      ["resolves with nothing", async () => undefined as never]
    ] as ReadonlyArray<[string, Validate<never>]>
  ) {
    it.effect(`keeps the result if the validation ${name}`, () =>
      Effect.gen(function*() {
        const flows = yield* FlowService
        const flow = Flow.make("a/b/c", { result: standard<unknown, unknown>(validate) })
        const error = yield* Effect.flip(flows.execute(flow, {}))
        assert.deepStrictEqual(error._tag === "UnexpectedResponseError" && error.result, { score: 7 })
        assert.include(error.message, "does not fit the schema of the flow: its validation failed: ")
      }).pipe(Effect.provide(scripted({ score: 7 }))))
  }

  it.effect("refuses wrong parameters, and validated ones that are not JSON, before anything is sent", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const wrong = yield* Effect.flip(
        flows.execute(Flow.make("a/b/c", { parameters: withDefault }), { parameters: { level: "high" as never } })
      )
      assert.strictEqual(wrong._tag, "InvalidRequestError")
      assert.include(wrong.message, "invalid parameters: at level: must be a number")
      const parameters = standard<Level, { since: bigint }>(() => ({ value: { since: 1n } }))
      const noJson = yield* Effect.flip(flows.execute(Flow.make("a/b/c", { parameters }), {}))
      assert.strictEqual(noJson._tag === "InvalidRequestError" && noJson.field, "parameters.since")
      assert.lengthOf(yield* (yield* Scripted.ScriptedHttp).calls, 0)
    }).pipe(Effect.provide(scripted({}))))

  it.effect("encodes parameters with a schema of Effect that implements Standard Schema", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const parameters = Schema.standardSchemaV1(Schema.Struct({ level: Schema.NumberFromString }))
      yield* flows.execute(Flow.make("a/b/c", { parameters }), { parameters: { level: 7 } as never })
      const [call] = yield* (yield* Scripted.ScriptedHttp).requests("execute")
      assert.deepStrictEqual(call!.body.parameters, { level: "7" })
    }).pipe(Effect.provide(scripted({}))))

  it.effect("refuses a value that is neither", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      for (const result of [42, {}, { "~standard": {} }, () => {}] as ReadonlyArray<unknown>) {
        const error = yield* Effect.flip(flows.execute(Flow.make("a/b/c", { result: result as never }), {}))
        assert.strictEqual(error._tag === "InvalidRequestError" && error.field, "flow.result")
      }
    }).pipe(Effect.provide(scripted({}))))
})

describe("fromStandardSchema", () => {
  const ScoreSchema = Flow.fromStandardSchema(standard<{ readonly score: string }, Score>(readScore))

  it("decodes, and encodes to the same value", () => {
    assert.deepStrictEqual(Schema.decodeSync(ScoreSchema)({ score: "7" }), { score: 7 })
    assert.deepStrictEqual(Schema.encodeSync(ScoreSchema)({ score: 7 }) as unknown, { score: 7 })
    const failed = Schema.decodeUnknownEither(ScoreSchema)({ score: "x" })
    assert.strictEqual(Either.isLeft(failed) && Flow.formatMismatch(failed.left), "at score: must be digits; and few")
  })

  it("makes parameters of a tool, whose JSON Schema is an annotation", () => {
    const jsonSchema = { type: "object", properties: { score: { type: "string" } } }
    const tools = Tools.make(Tools.tool({
      name: "grade",
      parameters: ScoreSchema.annotations({ jsonSchema }),
      handler: ({ score }) => Effect.succeed(score)
    }))
    assert.deepStrictEqual(tools.declarations[0]!.function.parameters, jsonSchema)
    assert.isUndefined(tools.problem)
  })
})
