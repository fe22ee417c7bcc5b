/** A session as a test, and as rows of a file of eval cases: the files that `noukai session save` writes. */
import * as Pattern from "@effect-noukai/eval/Pattern"
import { keepSession, type KeptSession, redactedPaths } from "@effect-noukai/report/KeptSession"
import * as Cassette from "@effect-noukai/sdk/Cassette"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { CannotKeep, type KeepAddress, type Kept, type KeptCases } from "../KeepApi.js"
import type { Source } from "../RunsApi.js"
import type { StoredSession } from "../StudioSource.js"
import { flowFlags, howToCapture, nameOf } from "./sessions.js"
import { cut, flag, type Mask, serverFlags, shellWord } from "./text.js"

/** The most places that are listed. */
const mostPlaces = 1_000

/** The lines of a text as flags have them: without white space at their ends. */
const linesOf = (text: string | undefined): ReadonlyArray<string> =>
  (text ?? "").split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "")

const cannot = (message: string, advice?: string) =>
  Either.left(new CannotKeep({ message, ...advice !== undefined && { advice } }))

const patternOf = (text: string): Either.Either<Pattern.Pattern, CannotKeep> =>
  Either.mapLeft(Pattern.Pattern.fromText(text), () =>
    new CannotKeep({
      message: `${cut(text, 100)} is not a regular expression.`,
      advice: "Write a backslash before characters that stand for themselves."
    }))

/** A session without the values to remove. */
interface Redacted {
  readonly address: KeepAddress
  readonly redact: Required<Cassette.Redact>
  readonly places: ReadonlyArray<string>
  readonly kept: KeptSession
  readonly runs: number
  /** The flags that name its flows. */
  readonly flows: ReadonlyArray<string>
}

const sentence = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`

/** Redacts a session as the command does. */
export const redacted = (
  address: KeepAddress,
  { runs, session }: StoredSession
): Effect.Effect<Redacted, CannotKeep> =>
  Effect.gen(function*() {
    const patterns = yield* Either.all(linesOf(address.patterns).map(patternOf))
    const paths = linesOf(address.paths)
    const whole: Cassette.SessionCassette = {
      format: "noukai-cassette/1",
      kind: "session",
      client: {},
      // each run has the address of its own flow
      session: {
        ...session,
        executions: session.executions.map((execution, index) => ({
          ...execution,
          slug: execution.slug && (runs[index]?.flow ?? execution.slug)
        }))
      }
    }
    const safe = yield* Effect.mapError(Pattern.redact(whole, { paths, patterns }), (error) =>
      error._tag === "InvalidRequestError"
        ? new CannotKeep({ message: `A path is not valid: it ${error.reason}.` })
        : new CannotKeep({
          message: `The pattern ${cut(error.pattern, 100)} was stopped: ${error.reason}.`,
          advice: "Write it without nested repetitions such as (a+)+, look-ahead and back-references."
        }))
    const places = redactedPaths(whole, safe)
    const masked = JSON.parse(Cassette.encode(safe)) as Cassette.SessionCassette
    const kept = yield* Either.mapLeft(keepSession(masked), (reason) =>
      new CannotKeep({
        message: sentence(reason),
        ...reason.includes("no stored input") && { advice: howToCapture },
        ...reason.includes("are not known") && {
          advice: "Open its run by its address, or give the address to the command: `--flow org/project/slug`."
        }
      }))
    return {
      address,
      redact: {
        paths,
        patterns: patterns.map(({ regex }) =>
          regex
        )
      },
      places,
      kept,
      runs: session.executions.length,
      flows: flowFlags(runs)
    }
  })

const filesOf = (session: string): Kept["files"] => ({
  cassette: `${nameOf(session)}.json`,
  test: `${nameOf(session)}.test.ts`
})

/** The command that keeps a session. */
const commandOf = (
  mask: Mask,
  server: Pick<Source, "address" | "kind">,
  { address: { paths, patterns, session }, flows }: Redacted,
  flags: ReadonlyArray<string>
): string =>
  [
    "noukai",
    "session",
    "save",
    session,
    filesOf(session).cassette,
    ...flags,
    ...linesOf(paths).flatMap(flag("--redact-path")),
    ...linesOf(patterns).flatMap(flag("--redact-pattern")),
    ...flows,
    ...serverFlags(server)
    // before a secret is quoted for a shell
  ].map((word) => shellWord(mask(word))).join(" ")

/** The fields of the cases of a session, in the order of a header. */
const fieldsOf = ({ kept }: Redacted): ReadonlyArray<string> => {
  const rows = Either.getOrElse(kept.addCases("", { isCsv: false }), () => "").trim().split("\n")
  const names = new Set(rows.flatMap((row) => row === "" ? [] : Object.keys(JSON.parse(row) as object)))
  const known = ["id", "message", "expected"]
  const parameters = [...names].filter((name) => !known.includes(name))
  return ["id", "message", ...parameters, "expected"].filter((name) => names.has(name))
}

/** Says how a session would be kept. */
export const keptOf = (mask: Mask) => (server: Pick<Source, "address" | "kind">, one: Redacted): Kept => {
  const { address: { session }, places, runs } = one
  const files = filesOf(session)
  return {
    session,
    runs,
    redacted: places.slice(0, mostPlaces),
    redactedTotal: places.length,
    files,
    command: commandOf(mask, server, one, ["--test"]),
    runTest: ["npx", "vitest", "run", files.test].map(shellWord).join(" "),
    fields: fieldsOf(one)
  }
}

/** The text of a file, and its name. */
export const fileOf = (
  { address: { session }, kept, redact }: Redacted,
  file: "cassette" | "test"
): readonly [name: string, text: string] => {
  const names = filesOf(session)
  return [names[file], file === "test" ? kept.test(`./${names.cassette}`, redact) : Cassette.encode(kept.cassette)]
}

/** The rows of a file of cases. */
export const casesOf = (
  mask: Mask,
  server: Pick<Source, "address" | "kind">,
  one: Redacted,
  { fields, format, header }: {
    readonly format: "json" | "csv"
    readonly fields?: string | undefined
    readonly header?: string | undefined
  }
): Either.Either<KeptCases, CannotKeep> =>
  Either.gen(function*() {
    const renamed = yield* Either.all(
      linesOf(fields).map((line) => {
        const [from = "", to = ""] = line.split(/=(.*)/s)
        return from !== "" && to !== ""
          ? Either.right([from.trim(), to.trim()] as const)
          : cannot(`The field ${cut(line, 100)} has no new name.`, "Write `message=text`, one per line.")
      })
    )
    const isCsv = format === "csv"
    const names = Object.fromEntries(renamed)
    const nameIn = (field: string) => Object.hasOwn(names, field) ? names[field]! : field
    const first = header?.trim() ?? ""
    const line = first !== "" ? first : isCsv ? fieldsOf(one).map(nameIn).join(",") : ""
    const before = line === "" ? "" : `${line}\n`
    const text = yield* Either.mapLeft(
      one.kept.addCases(before, { isCsv, fields: names }),
      (reason) => new CannotKeep({ message: `The file cannot take the cases: ${reason}.` })
    )
    const rows = text.slice(before.length)
    const fileName = isCsv ? "cases.csv" : "cases.jsonl"
    return {
      rows,
      file: isCsv ? text : rows,
      fileName,
      command: commandOf(mask, server, one, [
        "--case",
        fileName,
        ...renamed.map(([from, to]) => `${from}=${to}`).flatMap(flag("--case-field"))
      ])
    }
  })
