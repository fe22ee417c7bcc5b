/** `noukai diff`. */
import * as StoredRuns from "@effect-noukai/report/StoredRuns"
import * as TraceDiff from "@effect-noukai/report/TraceDiff"
import * as Cassette from "@effect-noukai/sdk/Cassette"
import { RunService } from "@effect-noukai/sdk/RunService"
import type { SessionExecution } from "@effect-noukai/sdk/SessionService"
import type * as Trace from "@effect-noukai/sdk/Trace"
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { argument, json, seeing } from "../arguments/flags.js"
import { reported, wrong } from "../exit/CommandError.js"
import { withoutMethod } from "../exit/failing.js"
import { note } from "../settings/History.js"
import { services } from "../settings/services.js"
import { jsonLine } from "../terminal/json.js"
import { Terminal } from "../terminal/Terminal.js"
import { type InputOf, leaf } from "./leaf.js"
import { runNamed, type RunOfFlow } from "./seen.js"

const config = {
  before: argument("before", "The first run: flow/id, a seen id, or a session file."),
  after: argument("after", "The second run, named in the same way."),
  json,
  ...seeing
}

type Input = InputOf<typeof config>

/** The runs of a session that was saved with `noukai session save`, and the id after `#`. */
interface Saved {
  readonly path: string
  readonly id: string | undefined
  readonly executions: ReadonlyArray<SessionExecution>
}

type Side = Saved | RunOfFlow

const side = Effect.fnUntraced(function*(text: string) {
  const [path = "", id] = existsSync(text) ? [text] : text.split(/#(?=[^#]*$)/)
  if (!existsSync(path)) return yield* runNamed(text)
  const cassette = yield* Effect.mapError(Cassette.load(path), (error) => wrong(withoutMethod(error)))
  return cassette.kind === "session"
    ? { path, id, executions: cassette.session.executions }
    : yield* wrong(`${path} is a recording, which has no steps: save the session of the run instead`)
})

/** Returns the named run of a session, the one with the id of the other run, or its only one. */
const saved = ({ executions, id, path }: Saved, other: Side) => {
  const wanted = id ?? ("run" in other ? other.run : other.id)
  const found = executions.filter(({ executionId }) => executionId === wanted)
  const [only] = found.length === 0 && id === undefined ? executions : found
  return only !== undefined && (found.length > 0 || executions.length === 1)
    ? Effect.succeed(StoredRuns.fromExecution(only))
    : wrong(
      `${path} has ${executions.length} runs, choose one: ${path}#ID, from ${
        executions.map(({ executionId }) => executionId).join(", ")
      }`
    )
}

const read = (runs: RunService.Service) =>
  Effect.fnUntraced(function*(one: Side, other: Side) {
    if ("path" in one) return yield* saved(one, other)
    const trace: Trace.Trace = yield* runs.trace(one.flow, one.run)
    yield* note({ ...one, flowId: trace.flowRun.flowId })
    return trace
  })

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const [before, after] = [yield* side(input.before), yield* side(input.after)]
  const traceOf = read(yield* RunService)
  const difference = TraceDiff.make(yield* traceOf(before, after), yield* traceOf(after, before))
  yield* terminal.write(input.json ? jsonLine(difference) : TraceDiff.toText(difference))
  if (difference.verdict !== "same") return yield* reported()
}, (effect, input) => Effect.provide(effect, services(input)))

export const command = leaf("diff", "Compare two runs: steps, payloads, time, cost.", config, handle)
