import { batchResults, runBatch } from "@effect-noukai/batch/promise"

interface Essay {
  readonly id: string
  readonly text: string
}

const batch = { id: "grades-2026-11", ledger: "grades.ledger" }

/** Kill it and start it again: it goes on. An abort ends what is in flight first, and rejects with its reason. */
export const gradeAll = async (essays: Iterable<Essay>, signal: AbortSignal, where = batch) => {
  const { status, states, stop } = await runBatch({
    ...where,
    flow: "acme/spelling/grade-3",
    source: essays, // or a path, with row: (value) => …, which reads one of its rows
    key: (essay) => essay.id,
    input: (essay) => ({ message: essay.text, parameters: { difficulty: "hard" } }),
    signal,
    onProgress: ({ rows, settled }) => console.log(`${settled} of ${rows}`)
  })
  if (status !== "completed") throw new Error(`${states.pending} rows are left: ${stop?.message}`)
  for await (const { error, key, result } of batchResults(where)) console.log(key, result ?? error?.message)
}
