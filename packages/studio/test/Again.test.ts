/** Runs that the studio begins: the form about them, and that none begins twice. */
import type { Flow } from "@effect-noukai/emulator"
import { Noukai } from "@effect-noukai/sdk"
import { APIConnectionError, FlowExecutionError } from "@effect-noukai/sdk/NoukaiError"
import type { RunForm, RunInput, StartedRun } from "@effect-noukai/studio/RunAgainApi"
import * as Studio from "@effect-noukai/studio/Studio"
import * as StudioRunner from "@effect-noukai/studio/StudioRunner"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, identity, Layer, Option, Redacted, TestClock } from "effect"
import { randomUUID } from "node:crypto"
import { events, frame, runStarted, stepStarted } from "../../sdk/test/support/eventFrames.js"
import { serve } from "../../sdk/test/support/WireServer.js"
import * as Starts from "../src/internal/starts.js"
import { cookieOf, open, type Page, type Parsed, send, until } from "./support/client.js"
import { start } from "./support/emulated.js"
import * as Scripted from "./support/scripted.js"

const order = "acme/test/order"

const more: ReadonlyArray<Flow> = [
  {
    ref: order,
    parameters: { type: "object", properties: { place: { type: "string" } }, required: ["place"] },
    steps: [
      { kind: "template", id: "draft", output: 0 },
      { kind: "template", id: "last", output: 0 }
    ],
    versions: {
      1: { steps: [{ kind: "template", id: "one", output: "{{message}}", costUsd: "0.1" }] },
      10: {
        steps: [
          { kind: "template", id: "first", output: "{{message}} {{parameters.place}}", costUsd: "0.1" },
          { kind: "template", id: "second", output: { seen: "{{steps.first.output}}" }, costUsd: "0.2" },
          { kind: "template", id: "third", output: "{{steps.second.output.seen}}", costUsd: "0.3" }
        ]
      }
    }
  },
  { ref: "acme/test/guessed", steps: [{ kind: "template", id: "a", output: "{{message}} {{parameters.a.b}}" }] },
  {
    ref: "acme/test/asks",
    steps: [{ kind: "tool", id: "ask", rounds: [[{ name: "search" }]], output: "{{results}}" }]
  }
]

const formOf = (page: Page, flow: string, id?: string) =>
  page.json<RunForm>(`/api/again?${new URLSearchParams({ flow, ...id !== undefined && { id } })}`)

const post = (page: Page, body: unknown) => page.change("POST", "/api/again", body)

const request = Effect.fnUntraced(function*(page: Page, input: RunInput, intention = randomUUID() as string) {
  const { studio } = yield* formOf(page, "acme/test/paid")
  return { studio, intention, input }
})

const parsed = ({ text }: { readonly text: string }): StartedRun => JSON.parse(text)

const outcomeOf = (page: Page, intention: string) =>
  Effect.map(page.get(`/api/again/started?intention=${intention}`), parsed)

const over = (page: Page, intention: string) =>
  until(outcomeOf(page, intention), ({ state }) => state !== "starting" && state !== "running")

