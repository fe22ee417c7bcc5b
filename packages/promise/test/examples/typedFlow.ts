import type { Noukai } from "@effect-noukai/promise"
import { z } from "zod"

export const gradeFlow = (noukai: Noukai) =>
  noukai.flow("acme/spelling/grade-3", {
    parameters: z.object({ difficulty: z.enum(["easy", "hard"]) }),
    result: z.object({ score: z.number(), feedback: z.string() })
  })

export const score = async (noukai: Noukai, message: string): Promise<number | undefined> => {
  const run = await gradeFlow(noukai).execute({ message, parameters: { difficulty: "hard" } })
  // a failed run is an outcome too; its result is the server's description
  return run.status === "completed" ? run.result.score : undefined
}
