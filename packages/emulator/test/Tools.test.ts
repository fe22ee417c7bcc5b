import { Emulator, type Flow, samples } from "@effect-noukai/emulator"
import { layer } from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { call, type Parsed } from "./client.js"

const weather = "/seq/noukai/samples/tools-enabled/execute"

const tool = (name: string) => ({
  type: "function",
  function: { name, description: "d", parameters: { type: "object", properties: {} } }
})

const tools = [tool("get_weather")]

const flows: ReadonlyArray<Flow> = [
  ...samples,
  {
    ref: "acme/test/rounds",
    steps: [
      { kind: "template", id: "before", output: { n: null } },
      {
        kind: "tool",
        id: "ask",
        rounds: [
          [{ name: "find", arguments: { q: "{{message}}" } }, { name: "count" }],
          [{ name: "find", arguments: { q: "{{tools.find.id}}" } }]
        ],
        assistantExtra: { reasoning: null, vendor: { a: [1, null] } },
        output: { last: "{{tools.find}}", all: "{{results}}", text: "{{tools.count}} of {{message}}" }
      },
      { kind: "template", id: "after", output: { asked: "{{steps.ask.output.text}}" } }
    ]
  },
  {
    ref: "acme/test/forever",
    steps: [{ kind: "tool", id: "ask", rounds: [[{ name: "find" }]], forever: true, output: 1 }]
  },
  {
    ref: "acme/test/declared",
    steps: [{ kind: "tool", id: "ask", rounds: [[{ name: "find" }]], asks: "declared", output: "alone" }]
  },
  {
    ref: "acme/test/broken-arguments",
    steps: [{ kind: "tool", id: "ask", rounds: [[{ name: "find", rawArguments: "{\"q\":", id: "x1" }]], output: 1 }]
  },
  {
    ref: "acme/test/looped",
    steps: [{
      kind: "loop",
      id: "each",
      times: 1,
      steps: [{ kind: "tool", id: "ask", rounds: [[{ name: "find" }]], output: "in a loop" }]
    }]
  }
]

const run = layer({ flows })

const answers = (pause: Parsed, contents: ReadonlyArray<unknown>, key = "tool_call_id") => [
  ...pause.toolCallMessages,
  ...contents.map((content, index) => ({ role: "tool", [key]: pause.toolCalls[index].id, content }))
]

const resumeBody = (pause: Parsed, toolCallMessages: unknown) => ({
  executionId: pause.executionId,
  pausedAtStep: pause.pausedAtStep,
  iterationsUsed: pause.iterationsUsed,
  accumulatedOutputs: pause.accumulatedOutputs,
  toolCallMessages
})

