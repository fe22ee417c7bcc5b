/**
 * Recorded transcripts, cut at every byte offset of every response, against the emulator's ledger: no run is started
 * twice, no event is lost or doubled, and no cut passes for an end (contract 7.4, 7.5, 7.6).
 */
import { Emulator } from "@effect-noukai/emulator"
import { layer as emulatorLayer } from "@effect-noukai/emulator/Emulator"
import {
  APIConnectionError,
  type EventsError,
  type EventsInput,
  type FlowCursor,
  type FlowEvent,
  FlowService,
  Noukai,
  type ToolCallLimitError,
  Tools
} from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schedule, Stream } from "effect"

interface Frame {
  readonly name: string
  /** offset of the byte behind it */
  readonly end: number
}

type Transcript = ReadonlyArray<ReadonlyArray<Frame>>

const framesOf = (body: Buffer): ReadonlyArray<Frame> => {
  const frames: Array<Frame> = []
  for (let start = 0; start < body.length;) {
    const end = body.indexOf("\n\n", start) + 2
    frames.push({ name: /^event: (.*)$/m.exec(body.toString("utf8", start, end))![1]!, end })
    start = end
  }
  return frames
}

/** Without the totals: a step that ran twice was paid for twice, and the server says so. */
const plain = (events: ReadonlyArray<object>) => events.map((event): object => ({ ...event, summary: undefined }))

const layer = Layer.provideMerge(Noukai.layerServices, emulatorLayer())

type Run = (
  flows: FlowService.Service,
  more: EventsInput
) => Stream.Stream<FlowEvent.RunEvent, EventsError | ToolCallLimitError>

const sweep = (run: Run, asked: { count: number }) => {
  const collect = (more: EventsInput) => {
    const seen: Array<FlowEvent.RunEvent> = []
    return FlowService.pipe(
      Effect.flatMap((flows) => Stream.runForEach(run(flows, more), (event) => Effect.sync(() => seen.push(event)))),
      Effect.either,
      Effect.map((end) => ({ seen: plain(seen), error: end._tag === "Left" ? end.left : undefined }))
    )
  }

  /** What the server sends, byte for byte: after a reset it is always the same. */
  const record = Effect.gen(function*() {
    const emulator = yield* Emulator
    yield* emulator.reset
    const whole = yield* collect({})
    assert.isUndefined(whole.error)
    const { requests, stepsRun } = yield* emulator.ledger
    yield* emulator.reset
    const transcript: Array<ReadonlyArray<Frame>> = []
    for (const { body, target } of requests) {
      const bytes = yield* Effect.promise(async () => {
        const response = await fetch(emulator.url + target, {
          method: "POST",
          body,
          headers: {
            authorization: `Bearer ${Redacted.value(emulator.apiKey)}`,
            "content-type": "application/json"
          }
        })
        return Buffer.from(await response.arrayBuffer())
      })
      transcript.push(framesOf(bytes))
    }
    return { events: whole.seen, stepsRun, transcript: transcript as Transcript }
  })

  const cutAt = (response: number, offset: number) =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.reset
      asked.count = 0
      yield* emulator.addFaults({
        script: [...Array.from({ length: response }, () => "ok"), `cut:b${offset}`] as [string]
      })
      return emulator
    })

  /** What had arrived whole when response `response` was cut at `offset`. */
  const arrived = (transcript: Transcript, response: number, offset: number) => {
    const frames = transcript[response]!
    const here = frames.filter(({ end }) => end <= offset).map(({ name }) => name)
    const before = transcript.slice(0, response).flat().map(({ name }) => name)
    const all = [...before, ...here]
    return {
      hasId: all.includes("run_started"),
      completed: all.filter((name) => name === "step_completed").length,
      /** the response had ended for the client */
      whole: here.length === frames.length,
      /** the step had run on the server */
      ran: offset > frames.find(({ name }) => name === "step_started")!.end,
      completedHere: here.includes("step_completed"),
      last: response === transcript.length - 1,
      delivered: all.filter((name) => name !== "step_paused_for_tool_calls").length
    }
  }

  const everywhere = <E, R>(
    transcript: Transcript,
    check: (response: number, offset: number) => Effect.Effect<void, E, R>
  ) =>
    Effect.gen(function*() {
      let cuts = 0
      for (const [response, frames] of transcript.entries()) {
        for (let offset = 0; offset <= frames.at(-1)!.end; offset++) {
          yield* check(response, offset)
          cuts++
        }
      }
      return cuts
    })

  return { arrived, collect, cutAt, everywhere, record }
}

