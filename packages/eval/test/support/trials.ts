/** Trials with outcomes as letters: `ppf` is two that pass and one that fails, `e` one with an error. */
import type { Trial } from "@effect-noukai/eval/EvalReport"

const verdicts = { p: "pass", f: "fail", e: "error" } as const

export const trialsOf = (
  letters: { readonly [check: string]: string },
  run: Pick<Partial<Trial>, "attemptsCostUsd" | "costUsd" | "durationMs" | "result"> = {}
): ReadonlyArray<Trial> => {
  const [first = ""] = Object.values(letters)
  return Array.from(first, (_, index): Trial => ({
    trial: index + 1,
    state: "done",
    ...(run.costUsd !== undefined && { attemptsCostUsd: run.costUsd }),
    ...run,
    outcomes: Object.fromEntries(
      Object.entries(letters).map(([name, text]) => {
        const verdict = verdicts[text[index] as keyof typeof verdicts]
        return [name, { verdict, reason: verdict }]
      })
    )
  }))
}
