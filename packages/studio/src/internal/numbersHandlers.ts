/** The endpoints of numbers. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import type { Bill, Numbers } from "../NumbersApi.js"
import type { Run } from "../RunsApi.js"
import { StudioApi } from "../StudioApi.js"
import { StudioSource } from "../StudioSource.js"
import { billOf, makeModels } from "./bill.js"
import { numbersOf } from "./numbers.js"

/** The most runs whose models one request reads. */
const mostRead = 500

type Record = ReadonlyArray<string | number | undefined>

const instantOf = (startedAt: number | undefined): string | undefined => {
  const date = new Date(startedAt ?? Number.NaN)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}

const ofRuns = (runs: ReadonlyArray<Run>): ReadonlyArray<Record> => [
  [
    ...["id", "flow", "version", "status", "trigger", "sessionId"],
    ...["startedAt", "durationMs", "costUsd", "unknownCosts"]
  ],
  ...runs.map(({ costUsd, durationMs, flow, id, sessionId, startedAt, status, trigger, unknownCosts, version }) => [
    ...[id, flow, version, status, trigger, sessionId],
    ...[instantOf(startedAt), durationMs, costUsd, unknownCosts]
  ])
]

const ofVersions = ({ versions }: Numbers): ReadonlyArray<Record> => [
  [
    ...["flow", "version", "day", "runs", "ended", "failed", "failureRate"],
    ...["timed", "p50Ms", "p95Ms", "costUsd", "unknownCosts"]
  ],
  ...versions.flatMap(({ days, flow, version }) =>
    days.map(({ costUsd, day, ended, failed, p50Ms, p95Ms, runs, timed, unknownCosts }) => [
      ...[flow, version, day, runs, ended, failed, ended === 0 ? undefined : failed / ended],
      ...[timed, p50Ms, p95Ms, costUsd, unknownCosts]
    ])
  )
]

const ofBill = ({ months }: Bill): ReadonlyArray<Record> => [
  ["month", "flow", "model", "isModelRead", "runs", "costUsd", "unknownCosts"],
  ...months.flatMap(({ flows, month }) =>
    flows.flatMap(({ flow, models, unread }) => [
      ...models.map(({ costUsd, model, runs, unknownCosts }) => //
      [month, flow, model, "yes", runs, costUsd, unknownCosts]),
      ...unread === undefined ? [] : [[month, flow, undefined, "no", unread.runs, unread.costUsd, unread.unknownCosts]]
    ])
  )
]

/** The handlers. */
export const layer = HttpApiBuilder.group(StudioApi, "numbers", (handlers) =>
  Effect.map(StudioSource, (source) => {
    const models = makeModels(source)
    return handlers
      .handle("numbers", ({ urlParams: { only, ...filter } }) =>
        Effect.map(source.runs(filter), (runs) => {
          const numbers = numbersOf(runs)
          return only === undefined ? numbers : { ...numbers, versions: [] }
        }))
      .handle("bill", ({ urlParams: { read = 0, ...filter } }) =>
        Effect.flatMap(source.runs(filter), (runs) =>
          Effect.map(models.read(runs, Math.min(read, mostRead)), () =>
            billOf(runs, models))))
      .handleRaw("table", ({ urlParams: { of, ...filter } }) =>
        Effect.gen(function*() {
          const runs = yield* source.runs(filter)
          const records = of === "runs"
            ? ofRuns(runs)
            : of === "versions"
            ? ofVersions(numbersOf(runs, { versions: Infinity, days: Infinity }))
            : ofBill(billOf(runs, models))
          // a start without ledgers loads nothing of batches
          const { csvRecord } = yield* Effect.promise(() =>
            import("@effect-noukai/batch/BatchReport")
          )
          return HttpServerResponse.text(records.map(csvRecord).join(""), {
            contentType: "text/csv; charset=utf-8",
            headers: { "content-disposition": `attachment; filename="${of}.csv"` }
          })
        }))
  }))
