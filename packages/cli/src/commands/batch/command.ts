/** `noukai batch`. */
import * as Command from "@effect/cli/Command"
import { loaded } from "../leaf.js"
import * as Attempts from "./attempts/input.js"
import * as Cancel from "./cancel/input.js"
import * as Diff from "./diff/input.js"
import * as Plan from "./plan/input.js"
import * as Results from "./results/input.js"
import * as Retry from "./retry/input.js"
import * as Run from "./run/input.js"
import * as Status from "./status/input.js"

export const plan = Command.make("plan", Plan.config, loaded(() => import("./plan/handler.js"))).pipe(
  Command.withDescription("Show what a run would do; send and write nothing.")
)

export const run = Command.make("run", Run.config, loaded(() => import("./run/handler.js"))).pipe(
  Command.withDescription("Run each row of a file once; continue an earlier run.")
)

export const status = Command.make("status", Status.config, loaded(() => import("./status/handler.js"))).pipe(
  Command.withDescription("Show the progress of a batch.")
)

export const retry = Command.make("retry", Retry.config, loaded(() => import("./retry/handler.js"))).pipe(
  Command.withDescription("Make failed rows pending again, for the next run.")
)

export const results = Command.make("results", Results.config, loaded(() => import("./results/handler.js"))).pipe(
  Command.withDescription("Print the results of the rows as JSON lines.")
)

export const diff = Command.make("diff", Diff.config, loaded(() => import("./diff/handler.js"))).pipe(
  Command.withDescription("Compare two batches: outcome, output, cost, duration.")
)

export const cancel = Command.make("cancel", Cancel.config, loaded(() => import("./cancel/handler.js"))).pipe(
  Command.withDescription("Stop a batch for good and cancel its pending rows.")
)

export const pause = Command.make("pause", Cancel.config, loaded(() => import("./pause/handler.js"))).pipe(
  Command.withDescription("Start no more rows of a batch until it is resumed.")
)

export const resume = Command.make(
  "resume",
  Cancel.config,
  loaded(() => import("./pause/handler.js").then(({ resume }) => ({ handle: resume })))
).pipe(Command.withDescription("Let the next run continue a paused batch."))

export const attempts = Command.make("attempts", Attempts.config, loaded(() => import("./attempts/handler.js"))).pipe(
  Command.withDescription("Print the attempts of a row as JSON lines, oldest first.")
)

export const batch = Command.make("batch").pipe(
  Command.withDescription("Run a flow over a file of rows."),
  Command.withSubcommands([plan, run, status, retry, results, attempts, diff, pause, resume, cancel])
)
