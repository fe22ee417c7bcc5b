/** Comparisons, forms and kept sessions over a server whose answers are hostile. */
import { Noukai } from "@effect-noukai/sdk"
import type { RunComparison, StepComparison } from "@effect-noukai/studio/CompareApi"
import * as HostedSource from "@effect-noukai/studio/HostedSource"
import type { Kept } from "@effect-noukai/studio/KeepApi"
import type { RunForm, StartedRun } from "@effect-noukai/studio/RunAgainApi"
import * as Studio from "@effect-noukai/studio/Studio"
import * as StudioRunner from "@effect-noukai/studio/StudioRunner"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { randomUUID } from "node:crypto"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { open, until } from "./support/client.js"

const key = "nk_live_abcdefgh_0123456789abcdef0123456789abcdef"

/** The key of the client, which the SDK removes from responses. The other one is a key like any other. */
const own = "nk_test_of_the_client_0123456789"

const flow = "acme/test/hostile"

const session = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

const markup = "<img src=x onerror=alert(1)>\u202e\u0000'\"`$(reboot)"

/** Deep enough to end a program that recurs without a limit, as far as JSON.parse reads it. */
const deep = (end: unknown) => `${"[".repeat(2_000)}${JSON.stringify(end)}${"]".repeat(2_000)}`

const step = (input: string, output: string, more = "") =>
  `{"stepId":${JSON.stringify(markup)},"attempt":1,"loopIndex":null,"status":"completed","startedAt":"never",` +
  `"durationMs":1e999,"modelUsed":${JSON.stringify(key)},"costUsd":"0.1${"0".repeat(400)}1","inputContext":${input},` +
  `"outputContext":${output},"truncated":false${more}}`

const trace = (id: string, ...steps: ReadonlyArray<string>) =>
  `{"flowRun":{"id":${JSON.stringify(id)},"flowId":"fl_1","status":"completed","stepCount":-1},"steps":[${
    steps.join(",")
  }]}`

const proto = (value: unknown) =>
  `{"__proto__":{"polluted":${JSON.stringify(value)}},"constructor":"${own}","message":"${key}"}`

const answers: {
  readonly [id: string]: () => { readonly status?: number; readonly type?: string; readonly body: string }
} = {
  one: () => ({ body: trace("one", step(proto("a"), deep("a"))) }),
  two: () => ({ body: trace("two", step(proto("b"), deep("b")), step("null", "null", ",\"attempt\":2")) }),
  other: () => ({ body: trace("of somebody else") }),
  html: () => ({ type: "text/html", body: markup }),
  cut: () => ({ body: trace("cut", step("{}", "{}")).slice(0, -9) }),
  array: () => ({ body: "[]" }),
  none: () => ({ status: 404, type: "text/html", body: `<h1>${key}</h1>` }),
  busy: () => ({ status: 500, body: JSON.stringify({ detail: `${key} ${markup}` }) })
}

/** A server that answers reads of runs and sessions from the table, and no request that begins a run. */
const server = Effect.acquireRelease(
  Effect.async<{ readonly port: number; readonly posts: () => number; readonly server: Http.Server }>((resume) => {
    let posts = 0
    const server = Http.createServer((request, response) => {
      const { method, url = "" } = request
      if (method === "POST") {
        posts++
        response.writeHead(200, { "content-type": "text/event-stream" }).end(`data: ${markup} ${key} ${own}\n\n`)
        return
      }
      const [, id] = /\/runs\/([^/?]+)\/trace/.exec(url) ?? []
      const kept =
        `{"sessionId":"${session}","executions":[{"executionId":${JSON.stringify(markup)},"slug":"hostile",` +
        `"triggerType":"execute","status":"completed","snapshotsAvailable":true,"steps":[{"stepId":"a","attempt":1,` +
        `"status":"completed","inputSnapshot":${proto("c")},"outputSnapshot":${
          JSON.stringify({ text: markup, key })
        },` +
        `"errorSnapshot":null,"truncated":false}]}]}`
      const { body, status = 200, type = "application/json" } = url.includes("/sessions/")
        ? { body: kept }
        : answers[id ?? ""]?.() ?? { status: 404, body: "{}" }
      response.writeHead(status, { "content-type": type }).end(body)
    })
    server.listen(
      0,
      "127.0.0.1",
      () => resume(Effect.succeed({ port: (server.address() as AddressInfo).port, posts: () => posts, server }))
    )
  }),
  ({ server }) =>
    Effect.async<void>((resume) => {
      server.closeAllConnections()
      server.close(() => resume(Effect.void))
    })
)

