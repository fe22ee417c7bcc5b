/**
 * Cases of tool calls on `/execute`.
 *
 * @see contract 5.3, 6
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
  refused(`6.1: ${name}`, `6.1 ${row}`, post(path, { message: "hi", tools, ...more }), 400, code)

const badResume = (name: string, row: string, body: Json, status: number, code: string): ConformanceCase =>
  made(`6.2: ${name}: ${status} ${code}`, [`6.2 ${row}`, `11.3 ${code}`], [
    start,
    exchange(post(path, body), refusal(status, code))
  ])

export const cases: ReadonlyArray<ConformanceCase> = [
  made("5.3: a pause", [
    "5.3 paused status",
    "5.3 paused executionId",
    "5.3 paused pausedAtStep",
    "5.3 paused iterationsUsed",
    "5.3 paused toolCallMessages",
    "5.3 paused toolCalls",
    "5.3 paused accumulatedOutputs",
    "5.3 paused flowId, blockCount",
    "5.1 tools",
    "6.1 format"
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
    made(`6.2: results keyed ${key} resume the run`, [
      `6.2 ${key}`,
      "5.1 executionId",
      "5.1 pausedAtStep",
      "5.1 toolCallMessages"
    ], [
      start,
      exchange(
        post(path, resume([result("{{call}}", "21 degrees", key)], { message: null, tools: weather, trace: false })),
        ok({ status: "completed", executionId: "{{executionId}}", result: { text: { $matches: "21 degrees" } } })
      )
    ])
  ),
  made("5.2: a resume without tools, as the Swift client sends it", ["5.2 swift", "5.1 tools"], [
    start,
    exchange(post(path, resume([result("{{call}}", "x")])), ok({ status: "completed" }))
  ]),
  made("6.3: two rounds, several calls, outputs of earlier steps", [
    "5.1 iterationsUsed",
    "5.1 accumulatedOutputs",
    "6.2 every id",
    "5.3 paused accumulatedOutputs"
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
    made(`5.1: toolChoice ${choice}`, ["5.1 toolChoice"], [
      exchange(post(path, { message: "hi", tools: weather, toolChoice: choice! }), ok({ status: status! }))
    ])
  ),
  made("5.1: toolChoice names a function", ["5.1 toolChoice"], [
    exchange(
      post(path, {
        message: "hi",
        tools: weather,
        toolChoice: { type: "function", function: { name: "get_weather" } }
      }),
      ok({ status: "tool_calls_required" })
    )
  ]),
  made("6.1: 64 tools are taken", ["6.1 at most 64"], [
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
    "6.1: tools for a flow without",
    "6.1 enabled",
    post(sample("hello-world", "execute"), { message: "a", tools: weather }),
    400,
    "TOOLS_NOT_ENABLED"
  ),
  refused(
    "6.1: tools inside a loop",
    "6.1 sequential",
    post(fixture("tools-in-loop", "execute"), { tools: [tool("find")] }),
    400,
    "TOOLS_IN_NON_SEQUENTIAL_STEP"
  ),
  made("6.2: content that is JSON is text all the same", ["6.2 content"], [
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
  made("6.2: a run is resumed once", ["6.2 executionId"], [
    start,
    exchange(post(path, resume([result("{{call}}", "x")])), ok({ status: "completed" })),
    exchange(post(path, resume([result("{{call}}", "x")])), refusal(400, "EXECUTION_ID_INVALID"))
  ])
]
