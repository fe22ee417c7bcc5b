/** The API of a studio: runs, steps, texts to copy, exports. */
import { RunDetail, RunPage, Snippets, StepDetail } from "@effect-noukai/studio/RunsApi"
import * as Studio from "@effect-noukai/studio/Studio"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { execFileSync } from "node:child_process"
import ts from "typescript"
import { open } from "./support/client.js"
import { start as emulated } from "./support/emulated.js"
import * as Scripted from "./support/scripted.js"
import * as Stories from "./support/stories.js"

const start = (...runs: ReadonlyArray<Scripted.ScriptedRun>) =>
  Effect.gen(function*() {
    const scripted = yield* Scripted.make()
    yield* scripted.put(...runs)
    const { url } = yield* Effect.provide(Studio.serve({ assets: "/nowhere" }), scripted.layer)
    const page = yield* open(url)
    const of = <A, I>(schema: Schema.Schema<A, I>, endpoint: string) => (parameters: Record<string, string | number>) =>
      page.get(
        `/api/${endpoint}?${new URLSearchParams(
          Object.entries(parameters).map(([name, value]) => [name, String(value)])
        )}`
      )
        .pipe(Effect.flatMap(({ text }) => Schema.decodeUnknown(Schema.parseJson(schema))(text)), Effect.orDie)
    return {
      page,
      list: of(RunPage, "runs"),
      run: of(RunDetail, "run"),
      step: of(StepDetail, "step"),
      snippets: of(Snippets, "snippets")
    }
  })

const address = ({ flow = "acme/spelling/grade-3", id }: Scripted.ScriptedRun) => ({ flow, id })

describe("the list", () => {
  it.scopedLive("has the newest first, in pages of at most 500", () =>
    Effect.gen(function*() {
      const { list } = yield* start(...Stories.many(1_200))
      const { runs, total } = yield* list({})
      assert.deepStrictEqual([runs.length, total, runs[0]!.id], [100, 1_200, "run-001199"])
      assert.deepStrictEqual((yield* list({ limit: 10_000 })).runs.length, 500)
      assert.deepStrictEqual((yield* list({ offset: 1_199 })).runs.map(({ id }) => id), ["run-000000"])
      const failed = yield* list({ status: "failed", flow: "flow-3", text: "RUN-000", session: "" })
      assert.isTrue(failed.runs.every(({ flow, status }) => status === "failed" && flow === "acme/spelling/flow-3"))
      assert.strictEqual(failed.total, failed.runs.length)
      assert.isAbove(failed.total, 0)
    }))
})

describe("a run that goes on", () => {
  const began = Date.now() - 600_000

  it.scopedLive("is as old as the clock says, whatever its last event was", () =>
    Effect.gen(function*() {
      const working = { id: "working", status: "running", startedAt: began, steps: [{ id: "slow", at: 1 }] }
      const silent = { id: "silent", status: "running", startedAt: began, steps: [{ id: "fast", at: 0, ms: 5 }] }
      const { run } = yield* start(working, silent, Stories.completed)
      const slow = yield* run(address(working))
      assert.isAtLeast(slow.ageMs!, 600_000)
      // the bar that grows begins where it is by now
      assert.strictEqual(slow.totalMs, slow.ageMs)
      const idle = yield* run(address(silent))
      assert.isAtLeast(idle.ageMs!, 600_000)
      assert.strictEqual(idle.totalMs, 5)
      assert.isUndefined((yield* run(address(Stories.completed))).ageMs)
    }))

  it.scopedLive("waits for its caller between two steps that the caller requests, and for tools", () =>
    Effect.gen(function*() {
      const run = { status: "running", startedAt: began, trigger: "step" }
      const fast = { id: "fast", at: 0, ms: 5 }
      const between = { ...run, id: "between", steps: [fast] }
      const working = { ...run, id: "working", steps: [fast, { id: "slow", at: 6 }] }
      const whole = { ...between, id: "whole", trigger: "execute" }
      const tools = {
        ...whole,
        id: "tools",
        watched: { clock: "server" as const, pauses: [{ startMs: 7, stepId: "slow" }] }
      }
      const of = yield* start(between, working, whole, tools)
      const waits = yield* Effect.forEach(
        [between, working, whole, tools],
        (one) => Effect.map(of.run(address(one)), ({ run }) => run.waitsSince)
      )
      assert.deepStrictEqual(waits, [began + 5, undefined, undefined, began + 7])
    }))
})

