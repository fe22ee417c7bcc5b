/**
 * A session as a test: a recording of its runs, and the source of a test that replays it.
 *
 * @since 0.1.0
 */
import { encode, type RecordedCassette, type Redact, type SessionCassette } from "@effect-noukai/sdk/Cassette"
import { orThrow } from "@effect-noukai/sdk/kit/names"
import {
  digitsAt,
  digitsIn,
  digitsWithin,
  restoreDigits,
  stringifyJson,
  withDigits
} from "@effect-noukai/sdk/kit/plainJson"
import { inputOf, known, maskSecrets, newError, problemOf, runOf } from "@effect-noukai/sdk/kit/runs/report"
import { FlowExecutionError } from "@effect-noukai/sdk/NoukaiError"
import type { SessionExecution } from "@effect-noukai/sdk/SessionService"
import { changes } from "@effect-noukai/sdk/ValueDiff"
import * as Either from "effect/Either"
import { addedCases, type CasesFile } from "./internal/addedCases.js"
import { type RecordedRun, recording } from "./internal/recordings.js"

export type { CasesFile }

/**
 * A session as a test.
 *
 * @since 0.1.0
 * @category models
 */
export interface KeptSession {
  /** The calls that made the runs, with their results. They are found by their input. */
  readonly cassette: RecordedCassette
  /**
   * Returns the text of a file of eval cases with a case for each run: its parameters, `id`, `message` and `expected`, its
   * result. A text says why they cannot be added: they have a field that the file does not have, or the key of a case that
   * it has. Throws a `TypeError` for an unknown option of the file.
   */
  readonly addCases: (text: string, file: CasesFile) => Either.Either<string, string>
  /**
   * Returns the source of a vitest file that makes the calls, and replays them from the cassette. `file` is the path of the
   * cassette from the test; `redact` are the values that were removed. Throws a `TypeError` for an unknown one of its options.
   */
  readonly test: (file: string, redact?: Redact) => string
}

/** A value as source. */
const source = (value: unknown, digits: unknown = digitsWithin(value)): string => {
  const json = stringifyJson(value, digits) ?? "undefined"
  // in source, this key would set the prototype
  return json.includes("__proto__") ? `JSON.parse(${JSON.stringify(json)})` : json
}

const redactSource = (redact: Redact = {}): string => {
  const { paths = [], patterns = [] } = orThrow("test", redact, { paths: true, patterns: true })
  return paths.length + patterns.length === 0
    ? ""
    : `, {\n  redact: { paths: ${source(paths)}, patterns: [${
      patterns.map(({ flags, source: text }) => `new RegExp(${source(text)}, ${source(flags)})`).join(", ")
    }] }\n}`
}

const testSource = (sessionId: string, runs: ReadonlyArray<RecordedRun>) => (file: string, redact?: Redact): string => {
  const calls = runs.map(({ error, flow, message, parameters }) => {
    const call = `flows.execute(${source(flow)}, ${source({ message, parameters })})`
    return error === undefined
      ? `yield* Effect.map(${call}, ({ result }) => result)`
      : `yield* Effect.map(Effect.flip(${call}), ({ code = null }) => code)`
  })
  const expected = runs.map((run) =>
    run.error === undefined
      ? source(run.result ?? null, digitsAt(digitsWithin(run), "result"))
      : source(run.error.code ?? null)
  )
  return `// Made by "noukai session save --test". It replays the cassette: without a network, a key or costs.
// Replace "program" by your own. The test fails, and names the difference, if it makes other calls.
import { FlowService, NoukaiReplay, ReplayCassette } from "@effect-noukai/sdk"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"

const cassette = fileURLToPath(new URL(${source(file)}, import.meta.url))

const program = Effect.gen(function*() {
  const flows = yield* FlowService
  return [
    ${calls.join(",\n    ")}
  ]
})

const replay = NoukaiReplay.fromFile(cassette${redactSource(redact)})

test("makes the calls of session ${sessionId}, and gets their results", async () => {
  const results = await program.pipe(
    Effect.zipLeft(ReplayCassette.verify),
    Effect.provide(replay),
    Effect.runPromise
  )
  expect(results).toEqual([
    ${expected.join(",\n    ")}
  ])
})
`
}

