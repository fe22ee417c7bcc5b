/** The view of the emulator: its state, its ledger, its faults. */
import {
  EmulatorRequestDetail,
  EmulatorRequestPage,
  EmulatorState,
  EmulatorWebhookPage,
  type FaultSwitch
} from "@effect-noukai/studio/EmulatorApi"
import { Source, type StepDetail } from "@effect-noukai/studio/RunsApi"
import * as Studio from "@effect-noukai/studio/Studio"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Redacted, Schema, Stream } from "effect"
import { open, type Page, send } from "./support/client.js"
import { hello, start } from "./support/emulated.js"
import * as Scripted from "./support/scripted.js"

const read = <A, I>(page: Page, target: string, schema: Schema.Schema<A, I>) =>
  Effect.flatMap(page.get(target), ({ text }) => Schema.decodeUnknown(Schema.parseJson(schema))(text))

const stateOf = (page: Page) => read(page, "/api/emulator", EmulatorState)

const requestsOf = (page: Page, query = "") => read(page, `/api/emulator/requests${query}`, EmulatorRequestPage)

const faults = "/api/emulator/faults"

const dice: FaultSwitch = { faults: ["503"], rate: 1, seed: 7 }

describe("a studio without an emulator", () => {
  it.scopedLive("has no view of it, and says how to get one", () =>
    Effect.gen(function*() {
      const scripted = yield* Scripted.make()
      const { url } = yield* Effect.provide(Studio.serve({ assets: "/nowhere" }), scripted.layer)
      const page = yield* open(url)
      assert.deepStrictEqual((yield* read(page, "/api/source", Source)).views, [])
      const answers = [
        yield* page.get("/api/emulator"),
        yield* page.get("/api/emulator/watch"),
        yield* page.get("/api/emulator/webhooks"),
        yield* page.change("PUT", faults, dice),
        yield* page.change("DELETE", faults)
      ]
      for (const { status, text } of answers) {
        assert.strictEqual(status, 404)
        assert.include(text, "`noukai dev`")
      }
    }))
})

describe("the webhooks of an emulator", () => {
  it.scopedLive("are listed, the newest first, without the secret and without a request in the ledger", () =>
    Effect.gen(function*() {
      const secret = "whsec_planted_0123456789abcdef"
      const { emulator, page } = yield* start({ webhooks: { secret } })
      const submit = (callbackUrl: string) =>
        Effect.promise(() =>
          fetch(`${emulator.baseUrl}/seq/${hello}/jobs`, {
            method: "POST",
            headers: { authorization: `Bearer ${Redacted.value(emulator.apiKey)}` },
            body: JSON.stringify({ message: "hi", callbackUrl })
          })
        )
      for (const host of ["one", "two", "three"]) {
        yield* submit(`https://${host}.example/hooks?job=k&token=private`)
        yield* emulator.awaitEvent((event) => event.type === "WebhookChanged" && event.status === "not_sent")
      }
      while ((yield* emulator.webhooks).length < 3) yield* Effect.sleep(1)
      const { requestsReceived } = yield* emulator.totals
      const shown = yield* read(page, "/api/emulator/webhooks", EmulatorWebhookPage)
      assert.deepStrictEqual(shown, { webhooks: (yield* emulator.webhooks).toReversed(), total: 3 })
      assert.include(shown.webhooks.map(({ url }) => url), "https://two.example/hooks?job=k")
      const one = yield* read(page, "/api/emulator/webhooks?limit=1", EmulatorWebhookPage)
      assert.deepStrictEqual(one, { webhooks: shown.webhooks.slice(0, 1), total: 3 })
      for (const target of ["/api/emulator/webhooks", "/api/emulator", "/api/emulator/requests"]) {
        assert.notInclude((yield* page.get(target)).text, "planted")
      }
      assert.strictEqual((yield* emulator.totals).requestsReceived, requestsReceived)
    }))

  it.scopedLive("take the faults that are switched on for them", () =>
    Effect.gen(function*() {
      const { page } = yield* start()
      const rule = { faults: ["drop"], rate: 1, seed: 7, endpoint: "webhook" } as const
      const { status, text } = yield* page.change("PUT", faults, rule)
      assert.strictEqual(status, 200)
      assert.include(text, "100 % of webhooks take drop, seed 7")
      assert.include((yield* stateOf(page)).endpoints, "webhook")
      const wrong = yield* page.change("PUT", faults, { ...rule, faults: ["503"] })
      assert.strictEqual(wrong.status, 400)
      assert.include(wrong.text, "is a fault of requests")
    }))
})

