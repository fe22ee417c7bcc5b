/** `noukai watch`. */
import type { NoukaiError } from "@effect-noukai/sdk/NoukaiError"
import { RunService } from "@effect-noukai/sdk/RunService"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { argument, flow, json, jsonl, optional, seeing } from "../arguments/flags.js"
import * as Values from "../arguments/values.js"
import { CommandError, wrong } from "../exit/CommandError.js"
import { exitCodes } from "../exit/exitCode.js"
import { withoutMethod } from "../exit/failing.js"
import { note } from "../settings/History.js"
import { services } from "../settings/services.js"
import { jsonLine, printed } from "../terminal/json.js"
import { hint } from "../terminal/shell.js"
import * as Steps from "../terminal/steps.js"
import { Terminal } from "../terminal/Terminal.js"
import { plain } from "../terminal/text.js"
import { type InputOf, leaf } from "./leaf.js"
import { failedStep } from "./outcome.js"

const config = {
  flow,
  id: argument("id", "The execution id of the run."),
  timeout: optional("timeout", "Watch at most this long, such as 90s or 10m (no limit)."),
  json,
  jsonl,
  ...seeing
}

type Input = InputOf<typeof config>

/** The time until the command gives up on a silent server. Reads cost nothing. */
const patience = Duration.minutes(10)

/** The number of attempts to reach a server that has not answered yet. */
const firstTries = 3

const handle = Effect.fnUntraced(function*(input: Input) {
  if (input.json && input.jsonl) return yield* wrong("give --json for the result, or --jsonl for all events")
  const terminal = yield* Terminal
  const timeout = yield* Values.durationOf("--timeout", input.timeout)
  const { show } = yield* Steps.make
  let hasBegun = false
  let isPaused = false

  const heal = Schedule.exponential("200 millis").pipe(
    Schedule.union(Schedule.spaced("5 seconds")),
    Schedule.jittered,
    Schedule.upTo(patience),
    Schedule.intersect(Schedule.forever),
    Schedule.whileOutput(([, tries]) => hasBegun || tries < firstTries),
    Schedule.tapInput((error: NoukaiError) => terminal.progress(`… retrying: ${plain(withoutMethod(error))}`))
  )

  const watched = Effect.gen(function*() {
    const runs = yield* RunService
    yield* runs.liveTrace(input.flow, input.id, { heal }).pipe(
      Stream.runForEach((event) =>
        Effect.gen(function*() {
          hasBegun = true
          if (event.type === "run_started") {
            yield* note({ flow: input.flow, run: event.executionId, flowId: event.flowId })
          }
          isPaused = event.type === "tool_calls_required"
          yield* show(event)
          if (input.jsonl) yield* terminal.write(jsonLine(event))
          if (event.type === "step_error") return yield* failedStep(event)
          if (event.type === "flow_completed" && !input.jsonl && event.result !== undefined) {
            yield* terminal.write(printed(input.json, event))
          }
        })
      )
    )
  })

  yield* (timeout === undefined ? watched : Effect.timeoutFail(watched, {
    duration: timeout,
    onTimeout: () =>
      new CommandError({
        code: exitCodes.timedOut,
        message: `run ${input.id} of ${input.flow} was not seen to end in time; ${
          isPaused ? "it is waiting for tool results" : "if it started, it continues"
        }`
      })
  })).pipe(
    Effect.provide(services(input, (hasAnswered) => hasAnswered ? "for up to 10 minutes" : "a few times")),
    Effect.onInterrupt(() =>
      terminal.note(`interrupted; the run continues: ${hint(input, "watch", [input.flow, input.id])}`)
    )
  )
})

export const command = leaf("watch", "Follow a run to its end and print its result.", config, handle)
