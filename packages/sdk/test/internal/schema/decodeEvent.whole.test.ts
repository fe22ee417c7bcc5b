import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, FastCheck, Schema } from "effect"
import { decodeEvent } from "../../../src/internal/http/eventStream.js"
import { WireEvent } from "../../../src/internal/operations/wireEvent.js"
import { size } from "../../support/size.js"

const wireNames: { readonly [type: string]: string } = { tool_calls_required: "step_paused_for_tool_calls" }

const isRecord = (u: unknown): u is Record<string, unknown> => typeof u === "object" && u !== null && !Array.isArray(u)

const junk = FastCheck.oneof(
  FastCheck.anything(),
  FastCheck.constantFrom(undefined, null, "", "x", 0, -1, 1.5, NaN, true, [], {}, ["x"], { type: "unknown" })
)

/** A value with one place, at any depth, made into something else or taken away. */
const mutated = (value: unknown): FastCheck.Arbitrary<unknown> => {
  if (typeof value !== "object" || value === null) return junk
  const keys = Object.keys(value)
  if (keys.length === 0) return FastCheck.oneof(junk, FastCheck.constant(value))
  const put = (key: string, inner: unknown): unknown =>
    Array.isArray(value) ? value.with(Number(key), inner) : { ...value, [key]: inner }
  return FastCheck.constantFrom(...keys).chain((key) =>
    FastCheck.oneof(
      mutated((value as Record<string, unknown>)[key]).map((inner) => put(key, inner)),
      FastCheck.constant(Object.fromEntries(Object.entries(value).filter(([name]) => name !== key))),
      FastCheck.tuple(FastCheck.string(), junk).map(([name, extra]) => ({ ...value, [name]: extra }))
    )
  )
}

describe("decodeEvent", () => {
  for (const member of WireEvent.members) {
    const type: string = member.fields.type.literals[0]
    if (type === "unknown") continue
    const is = Schema.is(member as Schema.Schema.AnyNoContext)
    const decoded = (payload: unknown) => {
      const warnings: Array<string> = []
      const event = decodeEvent(wireNames[type] ?? type, JSON.stringify(payload), (text) => warnings.push(text))
      return { event, isWhole: warnings.length === 0 && event !== undefined && event.type === type }
    }

    it(`agrees with Schema.is on arbitrary and mutated payloads: ${type}`, () => {
      const fitting = Arbitrary.make(member as Schema.Schema<unknown>)
      FastCheck.assert(
        FastCheck.property(FastCheck.oneof(fitting, fitting.chain(mutated)), (value) => {
          const json: unknown = JSON.parse(JSON.stringify(value) ?? "null")
          // a start needs the id of its run in one of two fields
          const payload = isRecord(json) && type === "run_started" ? { executionId: "ex", ...json } : json
          const named = isRecord(payload) ? { ...payload, type } : payload
          if (type === "run_started" && isRecord(named) && typeof named.executionId !== "string") return
          const { event, isWhole } = decoded(named)
          assert.strictEqual(isWhole, is(named))
          if (isWhole) assert.deepStrictEqual({ ...event }, named)
        }),
        { numRuns: size(500, 60) }
      )
    })
  }
})