describe("the state of an emulator", () => {
  it.scopedLive("has flows with their runs and cost, organisations with credits, and totals", () =>
    Effect.gen(function*() {
      const { emulator, execute, page } = yield* start({
        organisations: { acme: { credits: "2" } },
        limits: { runs: 3 }
      })
      yield* execute("acme/test/paid")
      yield* execute("acme/test/paid")
      yield* Effect.flip(execute("acme/test/fails"))
      const { requestsReceived } = yield* emulator.totals
      const state = yield* stateOf(page)
      assert.strictEqual(state.address, emulator.baseUrl)
      const flowOf = (name: string, { flows }: EmulatorState) => flows.find(({ flow }) => flow === name)
      assert.deepStrictEqual(flowOf("acme/test/paid", state), { flow: "acme/test/paid", runs: 2, costUsd: "0.5" })
      assert.deepStrictEqual(flowOf(hello, state), { flow: hello, runs: 0, costUsd: "0" })
      assert.deepStrictEqual(state.organisations, [{ org: "acme", creditsUsd: "1.5", billedUsd: "0.5" }])
      assert.deepStrictEqual(
        { ...state.totals, connections: 0 },
        { connections: 0, requests: 3, runs: 3, billedUsd: "0.5", faulty: 0 }
      )
      assert.isAbove(state.catalogue.length, 10)
      // runs that are no longer kept are not among those of their flow, but were billed
      yield* execute("acme/test/paid")
      yield* execute("acme/test/slow")
      const later = yield* stateOf(page)
      assert.deepStrictEqual(flowOf("acme/test/paid", later), { flow: "acme/test/paid", runs: 1, costUsd: "0.25" })
      assert.deepStrictEqual(later.organisations, [{ org: "acme", creditsUsd: "1.25", billedUsd: "0.75" }])
      assert.strictEqual((yield* emulator.totals).requestsReceived, requestsReceived + 2)
      yield* emulator.reset
      const reset = yield* stateOf(page)
      assert.deepStrictEqual(reset.totals.runs, 0)
      assert.deepStrictEqual(reset.organisations, [{ org: "acme", creditsUsd: "2", billedUsd: "0" }])
    }))

  it.scopedLive("has the trace of the newest run of an id, which a reset gives again", () =>
    Effect.gen(function*() {
      const flow = "acme/test/echo"
      const { emulator, execute, page } = yield* start({
        more: [{ ref: flow, steps: [{ kind: "template", id: "a", output: "{{message}}" }] }]
      })
      const ids = new Set<string>()
      for (let round = 0; round < 20; round++) {
        const { executionId: id = "" } = yield* execute(flow, { message: `round ${round}` })
        const address = new URLSearchParams({ flow, id })
        const { attempts } = yield* page.json<StepDetail>(`/api/step?${address}&step=a`)
        assert.strictEqual(JSON.parse(attempts[0]!.output.json!).output, `round ${round}`)
        // a read in flight keeps nothing of the run that it began with
        yield* Effect.zip(page.get(`/api/run?${address}`), emulator.reset, { concurrent: true })
        ids.add(id)
      }
      assert.strictEqual(ids.size, 1)
    }))

  it.scopedLive("comes by events, at most one per 250 ms", () =>
    Effect.gen(function*() {
      const { execute, page } = yield* start()
      const events = yield* page.events("/api/emulator/watch").pipe(
        Stream.tap(({ event }) =>
          event === "hello"
            ? Effect.forkScoped(Effect.repeatN(execute("acme/test/paid"), 99))
            : Effect.void
        ),
        Stream.takeUntil(({ data }) => data.totals?.runs === 100),
        Stream.runCollect,
        Effect.timeout("20 seconds")
      )
      const [first, ...changes] = [...events]
      assert.strictEqual(first!.event, "hello")
      assert.isTrue(changes.every(({ event }) => event === "change"))
      assert.isAtMost(changes.length, 2 + (changes.at(-1)!.at - changes[0]!.at) / 240)
    }))
})