describe("tools on /execute", () => {
  it.scoped("results: a pause has the calls, the conversation and where it is", () =>
    Effect.gen(function*() {
      const { json, status } = yield* call((client) => client.post(weather, { message: "Lisbon?", tools }))
      assert.strictEqual(status, 200)
      const toolCall = {
        id: "tc_assistant_1_1",
        type: "function",
        function: { name: "get_weather", arguments: "{\"city\":\"Lisbon\"}" }
      }
      const { executionId, flowId, ...rest } = json
      assert.match(executionId, /^[0-9a-f-]{36}$/)
      assert.match(flowId, /^fl_/)
      assert.deepStrictEqual(rest, {
        status: "tool_calls_required",
        pausedAtStep: "assistant",
        iterationsUsed: 1,
        toolCallMessages: [{ role: "assistant", content: null, tool_calls: [toolCall] }],
        toolCalls: [toolCall],
        accumulatedOutputs: {},
        blockCount: 1
      })
    }).pipe(Effect.provide(run)))

  for (const key of ["tool_call_id", "toolCallId"]) {
    it.scoped(`tool-results: results keyed by ${key} resume the run; the answer quotes them`, () =>
      Effect.gen(function*() {
        const pause = yield* call((client) => client.post(weather, { message: "Lisbon?", tools }))
        const { json } = yield* call((client) =>
          client.post(weather, resumeBody(pause.json, answers(pause.json, ["{\"temp\": 21}"], key)))
        )
        assert.strictEqual(json.status, "completed")
        assert.strictEqual(json.result.text, "The weather, as get_weather says: {\"temp\": 21}")
        assert.strictEqual(json.executionId, pause.json.executionId)
        const ledger = yield* (yield* Emulator).ledger
        assert.strictEqual(ledger.runsStarted, 1)
        assert.deepStrictEqual(ledger.steps.map((step) => [step.outcome, step.attempt]), [["paused", 1], [
          "completed",
          1
        ]])
      }).pipe(Effect.provide(run)))
  }

  it.scoped("tool-results: rounds go on with the whole conversation, unknown keys and nulls included", () =>
    Effect.gen(function*() {
      const path = "/seq/acme/test/rounds/execute"
      const first = yield* call((client) =>
        client.post(path, { message: "cats", tools: [tool("find"), tool("count")] })
      )
      assert.deepStrictEqual(first.json.accumulatedOutputs, { before: { n: null } })
      assert.deepStrictEqual(first.json.toolCalls.map((made: Parsed) => made.function), [
        { name: "find", arguments: "{\"q\":\"cats\"}" },
        { name: "count", arguments: "{}" }
      ])
      const second = yield* call((client) =>
        client.post(path, resumeBody(first.json, answers(first.json, ["{\"id\":\"c1\"}", "two"])))
      )
      assert.strictEqual(second.json.iterationsUsed, 2)
      assert.deepStrictEqual(second.json.toolCalls[0].function, { name: "find", arguments: "{\"q\":\"c1\"}" })
      assert.strictEqual(second.json.toolCallMessages.length, 4)
      assert.deepStrictEqual(second.json.toolCallMessages[0], first.json.toolCallMessages[0])
      assert.strictEqual(first.json.toolCallMessages[0].reasoning, null)
      assert.deepStrictEqual(second.json.toolCallMessages[3].vendor, { a: [1, null] })
      const ids = [...first.json.toolCalls, ...second.json.toolCalls].map((made: Parsed) => made.id)
      assert.strictEqual(new Set(ids).size, 3)
      const last = yield* call((client) => client.post(path, resumeBody(second.json, answers(second.json, ["[1]"]))))
      assert.deepStrictEqual(last.json.result, { asked: "two of cats" })
    }).pipe(Effect.provide(run)))

  it.scoped("emulator: toolMessageCasing camel spells toolCalls in messages", () =>
    Effect.gen(function*() {
      const pause = yield* call((client) => client.post(weather, { message: "Lisbon?", tools }))
      assert.isArray(pause.json.toolCallMessages[0].toolCalls)
      assert.isUndefined(pause.json.toolCallMessages[0].tool_calls)
      const done = yield* call((client) =>
        client.post(weather, resumeBody(pause.json, answers(pause.json, ["sun"], "toolCallId")))
      )
      assert.strictEqual(done.json.status, "completed")
    }).pipe(Effect.provide(layer({ toolMessageCasing: "camel" }))))

  it.scoped("codes: after the server's limit of rounds the run fails with 409", () =>
    Effect.gen(function*() {
      const path = "/seq/acme/test/forever/execute"
      let { json, status } = yield* call((client) => client.post(path, { tools: [tool("find")] }))
      for (let round = 1; round < 3; round++) {
        assert.strictEqual(json.iterationsUsed, round)
        const pause = json
        ;({ json, status } = yield* call((client) => client.post(path, resumeBody(pause, answers(pause, ["no"])))))
      }
      const pause = json
      ;({ json, status } = yield* call((client) => client.post(path, resumeBody(pause, answers(pause, ["no"])))))
      assert.strictEqual(status, 409)
      assert.strictEqual(json.detail.code, "TOOL_ITERATION_LIMIT")
    }).pipe(Effect.provide(layer({ flows, toolIterationLimit: 3 }))))

  it.scoped("codes: the limit is 25 unless told otherwise", () =>
    Effect.gen(function*() {
      const path = "/seq/acme/test/forever/execute"
      let { json } = yield* call((client) => client.post(path, { tools: [tool("find")] }))
      let rounds = 0
      while (json.status === "tool_calls_required") {
        rounds++
        const pause = json
        ;({ json } = yield* call((client) => client.post(path, resumeBody(pause, answers(pause, ["no"])))))
      }
      assert.strictEqual(rounds, 25)
      assert.strictEqual(json.detail.code, "TOOL_ITERATION_LIMIT")
    }).pipe(Effect.provide(run)))

  it.scoped("execute: toolChoice none, and tools that are not declared, make the step answer at once", () =>
    Effect.gen(function*() {
      const none = yield* call((client) => client.post(weather, { message: "a", tools, toolChoice: "none" }))
      assert.strictEqual(none.json.status, "completed")
      const declared = yield* call((client) => client.post("/seq/acme/test/declared/execute", {}))
      assert.strictEqual(declared.json.result, "alone")
      const asked = yield* call((client) =>
        client.post("/seq/acme/test/declared/execute", { tools: [tool("find")], toolChoice: "required" })
      )
      assert.strictEqual(asked.json.status, "tool_calls_required")
    }).pipe(Effect.provide(run)))

  it.scoped("a model can write arguments that are no JSON, under an id of its own", () =>
    Effect.gen(function*() {
      const { json } = yield* call((client) =>
        client.post("/seq/acme/test/broken-arguments/execute", { tools: [tool("find")] })
      )
      assert.deepStrictEqual(json.toolCalls[0], {
        id: "x1",
        type: "function",
        function: { name: "find", arguments: "{\"q\":" }
      })
    }).pipe(Effect.provide(run)))

  const declarations: ReadonlyArray<[name: string, path: string, body: object, code: string]> = [
    ["a tool that is no function", weather, { tools: [{ type: "retrieval" }] }, "TOOLS_INVALID"],
    ["a tool without a name", weather, { tools: [{ type: "function", function: {} }] }, "TOOLS_INVALID"],
    ["a name with a space", weather, { tools: [tool("get weather")] }, "TOOL_NAME_INVALID"],
    ["an empty name", weather, { tools: [tool("")] }, "TOOL_NAME_INVALID"],
    ["a name of 65 characters", weather, { tools: [tool("x".repeat(65))] }, "TOOL_NAME_INVALID"],
    ["two tools of one name", weather, { tools: [tool("a"), tool("a")] }, "TOOLS_INVALID"],
    [
      "parameters that are no object schema",
      weather,
      { tools: [{ type: "function", function: { name: "a", parameters: { type: "string" } } }] },
      "TOOLS_INVALID"
    ],
    ["65 tools", weather, { tools: Array.from({ length: 65 }, (_, index) => tool(`t${index}`)) }, "TOOLS_INVALID"],
    [
      "a toolChoice that is not declared",
      weather,
      { tools, toolChoice: { type: "function", function: { name: "other" } } },
      "TOOLS_INVALID"
    ],
    ["a flow without tools", "/seq/noukai/samples/hello-world/execute", { tools }, "TOOLS_NOT_ENABLED"],
    ["tools inside a loop", "/seq/acme/test/looped/execute", { tools: [tool("find")] }, "TOOLS_IN_NON_SEQUENTIAL_STEP"]
  ]
  for (const [name, path, body, code] of declarations) {
    it.scoped(`tools: ${name}: 400 ${code}`, () =>
      Effect.gen(function*() {
        const { json, status } = yield* call((client) => client.post(path, { message: "a", ...body }))
        assert.strictEqual(status, 400)
        assert.strictEqual(json.detail.code, code)
        assert.strictEqual((yield* (yield* Emulator).ledger).runsStarted, 0)
      }).pipe(Effect.provide(run)))
  }

  it.scoped("tools: 64 tools, and an empty list for any flow, are taken", () =>
    Effect.gen(function*() {
      const many = Array.from({ length: 64 }, (_, index) => tool(`t${index}`))
      assert.strictEqual((yield* call((client) => client.post(weather, { message: "a", tools: many }))).status, 200)
      const none = yield* call((client) =>
        client.post("/seq/noukai/samples/hello-world/execute", { message: "a", tools: [] })
      )
      assert.strictEqual(none.status, 200)
    }).pipe(Effect.provide(run)))

  it.scoped("tools: without tools a tool step inside a loop answers at once", () =>
    Effect.gen(function*() {
      const { json } = yield* call((client) => client.post("/seq/acme/test/looped/execute", {}))
      assert.deepStrictEqual(json.result, ["in a loop"])
    }).pipe(Effect.provide(run)))

  type Change = (pause: Parsed) => { readonly [key: string]: unknown }
  const badResumes: ReadonlyArray<[name: string, change: Change, status: number, code: string]> = [
    ["an unknown run", () => ({ executionId: "nope" }), 400, "EXECUTION_ID_INVALID"],
    ["another step", () => ({ pausedAtStep: "other" }), 400, "PAUSED_STEP_INVALID"],
    ["no results", (pause) => ({ toolCallMessages: pause.toolCallMessages }), 400, "TOOL_RESULTS_MISMATCH"],
    ["no assistant message", () => ({ toolCallMessages: [] }), 400, "TOOL_RESULTS_MISMATCH"],
    [
      "a result of another call",
      (pause) => ({ toolCallMessages: [...answers(pause, ["a"]), { role: "tool", tool_call_id: "x", content: "" }] }),
      400,
      "TOOL_RESULTS_MISMATCH"
    ],
    [
      "two results of one call",
      (pause) => ({ toolCallMessages: [...answers(pause, ["a"]), answers(pause, ["b"])[1]] }),
      400,
      "TOOL_RESULTS_MISMATCH"
    ],
    [
      "another conversation",
      () => ({
        toolCallMessages: [
          { role: "assistant", tool_calls: [{ id: "q", type: "function", function: { name: "a", arguments: "" } }] },
          { role: "tool", tool_call_id: "q", content: "" }
        ]
      }),
      400,
      "TOOL_RESULTS_MISMATCH"
    ],
    [
      "messages over 1 MB",
      (pause) => ({ toolCallMessages: answers(pause, ["x".repeat(1_000_000)]) }),
      413,
      "MESSAGES_TOO_LARGE"
    ]
  ]
  for (const [name, change, status, code] of badResumes) {
    it.scoped(`tool-results: resuming with ${name}: ${status} ${code}, and the run still waits`, () =>
      Effect.gen(function*() {
        const { json: pause } = yield* call((client) => client.post(weather, { message: "a", tools }))
        const good = resumeBody(pause, answers(pause, ["sun"]))
        const bad = yield* call((client) => client.post(weather, { ...good, ...change(pause) }))
        assert.strictEqual(bad.status, status)
        assert.strictEqual(bad.json.detail.code, code)
        const done = yield* call((client) => client.post(weather, good))
        assert.strictEqual(done.json.status, "completed")
      }).pipe(Effect.provide(run)))
  }

  it.scoped("tool-results: a run is resumed once, and only by its own flow", () =>
    Effect.gen(function*() {
      const { json: pause } = yield* call((client) => client.post(weather, { message: "a", tools }))
      const good = resumeBody(pause, answers(pause, ["sun"]))
      const elsewhere = yield* call((client) => client.post("/seq/acme/test/forever/execute", good))
      assert.strictEqual(elsewhere.json.detail.code, "EXECUTION_ID_INVALID")
      assert.strictEqual((yield* call((client) => client.post(weather, good))).status, 200)
      const again = yield* call((client) => client.post(weather, good))
      assert.strictEqual(again.json.detail.code, "EXECUTION_ID_INVALID")
      assert.strictEqual((yield* (yield* Emulator).ledger).stepsRun, 2)
    }).pipe(Effect.provide(run)))

  it.scoped("execute: without all three of executionId, pausedAtStep, toolCallMessages a request is fresh", () =>
    Effect.gen(function*() {
      const { json } = yield* call((client) =>
        client.post("/seq/noukai/samples/hello-world/execute", {
          message: "a",
          executionId: "x",
          pausedAtStep: "y",
          toolCallMessages: null
        })
      )
      assert.strictEqual(json.status, "completed")
      assert.notStrictEqual(json.executionId, "x")
    }).pipe(Effect.provide(run)))
})
