import { Budget, BudgetExceededError, type Noukai } from "@effect-noukai/promise"

/** Answers questions until the money of this request is spent. */
export const answerAll = async (noukai: Noukai, questions: ReadonlyArray<string>, limitUsd: string) => {
  const budget = new Budget({ limitUsd, perRun: "0.002" })
  const flow = noukai.flow("noukai/samples/two-step")
  const outcomes = await budget.run(() => Promise.allSettled(questions.map((message) => flow.execute({ message }))))
  const refused = outcomes.filter((outcome) =>
    outcome.status === "rejected" && outcome.reason instanceof BudgetExceededError
  )
  return { refused: refused.length, spentUsd: budget.state.spentUsd }
}
