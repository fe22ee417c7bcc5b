/** A flow that a form knows, and a session to keep. */
import type { FlowFacts } from "@effect-noukai/studio/StudioSource"
import { epoch, type ScriptedRun } from "./scripted.js"

/** The facts of the flow of scripted runs. */
export const facts: FlowFacts = {
  versions: ["1", "2", "3"],
  production: "3",
  needsMessage: true,
  steps: ["read", "grade", "write"],
  parametersSchema: {
    type: "object",
    required: ["grade"],
    properties: {
      grade: { type: "integer", minimum: 1, maximum: 12, description: "The school year of the pupil" },
      tone: { enum: ["kind", "dry"], description: "How the answer sounds" },
      strict: { type: "boolean", default: false },
      rules: { type: "array", items: { type: "string" }, description: "Names of rules to check" },
      note: { type: "string", maxLength: 200 }
    }
  }
}

export const keptId = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c02"

/** The runs of a session whose payloads are whole. */
export const kept: ReadonlyArray<ScriptedRun> = [0, 1, 2].map((nth) => ({
  id: `run-kept-${nth}`,
  flow: "acme/support/answer",
  sessionId: keptId,
  startedAt: epoch + 3_000_000 + nth * 20_000,
  durationMs: 9_000,
  costUsd: "0.0012",
  steps: [
    {
      id: "read",
      at: 0,
      ms: 4_000,
      input: { message: "Where is my parcel?", language: "en", customer: { email: "ada@example.org", id: 7 } },
      output: { kind: "parcel" }
    },
    { id: "answer", at: 4_000, ms: 5_000, output: { text: "It arrives on Friday.", email: "ada@example.org" } }
  ]
}))
