/**
 * Recorded transcripts, cut at every byte offset of every response, against the emulator's ledger: no run is started
 * twice, no event is lost or doubled, and no cut passes for an end (docs/wire.md#order-of-events, docs/wire.md#cursor, docs/wire.md#pauses).
 *
 * `npm run test:faults` cuts at every byte; `npm test` at bytes that are drawn, most of them around the ends of frames and
 * inside characters: `FAULTS_SEED=<seed>` draws others.
 */
import { Emulator } from "@effect-noukai/emulator"
import { layer as emulatorLayer } from "@effect-noukai/emulator/Emulator"
import {
  APIConnectionError,
  type CallError,
  type EventsInput,
  type FlowCursor,
  type FlowEvent,
  FlowService,
  Noukai,
  NoukaiHttp,
  type ToolCallLimitError,
  Tools
} from "@effect-noukai/sdk"
import { layer as httpLayer } from "@effect-noukai/sdk/NoukaiHttp"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Schedule, Stream, Utils } from "effect"
import { isWhole, size } from "./support/size.js"

interface Frame {
  readonly name: string
  /** offset of the byte behind it */
  readonly end: number
  /** offsets at which a character is parted */
  readonly parted: ReadonlyArray<number>
}

type Transcript = ReadonlyArray<ReadonlyArray<Frame>>

const framesOf = (body: Buffer): ReadonlyArray<Frame> => {
  const frames: Array<Frame> = []
  for (let start = 0; start < body.length;) {
    const end = body.indexOf("\n\n", start) + 2
    const name = /^event: (.*)$/m.exec(body.toString("utf8", start, end))![1]!
    const offsets = Array.from({ length: end - start }, (_, index) => start + index)
    frames.push({ name, end, parted: offsets.filter((offset) => (body[offset]! & 0xc0) === 0x80) })
    start = end
  }
  return frames
}

const countOf = (names: ReadonlyArray<string>, name: string): number => names.filter((each) => each === name).length

/** Without the totals: a step that ran twice was paid for twice, and the server says so. */
const plain = (events: ReadonlyArray<object>) => events.map((event): object => ({ ...event, summary: undefined }))

const seed = Number(process.env["FAULTS_SEED"] ?? 11)

/** A server that does not say how many steps there are. */
const uncounted = Layer.map(httpLayer, (context) => {
  const http = Context.get(context, NoukaiHttp)
  return Context.make(NoukaiHttp, {
    ...http,
    stream: (operation, input) =>
      Stream.map(
        http.stream(operation, input),
        (event) => event.type === "run_started" ? { ...event, stepCount: undefined } : event
      )
  })
})

type Run = (
  flows: FlowService.Service,
  more: EventsInput
) => Stream.Stream<FlowEvent.FlowEvent, CallError | ToolCallLimitError>

interface Case {
  readonly name: string
  readonly run: Run
  /** How often the handler of tools has been asked. */
  readonly asked: { count: number }
  readonly rounds: number
  /** Whether an event of that name is delivered; by default all but the pause for a handler. */
  readonly delivers?: (name: string) => boolean
  readonly isCounted?: boolean
  readonly runRemaining?: boolean
}

const sweep = ({ asked, delivers = (name) => name !== "step_paused_for_tool_calls", run }: Case) => {
  const collect = (more: EventsInput) => {
    const seen: Array<FlowEvent.FlowEvent> = []
    return FlowService.pipe(
      Effect.flatMap((flows) => Stream.runForEach(run(flows, more), (event) => Effect.sync(() => seen.push(event)))),
      Effect.either,
      Effect.map((end) => ({ seen: plain(seen), error: end._tag === "Left" ? end.left : undefined }))
    )
  }

  /** The bytes of the server, which are the same after each reset. */
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

  /** The counts of events that had arrived whole when response `response` was cut at `offset`. */
  const arrived = (transcript: Transcript, response: number, offset: number) => {
    const frames = transcript[response]!
    const here = frames.filter(({ end }) => end <= offset).map(({ name }) => name)
    const before = transcript.slice(0, response).flat().map(({ name }) => name)
    const all = [...before, ...here]
    const completed = countOf(all, "step_completed")
    const completedHere = countOf(here, "step_completed")
    return {
      hasId: all.includes("run_started"),
      completed,
      completedAll: completed === countOf(transcript.flat().map(({ name }) => name), "step_completed"),
      /** the response had ended for the client */
      whole: here.length === frames.length,
      /** a step was running on the server */
      running: frames.filter(({ end, name }) => name === "step_started" && end < offset).length > completedHere,
      completedHere: completedHere > 0,
      delivered: all.filter(delivers).length
    }
  }

  const everywhere = <E, R>(
    transcript: Transcript,
    check: (response: number, offset: number) => Effect.Effect<void, E, R>
  ) =>
    Effect.gen(function*() {
      let cuts = 0
      const random = new Utils.PCGRandom(seed)
      for (const [response, frames] of transcript.entries()) {
        const { end } = frames.at(-1)!
        const telling = new Set(frames.flatMap(({ end, parted }) => [end - 1, end, end + 1, ...parted]))
        for (let offset = 0; offset <= end; offset++) {
          const isDrawn = random.integer(telling.has(offset) ? 4 : 400) === 0
          if (!isWhole && !isDrawn) continue
          yield* check(response, offset)
          cuts++
        }
      }
      return cuts
    })

  return { arrived, collect, cutAt, everywhere, record }
}

