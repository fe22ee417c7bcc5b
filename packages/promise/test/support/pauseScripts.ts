/** Scripts of tool pauses, which every wire answers alike: rounds of calls, results, and the messages that are sent. */
import type { ToolHandler } from "@effect-noukai/promise"

export interface PauseScript {
  readonly name: string
  /** The fields of each pause beside its place. */
  readonly rounds: ReadonlyArray<object>
  readonly handler: ToolHandler
  /** The messages with results that answer each round; a text is the reason why the run fails instead. */
  readonly sent: ReadonlyArray<ReadonlyArray<object> | string>
  /** The ids of the calls that the handler saw, by round. */
  readonly handled: ReadonlyArray<ReadonlyArray<string>>
}

export const call = (id: string, name = "look", args: unknown = "{\"x\":1}") => ({
  id,
  type: "function",
  function: { name, arguments: args }
})

const pause = (...calls: ReadonlyArray<object>) => ({
  toolCallMessages: [{ role: "user", content: "hi" }, { role: "assistant", content: null, tool_calls: calls }],
  toolCalls: calls
})

const camel = (...calls: ReadonlyArray<object>) => ({ toolCallMessages: [{ role: "assistant", toolCalls: calls }] })

const echo: ToolHandler = (calls) =>
  calls.map(({ function: { arguments: args }, id }) => ({ tool_call_id: id, content: `of ${args}` }))

const answer = (id: string, args = "{\"x\":1}") => ({ role: "tool", tool_call_id: id, content: `of ${args}` })

const contents: ToolHandler = (calls) =>
  calls.map(({ id }, place) => ({ tool_call_id: id, content: ["text", { a: [1] }, 7, null, true][place] }) as never)

/** Contents that JSON cannot hold, each with the place where it cannot. */
export const unholdable: ReadonlyArray<readonly [name: string, content: () => unknown, place: string]> = [
  ["a map", () => new Map([["a", 1]]), ""],
  ["a set", () => ({ seen: new Set([1]) }), ".seen"],
  ["an error", () => [new Error("no")], "[0]"],
  ["a response", () => new Response("a"), ""],
  ["a function", () => ({ of: () => 1 }), ".of"],
  ["a symbol", () => Symbol("a"), ""],
  ["a bigint", () => [1n], "[0]"],
  ["a forgotten await", () => ({ sky: Promise.resolve("blue") }), ".sky"],
  ["an invalid date", () => ({ at: new Date(NaN) }), ".at"],
  ["NaN", () => ({ degrees: { max: NaN } }), ".degrees.max"],
  ["Infinity", () => Infinity, ""],
  ["a hole of a list", () => [undefined], "[0]"],
  ["a field that throws", () => Object.defineProperty({}, "a", { enumerable: true, get: () => thrown() }), ""]
]

const thrown = (): never => {
  throw new Error("boom")
}

const script = (name: string, given: Omit<PauseScript, "name" | "handler"> & Partial<PauseScript>): PauseScript => ({
  name,
  handler: echo,
  ...given
})

