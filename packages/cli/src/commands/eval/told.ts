/** The reports of an eval run, and its exit code. */
import type { CaseVerdict, EvalMatrix, EvalReport, SideName } from "@effect-noukai/eval/EvalReport"
import * as ReportFormat from "@effect-noukai/eval/ReportFormat"
import { maskedValue } from "@effect-noukai/sdk/SafeText"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as Struct from "effect/Struct"
import { dirname, resolve } from "node:path"
import { CommandError, type UsageError, wrong } from "../../exit/CommandError.js"
import { exitCodes } from "../../exit/exitCode.js"
import { jsonLine } from "../../terminal/json.js"
import { Terminal } from "../../terminal/Terminal.js"
import { codes, isCutOff } from "./evaluation.js"
import type { OutputFlags } from "./flags.js"

const cannotWrite = (path: string) => (error: PlatformError) =>
  new CommandError({ code: codes.environment, message: `cannot write ${path}: ${error.description ?? error.message}` })

const { csv, html, junit, markdown: summary } = ReportFormat

/** The files of a command, with their formats. A summary is appended to its file. */
const filesOf = (input: OutputFlags) =>
  Struct.entries({ csv, html, junit, summary }).flatMap(([name, format]) =>
    Option.toArray(input[name]).map((path) => ({ name, path, format, isAppended: name === "summary" }))
  )

/** The file that replaces another when it is complete. */
const partOf = (path: string): string => `${path}.${process.pid}.part`

/** Fails if a report cannot be written, before anything is paid. */
export const checked = (input: OutputFlags): Effect.Effect<void, CommandError | UsageError> =>
  Effect.gen(function*() {
    if (input.json && input.jsonl) return yield* wrong("give --json or --jsonl, not both")
    const files = yield* FileSystem.FileSystem
    for (const { isAppended, name, path } of filesOf(input)) {
      const refused = (reason: string) => wrong(`--${name} ${path}: ${reason}`)
      const typeOf = (place: string) => Effect.option(Effect.map(files.stat(place), ({ type }) => type))
      const folder = yield* typeOf(dirname(resolve(path)))
      if (!Option.contains(folder, "Directory")) return yield* refused("there is no such folder")
      const kind = Option.getOrUndefined(yield* typeOf(resolve(path)))
      if (kind === "Directory") return yield* refused("it is a folder, not a file")
      if (kind !== undefined && kind !== "File") {
        // to open a pipe is to wait for its reader
        if (isAppended) continue
        return yield* refused("it is not a plain file")
      }
      const probe = isAppended && kind !== undefined ? path : partOf(path)
      yield* Effect.scoped(files.open(probe, { flag: "a" })).pipe(
        Effect.zipRight(probe === path ? Effect.void : files.remove(probe)),
        Effect.mapError(cannotWrite(path))
      )
    }
  }).pipe(Effect.provide(NodeFileSystem.layer))

const gates = { passed: exitCodes.done, failed: codes.worse, incomplete: codes.incomplete } as const

/** The number of cases that one report may be ahead of another. */
const buffer = 16

/** Writes a file as a whole, or appends to it. */
const written = (path: string, isAppended: boolean) => <E>(text: Stream.Stream<string, E>) =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const run = (target: string, flag: "a" | "w") =>
      Stream.run(Stream.encodeText(text), Sink.mapError(files.sink(target, { flag }), cannotWrite(path)))
    if (isAppended) return yield* run(path, "a")
    const part = partOf(path)
    yield* run(part, "w").pipe(
      Effect.zipRight(Effect.mapError(files.rename(part, path), cannotWrite(path))),
      Effect.onError(() => Effect.ignore(files.remove(part)))
    )
  })

/** Reads the cases of a candidate. */
type CasesOf<E, R> = (candidate: SideName) => Stream.Stream<CaseVerdict, E, R>

/** Writes all reports of one candidate in one pass over the cases. */
const ofOne = Effect.fnUntraced(
  function*<E, R>(input: OutputFlags, report: EvalReport, cases: Stream.Stream<CaseVerdict, E, R>) {
    const terminal = yield* Terminal
    const shown: ReturnType<typeof written> = (text) => Stream.runForEach(text, terminal.write)
    const outputs = [
      ...input.json ? [] : [{ format: input.jsonl ? ReportFormat.jsonLines : ReportFormat.text, write: shown }],
      ...filesOf(input).map(({ format, isAppended, path }) => ({ format, write: written(path, isAppended) }))
    ]
    if (outputs.length > 0) {
      const copies = yield* Stream.broadcast(cases, outputs.length, buffer)
      yield* Effect.forEach(outputs, ({ format, write }, index) => write(format(report, copies[index]!)), {
        concurrency: "unbounded",
        discard: true
      })
    }
    if (input.json) yield* terminal.write(jsonLine(maskedValue(report)))
  },
  Effect.scoped
)

/** The formats of one candidate. */
const formatsOfOne = ["csv", "junit", "jsonl"] as const

/** Fails if a format is of one candidate, and there are several. */
export const checkedSides = (input: OutputFlags, candidates: number): Effect.Effect<void, UsageError> => {
  const name = formatsOfOne.find((name) => typeof input[name] === "boolean" ? input[name] : Option.isSome(input[name]))
  return name === undefined || candidates < 2
    ? Effect.void
    : wrong(`--${name} has one candidate: leave it out, and give it to the report of one, with its --candidate`)
}

/** Writes the reports of several candidates. */
const ofSeveral = Effect.fnUntraced(function*<E, R>(input: OutputFlags, matrix: EvalMatrix, casesOf: CasesOf<E, R>) {
  const terminal = yield* Terminal
  yield* checkedSides(input, matrix.reports.length)
  const context = yield* Effect.context<R>()
  const cases = (candidate: SideName) => Stream.provideContext(casesOf(candidate), context)
  const { html, markdown, text } = ReportFormat.matrix
  if (input.json) yield* terminal.write(jsonLine(maskedValue(matrix)))
  else yield* Stream.runForEach(text(matrix, cases), terminal.write)
  if (Option.isSome(input.html)) yield* written(input.html.value, false)(html(matrix, cases))
  if (Option.isSome(input.summary)) yield* written(input.summary.value, true)(markdown(matrix, cases))
})

/** Writes all reports, and fails with the exit code of the gate. */
export const told = Effect.fnUntraced(
  function*<E, R>(input: OutputFlags, matrix: EvalMatrix, casesOf: CasesOf<E, R>, again?: string) {
    const terminal = yield* Terminal
    const { reports: [report] } = matrix
    yield* matrix.reports.length === 1
      ? ofOne(input, report, casesOf(report.candidate))
      : ofSeveral(input, matrix, casesOf)
    if (input.json || input.jsonl) yield* terminal.note(matrix.reports.length === 1 ? report.sentence : matrix.sentence)
    const code = (yield* isCutOff(report)) ? codes.environment : gates[matrix.gate]
    // the reason is in the report
    if (code !== exitCodes.done) {
      return yield* new CommandError({ code, message: "", advice: report.stop && again ? [again] : [] })
    }
  },
  Effect.provide(NodeFileSystem.layer)
)
