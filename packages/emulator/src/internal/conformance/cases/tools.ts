/**
 * Cases of tool calls on `/execute`.
 *
 * @see docs/wire.md#results
 * @see docs/wire.md#tools
 */
import type { ConformanceCase } from "../../../ConformanceCase.js"
import type { Json } from "../../../Flow.js"
import {
  any,
  exchange,
  fixture,
  made,
  ok,
  post,
  refusal,
  refused,
  result,
  resume,
  sample,
  savePause,
  tool
} from "../caseParts.js"

const path = sample("tools-enabled", "execute")
const rounds = fixture("rounds", "execute")

const weather = [tool("get_weather")]

const call = (name: string): Json => ({
  id: any("string"),
  type: "function",
  function: { name, arguments: { $matches: "^\\{" } }
})

const start = exchange(
  post(path, { message: "hi", tools: weather }),
  ok({ status: "tool_calls_required" }),
  { save: savePause }
)

const declared = (name: string, row: string, tools: Json, code: string, more: { readonly [key: string]: Json } = {}) =>
  refused(`tools: ${name}`, `tools ${row}`, post(path, { message: "hi", tools, ...more }), 400, code)

const badResume = (name: string, row: string, body: Json, status: number, code: string): ConformanceCase =>
  made(`tool-results: ${name}: ${status} ${code}`, [`tool-results ${row}`, `codes ${code}`], [
    start,
    exchange(post(path, body), refusal(status, code))
  ])

