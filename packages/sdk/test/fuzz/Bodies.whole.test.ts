/** Bodies and headers of any kind, under any status (docs/wire.md#errors). */
import { Flow, FlowService, isNoukaiError, JobService, type NoukaiError, RunService } from "@effect-noukai/sdk"
import type { Services } from "@effect-noukai/sdk/Noukai"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FC from "effect/FastCheck"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import { answering, type MadeUp } from "../support/answering.js"
import { arbitraries } from "../support/arbitraries.js"
import { plantedKey } from "../support/client.js"
import { brokenBytes, brokenJson, brokenText, fuzzEffect, fuzzTimeout, oddHeader } from "../support/fuzz.js"

const id = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

const headers = FC.dictionary(
  FC.constantFrom("retry-after", "www-authenticate", "x-request-id", "content-type", "location"),
  oddHeader,
  { maxKeys: 3 }
).map((made) => Object.fromEntries(Object.entries(made).map(([name, value]) => [name, value.trim()])))

const problem = FC.oneof(
  FC.record({
    detail: FC.record({ code: FC.constant("INTERNAL_ERROR"), message: FC.string(), executionId: FC.uuid() })
  }),
  FC.record({ detail: FC.string() }),
  FC.record({
    detail: FC.array(
      FC.record({ loc: FC.array(FC.oneof(FC.string(), FC.nat())), msg: FC.string(), type: FC.string() })
    )
  })
)

const page = FC.tuple(FC.constantFrom("script", "style", "p"), FC.string()).map(([tag, text]) =>
  `<html><${tag}>${text}<${tag}></${tag}>${`<${tag} `.repeat(20)}`
)

const errorBody = FC.oneof(
  brokenJson(problem),
  brokenText(page),
  FC.string().map((text) => `{"detail":"${plantedKey}${text}"}`)
)

const status = FC.oneof(
  FC.constantFrom(300, 304, 400, 401, 402, 403, 404, 408, 409, 410, 413, 422, 429, 500, 502, 503, 504, 599),
  FC.integer({ min: 300, max: 599 })
)

type Operation = Effect.Effect<unknown, NoukaiError, Services>

const operations: { readonly [name: string]: Operation } = {
  execute: Effect.flatMap(FlowService, (flows) => flows.execute("acme/support/answer", { message: "hi" })),
  trace: Effect.flatMap(RunService, (runs) => runs.trace("acme/support/answer", id)),
  stepTrace: Effect.flatMap(RunService, (runs) => runs.stepTrace("acme/support/answer", id, "a", { attempt: "all" })),
  submit: Effect.flatMap(JobService, (jobs) => jobs.submit("acme/support/answer", { message: "hi" }))
}

const operation = FC.constantFrom(...Object.keys(operations))

/** A value or one of our errors, whose text can be read and has no key in it. */
const checked = (name: string, answer: MadeUp): Effect.Effect<Exit.Exit<unknown, unknown>> =>
  operations[name]!.pipe(
    Effect.provide(answering(answer)),
    Effect.provide(Logger.remove(Logger.defaultLogger)),
    Effect.exit,
    Effect.tap((exit) =>
      Effect.sync(() => {
        if (Exit.isSuccess(exit)) return
        assert.isTrue(Cause.isFailType(exit.cause), Cause.pretty(exit.cause))
        const error = Cause.squash(exit.cause)
        assert.isTrue(isNoukaiError(error), String(error))
        // the result of a flow is kept as it is, however deep
        const { result: _, value: __, ...rest } = error as { readonly result?: unknown; readonly value?: unknown }
        const said = `${String(error)} ${JSON.stringify(rest)} ${(error as NoukaiError).message}`
        assert.isFalse(said.includes(plantedKey))
      })
    )
  )

