/** The answer of a run that waits for the result of one tool. */

const call = { id: "t", type: "function", function: { name: "n", arguments: "{}" } }

export const paused = {
  status: "tool_calls_required",
  executionId: "ex-1",
  pausedAtStep: "s",
  iterationsUsed: 1,
  toolCallMessages: [{ role: "assistant", content: null, tool_calls: [call] }],
  toolCalls: [call],
  accumulatedOutputs: {},
  flowId: "f",
  blockCount: 1
}