export const cases: ReadonlyArray<ConformanceCase> = [
  made("results: a pause", [
    "results paused status",
    "results paused executionId",
    "results paused pausedAtStep",
    "results paused iterationsUsed",
    "results paused toolCallMessages",
    "results paused toolCalls",
    "results paused accumulatedOutputs",
    "results paused flowId, blockCount",
    "execute tools",
    "tools format"
  ], [
    exchange(
      post(path, { message: "hi", tools: weather, toolChoice: "auto" }),
      ok({
        status: "tool_calls_required",
        executionId: any("string"),
        pausedAtStep: any("string"),
        iterationsUsed: 1,
        toolCallMessages: [{ role: "assistant", content: null }],
        toolCalls: [call("get_weather")],
        accumulatedOutputs: any("object"),
        flowId: any("string"),
        blockCount: 1
      })
    )
  ]),
  ...["tool_call_id", "toolCallId"].map((key) =>
    made(`tool-results: results keyed ${key} resume the run`, [
      `tool-results ${key}`,
      "execute executionId",
      "execute pausedAtStep",
      "execute toolCallMessages"
    ], [
      start,
      exchange(
        post(path, resume([result("{{call}}", "21 degrees", key)], { message: null, tools: weather, trace: false })),
        ok({ status: "completed", executionId: "{{executionId}}", result: { text: { $matches: "21 degrees" } } })
      )
    ])
  ),
  made("execute: a resume without tools, as the Swift client sends it", ["execute swift", "execute tools"], [
    start,
    exchange(post(path, resume([result("{{call}}", "x")])), ok({ status: "completed" }))
  ]),
  made("tool-results: two rounds, several calls, outputs of earlier steps", [
    "execute iterationsUsed",
    "execute accumulatedOutputs",
    "tool-results every id",
    "results paused accumulatedOutputs"
  ], [
    exchange(
      post(rounds, { tools: [tool("find"), tool("count")] }),
      ok({
        status: "tool_calls_required",
        iterationsUsed: 1,
        toolCalls: [call("find"), call("count")],
        accumulatedOutputs: { before: "before" }
      }),
      { save: savePause }
    ),
    exchange(
      post(rounds, resume([result("{{call}}", "1"), result("{{call2}}", "\"two\"")])),
      ok({
        status: "tool_calls_required",
        iterationsUsed: 2,
        toolCallMessages: { $length: 4 },
        toolCalls: [call("find")]
      }),
      { save: savePause }
    ),
    exchange(
      post(rounds, resume([result("{{call}}", "three")])),
      ok({ status: "completed", result: [1, "two", "three"] })
    )
  ]),
  ...[["none", "completed"], ["required", "tool_calls_required"]].map(([choice, status]) =>
    made(`execute: toolChoice ${choice}`, ["execute toolChoice"], [
      exchange(post(path, { message: "hi", tools: weather, toolChoice: choice! }), ok({ status: status! }))
    ])
  ),
  made("execute: toolChoice names a function", ["execute toolChoice"], [
    exchange(
      post(path, {
        message: "hi",
        tools: weather,
        toolChoice: { type: "function", function: { name: "get_weather" } }
      }),
      ok({ status: "tool_calls_required" })
    )
  ]),
  made("tools: 64 tools are taken", ["tools at most 64"], [
    exchange(
      post(path, { message: "hi", tools: Array.from({ length: 64 }, (_, index) => tool(`t${index}`)) }),
      ok({ status: any("string") })
    )
  ]),
  declared("65 tools", "at most 64", Array.from({ length: 65 }, (_, index) => tool(`t${index}`)), "TOOLS_INVALID"),
  declared("a tool that is no function", "format", [{ type: "retrieval" }], "TOOLS_INVALID"),
  declared(
    "parameters that are no schema of an object",
    "format",
    [{ type: "function", function: { name: "a", parameters: { type: "string" } } }],
    "TOOLS_INVALID"
  ),
  declared("a name with a space", "name", [tool("get weather")], "TOOL_NAME_INVALID"),
  declared("a name of 65 characters", "name", [tool("x".repeat(65))], "TOOL_NAME_INVALID"),
  declared("a choice that is not declared", "format", weather, "TOOLS_INVALID", {
    toolChoice: { type: "function", function: { name: "other" } }
  }),
  refused(
    "tools: tools for a flow without",
    "tools enabled",
    post(sample("hello-world", "execute"), { message: "a", tools: weather }),
    400,
    "TOOLS_NOT_ENABLED"
  ),
  refused(
    "tools: tools inside a loop",
    "tools sequential",
    post(fixture("tools-in-loop", "execute"), { tools: [tool("find")] }),
    400,
    "TOOLS_IN_NON_SEQUENTIAL_STEP"
  ),
  made("tool-results: content that is JSON is text all the same", ["tool-results content"], [
    start,
    exchange(
      post(path, resume([result("{{call}}", "{\"state\":\"sunny\",\"n\":[1,null]}")])),
      ok({ status: "completed", result: { text: { $matches: "sunny" } } })
    )
  ]),
  badResume("no results", "every id", resume([]), 400, "TOOL_RESULTS_MISMATCH"),
  badResume(
    "a result of no call",
    "every id",
    resume([result("{{call}}", "x"), result("other", "x")]),
    400,
    "TOOL_RESULTS_MISMATCH"
  ),
  badResume(
    "two results of one call",
    "every id",
    resume([result("{{call}}", "x"), result("{{call}}", "y")]),
    400,
    "TOOL_RESULTS_MISMATCH"
  ),
  badResume(
    "an unknown run",
    "executionId",
    resume([result("{{call}}", "x")], { executionId: "none" }),
    400,
    "EXECUTION_ID_INVALID"
  ),
  badResume(
    "another step",
    "pausedAtStep",
    resume([result("{{call}}", "x")], { pausedAtStep: "other" }),
    400,
    "PAUSED_STEP_INVALID"
  ),
  badResume(
    "messages over 1 MB",
    "size",
    resume([{ role: "tool", tool_call_id: "{{call}}", content: { $repeat: ["x", 1_000_000] } }]),
    413,
    "MESSAGES_TOO_LARGE"
  ),
  made("tool-results: a run is resumed once", ["tool-results executionId"], [
    start,
    exchange(post(path, resume([result("{{call}}", "x")])), ok({ status: "completed" })),
    exchange(post(path, resume([result("{{call}}", "x")])), refusal(400, "EXECUTION_ID_INVALID"))
  ])
]
