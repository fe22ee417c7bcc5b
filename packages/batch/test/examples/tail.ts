import { Batch, BatchReport } from "@effect-noukai/batch"
import { grading } from "./gradeEssays.js"

/** Writes rows as they settle, beside a run or after it. Killed and called again, it goes on after its last whole line. */
export const tail = (path: string) =>
  BatchReport.append(path, { after: (after) => Batch.results(grading, { order: "done", after, follow: true }) })