describe("a run", () => {
  it.scopedLive("opens at its last failed attempt, otherwise at its last step", () =>
    Effect.gen(function*() {
      const { run } = yield* start(...Stories.all)
      const failed = yield* run(address(Stories.failed))
      assert.strictEqual(failed.bars[failed.focus!]!.label, "grade attempt 2")
      assert.deepStrictEqual(
        failed.bars.map(({ attempt, failure, kind, stepId }) => [stepId, attempt, kind, failure]),
        [
          ["read", 1, "completed", []],
          ["grade", 1, "failed", ["RATE_LIMITED: The model was busy."]],
          ["grade", 2, "failed", ["PROVIDER_ERROR: The model did not return JSON."]]
        ]
      )
      const completed = yield* run(address(Stories.completed))
      assert.strictEqual(completed.bars[completed.focus!]!.label, "write")
      assert.deepStrictEqual(completed.steps.map(({ busyMs, costUsd, stepId }) => [stepId, busyMs, costUsd]), [
        ["read", 400, "0.00015"],
        ["grade", 1_200, "0.003"],
        ["write", 260, "0"]
      ])
      assert.deepStrictEqual(completed.notes, [])
    }))

  it.scopedLive("opens neither at a failure that a later attempt mended, nor at a loop that its iteration failed", () =>
    Effect.gen(function*() {
      const error = { code: "X", message: "no" }
      const { run } = yield* start(
        {
          id: "mended",
          status: "failed",
          steps: [
            { id: "a", at: 0, ms: 1, error },
            { id: "a", attempt: 2, at: 1, ms: 1 },
            { id: "b", at: 2, ms: 1, error }
          ]
        },
        { id: "all-mended", steps: [{ id: "a", at: 0, ms: 1, error }, { id: "a", attempt: 2, at: 1, ms: 9 }] },
        {
          id: "loop",
          status: "failed",
          steps: [
            { id: "l", at: 0, ms: 9, error },
            { id: "l", loop: 0, at: 0, ms: 1 },
            { id: "l", loop: 1, at: 1, ms: 8, error }
          ]
        }
      )
      for (const [id, label] of [["mended", "b"], ["all-mended", "a attempt 2"], ["loop", "l [1]"]] as const) {
        const { bars, focus } = yield* run({ ...address({ id }) })
        assert.strictEqual(bars[focus!]!.label, label)
      }
    }))

  it.scopedLive("has the iterations of a loop after it, and no payload of any step", () =>
    Effect.gen(function*() {
      const { page, run } = yield* start(Stories.loop(500))
      const { bars, focus } = yield* run(address(Stories.loop(500)))
      assert.deepStrictEqual(bars.slice(0, 4).map(({ depth, isLoop, label }) => [label, depth, isLoop]), [
        ["plan", 0, false],
        ["page", 0, true],
        ["page [0]", 1, false],
        ["page [1]", 1, false]
      ])
      assert.strictEqual(bars.length, 502)
      assert.strictEqual(bars[focus!]!.label, "page [41]")
      const { text } = yield* page.get(`/api/run?flow=acme/spelling/all-pages&id=run-loop`)
      assert.notInclude(text, "\"page\":41")
      assert.notInclude(text, "\"ok\"")
    }))

  it.scopedLive("says why there is nothing to see, and how to capture it", () =>
    Effect.gen(function*() {
      const { run, step } = yield* start(
        Stories.uncaptured,
        { id: "off", durationMs: 5 },
        { id: "new", status: "running" },
        { id: "cut", steps: [{ id: "a", at: 0, ms: 1, output: { truncated: "x" }, truncated: true }] }
      )
      const [note] = (yield* run(address(Stories.uncaptured))).notes
      assert.match(note!, /not captured.*`snapshots: true`.*`noukai run --snapshots`.*`full`/)
      assert.match((yield* step({ ...address(Stories.uncaptured), step: "read" })).notes[0]!, /not captured/)
      assert.match((yield* run({ ...address(Stories.uncaptured), id: "off" })).notes[0]!, /capture mode `off`/)
      assert.deepStrictEqual((yield* run({ ...address(Stories.uncaptured), id: "new" })).notes, ["No step has begun."])
      assert.match((yield* run({ ...address(Stories.uncaptured), id: "cut" })).notes[0]!, /cut/)
    }))

  it.scopedLive("cuts an error that is as long as a book", () =>
    Effect.gen(function*() {
      const long: Scripted.ScriptedRun = {
        id: "long",
        steps: [{ id: "a", at: 0, ms: 1, error: { code: "X", message: "word ".repeat(100_000) } }]
      }
      const { run, step } = yield* start(long)
      assert.strictEqual((yield* run(address(long))).bars[0]!.failure[0]!.length, 500)
      const { attempts: [attempt] } = yield* step({ ...address(long), step: "a" })
      assert.isAbove(attempt!.error.json!.length, 500_000)
    }))
})

