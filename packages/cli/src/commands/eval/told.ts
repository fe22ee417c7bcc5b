/** The reports of an eval run, and its exit code. */
import type { CaseVerdict, EvalReport } from "@effect-noukai/eval/EvalReport"
import * as ReportFormat from "@effect-noukai/eval/ReportFormat"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { existsSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { CommandError, UsageError } from "../../exit/CommandError.js"
import { exitCodes } from "../../exit/exitCode.js"
import { jsonLine } from "../../terminal/json.js"
import { Terminal } from "../../terminal/Terminal.js"
import { codes, isCutOff } from "./evaluation.js"
import type { OutputFlags } from "./flags.js"

/** Fails if a report cannot be written, before anything is paid. */
export const checked = (input: OutputFlags): Effect.Effect<void, UsageError> =>
  Effect.gen(function*() {
    if (input.json && input.jsonl) return yield* new UsageError({ message: "give --json or --jsonl, not both" })
    for (const name of ["html", "junit", "summary"] as const) {
      const path = Option.getOrElse(input[name], () => "")
      if (!existsSync(dirname(resolve(path)))) {
        return yield* new UsageError({ message: `--${name} ${path}: there is no such folder` })
      }
    }
  })

const gates = { passed: exitCodes.done, failed: codes.worse, incomplete: codes.incomplete } as const

/** The number of cases that one report may be ahead of another. */
const buffer = 16

const cannotWrite = (path: string) => (error: PlatformError) =>
  new CommandError({ code: codes.environment, message: `cannot write ${path}: ${error.message}` })

/** Writes a file as a whole, or appends to it. */
const written = (path: string, isAppended: boolean) => <E, R>(text: Stream.Stream<string, E, R>) =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const part = isAppended ? path : `${path}.part`
    const sink = files.sink(part, { flag: isAppended ? "a" : "w" })
    yield* Stream.run(Stream.encodeText(text), Sink.mapError(sink, cannotWrite(path)))
    if (!isAppended) yield* Effect.mapError(files.rename(part, path), cannotWrite(path))
  })

/** Writes all reports in one pass over the cases, and fails with the exit code of the gate. */
export const told = Effect.fnUntraced(
  function*<E, R>(input: OutputFlags, report: EvalReport, cases: Stream.Stream<CaseVerdict, E, R>) {
    const terminal = yield* Terminal
    const files = [
      [input.html, ReportFormat.html, false],
      [input.junit, ReportFormat.junit, false],
      [input.summary, ReportFormat.markdown, true]
    ] as const
    const outputs: ReadonlyArray<
      (some: Stream.Stream<CaseVerdict, E>) => Effect.Effect<void, E | CommandError, FileSystem.FileSystem>
    > = [
      ...input.json ? [] : [(some: Stream.Stream<CaseVerdict, E>) => {
        const format = input.jsonl ? ReportFormat.jsonLines : ReportFormat.text
        return Stream.runForEach(format(report, some), terminal.write)
      }],
      ...files.flatMap(([path, format, isAppended]) =>
        Option.toArray(path).map((path) => (some: Stream.Stream<CaseVerdict, E>) =>
          written(path, isAppended)(format(report, some))
        )
      )
    ]
    if (outputs.length > 0) {
      const copies = yield* Stream.broadcast(cases, outputs.length, buffer)
      yield* Effect.forEach(outputs, (output, index) => output(copies[index]!), {
        concurrency: "unbounded",
        discard: true
      })
    }
    if (input.json) yield* terminal.write(jsonLine(report))
    if (input.json || input.jsonl) yield* terminal.note(report.sentence)
    const code = (yield* isCutOff(report)) ? codes.environment : gates[report.gate]
    // the reason is in the report
    if (code !== exitCodes.done) return yield* new CommandError({ code, message: "" })
  },
  Effect.scoped,
  Effect.provide(NodeFileSystem.layer)
)