export const pauseScripts: ReadonlyArray<PauseScript> = [
  script("two calls", {
    rounds: [pause(call("t1"), call("t2"))],
    sent: [[answer("t1"), answer("t2")]],
    handled: [["t1", "t2"]]
  }),
  script("an id that is used again in a later round, for another call", {
    rounds: [pause(call("t1")), pause(call("t1", "look", "{\"x\":2}")), pause(call("t1", "other"))],
    sent: [[answer("t1")], [answer("t1", "{\"x\":2}")], [answer("t1")]],
    handled: [["t1"], ["t1"], ["t1"]]
  }),
  script("an id that is used again in a later round, for the same call", {
    rounds: [pause(call("t1")), pause(call("t1"), call("t2"))],
    sent: [[answer("t1")], [answer("t1"), answer("t2")]],
    handled: [["t1"], ["t1", "t2"]]
  }),
  script("one call twice in a round", {
    rounds: [pause(call("t1"), call("t1", "look", "{ \"x\": 1 }"))],
    sent: [[answer("t1")]],
    handled: [["t1"]]
  }),
  script("one id for two calls in a round", {
    rounds: [pause(call("t1"), call("t1", "other"))],
    sent: ["the id of a tool call, \"t1\", names two different calls"],
    handled: []
  }),
  script("one id for two numbers that differ in their last digit", {
    rounds: [
      pause(call("t1", "look", "{\"x\":12345678901234567890}"), call("t1", "look", "{\"x\":12345678901234567891}"))
    ],
    sent: ["names two different calls"],
    handled: []
  }),
  script("results in another order", {
    rounds: [pause(call("t1"), call("t2"))],
    handler: async (calls) => [...await echo(calls, undefined as never)].reverse(),
    sent: [[answer("t1"), answer("t2")]],
    handled: [["t1", "t2"]]
  }),
  script("a missing result", {
    rounds: [pause(call("t1"), call("t2"), call("t3"))],
    handler: async (calls) => [...await echo(calls, undefined as never)].slice(1, 2),
    sent: ["no result for \"t1\", \"t3\""],
    handled: [["t1", "t2", "t3"]]
  }),
  script("an extra result", {
    rounds: [pause(call("t1"))],
    handler: async (calls) => [...await echo(calls, undefined as never), { tool_call_id: "t9", content: "x" }],
    sent: ["\"t9\" was not asked for"],
    handled: [["t1"]]
  }),
  script("a result whose content is misspelt", {
    rounds: [pause(call("t1"))],
    handler: async () => [{ tool_call_id: "t1", result: "x" } as never],
    sent: ["must be a string or JSON"],
    handled: [["t1"]]
  }),
  script("two results of one call", {
    rounds: [pause(call("t1"))],
    handler: async (calls) => [...await echo(calls, undefined as never), { tool_call_id: "t1", content: "x" }],
    sent: ["\"t1\" is answered twice"],
    handled: [["t1"]]
  }),
  script("contents of every form", {
    rounds: [pause(...["t1", "t2", "t3", "t4", "t5"].map((id) => call(id)))],
    handler: contents,
    sent: [
      ["text", "{\"a\":[1]}", "7", "null", "true"].map((content, n) => ({
        role: "tool",
        tool_call_id: `t${n + 1}`,
        content
      }))
    ],
    handled: [["t1", "t2", "t3", "t4", "t5"]]
  }),
  script("arguments that are not text, or absent", {
    rounds: [pause(call("t1", "look", { x: 2 }), call("t2", "look", null), call("t3", "look", ""))],
    sent: [[answer("t1", "{\"x\":2}"), answer("t2", "{}"), answer("t3", "")]],
    handled: [["t1", "t2", "t3"]]
  }),
  script("camel case, and calls that only the messages name", {
    rounds: [camel(call("t1"))],
    sent: [[{ role: "tool", toolCallId: "t1", content: "of {\"x\":1}" }]],
    handled: [["t1"]]
  }),
  script("calls of which one cannot be read, beside messages that name both", {
    rounds: [{ ...pause(call("t1"), call("t2")), toolCalls: [call("t1"), { id: 2 }] }],
    sent: [[answer("t1"), answer("t2")]],
    handled: [["t1", "t2"]]
  }),
  script("calls that are no list, beside messages that name them", {
    rounds: ["t1", 1, {}, null].map((toolCalls) => ({ ...pause(call("t1")), toolCalls })),
    sent: Array.from({ length: 4 }, () => [answer("t1")]),
    handled: Array.from({ length: 4 }, () => ["t1"])
  }),
  script("calls that cannot be read, also in the messages", {
    rounds: [pause(call("t1"), { id: "t2", function: { name: 7, arguments: "{}" } })],
    sent: ["names none"],
    handled: []
  }),
  script("arguments that are numbers, lists, and digits that a number does not hold", {
    rounds: [pause(call("t1", "look", 7), call("t2", "look", [1, { a: false }]), call("t3", "look", true))],
    sent: [[answer("t1", "7"), answer("t2", "[1,{\"a\":false}]"), answer("t3", "true")]],
    handled: [["t1", "t2", "t3"]]
  }),
  script("an unknown count of iterations, and outputs that are no object", {
    rounds: [undefined, null, "2", []].map((odd, n) => ({
      ...pause(call(`t${n}`)),
      iterationsUsed: odd,
      accumulatedOutputs: odd
    })),
    sent: [0, 1, 2, 3].map((n) => [answer(`t${n}`)]),
    handled: [["t0"], ["t1"], ["t2"], ["t3"]]
  }),
  ...([
    [
      "a promise for each",
      (id) => [Promise.resolve({ tool_call_id: id, content: 1 })],
      "results[0]: must be a result, not a promise"
    ],
    [
      "a promise among them",
      (id) => [{ tool_call_id: id, content: 1 }, Promise.resolve(1)],
      "results[1]: must be a result, not a promise"
    ],
    ["an id that throws", () => [{
      get tool_call_id() {
        return thrown()
      },
      get toolCallId() {
        return thrown()
      }
    }], "results[0]: cannot be read"],
    ["a content that throws", (id) => [{
      tool_call_id: id,
      toolCallId: id,
      get content() {
        return thrown()
      }
    }], "results[0]: cannot be read"],
    ["a hole", () => Array(1), "results[0].toolCallId"],
    ["null", () => [null], "results[0].toolCallId"],
    ["no list", (id) => ({ tool_call_id: id, content: 1 }), "must be an array"],
    ["nothing", () => undefined, "must be an array"]
  ] satisfies ReadonlyArray<readonly [string, (id: string) => unknown, string]>).map(([name, results, reason]) =>
    script(`results that cannot be: ${name}`, {
      rounds: [pause(call("t1"))],
      handler: (([call]: ReadonlyArray<{ readonly id: string }>) => results(call!.id)) as never,
      sent: [reason],
      handled: [["t1"]]
    })
  ),
  ...unholdable.map(([name, content, place]) =>
    script(`contents that JSON cannot hold: ${name}`, {
      rounds: [pause(call("t1"), call("t2", "find"))],
      handler: (calls) =>
        calls.map(({ id }, at) => ({ tool_call_id: id, content: at === 0 ? "ok" : content() as never })),
      sent: [`tools.find.result${place}`],
      handled: [["t1", "t2"]]
    })
  ),
  script("a later pause that does not name the run", {
    rounds: [
      pause(call("t1")),
      ...[undefined, null, "", 7].map((executionId, n) => ({ ...pause(call(`u${n}`)), executionId }))
    ],
    sent: [[answer("t1")], ...[0, 1, 2, 3].map((n) => [answer(`u${n}`)])],
    handled: [["t1"], ["u0"], ["u1"], ["u2"], ["u3"]]
  })
]
