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
  Command.withDescription("Says what a run would do. Sends nothing, and writes nothing.")
)

export const run = Command.make("run", Run.config, loaded(() => import("./run/handler.js"))).pipe(
  Command.withDescription("Runs a flow over the rows of a file, each once, and goes on where an earlier run stopped.")
)

export const status = Command.make("status", Status.config, loaded(() => import("./status/handler.js"))).pipe(
  Command.withDescription("Says how far a batch is.")
)

export const retry = Command.make("retry", Retry.config, loaded(() => import("./retry/handler.js"))).pipe(
  Command.withDescription("Has rows that failed run again with the next run.")
)

export const results = Command.make("results", Results.config, loaded(() => import("./results/handler.js"))).pipe(
  Command.withDescription("Prints what became of the rows, as JSON in lines.")
)

export const diff = Command.make("diff", Diff.config, loaded(() => import("./diff/handler.js"))).pipe(
  Command.withDescription("Compares two batches by key: outcome, output, cost, duration.")
)

export const cancel = Command.make("cancel", Cancel.config, loaded(() => import("./cancel/handler.js"))).pipe(
  Command.withDescription("Stops a batch for good: what has not begun is cancelled.")
)

export const pause = Command.make("pause", Cancel.config, loaded(() => import("./pause/handler.js"))).pipe(
  Command.withDescription("Begins no more rows of a batch, whichever process runs it, until it is resumed.")
)

export const resume = Command.make(
  "resume",
  Cancel.config,
  loaded(() => import("./pause/handler.js").then(({ resume }) => ({ handle: resume })))
).pipe(Command.withDescription("Lets a paused batch go on with its next run."))

export const attempts = Command.make("attempts", Attempts.config, loaded(() => import("./attempts/handler.js"))).pipe(
  Command.withDescription("Prints the attempts at a row, the first one first, as JSON in lines.")
)

export const batch = Command.make("batch").pipe(
  Command.withDescription("Runs a flow over a file of rows."),
  Command.withSubcommands([plan, run, status, retry, results, attempts, diff, pause, resume, cancel])
)
