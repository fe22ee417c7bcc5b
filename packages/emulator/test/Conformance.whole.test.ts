import { type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import { cases, ConformanceError, fixture, fixtureKeys, run } from "@effect-noukai/emulator/Conformance"
import type { ConformanceCase } from "@effect-noukai/emulator/ConformanceCase"
import { Effect, Either } from "effect"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { isWhole, share } from "../../sdk/test/support/size.js"
import { check } from "./examples/conformance.js"

const shapes = ["hosted", "documented"] as const

type Shape = (typeof shapes)[number]

const kinds = {
  current: {},
  older: { legacyFields: true },
  idle: { jobs: { queueDelay: "1 hour" } }
} as const

const emulators = new Map<string, RunningEmulator>()

beforeAll(async () => {
  for (const streamOutputs of shapes) {
    for (const [kind, options] of Object.entries(kinds)) {
      emulators.set(`${streamOutputs} ${kind}`, await startEmulator({ ...fixture, ...options, streamOutputs }))
    }
  }
})

afterAll(() => Promise.all([...emulators.values()].map((emulator) => emulator.close())))

const target = (shape: Shape, needs: ConformanceCase["needs"] = []) => {
  const kind = needs.includes("legacy") ? "older" : needs.includes("idleQueue") ? "idle" : "current"
  return { baseUrl: emulators.get(`${shape} ${kind}`)!.baseUrl, keys: fixtureKeys }
}

const casesOf = (shape: Shape) => cases.filter(({ streamOutputs = shape }) => streamOutputs === shape)

/** The facts of `docs/wire.md`, by section. At least one case is about each. */
const rows: { readonly [section: string]: ReadonlyArray<string> } = {
  json: [
    "null"
  ],
  headers: [
    "X-Noukai-API-Version",
    "Retry-After"
  ],
  versions: [
    "/v0",
    "/v0/step",
    "/v1",
    "/v2",
    "fallback",
    "jobs",
    "plain path",
    "unknown version"
  ],
  endpoints: [
    "method",
    "path"
  ],
  execute: [
    "message",
    "messages",
    "parameters",
    "blockOverrides",
    "block_overrides",
    "attachments",
    "tools",
    "toolChoice",
    "trace",
    "executionId",
    "pausedAtStep",
    "iterationsUsed",
    "toolCallMessages",
    "accumulatedOutputs",
    "message shorthand",
    "python",
    "python resume",
    "typescript",
    "swift"
  ],
  results: [
    "status",
    "result",
    "flowId",
    "blockCount",
    "executionId",
    "failed",
    "paused status",
    "paused executionId",
    "paused pausedAtStep",
    "paused iterationsUsed",
    "paused toolCallMessages",
    "paused toolCalls",
    "paused accumulatedOutputs",
    "paused flowId, blockCount"
  ],
  attachments: [
    "kind",
    "url",
    "mime_type",
    "filename",
    "at most 10",
    "vision"
  ],
  tools: [
    "format",
    "at most 64",
    "name",
    "enabled",
    "sequential"
  ],
  "tool-results": [
    "tool_call_id",
    "toolCallId",
    "content",
    "every id",
    "executionId",
    "pausedAtStep",
    "size"
  ],
  step: [
    "executionId",
    "stepIndex",
    "accumulatedOutputs",
    "message",
    "parameters",
    "attachments",
    "inputOverrides",
    "blockOverrides",
    "runRemaining",
    "tools",
    "toolChoice",
    "toolCallMessages",
    "iterationsUsed",
    "trace",
    "python",
    "python later"
  ],
  webhooks: [
    "deliveries"
  ],
  "order-of-events": [
    "first call",
    "step_input",
    "pause",
    "last step",
    "runRemaining",
    "step_error",
    "tool pause"
  ],
  events: [
    "runId",
    "stepId",
    "step_error"
  ],
  pauses: [
    "python resume"
  ],
  outputs: [
    "output of a step",
    "result of a flow",
    "step_input",
    "kept outputs",
    "replaced outputs",
    "inputOverrides",
    "runId on a tool pause",
    "live trace"
  ],
  jobs: [
    "request",
    "python",
    "response",
    "message",
    "parameters",
    "blockOverrides",
    "trace",
    "tools",
    "callbackUrl",
    "callbackEvents"
  ],
  polls: [
    "executionId",
    "status",
    "pending",
    "running",
    "result",
    "error",
    "cancelled",
    "not found",
    "row delay"
  ],
  traces: [
    "flowRun",
    "steps",
    "step fields",
    "loopIndex",
    "truncated",
    "failed",
    "running"
  ],
  "step-traces": [
    "none",
    "attempt=N",
    "attempt=all",
    "loop_index"
  ],
  "live-traces": [
    "replay",
    "live tail",
    "step_error"
  ],
  runs: [
    "summary",
    "404",
    "seq alone",
    "flow-runs alone",
    "no path"
  ],
  "lists-of-runs": [
    "flow_id",
    "limit",
    "status",
    "cursor",
    "trace",
    "step trace",
    "stream",
    "403"
  ],
  capture: [
    "metadata_only",
    "full",
    "redacted",
    "off",
    "trace true"
  ],
  sessions: [
    "sessionId",
    "executions",
    "executionId",
    "flowId",
    "startedAt",
    "completedAt",
    "slug",
    "triggerType",
    "status",
    "traceCaptureMode",
    "snapshotsAvailable",
    "errorAtStep",
    "steps",
    "step fields",
    "attempt",
    "loopIndex",
    "errorSnapshot",
    "__rendered_prompt__",
    "400",
    "403",
    "404",
    "410",
    "execute",
    "step",
    "job",
    "resume",
    "header"
  ],
  errors: [
    "coded",
    "text",
    "list",
    "empty",
    "page"
  ],
  statuses: [
    "401",
    "402",
    "403",
    "404",
    "429",
    "3xx",
    "400",
    "405",
    "408",
    "409",
    "410",
    "413",
    "422",
    "500",
    "502",
    "503",
    "504"
  ],
  codes: [
    "FLOW_NOT_FOUND",
    "INVALID_TREE",
    "NO_STEPS",
    "INSUFFICIENT_CREDITS",
    "CREDITS_EXHAUSTED",
    "BILLING_UNAVAILABLE",
    "INTERNAL_ERROR",
    "BYOK_KEY_REJECTED",
    "TOOLS_NOT_ENABLED",
    "TOOLS_INVALID",
    "TOOL_NAME_INVALID",
    "TOOLS_IN_NON_SEQUENTIAL_STEP",
    "PAUSED_STEP_INVALID",
    "EXECUTION_ID_INVALID",
    "TOOL_RESULTS_MISMATCH",
    "TOOL_ITERATION_LIMIT",
    "MESSAGES_TOO_LARGE",
    "MESSAGES_ROLE_INVALID",
    "TOOLS_REQUIRE_SYNC_EXECUTE",
    "INVALID_STEP_INDEX",
    "INVALID_FIRST_CALL",
    "STALE_TREE",
    "MISSING_MESSAGE",
    "RUN_NOT_FOUND",
    "INVALID_VERSION",
    "PARAMETER_NAME_RESERVED",
    "MODEL_MIME_INCOMPATIBLE",
    "JOB_NOT_FOUND",
    "UNAUTHENTICATED",
    "FORBIDDEN",
    "RATE_LIMIT",
    "BAD_REQUEST",
    "NOT_FOUND",
    "GONE"
  ],
  keys: [
    "keys/verify"
  ],
  emulator: [
    "401",
    "403",
    "malformed JSON"
  ]
}

describe("conformance", () => {
  for (const [at, shape] of shapes.entries()) {
    describe(shape, () => {
      // those that are the same in both shapes are tried in one of them
      const own = casesOf(shape).filter(({ streamOutputs }) => streamOutputs !== undefined)
      const common = share(cases.filter(({ streamOutputs }) => streamOutputs === undefined), at, shapes.length)
      for (const made of [...own, ...common]) {
        it(made.name, () => Effect.runPromise(run(made, target(shape, made.needs))))
      }

      if (isWhole || shape === "hosted") {
        it("what needs only the samples passes with them alone, in both spellings and with legacy fields", async () => {
          const plain = await startEmulator({ legacyFields: true, toolMessageCasing: "camel", streamOutputs: shape })
          const lines = await Effect.runPromise(check(plain.baseUrl, plain.apiKey, shape))
          await plain.close()
          assert.isAbove(lines.length, 100)
          assert.deepStrictEqual(lines.filter((line) => !line.startsWith("ok ")), [])
        })
      }

      it("a case of the other shape fails: it tells the shapes apart", async () => {
        const foreign = cases.filter(({ needs, streamOutputs = shape }) =>
          streamOutputs !== shape && needs.length === 0
        )
        assert.isNotEmpty(foreign)
        for (const made of foreign) {
          const outcome = await Effect.runPromise(Effect.either(run(made, target(shape))))
          assert.isTrue(Either.isLeft(outcome), made.name)
        }
      })
    })
  }

  it("a case is plain data", () => {
    assert.deepStrictEqual(JSON.parse(JSON.stringify(cases)), cases)
    assert.strictEqual(new Set(cases.map(({ name }) => name)).size, cases.length)
  })

  for (const [section, names] of Object.entries(rows)) {
    it(`${section}: every row has a case`, () => {
      const covered = new Set(cases.flatMap((made) => made.rows))
      assert.deepStrictEqual(names.filter((name) => !covered.has(`${section} ${name}`)), [])
    })
  }

  it("every row that a case names is in the table", () => {
    const known = new Set(Object.entries(rows).flatMap(([section, names]) => names.map((name) => `${section} ${name}`)))
    // some cases name a section alone
    const named = cases.flatMap((made) => made.rows).filter((row) => row.includes(" "))
    assert.deepStrictEqual(named.filter((row) => !known.has(row)), [])
  })

  const wrong: ReadonlyArray<[name: string, expect: ConformanceCase["exchanges"][0]["expect"], problem: RegExp]> = [
    ["another status", { status: 201 }, /^status: expected 201, got 200/],
    ["a missing header", { status: 200, headers: { "x-none": "1" } }, /^headers\.x-none: expected "1", got nothing/],
    ["another value", { status: 200, body: { status: "failed" } }, /^body\.status: expected "failed", got "completed"/],
    [
      "another kind",
      { status: 200, body: { blockCount: { $any: "string" } } },
      /^body\.blockCount: expected any string/
    ],
    ["another shape", { status: 200, body: { result: ["a"] } }, /^body\.result: expected a list/],
    ["no event", { status: 200, events: { $length: 1 } }, /^events: expected 1 items/],
    ["a present value", { status: 200, body: { flowId: { $absent: true } } }, /^body\.flowId: expected nothing/]
  ]
  for (const [name, expect, problem] of wrong) {
    it(`${name} is reported at its place`, async () => {
      const request = {
        method: "POST",
        path: "/seq/noukai/samples/hello-world/execute",
        body: { message: "hi" }
      } as const
      const made = { name: "x", rows: [], needs: [], exchanges: [{ request, expect }] }
      const outcome = await Effect.runPromise(Effect.either(run(made, target("hosted"))))
      assert.isTrue(Either.isLeft(outcome))
      const error = (outcome as Either.Left<ConformanceError, void>).left
      assert.instanceOf(error, ConformanceError)
      assert.match(error.problems.join("\n"), problem)
    })
  }
})
