import { type Noukai, RunInProgressError } from "@effect-noukai/promise"
import { setTimeout } from "node:timers/promises"

interface Essay {
  readonly id: string
  readonly text: string
}

// kill it, start it again: what has run is not run again, and each grade is paid once
export const gradeEach = async (noukai: Noukai, essays: ReadonlyArray<Essay>) => {
  const flow = noukai.flow("acme/spelling/grade-3")
  const grades = new Map<string, unknown>()

  const grade = async ({ id, text }: Essay): Promise<void> => {
    try {
      const run = await flow.executeOnce(`grades-2026/${id}`, { message: text, parameters: { difficulty: "hard" } })
      if (run.status === "completed") grades.set(id, run.result)
    } catch (error) {
      if (!(error instanceof RunInProgressError)) throw error
      // its process may have died a moment ago, and the run goes on
      await setTimeout(5_000)
      await grade({ id, text })
    }
  }

  const left = essays.values() // 16 loops take the next essay from it
  await Promise.all(Array.from({ length: 16 }, async () => {
    for (const essay of left) await grade(essay)
  }))
  return grades
}
