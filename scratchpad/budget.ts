import { Budget, FlowService } from "@effect-noukai/sdk"
import { Console, Effect } from "effect"

// answers questions until the money of this request is spent
export const answerAll = (questions: ReadonlyArray<string>, limitUsd: string) =>
  Effect.gen(function*() {
    const flows = yield* FlowService
    const budget = yield* Budget.make({ limitUsd, perRun: "0.002" })
    const answers = yield* Effect.forEach(
      questions,
      (message) =>
        flows.execute("noukai/samples/two-step", { message }).pipe(
          Effect.map(({ result }) => result),
          Effect.catchTag("BudgetExceededError", (error) => Effect.as(Console.log(error.message), undefined))
        ),
      { concurrency: 4 }
    ).pipe(Budget.within(budget))
    const { spentUsd } = yield* Budget.state(budget)
    return { answers, spentUsd }
  })
