/** `noukai job result`. */
import * as Job from "@effect-noukai/sdk/Job"
import { JobService } from "@effect-noukai/sdk/JobService"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { flag, flow, json, optional, seeing } from "../../arguments/flags.js"
import * as Values from "../../arguments/values.js"
import { CommandError, wrong } from "../../exit/CommandError.js"
import { exitCodes } from "../../exit/exitCode.js"
import { note } from "../../settings/History.js"
import { services, waiting as patience } from "../../settings/services.js"
import { printed } from "../../terminal/json.js"
import { Terminal } from "../../terminal/Terminal.js"
import { plain } from "../../terminal/text.js"
import { type InputOf, leaf } from "../leaf.js"
import { completed, goesOn, grace, id, reached, waiting } from "./jobs.js"

const config = {
  flow,
  id,
  noWait: flag("no-wait", "Exit with 124 if the job has not ended."),
  timeout: optional("timeout", "Wait at most this long, such as 90s or 2m (no limit)."),
  json,
  ...seeing
}

type Input = InputOf<typeof config>

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const { flow, id, noWait } = input
  if (noWait && Option.isSome(input.timeout)) return yield* wrong("give --no-wait or --timeout, not both")
  const timeout = yield* Values.durationOf("--timeout", input.timeout)
  const jobs = yield* JobService
  const job = yield* jobs.attach(flow, id, { grace: noWait ? 0 : grace })
  if (noWait) {
    const status = yield* job.poll()
    if (!Job.isEnded(status)) {
      return yield* new CommandError({
        code: exitCodes.timedOut,
        message: `job ${id} has not ended: it is ${status.status === "unknown" ? status.reported : status.status}`,
        advice: [`wait for it: ${waiting(input, [id])}`]
      })
    }
  }
  yield* terminal.progress(`… waiting for ${plain(id)}`)
  const run = yield* (timeout === undefined ? reached(job) : Effect.void).pipe(
    Effect.zipRight(completed(job, timeout ?? Duration.infinity)),
    goesOn(input, [id])
  )
  yield* note({ flow, run: id })
  yield* terminal.write(printed(input.json, run))
}, (effect, input) => Effect.provide(effect, services(input, patience(input.timeout))))

export const command = leaf("result", "Wait for a job and print its result.", config, handle)
