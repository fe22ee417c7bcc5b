/** `noukai job status`. */
import type { Job } from "@effect-noukai/sdk/Job"
import * as Effect from "effect/Effect"
import { connection, flow, json, jsonl } from "../../arguments/flags.js"
import { CommandError, wrong } from "../../exit/CommandError.js"
import { exitCodeOf, worst } from "../../exit/exitCode.js"
import { withoutMethod } from "../../exit/failing.js"
import { services } from "../../settings/services.js"
import { jsonLine } from "../../terminal/json.js"
import { Terminal } from "../../terminal/Terminal.js"
import { plain } from "../../terminal/text.js"
import { type InputOf, leaf } from "../leaf.js"
import { attached, ids, unread } from "./jobs.js"

const config = { flow, ids, json, jsonl, ...connection }

type Input = InputOf<typeof config>

/** The number of polls in flight. */
const concurrency = 8

/** Returns the status of a job, or the reason why it cannot be read. */
const rowOf = ({ executionId, poll }: Job) =>
  Effect.match(poll(), {
    onFailure: (error) => ({
      executionId,
      status: "unread",
      json: unread(executionId, error._tag, withoutMethod(error)),
      error
    }),
    onSuccess: (json) => ({
      executionId,
      status: json.status === "unknown" ? json.reported : json.status,
      json,
      error: undefined
    })
  })

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  if (input.json && input.jsonl) return yield* wrong("give --json or --jsonl, not both")
  const rows = yield* Effect.forEach(
    yield* attached(input.flow, input.ids, 0),
    // the key is the same for all jobs
    (job) => Effect.tap(rowOf(job), ({ error }) => error?._tag === "AuthenticationError" ? error : Effect.void),
    { concurrency }
  )
  if (input.json) yield* terminal.write(jsonLine(rows.map(({ json }) => json)))
  for (const { executionId, json, status } of rows) {
    if (input.jsonl) yield* terminal.write(jsonLine(json))
    else if (!input.json) yield* terminal.write(`${plain(executionId)}  ${plain(status)}\n`)
  }
  const failures = rows.flatMap(({ error }) => error ?? [])
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
