import { Noukai } from "@effect-noukai/promise"

export const grade = async (sentence: string) => {
  await using noukai = new Noukai() // reads NOUKAI_API_KEY

  const run = await noukai.flow("acme/spelling/grade-3").execute({
    message: sentence,
    parameters: { difficulty: "hard" }
  })
  if (run.status !== "completed") throw new Error(`The run is ${run.status}.`)
  return run.result
}
