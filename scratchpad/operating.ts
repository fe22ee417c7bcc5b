import { Budget, FlowService, Noukai } from "@effect-noukai/sdk"
import { metricNames } from "@effect-noukai/sdk/Telemetry"
import { Effect, Metric } from "effect"

/** Every call ends within a minute, and one process never has more than 50 runs in flight. */
export const NoukaiOperated = Noukai.layer({
  timeout: "60 seconds",
  attemptTimeout: "55 seconds",
  maxConcurrency: 50,
  rate: 100
})

/** One request of the service costs at most 5 cents, and one run of it at most 1 cent. */
export const answered = (questions: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const flows = yield* FlowService
    const budget = yield* Budget.make({ limitUsd: "0.05", perRun: "0.01" })
    return yield* Effect.forEach(
      questions,
      (message) => flows.execute("noukai/samples/two-step", { message, maxCostUsd: "0.01" })
    ).pipe(Budget.within(budget))
  })

/** The metrics of this process, by name and labels: a collector receives the same. */
export const metrics = Effect.map(
  Metric.snapshot,
  (all) =>
    all.flatMap(({ metricKey }) =>
      Object.values<string>(metricNames).includes(metricKey.name)
        ? [`${metricKey.name} ${metricKey.tags.map(({ key, value }) => `${key}=${value}`).join(" ")}`.trim()]
        : []
    )
)
