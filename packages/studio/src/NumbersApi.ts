/**
 * The part of the studio's API that counts and adds up the runs of a list.
 *
 * @since 0.1.0
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as Schema from "effect/Schema"
import { Index, NotFound, RunFilter, Unavailable } from "./RunsApi.js"

/** The sum of the costs of some runs. */
const Costs = {
  /** The number of runs. */
  runs: Schema.Number,
  /** The exact sum of the known costs. Absent if no cost is known. */
  costUsd: Schema.optional(Schema.String),
  /** The number of runs whose cost is not wholly known. Absent of an exact sum. */
  unknownCosts: Schema.optional(Schema.Number)
}

/**
 * The numbers of some runs.
 *
 * @since 0.1.0
 * @category models
 */
export const RunNumbers = Schema.Struct({
  ...Costs,
  /** The number of runs that completed or failed: the failure rate is the share of `failed` in them. */
  ended: Schema.Number,
  failed: Schema.Number,
  /** The number of those whose duration is known. */
  timed: Schema.Number,
  /** The duration that half of those runs did not exceed, and the one that 95 % did not exceed, by nearest rank. */
  p50Ms: Schema.optional(Schema.Number),
  p95Ms: Schema.optional(Schema.Number)
})

/** @since 0.1.0 */
export interface RunNumbers extends Schema.Schema.Type<typeof RunNumbers> {}

/**
 * The numbers of a version of a flow, and those of each of its days.
 *
 * @since 0.1.0
 * @category models
 */
export const VersionNumbers = Schema.Struct({
  flow: Schema.String,
  /** Absent: the version is not known. */
  version: Schema.optional(Schema.String),
  ...RunNumbers.fields,
  /** The days in UTC, newest first, at most 366. `day` is absent of runs whose start is not known. */
  days: Schema.Array(Schema.Struct({ day: Schema.optional(Schema.String), ...RunNumbers.fields }))
})

/** @since 0.1.0 */
export interface VersionNumbers extends Schema.Schema.Type<typeof VersionNumbers> {}

/**
 * The numbers of a list.
 *
 * @since 0.1.0
 * @category models
 */
export const Numbers = Schema.Struct({
  /** Of the whole list. */
  all: RunNumbers,
  /** By the name of the flow, the version with the newest run first: at most 500. */
  versions: Schema.Array(VersionNumbers),
  /** The number of all versions of all flows of the list. */
  total: Schema.Number
})

/** @since 0.1.0 */
export interface Numbers extends Schema.Schema.Type<typeof Numbers> {}

/**
 * The costs of a flow in a month by model. They add up to the cost of the flow.
 *
 * @since 0.1.0
 * @category models
 */
export const FlowBill = Schema.Struct({
  flow: Schema.String,
  ...Costs,
  /** A run with several models is counted for each of them. `model` is absent of steps whose model is not told. */
  models: Schema.Array(Schema.Struct({ model: Schema.optional(Schema.String), ...Costs })),
  /** The runs whose models were not read. Absent if all were. */
  unread: Schema.optional(Schema.Struct(Costs))
})

/** @since 0.1.0 */
export interface FlowBill extends Schema.Schema.Type<typeof FlowBill> {}

/**
 * The costs of a list by month, flow and model.
 *
 * @since 0.1.0
 * @category models
 */
export const Bill = Schema.Struct({
  all: Schema.Struct(Costs),
  /** The months in UTC, newest first, such as `2026-11`. `month` is absent of runs whose start is not known. */
  months: Schema.Array(
    Schema.Struct({ month: Schema.optional(Schema.String), ...Costs, flows: Schema.Array(FlowBill) })
  ),
  /** The number of runs that have ended and whose models were not read. */
  unread: Schema.Number
})

/** @since 0.1.0 */
export interface Bill extends Schema.Schema.Type<typeof Bill> {}

/**
 * The endpoints of numbers. All are reads.
 *
 * @since 0.1.0
 * @category api
 */
export const numbersGroup = HttpApiGroup.make("numbers")
  /** `only=sums`: without the versions. */
  .add(
    HttpApiEndpoint.get("numbers", "/numbers")
      .setUrlParams(Schema.Struct({ ...RunFilter.fields, only: Schema.optional(Schema.Literal("sums")) }))
      .addSuccess(Numbers)
  )
  /** Reads the models of at most `read` runs that were not read before, the newest first. Default: 0, the most: 500. */
  .add(
    HttpApiEndpoint.get("bill", "/bill")
      .setUrlParams(Schema.Struct({ ...RunFilter.fields, read: Schema.optional(Index) }))
      .addSuccess(Bill)
  )
  /** A file to save, as CSV: the runs of the list, their numbers by version and day, or the bill as far as it was read. */
  .add(
    HttpApiEndpoint.get("table", "/table")
      .setUrlParams(Schema.Struct({ ...RunFilter.fields, of: Schema.Literal("runs", "versions", "bill") }))
      .addSuccess(HttpApiSchema.Text({ contentType: "text/csv" }))
  )
  .addError(NotFound)
  .addError(Unavailable)
