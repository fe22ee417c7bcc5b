/** Types of batches by Promises. */
import type { RowResult } from "@effect-noukai/batch"
import type { BatchSummary } from "@effect-noukai/batch/BatchStatus"
import { batchResults, runBatch } from "@effect-noukai/batch/promise"
import { expectTypeOf } from "vitest"

interface Essay {
  readonly id: string
  readonly text: string
}

declare const essays: ReadonlyArray<Essay>
declare const arriving: AsyncIterable<Essay>
declare const sparse: ReadonlyArray<Essay | null | undefined>
declare const read: (value: unknown) => Essay

const common = { id: "grades", flow: "acme/spelling/grade-3", ledger: "grades.ledger" }

expectTypeOf(
  runBatch({ ...common, source: essays, key: (row) => row.id, input: (row) => ({ message: row.text }) })
).toEqualTypeOf<Promise<BatchSummary>>()
runBatch({ ...common, source: arriving, key: (row) => row.id, input: (row) => ({ message: row.text }) })
runBatch({ ...common, source: ["one", "two"], key: (row) => row.trim(), input: () => ({}) })
runBatch({ ...common, source: sparse, key: (row) => row?.id ?? "none", input: () => ({}) })
runBatch({
  ...common,
  source: essays,
  key: (row) => row.id,
  input: () => ({}),
  attempts: 3,
  backoff: 500,
  select: { key: "a*" }
})
runBatch({
  ...common,
  source: "essays.jsonl",
  row: read,
  key: (row) => row.id,
  input: ({ text }) => ({ message: text })
})
runBatch({
  ...common,
  source: "essays.jsonl",
  row: (value) => ({ id: String(value) }),
  key: (row) => row.id,
  input: () => ({})
})

// @ts-expect-error: what stands in a file is not known
runBatch({ ...common, source: "essays.jsonl", key: (row: Essay) => row.id, input: () => ({}) })

const messages = [{ role: "user", content: "hi" }] as const
runBatch({ ...common, source: essays, operation: "execute", key: (row) => row.id, input: () => ({ messages }) })
// @ts-expect-error: the queue takes no conversations
runBatch({ ...common, source: essays, key: (row) => row.id, input: () => ({ messages }) })

expectTypeOf(batchResults({ id: "grades", ledger: "grades.ledger" })).toExtend<AsyncIterable<RowResult>>()
// @ts-expect-error: results are read from a ledger
batchResults({ id: "grades" })