const message = "Grüße, wo ist A17? 📦"

const twoStep: Case = {
  name: "two-step",
  run: (flows, more) => flows.events("noukai/samples/two-step", { message, ...more, tools: undefined }),
  asked: { count: 0 },
  rounds: 0
}

const asked = { count: 0 }

const weather = Tools.handle([{ type: "function", function: { name: "get_weather" } }], (calls) => {
  asked.count++
  return Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: "sunny" })))
})

const toolsEnabled: Case = {
  name: "tools-enabled",
  run: (flows, more) => flows.events("noukai/samples/tools-enabled", { message: "hi", ...more, tools: weather }),
  asked,
  rounds: 1
}

type Pausing<E> = Stream.Stream<FlowEvent.FlowEvent, E>

/** Answers each pause by hand, and goes on with what follows. */
const answered = (events: Pausing<CallError>): Pausing<CallError> =>
  Stream.flatMap(events, (event): Pausing<CallError> => {
    const here = Stream.succeed(event)
    return event.type === "tool_calls_required"
      ? Stream.concat(
        here,
        answered(event.resume(event.toolCalls.map(({ id }) => ({ toolCallId: id, content: "sunny" }))))
      )
      : here
  })

const byHand: Case = {
  ...toolsEnabled,
  name: "tools-enabled, by hand",
  run: (flows, more) =>
    answered(flows.events("noukai/samples/tools-enabled", { message: "hi", ...more, tools: weather.declarations })),
  rounds: 0,
  delivers: () => true
}

const remaining: Case = {
  ...twoStep,
  name: "two-step, runRemaining",
  run: (flows, more) => twoStep.run(flows, { ...more, runRemaining: true }),
  runRemaining: true
}

const steps: Case = {
  ...twoStep,
  name: "two-step, steps",
  run: (flows, { runRemaining: _, tools: __, ...more }) => flows.steps("noukai/samples/two-step", { message, ...more }),
  delivers: (name) => name === "step_completed"
}

const noCount: Case = { ...twoStep, name: "two-step, without a step count", isCounted: false }

const noCountRemaining: Case = {
  ...remaining,
  name: "two-step, runRemaining, without a step count",
  isCounted: false
}

const cases = [twoStep, toolsEnabled, byHand, remaining, steps, noCount, noCountRemaining]

/** Of outputs on the wire; each run of `npm test` has one for each case. */
const shapes = ["hosted", "documented"] as const

const rows = cases.flatMap((each, place) =>
  isWhole
    ? shapes.map((streamOutputs) => ({ ...each, streamOutputs, at: `every byte, ${streamOutputs}` }))
    : [{ ...each, streamOutputs: shapes[(place + seed) % 2]!, at: "some bytes" }]
)

describe.each(rows)("$name, cut at $at", (each) => {
  const { asked, isCounted = true, rounds, runRemaining = false, streamOutputs } = each
  const { arrived, collect, cutAt, everywhere, record } = sweep(each)
  const layer = Layer.provideMerge(
    isCounted ? Noukai.layerServices : Layer.provideMerge(Noukai.layerOverHttp, uncounted),
    emulatorLayer({ streamOutputs })
  )

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
            const more = state.whole
              ? 0
              : state.completedAll
              ? (isCounted ? 1 : 2)
              : runRemaining || !state.completedHere
              ? 1
              : 0
            assert.strictEqual(ledger.requestsReceived, transcript.length + more, at)
            const again = !state.whole && (state.completedAll || state.running)
            assert.strictEqual(ledger.stepsRun, stepsRun + (again ? 1 : 0), at)
          }))
        assert.isAbove(cuts, size(1000, 4))
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
            const end = events.slice(state.delivered).at(-1)
            assert.deepStrictEqual(rest.seen.at(-1), end, at)
            assert.strictEqual((yield* emulator.ledger).runsStarted, 1, at)
            assert.strictEqual(asked.count, rounds, at)
          }))
      }).pipe(Effect.provide(layer)),
    180_000
  )
})