describe("a step", () => {
  it.scopedLive("has all its attempts with their payloads", () =>
    Effect.gen(function*() {
      const { step } = yield* start(...Stories.all)
      const { attempts } = yield* step({ ...address(Stories.failed), step: "grade" })
      assert.deepStrictEqual(attempts.map(({ attempt, status }) => [attempt, status]), [[1, "failed"], [2, "failed"]])
      assert.deepStrictEqual(
        attempts.map(({ error, input, output }) => [input.json, output, JSON.parse(error.json!).code]),
        [
          ["{\"words\":2}", { isCaptured: false }, "RATE_LIMITED"],
          ["{\"words\":2}", { isCaptured: false }, "PROVIDER_ERROR"]
        ]
      )
    }))

  it.scopedLive("in a loop is one iteration", () =>
    Effect.gen(function*() {
      const { page, step } = yield* start(Stories.loop(50))
      const loop = address(Stories.loop(50))
      assert.strictEqual(
        (yield* step({ ...loop, step: "page", loop: 7 })).attempts[0]!.output.json,
        "{\"page\":7,\"ok\":true}"
      )
      assert.strictEqual((yield* step({ ...loop, step: "page" })).attempts[0]!.output.json, "{\"pages\":50}")
      const { status, text } = yield* page.get("/api/step?flow=acme/spelling/all-pages&id=run-loop&step=page&loop=50")
      assert.deepStrictEqual([status, JSON.parse(text).message], [
        404,
        "Run run-loop has no iteration 50 of step page."
      ])
    }))

  it.scopedLive("keeps text as it is, whatever it would be elsewhere", () =>
    Effect.gen(function*() {
      const { run, step } = yield* start(Stories.hostile)
      const { bars } = yield* run(address(Stories.hostile))
      assert.deepStrictEqual(bars.map(({ stepId }) => stepId), Stories.hostile.steps!.map(({ id }) => id))
      const { attempts: [attempt] } = yield* step({ ...address(Stories.hostile), step: bars[0]!.stepId })
      assert.deepStrictEqual(JSON.parse(attempt!.input.json!), Stories.hostile.steps![0]!.input)
      assert.deepStrictEqual(JSON.parse(attempt!.output.json!), Stories.hostile.steps![0]!.output)
    }))

  it.scopedLive("of 10 MB is read whole", () =>
    Effect.gen(function*() {
      const huge = Stories.huge(10_000_000)
      const { step } = yield* start(huge)
      const { attempts: [attempt] } = yield* step({ ...address(huge), step: "read" })
      assert.deepStrictEqual(JSON.parse(attempt!.output.json!), huge.steps![0]!.output)
    }))
})

const odd = "it's \"odd\" $HOME `id` \\ \n--param"

const texts: ReadonlyArray<Scripted.ScriptedRun> = [
  { id: "1", version: "7", request: { message: odd, parameters: { "a b": odd, n: 3, list: [1, "x"] } } },
  { id: "2", request: { message: "--help" } },
  { id: "3", request: { parameters: JSON.parse("{\"$x\":\"${y}\",\"__proto__\":{\"a\":1},\"a-b\":null}") } },
  { id: "4", steps: [{ id: "a", at: 0, ms: 1, input: { message: "Hi", tone: "kind" } }] },
  { id: "5", steps: [{ id: "a", at: 0, ms: 1 }] },
  { id: "6", request: { message: "x", tools: [{ type: "function" }], toolChoice: "auto", sessionId: "no" } },
  { id: "8", request: { message: "x", trace: true } },
  { id: "7", request: { message: "a\u001b[201~\\n\r'\u0085\n\n" } },
  { id: "9", version: "draft", request: { message: "x" } }
]

/** The words that a shell makes of a command. */
const wordsOf = (command: string): ReadonlyArray<string> =>
  execFileSync("sh", ["-c", `noukai() { printf '%s\\0' "$@"; }; curl() { noukai "$@"; }; ${command}`], {
    encoding: "utf8",
    env: { NOUKAI_API_KEY: "nk_the-key" }
  }).split("\0").slice(0, -1)