const start = Effect.gen(function*() {
  const { port, posts } = yield* server
  const address = `http://127.0.0.1:${port}/api/v1`
  const services = Noukai.layer({
    apiKey: Redacted.make(own),
    baseUrl: address,
    maxRetries: 0,
    org: "acme",
    project: "test"
  })
  const sources = yield* Layer.build(
    Layer.merge(HostedSource.layer({ address, seen: Effect.succeed([]) }), StudioRunner.layer).pipe(
      Layer.provide(services)
    )
  )
  const hidden = [Redacted.make(own)]
  const { url } = yield* Effect.provide(Studio.serve({ assets: "/nowhere", hidden }), sources)
  return { page: yield* open(url), posts }
})

const pair = (before: string, after: string) =>
  new URLSearchParams({ beforeFlow: flow, before, afterFlow: flow, after }).toString()

describe("over a hostile server", () => {
  it.scopedLive("two runs are compared, or the comparison says what failed, and no key is shown", () =>
    Effect.gen(function*() {
      const { page } = yield* start
      const { text } = yield* page.get(`/api/diff?${pair("one", "two")}`)
      const { command, difference } = JSON.parse(text) as RunComparison
      assert.deepStrictEqual([difference.counts.changed, difference.counts.new, difference.partsAt], [1, 1, 0])
      assert.strictEqual(command, `noukai diff ${flow}/one ${flow}/two`)
      const detail = yield* page.get(`/api/diff/step?${pair("one", "two")}&at=0`)
      const { step } = JSON.parse(detail.text) as StepComparison
      assert.deepStrictEqual(step.input?.map(({ path }) => path), ["$.__proto__.polluted"])
      assert.strictEqual(step.output?.length, 1)
      assert.isUndefined(({} as { readonly polluted?: unknown }).polluted)
      const failing = yield* Effect.forEach(
        ["html", "cut", "array", "none", "busy", "absent"],
        (id) => page.get(`/api/diff?${pair("one", id)}`)
      )
      for (const { status, text } of failing) {
        assert.include([404, 502], status)
        assert.isString(JSON.parse(text).message)
      }
      const all = JSON.stringify([text, detail, failing])
      assert.deepStrictEqual([all.includes(key.slice(8)), all.includes(own)], [false, false])
    }))

  it.scopedLive("the form has the input as it is, and a run whose stream is not one is never told as a success", () =>
    Effect.gen(function*() {
      const { page, posts } = yield* start
      const form = yield* page.json<RunForm>(`/api/again?flow=${flow}&id=one`)
      assert.include(form.notes.at(-1), "has a key, which is masked here")
      assert.deepStrictEqual(form.steps.map(({ stepId }) => stepId), [])
      const intention = randomUUID()
      const request = { studio: form.studio, intention, input: { flow, message: "hi" } }
      yield* page.change("POST", "/api/again", request)
      const { problem, run, state } = yield* until(
        page.json<StartedRun>(`/api/again/started?intention=${intention}`),
        ({ state }) => state !== "starting"
      )
      assert.deepStrictEqual([state, run], ["unknown", undefined])
      assert.include(problem?.advice, "before you run it again")
      yield* page.change("POST", "/api/again", request)
      assert.strictEqual(posts(), 1)
    }))

  it.scopedLive("a session is kept as text", () =>
    Effect.gen(function*() {
      const { page } = yield* start
      const kept = yield* page.json<Kept>(`/api/keep?session=${session}`)
      assert.deepStrictEqual(kept.redacted, [
        "$.executions[0].steps[0].inputSnapshot.message",
        "$.executions[0].steps[0].outputSnapshot.key"
      ])
      const test = yield* page.get(`/api/keep/file?session=${session}&file=test`)
      const cassette = yield* page.get(`/api/keep/file?session=${session}&file=cassette`)
      assert.include(test.text, "JSON.parse(")
      assert.strictEqual(cassette.headers["content-type"], "application/json")
      const all = test.text + cassette.text + JSON.stringify(kept)
      assert.deepStrictEqual([all.includes(key.slice(8)), all.includes(own)], [false, false])
    }))
})
