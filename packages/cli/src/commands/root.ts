/** All commands. */
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import type { Grammar } from "../arguments/grammar.js"
import * as Batch from "./batch/command.js"
import { check } from "./cassette/check/command.js"
import { cassette } from "./cassette/command.js"
import { diff } from "./cassette/diff/command.js"
import { cost } from "./cost/command.js"
import { dev } from "./dev/command.js"
import { doctor } from "./doctor/command.js"
import * as Job from "./job/command.js"
import { run } from "./run/command.js"
import { runs } from "./runs/command.js"
import { session } from "./session/command.js"
import { save } from "./session/save/command.js"
import { show } from "./session/show/command.js"
import { trace } from "./trace/command.js"
import { watch } from "./watch/command.js"

export const root = Command.make("noukai").pipe(
  Command.withDescription("Runs Noukai flows, and shows what became of them."),
  Command.withSubcommands([Batch.batch, cassette, cost, dev, doctor, Job.job, run, runs, session, trace, watch])
)

const of = <Name extends string, R, E, A>(command: Command.Command<Name, R, E, A>): Grammar => ({
  usage: Command.getUsage(command),
  help: Command.getHelp(command, { ...CliConfig.defaultConfig, showBuiltIns: false })
})

/** The flags and the help of every command, by its name. */
export const grammar: Grammar = {
  ...of(root),
  commands: {
    batch: {
      ...of(Batch.batch),
      commands: {
        plan: of(Batch.plan),
        run: of(Batch.run),
        status: of(Batch.status),
        retry: of(Batch.retry),
        results: of(Batch.results),
        cancel: of(Batch.cancel)
      }
    },
    cassette: { ...of(cassette), commands: { check: of(check), diff: of(diff) } },
    cost: of(cost),
    dev: of(dev),
    doctor: of(doctor),
    job: {
      ...of(Job.job),
      commands: { submit: of(Job.submit), status: of(Job.status), wait: of(Job.wait), result: of(Job.result) }
    },
    run: of(run),
    runs: of(runs),
    session: { ...of(session), commands: { save: of(save), show: of(show) } },
    trace: of(trace),
    watch: of(watch)
  }
}