interface KeptRun extends RecordedRun {
  readonly executionId: string
}

/** A run as a recorded call; a text says why it cannot be one. */
const recordedRun = (
  { org, project }: SessionCassette["client"],
  execution: SessionExecution
): Either.Either<KeptRun, string> =>
  Either.gen(function*() {
    const { executionId, slug = "", triggerType = "run" } = execution
    const refused = (reason: string) => Either.left(`the run ${executionId} ${reason}`)
    if (triggerType !== "execute") return yield* refused(`was begun as ${triggerType}, and only execute can be kept`)
    if (slug === "") return yield* refused("is of a deleted flow")
    const flow = slug.includes("/") ? slug : `${org}/${project}/${slug}`
    if (flow !== slug && (org === undefined || project === undefined)) {
      return yield* refused(`is of the flow ${slug}: its organisation and its project are not known`)
    }
    const { ending, truncated } = runOf(execution)
    if (ending._tag === "unfinished") return yield* refused(`did not end: ${ending.reason}`)
    const [first] = execution.steps
    restoreDigits(first?.inputSnapshot, digitsAt(first?.digits, "inputSnapshot"))
    const input = inputOf(first?.inputSnapshot)
    if (first?.truncated === true || truncated.length > 0) return yield* refused("has a payload that the server cut")
    if (input === undefined) return yield* refused("has no stored input")
    const run: KeptRun = { flow, executionId, ...input }
    if (ending._tag === "completed") {
      restoreDigits(ending.result, ending.digits)
      return withDigits({ ...run, result: ending.result }, digitsIn([["result", ending.digits]]))
    }
    const { code, detail } = problemOf(ending.error)
    const error = newError(FlowExecutionError, {
      method: "FlowService.execute",
      ...known({ flow: run.flow, executionId, code, detail, stepId: ending.stepId }),
      status: "failed" as const
    })
    return { ...run, error }
  })

/**
 * Makes a test of a session: a recording of the calls that made its runs, which finds them by their input, and the source of
 * a test that passes at once. A text says why a run cannot be kept: it was not begun with `execute`, it did not end, or its
 * payloads are not stored whole.
 *
 * A server tells only the slug of a flow. Without a test of its own for each run, all flows get the organisation and the
 * project of the cassette. For a session with flows of several projects, write `org/project/slug` into `slug` of its runs.
 *
 * @example
 * ```ts
 * import { Cassette } from "@effect-noukai/sdk"
 * import { keepSession } from "@effect-noukai/report/KeptSession"
 * import { Effect, Either } from "effect"
 *
 * const test = (sessionId: string) =>
 *   Effect.map(
 *     Cassette.fromSession(sessionId),
 *     (cassette) => Either.map(keepSession(cassette), ({ test }) => test("./order.json"))
 *   )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const keepSession = ({ client, session }: SessionCassette): Either.Either<KeptSession, string> =>
  Either.map(Either.all(session.executions.map((execution) => recordedRun(client, execution))), (runs) => ({
    cassette: recording(...runs),
    addCases: (text, file) =>
      addedCases(
        text,
        runs.map((run) => {
          const { error, executionId, message, parameters = {}, result } = run
          return withDigits(
            { ...parameters, id: executionId, message, expected: error === undefined ? result : undefined },
            digitsIn([
              ...Object.keys(parameters).map((name) => [name, digitsAt(digitsWithin(parameters), name)] as const),
              ["expected", digitsAt(digitsWithin(run), "result")]
            ])
          )
        }),
        file
      ),
    test: testSource(session.sessionId, runs)
  }))

/**
 * Returns the places of a session whose values are not in its redacted form, or are masked when that is saved. The values are
 * not returned.
 *
 * @since 0.1.0
 * @category combinators
 */
export const redactedPaths = (session: SessionCassette, redacted: SessionCassette): ReadonlyArray<string> => {
  const saved = JSON.parse(encode(redacted)) as SessionCassette
  return changes(session.session, saved.session, { limit: Infinity }).flatMap(({ actual, path }) =>
    `${path} ${typeof actual === "string" ? actual : ""}`.includes("[redacted") ? [maskSecrets(path)] : []
  )
}