describe("the ledger of an emulator", () => {
  it.scopedLive("is paged and filtered, newest first, without keys", () =>
    Effect.gen(function*() {
      const { emulator, execute, page } = yield* start()
      yield* emulator.addFaults({ match: { nth: 2 }, script: ["503"] })
      const ids: Array<string | undefined> = []
      for (let count = 0; count < 3; count++) {
        ids.push(
          yield* Effect.match(execute(hello), {
            onFailure: () => undefined,
            onSuccess: ({ executionId }) => executionId
          })
        )
      }
      yield* Effect.flip(execute("acme/test/fails", { message: "nk_live_abcdefgh_0123456789abcdef0123456789abcdef" }))
      const all = yield* requestsOf(page)
      assert.strictEqual(all.total, 4)
      assert.deepStrictEqual(all.requests.map(({ fault, flow, status }) => [flow, status, fault]), [
        ["acme/test/fails", 500, undefined],
        [hello, 200, undefined],
        [hello, 503, "503"],
        [hello, 200, undefined]
      ])
      const matching = (text: string) =>
        Effect.map(requestsOf(page, `?text=${encodeURIComponent(text)}`), ({ total }) => total)
      assert.deepStrictEqual(
        yield* Effect.forEach(["503", "FAILS", "post", ids[0]!, "no such", "/execute"], matching),
        [1, 1, 4, 1, 0, 4]
      )
      const second = yield* requestsOf(page, "?offset=1&limit=2")
      assert.deepStrictEqual([second.total, second.requests], [4, all.requests.slice(1, 3)])
      const [newest] = all.requests
      const { body, headers, request } = yield* read(
        page,
        `/api/emulator/request?id=${newest!.id}`,
        EmulatorRequestDetail
      )
      assert.deepStrictEqual(request, newest)
      assert.deepStrictEqual(JSON.parse(body).message, "nk_live_…")
      assert.notInclude(headers.authorization!, "emulator")
      assert.match(headers.authorization!, /^Bearer nk_/)
      const { status, text } = yield* page.get("/api/emulator/request?id=req-999999")
      assert.deepStrictEqual([status, JSON.parse(text).message.includes("req-999999")], [404, true])
      assert.strictEqual((yield* emulator.totals).requestsReceived, 4)
    }))
})

