import { Batch } from "@effect-noukai/batch"

interface Trial {
  readonly id: string
  readonly text: string
  readonly version: "draft" | "production"
}

export const both = Batch.make({
  id: "draft-and-production",
  flow: "acme/spelling/grade-3",
  key: (row: Trial) => JSON.stringify([row.id, row.version]),
  target: ({ version }) => ({ version }),
  input: ({ text }) => ({ message: text, parameters: { difficulty: "hard" } })
})