describe("the form about a new run", () => {
  it.scopedLive("has the input of a run, the facts of its flow and the costs of its runs, and sends nothing", () =>
    Effect.gen(function*() {
      const { emulator, execute, page } = yield* start({ more })
      const attachments = [{ url: "https://example.com/a.png", mime_type: "image/png" }]
      const first = yield* execute(order, { message: "café\n\"quoted\"", parameters: { place: "x" }, attachments })
      yield* execute(order, { parameters: { place: "y" }, version: 1 })
      const { requestsReceived } = yield* emulator.totals
      const form = yield* formOf(page, order, first.executionId)
      const { studio, ...rest } = form
      assert.isAbove(studio.length, 8)
      assert.deepStrictEqual(rest, {
        canStart: true,
        input: {
          flow: order,
          message: "café\n\"quoted\"",
          parameters: { place: "x" },
          attachments: [{ url: "https://example.com/a.png", mime_type: "image/png" }],
          version: "10",
          snapshots: true
        },
        parametersSchema: more[0]!.parameters!,
        needsMessage: true,
        versions: ["production", "10", "1", "draft"],
        steps: [
          { stepId: "first", output: JSON.stringify("café\n\"quoted\" x") },
          { stepId: "second", output: JSON.stringify({ seen: "café\n\"quoted\" x" }) }
        ],
        later: [{ stepId: "second", costUsd: "0.5" }, { stepId: "third", costUsd: "0.3" }],
        costs: [
          { version: "production", runs: 1, least: "0.6", median: "0.6", most: "0.6" },
          { version: "10", runs: 1, least: "0.6", median: "0.6", most: "0.6" },
          { version: "1", runs: 1, least: "0.1", median: "0.1", most: "0.1" }
        ],
        notes: []
      })
      // the newest completed run of the flow
      assert.deepStrictEqual((yield* formOf(page, order)).input.version, "1")
      assert.strictEqual((yield* page.get("/api/again?flow=acme/test/none")).status, 404)
      const empty = yield* formOf(page, "acme/test/guessed")
      assert.deepStrictEqual(empty.input, { flow: "acme/test/guessed" })
      assert.deepStrictEqual(empty.parametersSchema, { type: "object", properties: { a: {} } })
      assert.deepStrictEqual(empty.notes, ["No run of this flow is known, so the form is empty."])
      assert.strictEqual((yield* emulator.totals).requestsReceived, requestsReceived)
    }))

  it.scopedLive("of a source that knows less has the input of the first step, and names what is missing", () =>
    Effect.gen(function*() {
      const scripted = yield* Scripted.make({ kind: "hosted" })
      yield* scripted.put(
        {
          id: "run_1",
          version: "v3",
          durationMs: 1,
          steps: [
            { id: "a", at: 0, ms: 1, input: { message: "hi", place: "x" }, output: "b", cost: "0.2" },
            { id: "each", at: 1, ms: 1, loop: 0, output: "c" },
            { id: "z", at: 2, ms: 1, output: "d" }
          ]
        },
        {
          id: "run_2",
          status: "failed",
          durationMs: 1,
          steps: [{ id: "a", at: 0, ms: 1, input: {}, truncated: true, cost: "0.01" }]
        },
        {
          id: "run_3",
          status: "running",
          steps: [{ id: "a", at: 0, ms: 1, input: { message: `a nk_live_abcdefgh_0123` } }]
        }
      )
      const { url } = yield* Effect.provide(Studio.serve({ assets: "/nowhere" }), scripted.layer)
      const page = yield* open(url)
      const flow = "acme/spelling/grade-3"
      const { whyNot = "", ...form } = yield* formOf(page, flow, "run_1")
      assert.deepStrictEqual({ ...form, studio: "", notes: [] }, {
        studio: "",
        canStart: false,
        input: { flow, message: "hi", parameters: { place: "x" }, version: "3", snapshots: true },
        versions: ["production", "3"],
        steps: [{ stepId: "a", output: "\"b\"" }],
        later: [{ stepId: "z", costUsd: "0" }],
        costs: [{ version: "3", runs: 1, least: "0.2", median: "0.2", most: "0.2" }],
        notes: []
      })
      assert.include(whyNot, "starts no runs")
      const failed = yield* formOf(page, flow, "run_2")
      assert.include(failed.notes[0], "not stored whole")
      // a run that failed did not pay for all of its steps
      assert.deepStrictEqual(failed.costs, form.costs)
      const masked = yield* formOf(page, flow, "run_3")
      assert.strictEqual(masked.input.message, "a nk_live_…")
      assert.include(masked.notes.at(-1), "has a key, which is masked here")
      assert.strictEqual((yield* page.get(`/api/again?flow=${flow}&id=run_9`)).status, 404)
    }))

  it.scopedLive("has the costs of each version by itself, and none of a version without a known cost", () =>
    Effect.gen(function*() {
      const scripted = yield* Scripted.make({ kind: "hosted" })
      const flow = "acme/test/grade"
      const run = (id: string, version: string | undefined, costUsd: string, nth: number) => ({
        id,
        flow,
        startedAt: Scripted.epoch + nth,
        durationMs: 1,
        ...version !== undefined && { version },
        costUsd,
        steps: [{ id: "a", at: 0, ms: 1, input: { message: "hi" }, cost: costUsd }]
      })
      yield* scripted.put(
        // the oldest: runs of other versions do not crowd them out
        run("draft-1", "draft", "0.08", 1),
        run("draft-2", "draft", "0.08", 2),
        run("unknown", undefined, "0.5", 4),
        ...Array.from({ length: 50 }, (_, nth) => run(`live-${nth}`, "production", "0.0003", 5 + nth))
      )
      const { url } = yield* Effect.provide(Studio.serve({ assets: "/nowhere" }), scripted.layer)
      const { costs } = yield* formOf(yield* open(url), flow)
      const all = (cost: string) => ({ least: cost, median: cost, most: cost })
      assert.sameDeepMembers([...costs], [
        { version: "production", runs: 20, ...all("0.0003") },
        { version: "draft", runs: 2, ...all("0.08") },
        { runs: 1, ...all("0.5") }
      ])
    }))

  it.scopedLive("has the runs of a flow without versions as those of its draft, which is in production", () =>
    Effect.gen(function*() {
      const { execute, page } = yield* start({ more })
      yield* execute("acme/test/guessed", { parameters: { a: 1 } })
      const { costs } = yield* formOf(page, "acme/test/guessed")
      assert.deepStrictEqual(costs.map(({ version }) => version), ["production", "draft"])
    }))

  it.scopedLive("has the runs of its flow alone, however many another one has whose name has it as a part", () =>
    Effect.gen(function*() {
      const scripted = yield* Scripted.make({ kind: "hosted" })
      const flow = "acme/test/grade"
      const step = { id: "a", at: 0, ms: 1, input: { message: "hi" }, cost: "0.2" }
      yield* scripted.put(
        { id: "own", flow, startedAt: Scripted.epoch, durationMs: 1, costUsd: "0.2", steps: [step] },
        ...Array.from({ length: 60 }, (_, nth) => ({
          id: `other-${nth}`,
          flow: `${flow}-${nth % 2}`,
          startedAt: Scripted.epoch + 1 + nth,
          durationMs: 1,
          costUsd: "9",
          steps: [step]
        }))
      )
      const { url } = yield* Effect.provide(Studio.serve({ assets: "/nowhere" }), scripted.layer)
      const { costs, input } = yield* formOf(yield* open(url), flow)
      assert.deepStrictEqual([costs, input.message], [[{ runs: 1, least: "0.2", median: "0.2", most: "0.2" }], "hi"])
    }))
})

