/** Runs to look at: completed, failed, live, paused, with loops, with hostile texts. */
import { Effect, Schedule } from "effect"
import { epoch, type Scripted, type ScriptedRun, type ScriptedStep } from "./scripted.js"

const session = "0c5b1f7e-5d1f-4a39-9a2e-7f0f6ad1c001"

export const completed: ScriptedRun = {
  id: "run-completed",
  version: "3",
  durationMs: 1_900,
  costUsd: "0.00315",
  sessionId: session,
  request: { message: "The cat sat.", parameters: { grade: 3 } },
  steps: [
    {
      id: "read",
      at: 0,
      ms: 400,
      model: "small",
      tokens: 120,
      cost: "0.00015",
      input: { message: "The cat sat." },
      output: { words: ["The", "cat", "sat"] }
    },
    {
      id: "grade",
      at: 420,
      ms: 1_200,
      model: "large",
      tokens: 900,
      cost: "0.003",
      input: { words: 3 },
      output: { grade: "A", reasons: ["spelling", "grammar"] }
    },
    { id: "write", at: 1_640, ms: 260, input: { grade: "A" }, output: "Well done." }
  ]
}

export const failed: ScriptedRun = {
  id: "run-failed",
  status: "failed",
  startedAt: epoch + 60_000,
  durationMs: 3_200,
  costUsd: "0.0012",
  sessionId: session,
  steps: [
    { id: "read", at: 0, ms: 400, cost: "0.0002", input: { message: "Teh cat" }, output: { words: ["Teh", "cat"] } },
    {
      id: "grade",
      at: 420,
      ms: 800,
      error: { code: "RATE_LIMITED", message: "The model was busy." },
      input: { words: 2 }
    },
    {
      id: "grade",
      attempt: 2,
      at: 1_300,
      ms: 1_900,
      cost: "0.001",
      error: { code: "PROVIDER_ERROR", message: "The model did not return JSON.", detail: { line: 1 } },
      input: { words: 2 }
    }
  ]
}

/** A run whose loop has so many iterations. */
export const loop = (iterations: number): ScriptedRun => ({
  id: "run-loop",
  flow: "acme/spelling/all-pages",
  startedAt: epoch + 120_000,
  durationMs: iterations * 20 + 100,
  costUsd: "0.5",
  trigger: "job",
  steps: [
    { id: "plan", at: 0, ms: 50, input: { pages: iterations }, output: { ok: true } },
    { id: "page", at: 50, ms: iterations * 20, output: { pages: iterations } },
    ...Array.from({ length: iterations }, (_, index): ScriptedStep => ({
      id: "page",
      loop: index,
      at: 50 + index * 20,
      ms: 18,
      tokens: 10,
      cost: "0.001",
      input: { page: index },
      ...index === 41
        ? { error: { code: "BAD_PAGE", message: "Page 41 is empty." } }
        : { output: { page: index, ok: true } }
    }))
  ]
})

export const hostile: ScriptedRun = {
  id: "run-hostile",
  flow: "acme/spelling/javascript:alert(1)",
  startedAt: epoch + 180_000,
  durationMs: 500,
  steps: [
    {
      id: "<img src=x onerror=\"document.title='owned'\">",
      at: 0,
      ms: 300,
      input: { "<script>": "</script><script>document.title='owned'</script>", "__proto__": "x" },
      output: "<img src=x onerror=\"document.title='owned'\">"
    },
    {
      id: "control \u0000\u0007\u001b[31m \u202eevil\u202c \u2066x\u2069",
      at: 300,
      ms: 200,
      error: { code: "javascript:alert(1)", message: "\u001b]0;owned\u0007 \u202egnp.exe\n".repeat(20) },
      input: "nk_live_abcdefgh_0123456789abcdef0123456789abcdef"
    }
  ]
}

export const uncaptured: ScriptedRun = {
  id: "run-uncaptured",
  startedAt: epoch + 240_000,
  durationMs: 700,
  steps: [{ id: "read", at: 0, ms: 700, tokens: 12, cost: "0.0001" }]
}

/** A payload of about so many bytes. */
export const huge = (bytes: number): ScriptedRun => ({
  id: "run-huge",
  startedAt: epoch + 300_000,
  durationMs: 900,
  steps: [{
    id: "read",
    at: 0,
    ms: 900,
    input: { text: "long ".repeat(2_000) },
    output: { rows: Array.from({ length: Math.ceil(bytes / 100) }, (_, row) => ({ row, text: "x".repeat(80) })) }
  }]
})

const liveSince = Date.now()

/** A run that goes on, after so many steps. */
export const live = (steps: number, isOver = false): ScriptedRun => ({
  id: "run-live",
  flow: "acme/spelling/live",
  // a run that goes on is as old as the clock says
  startedAt: liveSince,
  status: isOver ? "completed" : "running",
  ...isOver && { durationMs: steps * 1_000 },
  watched: {
    clock: "server",
    firstOutputMs: 180,
    pauses: steps > 2 ? [{ startMs: 2_000, durationMs: 500, stepId: "step-2" }] : []
  },
  steps: Array.from({ length: steps }, (_, index): ScriptedStep => ({
    id: `step-${index}`,
    at: index * 1_000,
    ...(isOver || index < steps - 1) && { ms: 950, output: { index } },
    ...index === 2 && { waitingMs: 500 },
    input: { index }
  }))
})

