/** Values that programs have stored: their texts never change, and later versions read them. */
import { FlowCursor, PausedState } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"

const messages = `[{"role":"assistant","content":null,"tool_calls":[{"id":"tc_1","type":"function",\
"function":{"name":"weather","arguments":"{}"}}]}]`

const calls = `[{"id":"tc_1","name":"weather","arguments":"{}"}]`

const cursor =
  `{"version":1,"flow":"acme/support/triage","flowVersion":3,"executionId":"ex-1","stepIndex":1,"stepCount":2,\
"outputs":{"classify":{"label":"order"},"empty":null},"lastStepId":"classify",\
"sessionId":"5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01","pending":{"stepId":"answer","iterationsUsed":1,\
"toolCallMessages":${messages},"toolCalls":${calls}},"rounds":1}`

const paused = `{"version":1,"flow":"acme/support/triage","flowVersion":"production","executionId":"ex-1",\
"pausedAtStep":"answer","iterationsUsed":1,"toolCallMessages":${messages},"toolCalls":${calls},\
"accumulatedOutputs":{"classify":{"label":"order"}},"sessionId":"5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01","rounds":0,\
"parameters":{"tone":"dry"},"tools":[{"type":"function","function":{"name":"weather"}}],"trace":true,\
"steps":{"stepIndex":1,"stepCount":2,"lastStepId":"classify"}}`

const reads = <A, I>(name: string, schema: Schema.Schema<A, I>, text: string) =>
  describe(name, () => {
    it.effect("of version 1 is read, and written as it was", () =>
      Effect.gen(function*() {
        const value = yield* Schema.decode(Schema.parseJson(schema))(text)
        const again = yield* Schema.encode(schema)(value)
        assert.deepStrictEqual(JSON.parse(JSON.stringify(again)), JSON.parse(text))
      }))

    it.effect("of a later version is refused", () =>
      Effect.gen(function*() {
        const later = text.replace(`"version":1`, `"version":2`)
        const error = yield* Effect.flip(Schema.decode(Schema.parseJson(schema))(later))
        assert.match(error.message, /\["version"\]/)
      }))
  })

reads("a stored cursor", FlowCursor, cursor)
reads("a stored pause", PausedState, paused)
