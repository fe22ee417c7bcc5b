/** Handles `noukai batch results`. */
import * as Batch from "@effect-noukai/batch/Batch"
import * as BatchReport from "@effect-noukai/batch/BatchReport"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { UsageError } from "../../../exit/CommandError.js"
import { plain, Terminal } from "../../../terminal/Terminal.js"
import type { Handle } from "../../leaf.js"
import { failing } from "../failing.js"
import { selection } from "../flags.js"
import * as Ledger from "../ledger.js"
import type { Input } from "./input.js"

export const handle: Handle<Input> = Effect.fnUntraced(
  function*(input: Input) {
    const terminal = yield* Terminal
    const { format, id, order, spreadsheet, withInput } = input
    const rows = Batch.results(id, { order, withInput, select: selection(input.select) })
    if (spreadsheet && format !== "csv") {
      return yield* new UsageError({ message: "--spreadsheet requires --format csv" })
    }
    if (Option.isSome(input.out)) {
      if (order === "done") return yield* new UsageError({ message: "--out requires --order input" })
      if (format === "csv") {
        return yield* new UsageError({
          message: "--out writes JSON lines: to write CSV, redirect stdout to a file"
        })
      }
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
        (chunk) => Chunk.of(Chunk.toReadonlyArray(chunk).map((row) => `${BatchReport.encodeRow(row)}\n`).join(""))
      )
    yield* Stream.runForEach(text, terminal.write).pipe(
      Effect.raceFirst(terminal.closed)
    )
  },
  (effect, input) => Effect.provide(effect, Ledger.existing(input)),
  failing
)
