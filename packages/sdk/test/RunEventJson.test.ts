/** Run events passed on as JSON: everything that is delivered can be encoded, and reads back as it was. */
import { Emulator } from "@effect-noukai/emulator"
import { FlowEvent, FlowService, Noukai } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Layer, Schema, Stream } from "effect"

const Line = Schema.parseJson(FlowEvent.RunEventJson)

for (const streamOutputs of ["hosted", "documented"] as const) {
  describe(streamOutputs, () => {
    it.scopedLive("every event of a run goes over a wire and back", () =>
      Effect.gen(function*() {
        const flows = yield* FlowService
        const events = Chunk.toReadonlyArray(
          yield* Stream.runCollect(flows.events("noukai/samples/two-step", { message: "hi" }))
        )
        const lines = yield* Effect.forEach(events, (event) => Schema.encode(Line)(event))
        const read = yield* Effect.forEach(lines, (line) => Schema.decode(Line)(line))
        assert.deepStrictEqual(read.map(({ type }) => type), events.map(({ type }) => type))
        assert.deepStrictEqual(
          read.map((event) => JSON.parse(JSON.stringify(event))),
          events.map((event) => JSON.parse(JSON.stringify(event)))
        )
        for (const line of lines) assert.notInclude(line, "cursor")
      }).pipe(Effect.provide(Layer.provide(Noukai.layerServices, Emulator.layer({ streamOutputs })))))
  })
}
