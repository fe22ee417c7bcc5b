/**
 * What the suites send, and the bytes that the raw server answers.
 */

export const apiKey = "nk_test_benchbnc_0123456789abcdef0123456789abcdef"

export const message = "The cat sat on the mat."

export const parameters = { difficulty: "hard" } as const

/** Streams of the raw server, by what the tables call them: `…/{slug}/step`. */
export const streams = {
  inLoop: { name: "10,000 events of 320 B, 20 steps in a loop", slug: "10000-of-20", events: 10_000 },
  eachOnce: { name: "10,000 events of 320 B, each step once", slug: "10000", events: 10_000 },
  short: { name: "10 events of 320 B", slug: "10", events: 10 }
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

/** Three events, of which the one in the middle is `bytes` long. */
export const largeEvent = (bytes: number): string =>
  frame("run_started", { executionId, stepCount: 1 }) +
  frame("step_completed", { stepId: "large", output: "x".repeat(bytes) }) +
  frame("flow_completed", { result: null })

/**
 * `count` events of about 320 bytes each, from `run_started` to `flow_completed`: each step once, or `steps` of them in
 * a loop.
 */
export const eventStream = (count: number, steps = count): string => {
  let out = frame("run_started", { eventType: "run_started", executionId, flowId: "fl_31c9", stepCount: count >> 1 })
  for (let i = 0; i < count - 2; i++) {
    const at = (i >> 1) % steps
    const step = { stepId: `step-${at}`, name: `Step ${at}` }
    out += i % 2 === 0
      ? frame("step_started", { eventType: "step_started", ...step, stepIndex: 0, note: text })
      : frame("step_completed", {
        eventType: "step_completed",
        ...step,
        output: { text },
        durationMs: 412,
        costUsd: "0.00031"
      })
  }
  return out + frame("flow_completed", { eventType: "flow_completed", executionId, result: { text } })
}

/** Throws unless `text` is a completed run. */
export const assertCompleted = (text: string): void => {
  const value: unknown = JSON.parse(text)
  if (typeof value !== "object" || value === null || !("status" in value) || value.status !== "completed") {
    throw new Error("not a completed run")
  }
}

/** What the frames of a stream carry, as text. */
export const payloadsOf = (stream: string): ReadonlyArray<string> =>
  stream.split("\n\n").flatMap((frame) => frame === "" ? [] : frame.slice(frame.indexOf("data: ") + 6))