describe("errors: any body", () => {
  it.live("under an error status is a typed error that can be read", () =>
    fuzzEffect(
      FC.tuple(operation, status, headers, brokenBytes(errorBody)),
      60,
      ([name, status, headers, body]) =>
        Effect.map(checked(name, { status, headers, body }), (exit) => assert.isTrue(Exit.isFailure(exit)))
    ), fuzzTimeout)

  it.live(
    "results: of a 200 is what execute gives, or a typed error",
    () =>
      fuzzEffect(
        brokenBytes(brokenJson(arbitraries.response)),
        40,
        (body) =>
          Effect.map(checked("execute", { status: 200, body }), (exit) => {
            if (Exit.isFailure(exit)) {
              return
            }
            const { status } = JSON.parse(new TextDecoder().decode(body)) as { readonly status: unknown }
            assert.strictEqual(status, "completed")
          })
      ),
    fuzzTimeout
  )

  it.live("whose places of issues nest deep is a FlowExecutionError", () => {
    const loc = `${"[".repeat(50_000)}${"]".repeat(50_000)}`
    const body = `{"detail":[{"loc":["body",${loc},{"toString":1},"stepIndex",0],"msg":"wrong"}]}`
    return Effect.map(checked("execute", { status: 422, body }), (exit) => {
      assert.strictEqual(
        Exit.isFailure(exit) ? (Cause.squash(exit.cause) as NoukaiError).detail : "",
        "stepIndex.0: wrong"
      )
    })
  })

  const trace = FC.record({
    flowRun: FC.record({ id: FC.uuid(), flowId: FC.uuid(), status: FC.constant("completed") }),
    steps: FC.array(
      FC.record({
        stepId: FC.string(),
        attempt: FC.nat(),
        status: FC.constant("completed"),
        outputContext: arbitraries.json
      }),
      { maxLength: 3 }
    )
  })

  it.live("traces: of a 200 is a trace or a job, or a typed error", () =>
    fuzzEffect(
      FC.tuple(
        FC.constantFrom("trace", "stepTrace", "submit"),
        brokenBytes(brokenJson(FC.oneof(trace, arbitraries.response)))
      ),
      30,
      ([name, body]) => Effect.asVoid(checked(name, { status: 200, body }))
    ), fuzzTimeout)

  const odd: ReadonlyArray<readonly [name: string, json: string]> = [
    ["an object that has no text", "{\"toString\":1,\"valueOf\":null}"],
    ["lists that nest deep", `${"[".repeat(50_000)}${"]".repeat(50_000)}`]
  ]
  for (const [name, json] of odd) {
    const bodyWith = (field: string): string => {
      const fields = { status: "\"completed\"", result: "1", flowId: "\"f\"", blockCount: "1", [field]: json }
      return `{${Object.entries(fields).map(([key, value]) => `"${key}":${value}`).join(",")}}`
    }

    it.live(`${name} as status of a result is an UnexpectedResponseError`, () =>
      Effect.map(checked("execute", { status: 200, body: bodyWith("status") }), (exit) => {
        const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) as NoukaiError : undefined
        assert.strictEqual(error?._tag, "UnexpectedResponseError")
        assert.strictEqual(error?._tag === "UnexpectedResponseError" && error.result, 1)
      }))

    for (const field of ["flowId", "blockCount", "executionId"]) {
      it.live(`${name} as ${field} of a result loses nothing else`, () =>
        Effect.map(checked("execute", { status: 200, body: bodyWith(field) }), (exit) => {
          assert.strictEqual(Exit.isSuccess(exit) && (exit.value as { readonly result: unknown }).result, 1)
        }))
    }

    it.live(`${name} in the place of what a flow's own schema chooses by is an UnexpectedResponseError`, () => {
      const shape = Schema.Union(
        Schema.Struct({ kind: Schema.Literal("a"), a: Schema.Number }),
        Schema.Struct({ kind: Schema.Literal("b"), b: Schema.String })
      )
      const body = `{"status":"completed","result":{"kind":${json}},"flowId":"f","blockCount":1}`
      return Effect.flatMap(
        FlowService,
        (flows) => flows.execute(Flow.make("acme/support/answer", { result: shape }), {})
      ).pipe(
        Effect.provide(answering({ status: 200, body })),
        Effect.flip,
        Effect.map((error) => assert.strictEqual(error._tag, "UnexpectedResponseError")),
        Effect.orDie
      )
    })
  }
})