describe("a run that the studio begins", () => {
  it.scopedLive("has the input of the form, and its id is told while it runs", () =>
    Effect.gen(function*() {
      const { emulator, page } = yield* start({ more })
      const input: RunInput = {
        flow: order,
        message: "it's \u202e$(reboot)\n",
        parameters: { place: "Łódź" },
        version: "10",
        inputOverrides: { second: { seen: "replaced" } },
        maxCostUsd: "5",
        snapshots: true
      }
      const body = yield* request(page, input)
      const begun = parsed(yield* post(page, body))
      assert.include(["running", "ended"], begun.state)
      const { run, ...ended } = yield* over(page, body.intention)
      assert.deepStrictEqual(ended, {
        state: "ended",
        intention: body.intention,
        flow: order,
        sessionId: body.intention
      })
      const facts = yield* emulator.runs.facts(run!)
      assert.deepStrictEqual(
        facts.pipe((option) => option._tag === "Some" ? option.value.request?.message : ""),
        input.message
      )
      const last = yield* page.json(`/api/step?flow=${order}&id=${run!}&step=third`)
      assert.strictEqual(last.attempts[0].output.json, JSON.stringify({ output: "replaced" }))
      const listed = yield* page.json(`/api/runs?session=${body.intention}`)
      assert.deepStrictEqual([listed.total, listed.runs[0].id], [1, run])
    }))

  it.scopedLive("begins at a later step with the outputs of an old run, edited, once and without its id", () =>
    Effect.gen(function*() {
      const { emulator, execute, page } = yield* start({ more })
      const old = yield* execute(order, { parameters: { place: "x" }, version: 10 })
      const { later, steps } = yield* formOf(page, order, old.executionId)
      assert.deepStrictEqual([later.map(({ stepId }) => stepId), steps.length], [["second", "third"], 2])
      const input: RunInput = {
        flow: order,
        message: "hi",
        parameters: { place: "y" },
        version: "10",
        snapshots: true,
        maxCostUsd: "5",
        startAt: { stepIndex: 2, outputs: { first: "hi x", second: { seen: "edited" } } }
      }
      const body = yield* request(page, input)
      const before = (yield* emulator.ledger).requests.length
      yield* Effect.all(Array.from({ length: 5 }, () => post(page, body)), { concurrency: "unbounded" })
      const { run, state } = yield* over(page, body.intention)
      assert.strictEqual(state, "ended")
      const { requests, runs } = yield* emulator.ledger
      const [sent, ...others] = requests.slice(before).filter(({ method }) => method === "POST")
      assert.deepStrictEqual(others, [])
      const { accumulatedOutputs, executionId, message, parameters, stepIndex } = JSON.parse(sent!.body) as Parsed
      assert.deepStrictEqual({ accumulatedOutputs, executionId, message, parameters, stepIndex }, {
        accumulatedOutputs: { first: "hi x", second: { seen: "edited" } },
        executionId: undefined,
        message: "hi",
        parameters: { place: "y" },
        stepIndex: 2
      })
      // the steps before it are neither run nor paid for
      const begun = runs.find(({ executionId }) => executionId === run)
      assert.deepStrictEqual([runs.length, begun?.status, begun?.billedUsd], [2, "completed", "0.3"])
      const detail = yield* page.json(`/api/run?flow=${order}&id=${run!}`)
      assert.deepStrictEqual(detail.bars.map(({ stepId }: { readonly stepId: string }) => stepId), ["third"])
      const last = yield* page.json(`/api/step?flow=${order}&id=${run!}&step=third`)
      assert.strictEqual(last.attempts[0].output.json, JSON.stringify({ output: "edited" }))
      // a form of the new run does not look as if it had begun at the first step
      const { notes } = yield* formOf(page, order, run)
      assert.deepStrictEqual(notes, [
        "The run began at the step `third`, with outputs of another run. Choose where the new one begins."
      ])
    }))

  it.scopedLive("does not begin at a later step without the outputs before it, nor of a draft", () =>
    Effect.gen(function*() {
      const { emulator, page } = yield* start({ more })
      const startAt = { stepIndex: 2, outputs: { first: 1 } }
      const body = yield* request(page, {
        flow: order,
        message: "hi",
        parameters: { place: "y" },
        version: "10",
        startAt
      })
      yield* post(page, body)
      const { problem, state } = yield* over(page, body.intention)
      assert.strictEqual(state, "refused")
      assert.include(problem?.message, "needs the output of second")
      for (
        const wrong of [
          { version: "draft", startAt },
          { startAt: { ...startAt, stepIndex: 0 } },
          { startAt: { ...startAt, stepIndex: 1.5 } },
          { startAt: { stepIndex: 1, outputs: [] } }
        ]
      ) {
        const answer = yield* post(page, yield* request(page, { flow: order, ...wrong } as unknown as RunInput))
        assert.strictEqual(answer.status, 400, JSON.stringify(wrong))
      }
      assert.strictEqual((yield* emulator.ledger).runs.length, 0)
    }))

  it.scopedLive("begins once, however many requests of its intention arrive, at once or later, from any page", () =>
    Effect.gen(function*() {
      const { emulator, page, url } = yield* start()
      const other = yield* open(url)
      const body = yield* request(page, { flow: "acme/test/paid", message: "hi" })
      const answers = yield* Effect.all(
        Array.from({ length: 20 }, (_, index) => Effect.map(post(index % 2 === 0 ? page : other, body), parsed)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(answers.map(({ run }) => run)).size, 1)
      yield* over(page, body.intention)
      const again = parsed(yield* post(other, body))
      assert.deepStrictEqual([again.state, again.run], ["ended", answers[0]!.run])
      // a UUID has no case
      const shouted = parsed(yield* post(other, { ...body, intention: body.intention.toUpperCase() }))
      assert.deepStrictEqual([shouted.state, shouted.run], ["ended", answers[0]!.run])
      assert.strictEqual((yield* outcomeOf(other, body.intention)).run, answers[0]!.run)
      const { requests, runs } = yield* emulator.ledger
      assert.strictEqual(runs.length, 1)
      assert.strictEqual(requests.filter(({ method }) => method === "POST").length, 1)
      // another input under the same intention is a mistake, and not an outcome
      const changed = yield* post(page, { ...body, input: { ...body.input, message: "other" } })
      assert.deepStrictEqual([changed.status, changed.text.includes("already begun")], [400, true])
      yield* over(page, parsed(yield* post(page, yield* request(page, body.input))).intention)
      assert.strictEqual((yield* emulator.ledger).runs.length, 2)
    }))

  it.scopedLive("goes on when the page that began it goes away", () =>
    Effect.gen(function*() {
      const { emulator, page } = yield* start({
        more: [{
          ref: "acme/test/long",
          steps: [1, 2, 3].map((id) => ({ kind: "template", id: `s${id}`, output: id, duration: 60 }))
        }]
      })
      const body = yield* request(page, { flow: "acme/test/long", message: "hi" })
      const fiber = yield* Effect.fork(post(page, body))
      yield* emulator.awaitEvent(({ type }) => type === "RunStarted")
      yield* Fiber.interrupt(fiber)
      const { run, state } = yield* over(page, body.intention)
      assert.strictEqual(state, "ended")
      assert.deepStrictEqual((yield* emulator.ledger).runs.map(({ executionId, status }) => [executionId, status]), [
        [run, "completed"]
      ])
    }))

  it.scopedLive("that failed has ended, one above its limit has stopped, and one that waits for tools has stopped", () =>
    Effect.gen(function*() {
      const { page } = yield* start({ more })
      const ending = Effect.fnUntraced(function*(input: Omit<RunInput, "message">) {
        const body = yield* request(page, { message: "hi", ...input })
        yield* post(page, body)
        return yield* over(page, body.intention)
      })
      const failed = yield* ending({ flow: "acme/test/fails" })
      assert.deepStrictEqual([failed.state, failed.run !== undefined], ["ended", true])
      const limited = yield* ending({ flow: order, maxCostUsd: "0.05", parameters: { place: "x" } })
      assert.deepStrictEqual([limited.state, limited.run !== undefined], ["stopped", true])
      const asks = yield* ending({ flow: "acme/test/asks" })
      assert.deepStrictEqual([asks.state, asks.run !== undefined], ["stopped", true])
      const draft = yield* ending({ flow: order, version: "draft" })
      assert.deepStrictEqual([draft.state, draft.run !== undefined, draft.problem], ["ended", true, undefined])
      const failedDraft = yield* ending({ flow: "acme/test/fails", version: "draft" })
      assert.deepStrictEqual([failedDraft.state, failedDraft.run !== undefined], ["ended", true])
    }))

  it.scopedLive("has ended where only the summary of its last event names the step that failed", () =>
    Effect.gen(function*() {
      const end = frame("flow_completed", { executionId: "ex-1", result: null, summary: { failedAtStep: "draft" } })
      const { baseUrl } = yield* serve(events(runStarted, stepStarted("draft"), end))
      const client = Noukai.layer({ apiKey: Redacted.make("nk_test_0123456789"), baseUrl, maxRetries: 0 })
      const { page } = yield* start({ runner: Layer.orDie(Layer.provide(StudioRunner.layer, client)) })
      const body = yield* request(page, { flow: order, message: "hi" })
      yield* post(page, body)
      const { problem, run, state } = yield* over(page, body.intention)
      assert.deepStrictEqual([state, run, problem?.advice], ["ended", "ex-1", undefined])
      assert.include(problem?.message, "step \"draft\" failed")
    }))

  it.scopedLive("has stopped, and not ended, where a later step has no answer", () =>
    Effect.gen(function*() {
      const { emulator, page } = yield* start({ more })
      for (const fault of ["503", "400", "429", "reset:late"] as const) {
        yield* emulator.addFaults({ match: { endpoint: "step" }, script: ["ok", fault] })
        const body = yield* request(page, { flow: order, message: "hi", parameters: { place: "x" } })
        yield* post(page, body)
        const { problem, run, state } = yield* over(page, body.intention)
        assert.deepStrictEqual([fault, state, run !== undefined], [fault, "stopped", true])
        assert.include(problem?.advice, "may go on at the server")
        assert.strictEqual((yield* emulator.ledger).runs.at(-1)?.status, "running")
        yield* emulator.clearFaults
      }
    }))

  it.scopedLive("is refused where nothing ran, and unknown where no response says so, and is not sent again", () =>
    Effect.gen(function*() {
      const { emulator, page } = yield* start()
      const outcome = Effect.fnUntraced(function*(flow: string, input: Partial<RunInput> = { message: "hi" }) {
        const body = yield* request(page, { flow, ...input })
        return yield* Effect.zipRight(post(page, body), over(page, body.intention))
      })
      const missing = yield* outcome("acme/test/none")
      assert.deepStrictEqual([missing.state, missing.run], ["refused", undefined])
      for (const version of ["production", "draft"]) {
        const invalid = yield* outcome("acme/test/paid", { version })
        assert.deepStrictEqual([version, invalid.state, invalid.run], [version, "refused", undefined])
        assert.include(invalid.problem?.message, "needs a message")
      }
      for (const fault of ["503", "408", "reset:late", "reset"] as const) {
        yield* emulator.addFaults({ match: { endpoint: "step" }, script: [fault] })
        const before = (yield* emulator.totals).requestsReceived
        const { problem, run, state } = yield* outcome("acme/test/paid")
        assert.deepStrictEqual([fault, state, run], [fault, "unknown", undefined])
        assert.include(problem?.advice, "Look for its session in the list")
        assert.strictEqual((yield* emulator.totals).requestsReceived, before + 1)
        yield* emulator.clearFaults
      }
    }))

  it.scoped("is told as starting after 10 seconds at most, and by its later outcome", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const calls: Array<string> = []
      const starts = yield* Starts.make(
        {
          run: (_, sessionId, begun) =>
            Effect.sync(() => calls.push(sessionId)).pipe(
              Effect.zipRight(Deferred.await(gate)),
              Effect.zipRight(begun("run_1"))
            )
        },
        "studio",
        identity
      )
      const intention = randomUUID()
      const first = yield* Effect.fork(
        starts.begin({ studio: "studio", intention, input: { flow: order, message: "hi" } })
      )
      yield* TestClock.adjust("9 seconds")
      assert.isTrue(Option.isNone(yield* Fiber.poll(first)))
      yield* TestClock.adjust("1 seconds")
      const { run, state } = yield* Fiber.join(first)
      assert.deepStrictEqual([state, run], ["starting", undefined])
      const later = yield* Effect.fork(starts.outcome(intention))
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* Fiber.join(later)).run, "run_1")
      assert.deepStrictEqual(calls, [intention])
    }))

  it.scopedLive("of a form of an earlier start of the studio is refused before anything is sent", () =>
    Effect.gen(function*() {
      const { emulator, page } = yield* start()
      const body = yield* request(page, { flow: "acme/test/paid", message: "hi" })
      const { status, text } = yield* post(page, { ...body, studio: "of yesterday" })
      assert.deepStrictEqual([status, JSON.parse(text)._tag], [409, "StaleForm"])
      assert.strictEqual((yield* emulator.ledger).runs.length, 0)
      assert.strictEqual((yield* page.get(`/api/again/started?intention=${body.intention}`)).status, 404)
    }))

  it.scopedLive("is checked before anything is sent", () =>
    Effect.gen(function*() {
      const { emulator, page } = yield* start()
      const body = yield* request(page, { flow: "acme/test/paid", message: "hi" })
      const faulty: ReadonlyArray<readonly [string, unknown]> = [
        ["message", { message: 1 }],
        ["parameters", { parameters: [] }],
        ["A flow is written as", { flow: "paid" }],
        ["A version is", { version: "latest" }],
        ["The cost limit must be above 0", { maxCostUsd: "0" }],
        ["The cost limit must be a number", { maxCostUsd: "1e999" }],
        ["https URL", { attachments: [{ url: "javascript:alert(1)", mime_type: "image/png" }] }],
        ["mime_type", { attachments: [{ url: "https://example.com/a.svg", mime_type: "image/svg+xml" }] }],
        ["one request", { version: "draft", inputOverrides: { a: 1 } }],
        ["message once", { parameters: { message: "two" } }]
      ]
      for (const [words, input] of faulty) {
        const { status, text } = yield* post(page, { ...body, input: { ...body.input, ...input as object } })
        assert.deepStrictEqual([words, status, JSON.parse(text)._tag], [words, 400, "InvalidRun"])
        assert.include(JSON.parse(text).message, words)
      }
      assert.strictEqual((yield* post(page, { ...body, intention: "1" })).status, 400)
      assert.strictEqual(
        (yield* post(page, "x".repeat(5_000_000)).pipe(Effect.catchAllDefect(() => Effect.succeed({ status: 400 }))))
          .status,
        400
      )
      assert.strictEqual((yield* emulator.totals).requestsReceived, 0)
    }))

  it.scopedLive("needs the cookie and the page's own origin, and a studio that starts runs", () =>
    Effect.gen(function*() {
      const { emulator, page, url } = yield* start()
      const body = yield* request(page, { flow: "acme/test/paid", message: "hi" })
      const { port } = page
      const cookie = yield* cookieOf(url)
      const own = `http://127.0.0.1:${port}`
      const statuses = yield* Effect.forEach([
        { headers: { origin: own } },
        { headers: { cookie, origin: "http://evil.example" } },
        { headers: { cookie, origin: `http://127.0.0.1:${port + 1}` } },
        { headers: { cookie, origin: own, host: "evil.example" } },
        { headers: { cookie, origin: own, "sec-fetch-site": "same-site" } },
        { headers: { cookie, origin: own }, method: "PUT" }
      ], (one) => Effect.map(send(port, "/api/again", { method: "POST", body, ...one }), ({ status }) => status))
      assert.deepStrictEqual(statuses, [401, 403, 403, 403, 403, 405])
      const reads = yield* start({ runner: "none" })
      const refused = yield* post(reads.page, yield* request(reads.page, body.input))
      assert.deepStrictEqual([refused.status, refused.text.includes("starts no runs")], [400, true])
      assert.strictEqual((yield* emulator.totals).requestsReceived, 0)
      assert.strictEqual((yield* reads.emulator.totals).requestsReceived, 0)
    }))

  it.scopedLive("has the id that only its error knows, and a parameter named __proto__", () =>
    Effect.gen(function*() {
      const inputs: Array<RunInput> = []
      const runner = Layer.succeed(StudioRunner.StudioRunner, {
        run: (input) => {
          inputs.push(input)
          const given = { method: "FlowService.events", isRetryable: false, executionId: "run_7" }
          return input.message === "cut"
            ? new APIConnectionError({ ...given, sent: "yes" })
            : new FlowExecutionError({ ...given, status: "failed" })
        }
      })
      const { page } = yield* start({ runner })
      const body = yield* request(page, { flow: "acme/test/paid", message: "hi" })
      const parameters = JSON.parse("{\"__proto__\":{\"a\":1}}") as RunInput["parameters"]
      const failed = parsed(yield* post(page, { ...body, input: { ...body.input, parameters } }))
      assert.deepStrictEqual([failed.state, failed.run], ["ended", "run_7"])
      assert.strictEqual(JSON.stringify(inputs[0]!.parameters), "{\"__proto__\":{\"a\":1}}")
      const cut = yield* request(page, { flow: "acme/test/paid", message: "cut" })
      const stopped = parsed(yield* post(page, cut))
      assert.deepStrictEqual([stopped.state, stopped.run], ["stopped", "run_7"])
    }))

  it.scopedLive("through a client of the SDK shows no key in its problems", () =>
    Effect.gen(function*() {
      const secret = "nk_live_abcdefgh_0123456789abcdef0123456789abcdef"
      const runner = Layer.succeed(StudioRunner.StudioRunner, {
        run: () =>
          new APIConnectionError({
            method: "FlowService.events",
            isRetryable: false,
            sent: "no",
            detail: `refused ${secret}`
          })
      })
      const { page } = yield* start({ runner })
      const { text } = yield* post(page, yield* request(page, { flow: "acme/test/paid", message: "hi" }))
      assert.strictEqual(parsed({ text }).state, "refused")
      assert.notInclude(text, secret.slice(8))
    }))
})