const statuses = ["completed", "completed", "completed", "failed", "cancelled"]

/** Many short runs of some flows, the newest last. */
export const many = (count: number, from = 0): ReadonlyArray<ScriptedRun> =>
  Array.from({ length: count }, (_, offset) => {
    const index = from + offset
    return {
      id: `run-${String(index).padStart(6, "0")}`,
      flow: `acme/spelling/flow-${index % 7}`,
      version: String(index % 3 + 1),
      status: statuses[index % statuses.length]!,
      startedAt: epoch + 1_000_000 + index * 1_000,
      durationMs: 100 + index % 1_000,
      costUsd: `0.000${index % 10}`,
      trigger: index % 4 === 0 ? "job" : "execute",
      sessionId: `0c5b1f7e-5d1f-4a39-9a2e-${String(index % 50).padStart(12, "0")}`,
      steps: [
        { id: "read", at: 0, ms: 60, input: { index }, output: { index } },
        { id: "grade", at: 60, ms: 40 + index % 1_000, input: { index }, output: { index } }
      ]
    }
  })

export const conversationId = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

/** A conversation: questions of one person, with a break. */
export const conversation: ReadonlyArray<ScriptedRun> = Array.from({ length: 9 }, (_, nth): ScriptedRun => {
  const isFailed = nth === 5
  return {
    id: `5f0c2a9e-77b1-4f35-9c11-0d2f8be3a4${10 + nth}`,
    flow: `acme/support/${["classify", "answer", "translate"][nth % 3]}`,
    version: "7",
    sessionId: conversationId,
    status: isFailed ? "failed" : "completed",
    startedAt: epoch + 2_000_000 + (nth < 5 ? 0 : 420_000) + nth * 14_000,
    durationMs: 6_000 + 1_000 * nth,
    costUsd: "0.0045",
    isCaptured: nth !== 2,
    steps: [
      { id: "read", at: 0, ms: 2_400, output: { nth } },
      isFailed
        ? {
          id: "ask",
          at: 2_500,
          ms: 3_400,
          error: { code: "PROVIDER_ERROR", message: "The model did not return JSON." }
        }
        : { id: "ask", at: 2_500, ms: 3_400 + 900 * nth, output: "yes" }
    ]
  }
})

/** Runs whose durations spread, with outliers and failures. */
export const spread: ReadonlyArray<ScriptedRun> = many(400).map((run, nth) => ({
  ...run,
  id: `run-${String(nth).padStart(6, "0")}`,
  startedAt: epoch + nth * 9_000,
  status: nth % 17 === 3 ? "failed" : "completed",
  durationMs: nth % 97 === 50 ? 45_000 + 800 * nth : Math.round(240 * Math.exp(1.1 * ((nth * 37) % 100) / 50)),
  steps: []
}))

/** Pages that two models read beside each other: the slower one decides when the run ends. */
export const chain: ScriptedRun = {
  id: "run-pages",
  flow: "acme/spelling/pages",
  version: "4",
  startedAt: epoch + 4_000_000,
  durationMs: 16_300,
  costUsd: "0.0412",
  steps: Array.from({ length: 8 }, (_, page): ReadonlyArray<ScriptedStep> => [
    {
      id: `read-${page + 1}`,
      at: page * 2_000,
      ms: 700,
      model: "small",
      cost: "0.0004",
      input: { page },
      output: { words: 120 + page }
    },
    {
      id: `spell-${page + 1}`,
      at: page * 2_000 + 720,
      ms: 480,
      model: "small",
      input: { page },
      output: { mistakes: page % 3 }
    },
    {
      id: `grade-${page + 1}`,
      at: page * 2_000 + 720,
      ms: page === 4 ? 1_270 : 1_240,
      model: "large",
      tokens: 900,
      cost: "0.0047",
      input: { page },
      output: { grade: "ABC"[page % 3] }
    }
  ]).flat()
}

export const all: ReadonlyArray<ScriptedRun> = [
  completed,
  failed,
  loop(500),
  hostile,
  uncaptured,
  huge(200_000),
  live(3)
]

/** Adds so many runs a second until it is interrupted. */
export const arriving = ({ put }: Scripted, perSecond: number, from = 100_000): Effect.Effect<never> => {
  let next = from
  return Effect.suspend(() => put(...many(Math.max(1, Math.round(perSecond / 20)), next))).pipe(
    Effect.tap(() =>
      Effect.sync(() => {
        next += Math.max(1, Math.round(perSecond / 20))
      })
    ),
    Effect.repeat(Schedule.spaced("50 millis")),
    Effect.zipRight(Effect.never)
  )
}