describe("texts to copy", () => {
  it.scopedLive("mean the same run to a shell, whatever its input holds", () =>
    Effect.gen(function*() {
      const { snippets } = yield* start(...texts)
      const of = (id: string) => snippets({ ...address(texts[0]!), id })
      assert.deepStrictEqual(wordsOf((yield* of("1")).command), [
        "run",
        "acme/spelling/grade-3",
        odd,
        "--param",
        `a b=${odd}`,
        "--param",
        "n:=3",
        "--param",
        "list:=[1,\"x\"]",
        "--flow-version",
        "7",
        "--env",
        "dev"
      ])
      assert.deepStrictEqual(wordsOf((yield* of("2")).command), [
        "run",
        "--env",
        "dev",
        "--",
        "acme/spelling/grade-3",
        "--help"
      ])
      const curl = wordsOf((yield* of("1")).curl)
      assert.strictEqual(curl[0], "http://127.0.0.1:8080/api/v1/seq/acme/spelling/grade-3/v7/execute")
      assert.strictEqual(curl[2], "Authorization: Bearer nk_the-key")
      assert.deepStrictEqual(JSON.parse(curl[6]!), { message: odd, parameters: { "a b": odd, n: 3, list: [1, "x"] } })
      const eight = yield* of("8")
      assert.include(wordsOf(eight.command), "--snapshots")
      assert.include(eight.typescript, "snapshots: true")
      assert.notInclude(eight.typescript, "trace")
      assert.deepStrictEqual(JSON.parse(wordsOf(eight.curl)[6]!), { message: "x", trace: true })
      assert.deepStrictEqual(eight.notes, [])
      const seven = yield* of("7")
      assert.notMatch(seven.command + seven.curl, /(?!\n)\p{Cc}/u)
      assert.strictEqual(wordsOf(seven.command)[2], texts[7]!.request!.message)
      const six = yield* of("6")
      assert.deepStrictEqual(JSON.parse(wordsOf(six.curl)[6]!), {
        message: "x",
        tools: [{ type: "function" }],
        toolChoice: "auto"
      })
      assert.match(six.notes[0]!, /no flags for tools, toolChoice/)
    }))

  it.scopedLive("are programs, whatever the input holds", () =>
    Effect.gen(function*() {
      const { snippets } = yield* start(...texts)
      for (const { id } of texts) {
        const { typescript } = yield* snippets({ ...address(texts[0]!), id })
        const { diagnostics } = ts.transpileModule(typescript, { reportDiagnostics: true })
        assert.deepStrictEqual(diagnostics, [], typescript)
        // its input is what JavaScript makes of the text
        const input = /execute\("acme\/spelling\/grade-3", (\{[^]*\})\)\n\}\)\n$/.exec(typescript)![1]!
        const { version, ...rest } = new Function(`return ${input}`)()
        const { parameters = {} } = texts.find((one) => one.id === id)!.request as { parameters?: object } ?? {}
        if (id !== "4") assert.strictEqual(JSON.stringify(rest.parameters ?? {}), JSON.stringify(parameters))
        assert.strictEqual(version, id === "1" ? 7 : id === "9" ? "draft" : undefined)
      }
    }))

  it.scopedLive("of a run of the draft run the draft", () =>
    Effect.gen(function*() {
      const flow = "acme/test/two"
      const step = (output: string) => ({ kind: "template" as const, id: "a", output })
      const { execute, page } = yield* emulated({
        more: [{ ref: flow, steps: [step("of the draft")], versions: { 1: { steps: [step("of version 1")] } } }]
      })
      for (const [version, flag, output] of [["draft", "draft", "of the draft"], [1, "1", "of version 1"]] as const) {
        const { executionId } = yield* execute(flow, { version })
        const texts = yield* page.json<Snippets>(`/api/snippets?${new URLSearchParams({ flow, id: executionId! })}`)
        assert.include(texts.command, `--flow-version ${flag} `)
        assert.include(texts.typescript, `version: ${JSON.stringify(version)}`)
        const [url, , authorization, , contentType, , body] = wordsOf(texts.curl)
        const headers = [authorization!, contentType!].map((line) => line.split(": ") as [string, string])
        const answer = yield* Effect.promise(() =>
          fetch(url!, { method: "POST", headers, body: body! }).then((response) => response.json())
        )
        assert.strictEqual(answer.result, output)
      }
    }))

  it.scopedLive("take the input of the first step where the request is not known, and say so", () =>
    Effect.gen(function*() {
      const { snippets } = yield* start(...texts)
      const four = yield* snippets({ ...address(texts[0]!), id: "4" })
      assert.include(four.command, "Hi --param tone=kind")
      assert.match(four.notes[0]!, /first step/)
      const five = yield* snippets({ ...address(texts[0]!), id: "5" })
      assert.match(five.notes[0]!, /not known/)
    }))
})

describe("an export", () => {
  it.scopedLive("is a file of OTLP spans or a page", () =>
    Effect.gen(function*() {
      const { page } = yield* start(Stories.completed)
      const at = "/api/export?flow=acme/spelling/grade-3&id=run-completed&format="
      const otlp = yield* page.get(`${at}otlp`)
      assert.strictEqual(otlp.headers["content-disposition"], "attachment; filename=\"run-run-completed.otlp.json\"")
      assert.strictEqual(JSON.parse(otlp.text).resourceSpans[0].scopeSpans[0].spans.length, 4)
      const html = yield* page.get(`${at}html`)
      assert.strictEqual(html.headers["content-disposition"], "attachment; filename=\"run-run-completed.html\"")
      assert.match(html.text, /^<!doctype html>/i)
      assert.include(html.text, "acme/spelling/grade-3 run-completed")
      assert.strictEqual((yield* page.get(`${at}pdf`)).status, 400)
    }))
})
