/** `noukai batch results`. */
import * as Batch from "@effect-noukai/batch/Batch"
import * as BatchReport from "@effect-noukai/batch/BatchReport"
import { safeJson } from "@effect-noukai/sdk/SafeText"
import * as Options from "@effect/cli/Options"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { flag, oneOf, optional } from "../../arguments/flags.js"
import { wrong } from "../../exit/CommandError.js"
import { Terminal } from "../../terminal/Terminal.js"
import { plain } from "../../terminal/text.js"
import { type InputOf, leaf } from "../leaf.js"
import { batchFlags, select, selection } from "./flags.js"
import { inLedger } from "./ledger.js"

const config = {
  ...batchFlags,
  order: Options.withDefault(
    oneOf("order", ["input", "done"], "Print all rows in input order, or settled ones (input)."),
    "input"
  ),
  format: Options.withDefault(
    oneOf("format", ["jsonl", "csv"], "Print JSON lines, or CSV with result columns (jsonl)."),
    "jsonl"
  ),
  spreadsheet: flag("spreadsheet", "With --format csv: escape spreadsheet formulas."),
  withInput: flag("with-input", "Add the input of each row."),
  select,
  out: optional("out", "Write result files to this folder, not to stdout.")
}

type Input = InputOf<typeof config>

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const { format, id, order, spreadsheet, withInput } = input
  const rows = Batch.results(id, { order, withInput, select: selection(input.select) })
  if (spreadsheet && format !== "csv") return yield* wrong("--spreadsheet requires --format csv")
  if (Option.isSome(input.out)) {
    if (order === "done") return yield* wrong("--out requires --order input")
    if (format === "csv") return yield* wrong("--out writes JSON lines: to write CSV, redirect stdout to a file")
    const { files } = yield* BatchReport.toFolder(input.out.value, {
      rows,
      refused: Batch.refused(id),
      summary: yield* Batch.status(id)
    })
    const written = Object.entries(files).map(([name, { lines }]) => `${name} (${lines})`).join(", ")
    return yield* terminal.note(plain(`${input.out.value}: ${written}`))
  }
  const text = format === "csv"
    ? BatchReport.csv(rows, { spreadsheet })
    : Stream.mapChunks(
      rows,
      (chunk) =>
        // a log of CI shows it
        Chunk.of(Chunk.toReadonlyArray(chunk).map((row) => `${safeJson(BatchReport.encodeRow(row))}\n`).join(""))
    )
  yield* Stream.runForEach(text, terminal.document).pipe(
    Effect.raceFirst(terminal.closed)
  )
}, inLedger)

export const command = leaf("results", "Print the results of the rows as JSON lines.", config, handle)