const twoStep = {
  flow: "noukai/samples/two-step",
  run:
    ((flows, more) =>
      flows.events("noukai/samples/two-step", { message: "Grüße, wo ist A17? 📦", ...more, tools: undefined })) as Run,
  asked: { count: 0 },
  rounds: 0
}

const asked = { count: 0 }

const weather = Tools.handle([{ type: "function", function: { name: "get_weather" } }], (calls) => {
  asked.count++
  return Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: "sunny" })))
})

const toolsEnabled = {
  flow: "noukai/samples/tools-enabled",
  run:
    ((flows, more) => flows.events("noukai/samples/tools-enabled", { message: "hi", ...more, tools: weather })) as Run,
  asked,
  rounds: 1
}

describe.each([twoStep, toolsEnabled])("$flow, cut at every byte", ({ asked, rounds, run }) => {
  const { arrived, collect, cutAt, everywhere, record } = sweep(run, asked)

  it.effect(
    "with heal: before the id a typed error and nothing sent again; then the same events, one run",
    () =>
      Effect.gen(function*() {
        const { events, stepsRun, transcript } = yield* record
        const cuts = yield* everywhere(transcript, (response, offset) =>
          Effect.gen(function*() {
            const at = `response ${response}, byte ${offset}`
            const emulator = yield* cutAt(response, offset)
            const { error, seen } = yield* collect({ heal: Schedule.recurs(1) })
            const ledger = yield* emulator.ledger
            const state = arrived(transcript, response, offset)
            assert.strictEqual(ledger.runsStarted, 1, at)
            if (!state.hasId) {
              assert.instanceOf(error, APIConnectionError, at)
              assert.deepStrictEqual(seen, [], at)
              assert.strictEqual(ledger.requestsReceived, 1, at)
              assert.strictEqual(asked.count, 0, at)
              return
            }
            assert.isUndefined(error, at)
            assert.deepStrictEqual(seen, events, at)
            assert.strictEqual(asked.count, rounds, at)
            const goesOnBehind = state.completedHere && !state.last
            const again = !state.whole && !goesOnBehind
            assert.strictEqual(ledger.requestsReceived, transcript.length + (again ? 1 : 0), at)
            assert.strictEqual(ledger.stepsRun, stepsRun + (again && state.ran ? 1 : 0), at)
          }))
        assert.isAbove(cuts, 1000)
      }).pipe(Effect.provide(layer)),
    180_000
  )

  it.effect(
    "without heal: a typed error with the right cursor, from which the rest follows in the same run",
    () =>
      Effect.gen(function*() {
        const { events, transcript } = yield* record
        yield* everywhere(transcript, (response, offset) =>
          Effect.gen(function*() {
            const at = `response ${response}, byte ${offset}`
            const emulator = yield* cutAt(response, offset)
            const { error, seen } = yield* collect({})
            const state = arrived(transcript, response, offset)
            const ledger = yield* emulator.ledger
            assert.strictEqual(ledger.runsStarted, 1, at)
            if (state.whole) {
              assert.isUndefined(error, at)
              assert.deepStrictEqual(seen, events, at)
              return
            }
            assert.instanceOf(error, APIConnectionError, at)
            assert.strictEqual(error.sent, "yes", at)
            assert.strictEqual(ledger.requestsReceived, response + 1, at)
            assert.deepStrictEqual(seen, events.slice(0, state.delivered), at)
            const { cursor, executionId } = error
            if (cursor === undefined) return assert.fail(at)
            assert.strictEqual(executionId, state.hasId ? ledger.runs[0]!.executionId : undefined, at)
            assert.strictEqual(cursor.executionId, executionId, at)
            assert.strictEqual(cursor.stepIndex, state.completed, at)
            assert.strictEqual(Object.keys(cursor.outputs).length, state.completed, at)
            if (!state.hasId) return
            const from: FlowCursor = JSON.parse(JSON.stringify(cursor))
            const rest = yield* collect({ from })
            assert.isUndefined(rest.error, at)
            assert.deepStrictEqual(rest.seen.at(-1), events.at(-1), at)
            assert.strictEqual((yield* emulator.ledger).runsStarted, 1, at)
            assert.strictEqual(asked.count, rounds, at)
          }))
      }).pipe(Effect.provide(layer)),
    180_000
  )
})
