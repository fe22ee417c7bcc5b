/** `noukai job submit`. */
import { JobService } from "@effect-noukai/sdk/JobService"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { randomUUID } from "node:crypto"
import { flag, flow, json, optional, seeing } from "../../arguments/flags.js"
import { runFlags, runInput } from "../../arguments/runInput.js"
import * as Values from "../../arguments/values.js"
import { wrong } from "../../exit/CommandError.js"
import { ending } from "../../exit/failing.js"
import { findable } from "../../exit/interrupted.js"
import { note, versionText } from "../../settings/History.js"
import { once } from "../../settings/once.js"
import { services, waiting } from "../../settings/services.js"
import { jsonLine, printed } from "../../terminal/json.js"
import { Terminal } from "../../terminal/Terminal.js"
import { plain } from "../../terminal/text.js"
import { type InputOf, leaf } from "../leaf.js"
import { completed, goesOn } from "./jobs.js"

const config = {
  flow,
  ...runFlags,
  session: optional("session", "Use this session id (a new one)."),
  once: optional("once", "Submit once per key; later calls return the same job."),
  rerunFailed: flag("rerun-failed", "With --once: submit a failed or cancelled run again."),
  wait: flag("wait", "Wait for the job and print its result."),
  timeout: optional("timeout", "With --wait: wait at most this long, such as 90s or 2m."),
  json,
  ...seeing
}

type Input = InputOf<typeof config>

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const { flow } = input
  if (Option.isSome(input.once) && Option.isSome(input.session)) {
    return yield* wrong("--once cannot be combined with --session")
  }
  if (input.rerunFailed && Option.isNone(input.once)) return yield* wrong("--rerun-failed requires --once")
  if (Option.isSome(input.timeout) && !input.wait) return yield* wrong("--timeout requires --wait")
  const timeout = yield* Values.durationOf("--timeout", input.timeout)
  const given = yield* runInput(input)
  const sessionId = (yield* Values.when(input.session, (text) => Values.sessionId("--session", text))) ?? randomUUID()
  const known = { flow, ...Option.isNone(input.once) && { sessionId } }

  yield* Effect.gen(function*() {
    const jobs = yield* JobService
    const submitted = Option.match(input.once, {
      onNone: () => Effect.map(jobs.submit(flow, { ...given, sessionId }), (job) => ({ ...job, reused: false })),
      onSome: (key) => {
        const { message, parameters, version } = given
        const call = jobs.submitOnce(key, flow, { ...given, rerunFailed: input.rerunFailed })
        return once(key, flow, { message, parameters, version }, call)
      }
    })
    const job = yield* submitted.pipe(
      findable(input.once, sessionId, input, { isListed: "a job was submitted", isGiven: "a job that was submitted" }),
      ending("begins", input, known)
    )
    const { executionId: run, flowId } = job
    yield* note({ flow, run, flowId, version: versionText(given.version), sessionId: job.sessionId })
    if (job.reused) {
      yield* terminal.note("nothing was submitted: this is the job of an earlier call with this --once key")
    }
    if (!input.wait) {
      const { executionId, reused, sessionId } = job
      return yield* terminal.write(
        input.json ? jsonLine({ executionId, flow, sessionId, reused }) : `${plain(executionId)}\n`
      )
    }
    yield* terminal.detail(`job ${plain(job.executionId)}`)
    yield* terminal.progress(`… waiting for ${plain(job.executionId)}`)
    const ended = yield* completed(job, timeout ?? Duration.infinity).pipe(
      goesOn(input, [job.executionId]),
      ending("reads", input, known)
    )
    yield* terminal.write(printed(input.json, ended))
  }).pipe(Effect.provide(services(input, waiting(input.timeout))), ending("begins", input, known))
})

export const command = leaf("submit", "Submit a run to the queue and print its id.", config, handle)
