/** `noukai job status`. */
import type { JobStatus } from "@effect-noukai/sdk/Job"
import type { NoukaiError } from "@effect-noukai/sdk/NoukaiError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { connection, flow, json, jsonl } from "../../arguments/flags.js"
import { CommandError, wrong } from "../../exit/CommandError.js"
import { exitCodeOf, worst } from "../../exit/exitCode.js"
import { withoutMethod } from "../../exit/failing.js"
import { services } from "../../settings/services.js"
import { jsonLine } from "../../terminal/json.js"
import { Terminal } from "../../terminal/Terminal.js"
import { plain } from "../../terminal/text.js"
import { type InputOf, leaf } from "../leaf.js"
import { attached, ids } from "./jobs.js"

const config = { flow, ids, json, jsonl, ...connection }

type Input = InputOf<typeof config>

/** The number of polls in flight. */
const concurrency = 8

/** Returns the status of a job, or the reason why it cannot be read. */
const row = (executionId: string, read: Either.Either<JobStatus, NoukaiError>): object =>
  Either.match(read, {
    onLeft: (error) => ({ executionId, status: "unread", error: { kind: error._tag, message: withoutMethod(error) } }),
    onRight: (status) => status
  })

const name = (status: JobStatus): string => plain(status.status === "unknown" ? status.reported : status.status)

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  if (input.json && input.jsonl) return yield* wrong("give --json or --jsonl, not both")
  const jobs = yield* attached(input.flow, input.ids, 0)
  const reads = yield* Effect.forEach(
    jobs,
    (job) =>
      Effect.map(
        // the key is the same for all jobs
        Effect.either(job.poll).pipe(
          Effect.tap((read) =>
            Either.isLeft(read) && read.left._tag === "AuthenticationError" ? read.left : Effect.void
          )
        ),
        (read) => ({ executionId: job.executionId, read })
      ),
    { concurrency }
  )
  if (input.json) yield* terminal.write(jsonLine(reads.map(({ executionId, read }) => row(executionId, read))))
  for (const { executionId, read } of reads) {
    if (input.jsonl) yield* terminal.write(jsonLine(row(executionId, read)))
    else if (!input.json) {
      yield* terminal.write(
        `${plain(executionId)}  ${Either.match(read, { onLeft: () => "unread", onRight: name })}\n`
      )
    }
  }
  const failures = reads.flatMap(({ read }) => Either.isLeft(read) ? [read.left] : [])
  const last = failures.at(-1)
  if (last !== undefined) {
    for (const failure of failures.slice(0, -1)) yield* terminal.note(`noukai: ${withoutMethod(failure)}`)
    return yield* new CommandError({
      code: worst(failures.map((error) => exitCodeOf(error, "reads"))),
      message: withoutMethod(last)
    })
  }
}, (effect, input) => Effect.provide(effect, services(input)))

export const command = leaf("status", "Print the status of jobs.", config, handle)
