/**
 * The part of the studio's API that compares a batch with the runs of the server. It reads, and settles nothing.
 *
 * @since 0.1.0
 */
import { Finding, Summary } from "@effect-noukai/report/Reconcile"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as Schema from "effect/Schema"
import { EventStream, Index, NotFound, Unavailable } from "./RunsApi.js"

/**
 * The reads that reconciling a batch takes, or the batch of an eval run.
 *
 * @since 0.1.0
 * @category models
 */
export const ReconcilePlan = Schema.Struct({
  /** The number of rows of the batch. */
  rows: Schema.Number,
  /** About how many requests it sends to the server: one for each session and one for each run. 0: it reads this process. */
  requests: Schema.Number,
  /** The most requests a second, unless another `rate` is asked for. */
  rate: Schema.Number,
  /** Why it cannot be compared here. Absent if it can. */
  whyNot: Schema.optional(Schema.String),
  /** The command that compares, and the one that also settles uncertain rows. Absent for a ledger in a database. */
  command: Schema.optional(Schema.String),
  settle: Schema.optional(Schema.String)
})

/** @since 0.1.0 */
export interface ReconcilePlan extends Schema.Schema.Type<typeof ReconcilePlan> {}

/**
 * Findings since the event before, and the summary of all findings so far.
 *
 * @since 0.1.0
 * @category models
 */
export const ReconcileProgress = Schema.Struct({
  findings: Schema.Array(Finding),
  summary: Summary,
  /**
   * The costs at the server less those in the ledger, in US dollars, exact, of the findings for which both are known. Absent
   * if there are none.
   */
  differenceUsd: Schema.optional(Schema.String),
  /** The number of findings so far, and of rows. */
  done: Schema.Number,
  rows: Schema.Number
})

/** @since 0.1.0 */
export interface ReconcileProgress extends Schema.Schema.Type<typeof ReconcileProgress> {}

const Address = { ledger: Schema.String, batch: Schema.String }

/**
 * The endpoints of reconciliation. All are reads, of the ledger and of the server.
 *
 * @since 0.1.0
 * @category api
 */
export const reconcileGroup = HttpApiGroup.make("reconcile")
  .add(
    HttpApiEndpoint.get("reconcilePlan", "/reconcile/plan").setUrlParams(Schema.Struct(Address)).addSuccess(
      ReconcilePlan
    )
  )
  /**
   * Events named `findings`, each a {@link ReconcileProgress}, after `hello`; the last one is `end`, with nothing more to come,
   * or `problem`, an {@link Unavailable}. The reads stop when the connection closes. A connection that opens again begins
   * again: forget the findings at each `hello`.
   */
  .add(
    HttpApiEndpoint.get("reconcile", "/reconcile")
      .setUrlParams(Schema.Struct({
        ...Address,
        /** The most requests a second, 1 to 100. Default: 10. */
        rate: Schema.optional(Index.pipe(Schema.between(1, 100)))
      }))
      .addSuccess(EventStream)
  )
  .addError(NotFound)
  .addError(Unavailable)
