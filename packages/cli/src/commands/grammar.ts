/** The flags and the help of every command, by its name. */
import { described } from "../arguments/described.js"
import type { Grammar } from "../arguments/grammar.js"
import { auth } from "./auth/command.js"
import * as Batch from "./batch/command.js"
import { check } from "./cassette/check/command.js"
import { cassette } from "./cassette/command.js"
import { diff } from "./cassette/diff/command.js"
import { cost } from "./cost/command.js"
import { dev } from "./dev/command.js"
import { doctor } from "./doctor/command.js"
import * as Job from "./job/command.js"
import { root } from "./root.js"
import { run } from "./run/command.js"
import { runs } from "./runs/command.js"
import { session } from "./session/command.js"
import { save } from "./session/save/command.js"
import { show } from "./session/show/command.js"
import { trace } from "./trace/command.js"
import { watch } from "./watch/command.js"

/** The command that is answered from the grammar itself. */
const completions: Grammar = {
  does: "Print completions for bash, zsh or fish.",
  flags: [],
  arguments: [
    { name: "<shell>", shown: "<shell>", does: "The shell: bash, zsh or fish.", isOptional: false, isRepeated: false },
    {
      name: "<word>",
      shown: "<word>...",
      does: "After --, the words so far, for the script of the shell.",
      isOptional: true,
      isRepeated: true
    }
  ]
}

/** The flags and the help of every command, by its name. */
export const grammar: Grammar = described(root, {
  auth: described(auth),
  batch: described(Batch.batch, {
    plan: described(Batch.plan),
    run: described(Batch.run),
    status: described(Batch.status),
    retry: described(Batch.retry),
    results: described(Batch.results),
    attempts: described(Batch.attempts),
    diff: described(Batch.diff),
    pause: described(Batch.pause),
    resume: described(Batch.resume),
    cancel: described(Batch.cancel)
  }),
  cassette: described(cassette, { check: described(check), diff: described(diff) }),
  completions,
  cost: described(cost),
  dev: described(dev),
  doctor: described(doctor),
  job: described(Job.job, {
    submit: described(Job.submit),
    status: described(Job.status),
    wait: described(Job.wait),
    result: described(Job.result)
  }),
  run: described(run),
  runs: described(runs),
  session: described(session, { save: described(save), show: described(show) }),
  trace: described(trace),
  watch: described(watch)
})
