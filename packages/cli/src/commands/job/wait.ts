/** `noukai job wait`. */
import * as Job from "@effect-noukai/sdk/Job"
import type { CallError } from "@effect-noukai/sdk/NoukaiError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { flow, json, jsonl, optional, seeing } from "../../arguments/flags.js"
import * as Values from "../../arguments/values.js"
import { CommandError, reported, wrong } from "../../exit/CommandError.js"
import { type ExitCode, exitCodeOf, exitCodes, worst } from "../../exit/exitCode.js"
import { withoutMethod } from "../../exit/failing.js"
import { note } from "../../settings/History.js"
import { services, waiting as patience } from "../../settings/services.js"
import { inMessage, jsonLine } from "../../terminal/json.js"
import { Terminal } from "../../terminal/Terminal.js"
import { plain } from "../../terminal/text.js"
import { type InputOf, leaf } from "../leaf.js"
import { attached, goesOn, grace, ids, reached, unread, waiting } from "./jobs.js"

const config = {
  flow,
  ids,
  timeout: optional("timeout", "Wait at most this long, such as 90s or 2m (no limit)."),
  json,
  jsonl,
  ...seeing
}

type Input = InputOf<typeof config>

/** The end of a job, or the reason why it cannot be read. */
interface Told {
  readonly status: string
  readonly code: ExitCode
  readonly json: object
  /** The message of the failure. */
  readonly error?: string
}

const told = ({ job: { executionId }, outcome }: Job.JobOutcome): Told => {
  if (Exit.isFailure(outcome)) {
    const failure = Option.getOrUndefined(Cause.failureOption(outcome.cause))
    const error = failure === undefined ? Cause.pretty(outcome.cause) : withoutMethod(failure)
    return {
      status: "unread",
      code: failure === undefined ? exitCodes.failed : exitCodeOf(failure, "reads"),
      json: unread(executionId, failure?._tag ?? "Defect", error),
      error
    }
  }
  const ended = outcome.value
  if (ended.status === "completed") return { status: ended.status, code: exitCodes.done, json: ended }
  const { code, message } = Job.problemOf(ended)
  const reason = message ?? (ended.error === undefined || ended.error === null ? undefined : inMessage(ended.error))
  const error = reason === undefined ? {} : { error: code === undefined ? reason : `${reason} (code ${code})` }
  return { status: ended.status, code: exitCodes.failed, json: ended, ...error }
}

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const { flow } = input
  if (input.json && input.jsonl) return yield* wrong("give --json or --jsonl, not both")
  const timeout = yield* Values.durationOf("--timeout", input.timeout)
  const jobs = yield* attached(flow, input.ids, grace)
  const left = new Set(jobs.map(({ executionId }) => executionId))
  const outcomes: Array<Told> = []
  const progress = () => terminal.progress(`… ${outcomes.length} of ${jobs.length} ended`)

  yield* progress()
  const [first] = jobs
  if (timeout === undefined && first !== undefined) yield* goesOn(input, left)(reached(first))
  const ended = yield* Job.waitAll(jobs, { timeout }).pipe(
    Stream.runForEach((outcome) =>
      Effect.gen(function*() {
        const { executionId } = outcome.job
        const one = told(outcome)
        if (Exit.isSuccess(outcome.outcome)) yield* note({ flow, run: executionId })
        outcomes.push(one)
        left.delete(executionId)
        if (input.jsonl) yield* terminal.write(jsonLine(one.json))
        else if (!input.json) yield* terminal.write(`${plain(executionId)}  ${one.status}\n`)
        if (one.error !== undefined) yield* terminal.note(`${plain(executionId)}: ${plain(one.error)}`)
        yield* progress()
      })
    ),
    goesOn(input, left),
    Effect.exit
  )
  yield* terminal.progress("")
  if (input.json) yield* terminal.write(jsonLine(outcomes.map(({ json }) => json)))
  const codes = outcomes.map(({ code }) => code)
  if (Exit.isFailure(ended)) return yield* Effect.mapErrorCause(ended, Cause.map(whole(input, left, codes)))
  const code = worst(codes)
  // the failures are printed already
  if (code !== exitCodes.done) return yield* reported(code)
}, (effect, input) => Effect.provide(effect, services(input, patience(input.timeout))))

export const command = leaf("wait", "Wait for jobs and print each when it ends.", config, handle)

/** The failure of the wait. Its code includes the jobs that ended before. */
const whole = (input: Input, left: Iterable<string>, codes: ReadonlyArray<ExitCode>) => (error: CallError) =>
  new CommandError({
    code: worst([...codes, exitCodeOf(error, "reads")]),
    message: withoutMethod(error),
    advice: error._tag === "APITimeoutError" ? [`wait again: ${waiting(input, left)}`] : []
  })
