/** All commands. */
import * as Command from "@effect/cli/Command"
import { auth } from "./auth/command.js"
import * as Batch from "./batch/command.js"
import { cassette } from "./cassette/command.js"
import { cost } from "./cost/command.js"
import { dev } from "./dev/command.js"
import { doctor } from "./doctor/command.js"
import * as Job from "./job/command.js"
import { run } from "./run/command.js"
import { runs } from "./runs/command.js"
import { session } from "./session/command.js"
import { trace } from "./trace/command.js"
import { watch } from "./watch/command.js"

export const root = Command.make("noukai").pipe(
  Command.withDescription("Run Noukai flows and inspect their results."),
  Command.withSubcommands([auth, Batch.batch, cassette, cost, dev, doctor, Job.job, run, runs, session, trace, watch])
)
