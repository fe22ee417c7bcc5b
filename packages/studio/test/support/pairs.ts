/** Pairs of runs to compare. */
import { epoch, type ScriptedRun, type ScriptedStep } from "./scripted.js"
import * as Stories from "./stories.js"

const flow = "acme/support/answer"

const letter =
  "Thank you for your message. Your order A17 was shipped on Monday and should arrive within three working days. " +
  "You can follow it with the number 00340434161094021501. If it has not arrived by Friday, answer this message and we " +
  "send it once more, free of charge."

const page = (loop: number, at: number, words: number): ScriptedStep => ({
  id: "page",
  loop,
  at,
  ms: 210 + 5 * loop,
  model: "small-1",
  cost: "0.00011",
  input: { page: loop },
  output: { words }
})

/** The run before. */
export const before: ScriptedRun = {
  id: "3f0c2a9e-77b1-4f35-9c11-0d2f8be3a401",
  flow,
  version: "7",
  startedAt: epoch + 3_000_000,
  durationMs: 6_412,
  costUsd: "0.020672",
  steps: [
    {
      id: "classify",
      at: 0,
      ms: 620,
      model: "small-1",
      cost: "0.0004",
      input: { message: "Where is my order A17?" },
      output: { topic: "order", confidence: 0.97 }
    },
    page(0, 640, 120),
    page(1, 860, 80),
    { id: "check", at: 1_100, ms: 90, input: { words: 200 }, output: { ok: true } },
    { id: "lookup", at: 1_200, ms: 800, input: { order: "A17" }, error: { code: "RATE_LIMITED", message: "Busy." } },
    { id: "lookup", attempt: 2, at: 2_100, ms: 400, input: { order: "A17" }, output: { state: "shipped" } },
    {
      id: "write",
      at: 2_520,
      ms: 3_471.5,
      model: "large-2",
      cost: "0.020052",
      input: { topic: "order", instructions: letter.replace("Monday", "Sunday"), tone: "friendly" },
      output: letter
    },
    { id: "notify", at: 6_010, ms: 400, input: { by: "mail" }, output: { sent: true } }
  ]
}

/** The run after: of the next version, which writes with another model. */
export const after: ScriptedRun = {
  id: "3f0c2a9e-77b1-4f35-9c11-0d2f8be3a402",
  flow,
  version: "8",
  startedAt: epoch + 3_400_000,
  durationMs: 5_038,
  costUsd: "0.008213",
  steps: [
    {
      id: "classify",
      at: 0,
      ms: 585,
      model: "small-1",
      cost: "0.0004",
      input: { message: "Where is my order A17?" },
      output: { topic: "shipping", confidence: 0.91 }
    },
    { id: "check", at: 600, ms: 88, input: { words: 200 }, output: { ok: true } },
    page(0, 700, 120),
    page(1, 920, 80),
    page(2, 1_140, 15),
    { id: "lookup", at: 1_400, ms: 390, input: { order: "A17" }, output: { state: "shipped" } },
    {
      id: "write",
      at: 1_800,
      ms: 2_904,
      model: "small-2",
      cost: "0.007483",
      input: {
        topic: "shipping",
        instructions: letter,
        tone: "friendly",
        examples: ["Hello", "Good morning"]
      },
      output: letter.replace("on Monday and should arrive within", "today and arrives in").replace("once more, ", "")
    }
  ]
}

/** A run that goes on, after so many steps of `after`. */
export const going = (steps: number): ScriptedRun => {
  const { durationMs: _, ...run } = after
  return {
    ...run,
    id: "3f0c2a9e-77b1-4f35-9c11-0d2f8be3a403",
    status: "running",
    startedAt: epoch + 3_500_000,
    steps: after.steps!.slice(0, steps).map((step, nth) => {
      if (nth < steps - 1) return step
      const { ms: _ms, output: _output, ...begun } = step
      return begun
    })
  }
}

export const gone: ScriptedRun = { ...after, id: going(1).id, startedAt: going(1).startedAt! }

/** The same run once more, a little slower. */
export const again: ScriptedRun = {
  ...before,
  id: "3f0c2a9e-77b1-4f35-9c11-0d2f8be3a404",
  startedAt: epoch + 3_550_000,
  steps: before.steps!.map((step) => ({ ...step, ms: step.ms! + 1 }))
}

/** A run of so many steps. Each tenth one has another output in the variant `b`, and the one at `partsAt` another input. */
export const long = (steps: number, variant: "a" | "b", partsAt: number): ScriptedRun => ({
  id: `run-long-${variant}`,
  flow: "acme/support/long",
  startedAt: epoch + 6_000_000 + (variant === "b" ? 1 : 0),
  durationMs: steps * 10,
  costUsd: (steps * 0.000_01).toFixed(5),
  steps: Array.from({ length: steps }, (_, nth): ScriptedStep => ({
    id: `step-${String(nth).padStart(5, "0")}`,
    at: nth * 10,
    ms: variant === "b" ? 9 : 8,
    model: "small-1",
    cost: "0.00001",
    input: variant === "b" && nth === partsAt ? { nth, changed: true } : { nth },
    output: { nth, text: `${variant === "b" && nth % 10 === 0 ? "b" : "a"} ${"word ".repeat(20)}` }
  }))
})

/** Two runs whose texts are hostile. */
export const hostile: readonly [ScriptedRun, ScriptedRun] = [Stories.hostile, {
  ...Stories.hostile,
  id: "run-hostile-<img src=x onerror=\"document.title='owned'\">",
  status: "<b>failed</b>",
  version: "\u202e8",
  startedAt: epoch + 190_000,
  steps: Stories.hostile.steps!.map((step, nth) => ({
    ...step,
    model: "<script>document.title='owned'</script>",
    output: nth === 0
      ? `${"<img src=x onerror=\"document.title='owned'\"> ".repeat(4)}\u0000\u202eend`
      : { "<b>": "<i>" },
    input: { "<script>": "\u0007 nk_live_abcdefgh_0123456789abcdef0123456789abcdef" }
  }))
}]

export const all: ReadonlyArray<ScriptedRun> = [before, after, again, ...hostile]
