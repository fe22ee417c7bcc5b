/** `noukai session show`. */
import { type Session, type SessionExecution, SessionService } from "@effect-noukai/sdk/SessionService"
import { problemOf } from "@effect-noukai/sdk/Trace"
import * as Effect from "effect/Effect"
import { connection, flag, sessionId } from "../../arguments/flags.js"
import * as Values from "../../arguments/values.js"
import { services } from "../../settings/services.js"
import { between, counted, moment } from "../../terminal/amounts.js"
import { inMessage, jsonLine } from "../../terminal/json.js"
import { row, shortened, widest } from "../../terminal/table.js"
import { Terminal } from "../../terminal/Terminal.js"
import { cell } from "../../terminal/text.js"
import { type InputOf, leaf } from "../leaf.js"

const config = {
  sessionId,
  json: flag("json", "Print the server's session as JSON."),
  ...connection
}

type Input = InputOf<typeof config>

const payloadsOf = ({ snapshotsAvailable, traceCaptureMode }: SessionExecution): string =>
  `${snapshotsAvailable ? "payloads kept" : "no payloads"}${
    traceCaptureMode === undefined ? "" : ` (${traceCaptureMode})`
  }`

/** Returns the error and the input of the last failed step, if they are stored. */
const failureOf = ({ errorAtStep, status, steps }: SessionExecution): ReadonlyArray<string> => {
  const failed = steps.findLast((step) => step.stepId === errorAtStep && step.errorSnapshot != null) ??
    (status === "failed" ? steps.findLast((step) => step.errorSnapshot != null || step.status === "failed") : undefined)
  if (failed === undefined) return []
  const { errorSnapshot, inputSnapshot } = failed
  const { code, message } = problemOf(errorSnapshot)
  const reason = [code, message].filter((part) => part !== undefined).join(": ")
  return [
    ...(errorSnapshot == null ? [] : [reason === "" ? inMessage(errorSnapshot) : reason]),
    ...(inputSnapshot == null ? [] : [`input: ${inMessage(inputSnapshot)}`])
  ]
}

/**
 * Returns two lines for each run, because ids and names are long. The lines below say why a run failed; they are cut at
 * the width.
 */
const textOf = ({ executions, sessionId }: Session, width: number): string => {
  const named = executions.map((run) => run.slug ?? "(deleted flow)")
  const widths = [
    widest(named),
    widest(executions.map(({ triggerType }) => triggerType)),
    widest(executions.map(({ status }) => status)),
    19,
    0
  ]
  return `session ${cell(sessionId)}: ${counted(executions.length, "run")}\n` +
    executions.map((run, index) => {
      const { completedAt, errorAtStep, executionId, startedAt, status, steps, triggerType } = run
      const facts = [
        counted(steps.length, "step"),
        ...(errorAtStep === undefined ? [] : [`failed at ${errorAtStep}`]),
        payloadsOf(run)
      ]
      return `\n${
        row([named[index], triggerType, status, moment(startedAt), between(startedAt, completedAt)], widths)
      }` +
        row(["", executionId, facts.join(", ")], [0, 36]) +
        failureOf(run).map((line) => `${shortened(`    ${cell(line)}`, width)}\n`).join("")
    }).join("")
}

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const sessionId = yield* Values.sessionId("session-id", input.sessionId)
  const session = yield* Effect.flatMap(SessionService, (sessions) => sessions.get(sessionId)).pipe(
    Effect.provide(services(input))
  )
  yield* terminal.write(input.json ? jsonLine(session.raw ?? session) : textOf(session, terminal.resultWidth()))
})

export const command = leaf("show", "Show the runs of a session.", config, handle)
