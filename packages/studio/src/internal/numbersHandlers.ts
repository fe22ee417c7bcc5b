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
import { instantOf } from "./times.js"

/** The most runs whose models one request reads. */
const mostRead = 500

type Cell = string | number | undefined

/** A table with a column for each of some fields. */
const tableOf = <const Names extends ReadonlyArray<string>>(
  names: Names,
  values: ReadonlyArray<{ readonly [Name in Names[number]]?: Cell }>
): ReadonlyArray<ReadonlyArray<Cell>> => [
  names,
  ...values.map((value) => names.map((name: Names[number]) => value[name]))
]

const runNames = [
  "id",
  "flow",
  "version",
  "status",
  "trigger",
  "sessionId",
  "startedAt",
  "durationMs",
  "costUsd",
  "unknownCosts"
] as const

const ofRuns = (runs: ReadonlyArray<Run>) =>
  tableOf(runNames, runs.map((run) => ({ ...run, startedAt: instantOf(run.startedAt) })))

const versionNames = [
  "flow",
  "version",
  "day",
  "runs",
  "ended",
  "failed",
  "failureRate",
  "timed",
  "p50Ms",
  "p95Ms",
  "costUsd",
  "unknownCosts"
] as const

const ofVersions = ({ versions }: Numbers) =>
  tableOf(
    versionNames,
    versions.flatMap(({ days, flow, version }) =>
      days.map((day) => ({
        flow,
        version,
        ...day,
        failureRate: day.ended === 0 ? undefined : day.failed / day.ended
      }))
    )
  )

const ofBill = ({ months }: Bill) =>
  tableOf(
    ["month", "flow", "model", "isModelRead", "runs", "costUsd", "unknownCosts"],
    months.flatMap(({ flows, month }) =>
      flows.flatMap(({ flow, models, unread }) => [
        ...models.map((sum) => ({ month, flow, isModelRead: "yes", ...sum })),
        ...unread === undefined ? [] : [{ month, flow, isModelRead: "no", ...unread }]
      ])
    )
  )

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
