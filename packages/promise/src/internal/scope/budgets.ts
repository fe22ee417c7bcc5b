import * as Budget from "@effect-noukai/sdk/Budget"
import type * as Effect from "effect/Effect"

/** Runs effects in the given budgets and in those of the calling code. */
export const inBudgetsOfNow = (
  given: ReadonlyArray<Budget.Budget> = []
): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> => {
  const budgets = [...given, ...Budget.ambient()]
  return (effect) => budgets.reduceRight((self, budget) => Budget.within(self, budget), effect)
}