describe("the faults of an emulator", () => {
  it.scopedLive("are switched on with a seed, replaced and switched off; those of others stay", () =>
    Effect.gen(function*() {
      const { emulator, execute, page } = yield* start({ faults: [{ match: { nth: 99 }, script: ["reset"] }] })
      yield* emulator.addFaults({ match: { flow: "acme/test/fails" }, script: ["ok"], repeat: true })
      const rules = (state: EmulatorState) => state.faults.map(({ isOurs, rule }) => `${isOurs ? "+" : "-"} ${rule}`)
      const others = [
        "- Request 99 takes reset",
        "- Requests of acme/test/fails take ok, again and again"
      ]
      const switchOn = (wanted: object) =>
        Effect.flatMap(page.change("PUT", faults, wanted), ({ status, text }) => {
          assert.strictEqual(status, 200)
          return Schema.decodeUnknown(Schema.parseJson(EmulatorState))(text)
        })
      const on = yield* switchOn({ ...dice, endpoint: "execute", flow: hello })
      assert.deepStrictEqual(rules(on), [...others, `+ 100 % of requests to execute of ${hello} take 503, seed 7`])
      assert.deepStrictEqual(on.last, { ...dice, endpoint: "execute", flow: hello })
      const { message } = yield* Effect.flip(execute(hello))
      assert.include(message, "503")
      yield* execute("acme/test/paid")
      const replaced = yield* switchOn({ faults: ["429", "reset:late"], rate: 0.35, seed: -1 })
      assert.deepStrictEqual(rules(replaced), [...others, "+ 35 % of requests take 429 or reset:late, seed -1"])
      const { text } = yield* page.change("DELETE", faults)
      assert.deepStrictEqual(rules(yield* Schema.decodeUnknown(Schema.parseJson(EmulatorState))(text)), others)
      yield* execute(hello)
      // a reset removes them, too
      yield* switchOn(dice)
      yield* emulator.reset
      assert.deepStrictEqual(rules(yield* stateOf(page)), others.slice(0, 1))
    }))

  it.scopedLive("fall the same for the same seed", () =>
    Effect.gen(function*() {
      const { execute, page } = yield* start()
      const outcomes = Effect.gen(function*() {
        yield* page.change("PUT", faults, { faults: ["503", "429"], rate: 0.5, seed: 3 })
        return yield* Effect.forEach(
          Array.from({ length: 12 }),
          () => Effect.match(execute(hello), { onFailure: ({ _tag }) => _tag, onSuccess: () => "completed" })
        )
      })
      const first = yield* outcomes
      assert.deepStrictEqual(yield* outcomes, first)
      assert.isAbove(new Set(first).size, 1)
    }))

  it.scopedLive("that are not valid change nothing, and the message says which", () =>
    Effect.gen(function*() {
      const { page } = yield* start()
      yield* page.change("PUT", faults, dice)
      const before = yield* stateOf(page)
      const told = (wanted: object) =>
        Effect.map(page.change("PUT", faults, wanted), ({ status, text }) => [status, JSON.parse(text).message])
      const [status, message] = yield* told({ ...dice, faults: ["503", "explode"] })
      assert.strictEqual(status, 400)
      assert.include(message, "\"explode\" is not a fault")
      assert.include((yield* told({ ...dice, flow: "acme/test/none" }))[1], "acme/test/none")
      assert.include((yield* told({ ...dice, endpoint: "exec" }))[1], "execute, step, submitJob")
      for (const wrong of [{ rate: 2 }, { rate: "1" }, { faults: [] }, { seed: 1.5 }]) {
        assert.strictEqual((yield* page.change("PUT", faults, { ...dice, ...wrong })).status, 400)
      }
      const { cookie, port } = page
      const headers = { cookie, "content-type": "application/json" }
      const many = { ...dice, faults: Array.from({ length: 20_000 }, () => "503") }
      assert.strictEqual((yield* send(port, faults, { method: "PUT", headers, text: "not JSON" })).status, 400)
      // its connection is cut
      assert.isTrue(Exit.isFailure(yield* Effect.exit(send(port, faults, { method: "PUT", headers, body: many }))))
      assert.deepStrictEqual((yield* stateOf(page)).faults, before.faults)
    }))

  it.scopedLive("are switched by this page alone", () =>
    Effect.gen(function*() {
      const { page: { cookie, port, ...page } } = yield* start()
      const own = `http://127.0.0.1:${port}`
      const attacks: ReadonlyArray<Record<string, string>> = [
        { cookie, origin: "https://evil.example" },
        { cookie, origin: "null" },
        { cookie, origin: `http://localhost:${port}` },
        { cookie, origin: `http://127.0.0.1:${port + 1}` },
        { cookie, origin: own, host: "evil.example" },
        { cookie, origin: "http://evil.example", host: "evil.example" },
        { cookie, "sec-fetch-site": "cross-site" },
        { cookie, "sec-fetch-site": "same-site" }
      ]
      for (const method of ["PUT", "DELETE"]) {
        for (const headers of attacks) {
          const { status } = yield* send(port, faults, { method, headers, body: dice })
          assert.strictEqual(status, 403, JSON.stringify(headers))
        }
        for (const headers of [{}, { cookie: "x=y", origin: own }]) {
          assert.strictEqual((yield* send(port, faults, { method, headers, body: dice })).status, 401)
        }
        // the token of the address opens the page, and nothing else
        const { status } = yield* send(port, `${faults}?token=x`, { method, headers: { origin: own }, body: dice })
        assert.strictEqual(status, 401)
        for (const target of ["/", "/api/runs", "/api/emulator", `${faults}/x`]) {
          assert.strictEqual((yield* send(port, target, { method, headers: { cookie }, body: dice })).status, 405)
        }
      }
      for (const method of ["POST", "PATCH", "OPTIONS"]) {
        assert.strictEqual((yield* send(port, faults, { method, headers: { cookie }, body: dice })).status, 405)
      }
      assert.deepStrictEqual(JSON.parse((yield* page.get("/api/emulator")).text).faults, [])
      const headers = { cookie, origin: own, "sec-fetch-site": "same-origin" }
      assert.strictEqual((yield* send(port, faults, { method: "PUT", headers, body: dice })).status, 200)
    }))
})
