/** Handles `noukai job submit`. */
import { JobService } from "@effect-noukai/sdk/JobService"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { randomUUID } from "node:crypto"
import { runInput } from "../../../arguments/runInput.js"
import * as Values from "../../../arguments/values.js"
import { UsageError } from "../../../exit/CommandError.js"
import { ending } from "../../../exit/failing.js"
import { findable } from "../../../exit/interrupted.js"
import { note } from "../../../settings/History.js"
import { once } from "../../../settings/once.js"
import { services, waiting } from "../../../settings/services.js"
import { jsonLine, printed } from "../../../terminal/json.js"
import { plain, Terminal } from "../../../terminal/Terminal.js"
import type { Handle } from "../../leaf.js"
import { goesOn } from "../jobs.js"
import type { Input } from "./input.js"

const wrong = (message: string) => new UsageError({ message })

export const handle: Handle<Input> = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const { flow } = input
  if (Option.isSome(input.once) && Option.isSome(input.session)) {
    return yield* wrong("--once cannot be combined with --session")
  }
  if (input.rerunFailed && Option.isNone(input.once)) return yield* wrong("--rerun-failed requires --once")
  if (Option.isSome(input.timeout) && !input.wait) return yield* wrong("--timeout requires --wait")
  const timeout = yield* Values.when(input.timeout, (text) => Values.duration("--timeout", text))
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
      (effect) => ending("begins", known)(effect, input)
    )
    yield* note({ flow, run: job.executionId, flowId: job.flowId })
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
    const result = yield* job.result({ timeout: timeout ?? Duration.infinity }).pipe(
      goesOn(input, [job.executionId]),
      (effect) => ending("reads", known)(effect, input)
    )
    yield* terminal.write(printed(input.json, result))
  }).pipe(Effect.provide(services(input, waiting(input.timeout))), (effect) => ending("begins", known)(effect, input))
}, ending("begins"))
