/** `noukai session save`. */
import { Pattern, redact as redacting } from "@effect-noukai/eval/Pattern"
import { keepSession, type KeptSession, redactedPaths } from "@effect-noukai/report/KeptSession"
import type { CassetteError } from "@effect-noukai/sdk"
import * as Cassette from "@effect-noukai/sdk/Cassette"
import * as Flow from "@effect-noukai/sdk/Flow"
import type { SessionExecution } from "@effect-noukai/sdk/SessionService"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { existsSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { basename, dirname } from "node:path"
import { argument, connection, flag, optional, repeated, sessionId } from "../../arguments/flags.js"
import * as Values from "../../arguments/values.js"
import { CommandError, UsageError, wrong } from "../../exit/CommandError.js"
import { exitCodes } from "../../exit/exitCode.js"
import { withoutMethod } from "../../exit/failing.js"
import { History } from "../../settings/History.js"
import { services } from "../../settings/services.js"
import { counted } from "../../terminal/amounts.js"
import { Terminal } from "../../terminal/Terminal.js"
import { type InputOf, leaf } from "../leaf.js"

const config = {
  sessionId,
  file: argument("file", "The file to write."),
  redactPath: repeated("redact-path", "Remove values at this path, such as **.email. Repeatable."),
  redactPattern: repeated("redact-pattern", "Remove text that matches this regex. Repeatable."),
  force: flag("force", "Replace an existing file."),
  test: flag("test", "Also write a vitest file that replays the cassette."),
  case: optional("case", "Also add the runs to this file of eval cases."),
  flow: repeated("flow", "The address of a flow, org/project/slug. Repeatable."),
  caseField: repeated("case-field", "Rename a field of the case: message=text. Repeatable."),
  ...connection
}

type Input = InputOf<typeof config>

const empty: Cassette.SessionCassette = {
  format: "noukai-cassette/1",
  kind: "session",
  client: {},
  session: { sessionId: "", executions: [] }
}

/** Reads and checks the redaction before anything is sent. */
const redaction = Effect.fnUntraced(function*(input: Input) {
  const patterns = yield* Effect.forEach(
    input.redactPattern,
    (text) =>
      Effect.mapError(Pattern.fromText(text), (reason) => new UsageError({ message: `--redact-pattern: ${reason}` }))
  )
  const paths = input.redactPath
  yield* Effect.mapError(
    Cassette.redact(empty, { paths }),
    ({ message }) => new UsageError({ message: `--redact-path: ${message}` })
  )
  return { paths, patterns }
})

/** Removes the values of a redaction. */
const without = (session: Cassette.SessionCassette, redact: Effect.Effect.Success<ReturnType<typeof redaction>>) =>
  Effect.mapError(redacting(session, redact), (error) =>
    error._tag === "PatternError"
      ? new CommandError({
        code: exitCodes.failed,
        message: `--redact-pattern: ${error.message}`,
        advice: ["write it without nested repetitions such as (a+)+, look-ahead and back-references"]
      })
      : error)

const notSaved = (error: CassetteError) => new CommandError({ code: exitCodes.failed, message: withoutMethod(error) })

const cannot = (message: string) => new CommandError({ code: exitCodes.failed, message })

/**
 * Writes the address of its flow into each run, because a server tells only slugs: from `--flow`, from a run that this
 * machine has seen, or from `--org` and `--project`. A default organisation and project says nothing about a stored run.
 */
const addressed = Effect.fnUntraced(function*({ session, ...cassette }: Cassette.SessionCassette, input: Input) {
  const given = yield* Effect.forEach(input.flow, (text) => {
    const [flow = "", id] = text.split("=").toReversed()
    return Effect.mapBoth(Flow.resolve(flow, {}), {
      onFailure: () => wrong(`--flow ${text}: write org/project/flow, or ID=org/project/flow`),
      onSuccess: (address) => ({ text, id, flow: Flow.format(address) })
    })
  })
  const seen = (yield* Effect.flatMap(History, (history) => history.runs)).toReversed()
  const flowOf = ({ executionId, flowId, slug }: SessionExecution): string | undefined => {
    const isOf = ({ flow }: { readonly flow: string }) => flow.endsWith(`/${slug}`)
    const named = new Set(given.filter((one) => one.id === undefined && isOf(one)).map(({ flow }) => flow))
    const found = given.find(({ id }) => id === executionId) ??
      (named.size === 1 ? { flow: [...named][0]! } : undefined) ??
      // the id may belong to a run of an earlier emulator
      seen.find((one) =>
        one.run === executionId && isOf(one) && (one.sessionId ?? session.sessionId) === session.sessionId
      ) ??
      seen.find((one) => one.flowId !== undefined && one.flowId === flowId && isOf(one))
    return found?.flow ??
      Option.getOrUndefined(Option.zipWith(input.org, input.project, (org, project) => `${org}/${project}/${slug}`))
  }
  const executions = yield* Effect.forEach(session.executions, (execution) => {
    const { executionId, slug } = execution
    const flow = slug === undefined ? slug : flowOf(execution)
    return slug === undefined || flow !== undefined ? Effect.succeed({ ...execution, slug: flow }) : new CommandError({
      code: exitCodes.failed,
      message: `the organisation and the project of ${slug}, the flow of the run ${executionId}, are not known`,
      advice: [
        `use --flow org/project/${slug}, or --flow ${executionId}=org/project/${slug} if two flows have this slug`,
        "if all flows are of one project, --org and --project are enough"
      ]
    })
  })
  const unused = given.find(({ flow, id }) =>
    !executions.some(({ executionId, slug }) => slug === flow && (id ?? executionId) === executionId)
  )
  if (unused !== undefined) return yield* wrong(`--flow ${unused.text}: no run of the session has this flow`)
  return { ...cassette, client: {}, session: { ...session, executions } }
})

/** Returns the text of the file of cases with the runs. */
const withCases = Effect.fnUntraced(function*(path: string, renamed: ReadonlyArray<string>, { addCases }: KeptSession) {
  const fields = yield* Effect.forEach(renamed, (text) => {
    const [from = "", to = ""] = text.split(/=(.*)/s)
    return from !== "" && to !== ""
      ? Effect.succeed([from, to] as const)
      : wrong(`--case-field ${text}: write message=text`)
  })
  const text = existsSync(path) ? yield* Values.textOf("--case", path) : ""
  const file = { isCsv: /\.csv$/i.test(path), fields: Object.fromEntries(fields) }
  return yield* Effect.mapError(addCases(text, file), (reason) => cannot(`${path}: ${reason}`))
})

const written = (path: string, text: string) =>
  Effect.tryPromise({
    try: () => writeFile(path, text),
    catch: (cause) => cannot(`cannot write ${path}: ${Values.reason(cause)}`)
  })

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const { file, force } = input
  const sessionId = yield* Values.sessionId("session-id", input.sessionId)
  const redact = yield* redaction(input)
  if (file === "-") return yield* wrong("cannot write to -: give a file name")
  const test = input.test ? `${file.replace(/\.json$/i, "")}.test.ts` : undefined
  const existing = [file, test].find((path) => path !== undefined && existsSync(path))
  if (!force && existing !== undefined) return yield* wrong(`${existing} exists: use --force to replace it`)
  const isKept = test !== undefined || Option.isSome(input.case)
  if (!isKept && input.flow.length > 0) return yield* wrong("--flow requires --test or --case")
  if (Option.isNone(input.case) && input.caseField.length > 0) return yield* wrong("--case-field requires --case")
  yield* Effect.gen(function*() {
    const stored = yield* Cassette.fromSession(sessionId)
    const session = isKept ? yield* addressed(stored, input) : stored
    const redacted = yield* without(session, redact)
    for (const path of isKept ? redactedPaths(session, redacted) : []) {
      yield* terminal.note(`redacted: ${path}`)
    }
    const kept = isKept ? yield* Effect.mapError(keepSession(JSON.parse(Cassette.encode(redacted))), cannot) : undefined
    const cases = Option.isNone(input.case) || kept === undefined
      ? undefined
      : yield* withCases(input.case.value, input.caseField, kept)
    const folder = dirname(file)
    const isNew = !existsSync(folder)
    yield* Effect.mapError(
      Cassette.save(
        kept !== undefined && test !== undefined ? kept.cassette : yield* without(stored, redact),
        file
      ),
      notSaved
    )
    if (isNew) yield* terminal.note(`created the folder ${folder}`)
    yield* terminal.note(`${counted(redacted.session.executions.length, "run")} saved in ${file}`)
    if (kept !== undefined && test !== undefined) {
      yield* written(
        test,
        kept.test(`./${basename(file)}`, { ...redact, patterns: redact.patterns.map(({ regex }) => regex) })
      )
      yield* terminal.note(`its test is ${test}`)
    }
    if (cases !== undefined && Option.isSome(input.case)) {
      yield* written(input.case.value, cases)
      yield* terminal.note(`${counted(redacted.session.executions.length, "case")} added to ${input.case.value}`)
    }
  }).pipe(Effect.provide(services(input)))
})

export const command = leaf("save", "Save a session as a cassette, to replay it in tests.", config, handle)
