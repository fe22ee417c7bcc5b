/**
 * The requests of the suites, and the bytes that the raw server answers.
 */

export const apiKey = "nk_test_benchbnc_0123456789abcdef0123456789abcdef"

export const message = "The cat sat on the mat."

export const parameters = { difficulty: "hard" } as const

/** Where a stream says outputs: on the events that complete a step and the run, or as the hosted service does. */
export type Shape = "documented" | "hosted"

/** A stream of the raw server, `…/{slug}/step`, and its name in the tables. */
export interface BenchStream {
  readonly name: string
  readonly slug: string
  readonly events: number
}

const stream = (events: number, name: string, kind = ""): BenchStream => ({
  name: `${events.toLocaleString("en")} events${name}`,
  slug: `${events}${kind}`,
  events
})

/** Events of 320 B each. */
export const streams = {
  ten: stream(10, ""),
  tenHosted: stream(10, ", hosted shape", "-hosted"),
  hundred: stream(100, ""),
  hundredHosted: stream(100, ", hosted shape", "-hosted"),
  inLoop: stream(10_000, ", 20 steps in a loop", "-of-20"),
  inLoopHosted: stream(10_000, ", 20 steps in a loop, hosted shape", "-of-20-hosted"),
  eachOnce: stream(10_000, ", each step once"),
  completed: stream(10_000, ", only completed steps, each another", "-completed")
} as const

/** About 330 bytes, as `execute` answers them. */
export const completedRun: string = JSON.stringify({
  status: "completed",
  result: {
    score: 7,
    feedback: "Two words are misspelled in the second sentence; the punctuation of the first one is right.",
    words: ["their", "receive"]
  },
  flowId: "fl_31c9",
  blockCount: 2,
  executionId: "6f0d3c1e-1a2b-4c3d-8e4f-5a6b7c8d9e0f",
  sessionId: "a3a6a3c4-6f0e-4f63-9d0f-0b0d9d4f8e11"
})

const frame = (name: string, data: unknown): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`

const executionId = "0a6c2f5e-9d41-4b0e-8f6b-2f3f0e5b7c11"

const text = "It shipped on Monday and will arrive on Thursday between nine and noon. ".repeat(3)

/** Three events. The one in the middle is `bytes` long. */
export const largeEvent = (bytes: number): string =>
  frame("run_started", { executionId, stepCount: 1 }) +
  frame("step_completed", { stepId: "large", output: "x".repeat(bytes) }) +
  frame("flow_completed", { result: null })

export interface StreamOptions {
  /** Different steps, which take turns; default: each step comes once. */
  readonly steps?: number | undefined
  /** Default: `"documented"`. */
  readonly shape?: Shape | undefined
  /** Between the first and the last event nothing but `step_completed`. */
  readonly completedOnly?: boolean | undefined
}

/** `count` events of about 320 bytes each, from `run_started` to `flow_completed`. */
export const eventStream = (
  count: number,
  { completedOnly = false, shape = "documented", steps = count }: StreamOptions = {}
): string => {
  const hosted = shape === "hosted"
  const events = completedOnly
    ? ["step_completed"]
    : hosted
    ? ["step_started", "step_output", "step_completed"]
    : ["step_started", "step_completed"]
  const own: Record<string, object> = {
    step_started: { stepIndex: 0, note: text },
    step_output: { outputContext: { text } },
    step_completed: { ...(hosted ? { note: text } : { output: { text } }), durationMs: 412, costUsd: "0.00031" }
  }
  const stepCount = Math.ceil((count - 2) / events.length)
  let out = frame("run_started", { eventType: "run_started", executionId, flowId: "fl_31c9", stepCount })
  for (let i = 0; i < count - 2; i++) {
    const at = Math.floor(i / events.length) % steps
    const eventType = events[i % events.length]!
    out += frame(eventType, { eventType, stepId: `step-${at}`, name: `Step ${at}`, ...own[eventType] })
  }
  return out +
    frame("flow_completed", { eventType: "flow_completed", executionId, ...(hosted ? {} : { result: { text } }) })
}

/** Throws unless `text` is a completed run. */
export const assertCompleted = (text: string): void => {
  const value: unknown = JSON.parse(text)
  if (typeof value !== "object" || value === null || !("status" in value) || value.status !== "completed") {
    throw new Error("not a completed run")
  }
}

/** The data of the frames of a stream, as text. */
export const payloadsOf = (stream: string): ReadonlyArray<string> =>
  stream.split("\n\n").flatMap((frame) => frame === "" ? [] : frame.slice(frame.indexOf("data: ") + 6))
