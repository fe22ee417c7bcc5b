/**
 * Ledgers of real batches and evals, made against an emulator: completed, failed, running, paused, in doubt, empty, and files
 * that are not ledgers.
 */
import { Batch, BatchEngine, BatchSource, BatchStore } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import type { Flow, FunctionInput, Json, StepFailure } from "@effect-noukai/emulator/Flow"
import { Eval, EvalFile } from "@effect-noukai/eval"
import { Effect, Layer } from "effect"
import Libsql from "libsql"
import * as Fs from "node:fs/promises"
import { join } from "node:path"
import { client } from "../../../batch/test/support/batches.js"

export interface Essay {
  readonly id: string
  readonly text: string
}

const failures: ReadonlyArray<StepFailure> = [
  { code: "RATE_LIMITED", message: "The model was busy.", status: 429 },
  { code: "BAD_ESSAY", message: "The essay has no words." },
  { code: "PROVIDER_ERROR", message: "The model did not return JSON." }
]

/** Grades a text by its last number: it fails as the text says, and takes as long. */
const graded = ({ message }: FunctionInput): Effect.Effect<Json, StepFailure> => {
  const [, failure, number] = /(fail \d)?\D*(\d+)$/.exec(message ?? "") ?? []
  const no = Number(number ?? 0)
  const grade = { grade: "ABCDE"[no % 5]!, words: no % 300, notes: ["spelling", "grammar"].slice(no % 2) }
  const end = failure === undefined ? Effect.succeed(grade) : Effect.fail(failures[Number(failure.slice(5)) % 3]!)
  return Effect.delay(end, `${2 + (no * 7_919) % 60} millis`)
}

const grading = (costUsd: string) => ({ steps: [{ kind: "function", id: "grade", costUsd, run: graded }] }) as const

const says = (run: (message: string) => Json | Effect.Effect<Json, StepFailure>, costUsd: string) =>
  ({
    steps: [{ kind: "function", id: "say", costUsd, run: ({ message }: FunctionInput) => run(message ?? "") }]
  }) as const

const spelled = (message: string): string => `Corrected: ${message.replace("teh", "the")}.`

export const flows: ReadonlyArray<Flow> = [
  {
    ref: "acme/essays/grade",
    ...grading("0.0021"),
    versions: { 1: grading("0.0021"), 2: grading("0.0048"), 3: grading("0.013") }
  },
  { ref: "acme/essays/slow", steps: [{ kind: "template", id: "grade", duration: "1 hour", output: 1 }] },
  {
    ref: "acme/spelling/correct",
    ...says(spelled, "0.001"),
    versions: {
      1: says(spelled, "0.001"),
      2: says((message) =>
        message.includes("break")
          ? Effect.fail({ code: "PROVIDER_ERROR", message: "The model did not answer." })
          : message.includes("worse")
          ? `Correct: ${message}!`
          : message.includes("json")
          ? { text: message, marks: [1, 2, 4] }
          : spelled(message).replace("adn", "and"), "0.0014")
    }
  }
]

const essays = (id: string, flow = "acme/essays/grade") =>
  Batch.make({
    id,
    flow,
    key: (row: Essay) => row.id,
    input: ({ text }) => ({ message: text }),
    ...flow === "acme/essays/grade" && { target: ({ id }: Essay) => ({ flow, version: id.length % 3 + 1 }) }
  })

export const essaysOf = (count: number, failing = 9): ReadonlyArray<Essay> =>
  Array.from({ length: count }, (_, index) => ({
    id: `pupil-${"x".repeat(index % 3)}${index + 1}`,
    text: index % failing === failing - 1
      ? `fail ${Math.floor(index / failing) % 3} essay ${index + 1}`
      : `Essay ${index + 1}`
  }))

const source = (rows: ReadonlyArray<Essay>) => BatchSource.fromIterable(rows)

/** The store and engine of a ledger below a folder. */
export const onFile = (path: string) => Layer.merge(BatchStore.layerFile(path), BatchEngine.layerLocal)

const quick = { grace: 100, adopt: false, cost: true } as const

/** A batch that is completed, in which some rows failed. */
export const completed = (path: string, count = 60, id = "grades-2026-11") =>
  Effect.provide(Batch.run(essays(id), source(essaysOf(count)), quick), onFile(path))

/** A batch that goes on until it is interrupted. */
export const running = (path: string, count = 5_000, id = "grades-all") =>
  Effect.provide(
    Batch.run(essays(id), source(essaysOf(count)), { ...quick, rate: 8, stopWithin: 0 }),
    onFile(path)
  )

export const paused = (path: string) =>
  Effect.provide(
    Effect.gen(function*() {
      const batch = essays("grades-paused")
      yield* Batch.run(batch, source(essaysOf(20)), { ...quick, concurrency: 2, maxFailures: 0 })
      yield* Batch.pause(batch.id)
    }),
    onFile(path)
  )

export const empty = (path: string) =>
  Effect.provide(
    // all its rows are left out
    Batch.run(essays("grades-none"), source([]), quick).pipe(Effect.ignore),
    onFile(path)
  )

/** Rows in doubt: reported, timed out, and one whose process stopped while it was sent. */
export const doubts = (path: string) =>
  Effect.provide(
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["reset:late", "ok"] })
      yield* emulator.addFaults({ match: { endpoint: "session" }, script: ["410"] })
      yield* Batch.run(essays("grades-doubt"), source(essaysOf(6, 99)), { ...quick, adopt: true, concurrency: 1 })
      yield* emulator.clearFaults
      yield* Batch.run(essays("grades-slow", "acme/essays/slow"), source(essaysOf(3)), {
        ...quick,
        rowTimeout: 50,
        pendingTimeout: 50,
        concurrency: 3
      })
    }),
    onFile(path)
  )

const spelling = `name: spelling
flow: acme/spelling/correct
cases: cases.jsonl
key: id
input:
  message: { $case: text }
checks:
  polite: { matches: "^Corrected" }
  right: { equals: { $case: expected } }
  cheap: { maxCostUsd: "0.0016" }
thresholds: { maxRegressed: 3 }
`

const words = ["apple", "pear", "plum", "quince", "cherry", "fig", "peach"]

export const casesOf = (count: number) =>
  Array.from({ length: count }, (_, index) => {
    const kind = index % 11 === 3 ? "worse" : index % 17 === 5 ? "break" : index % 13 === 7 ? "json" : "plain"
    const mistake = index % 7 === 2 ? "adn" : "and"
    const text = `I saw teh ${words[index % 7]} ${mistake} a ${kind} tree, number ${index + 1}`
    return {
      id: `case-${index + 1}`,
      text,
      expected: `Corrected: ${text.replace("teh", "the").replace("adn", "and")}.`
    }
  })

/** A folder with an eval of two versions, its definition, and its ledger. */
export const evals = (folder: string, count = 60) =>
  Effect.gen(function*() {
    yield* Effect.promise(async () => {
      await Fs.mkdir(folder, { recursive: true })
      await Fs.writeFile(join(folder, "spelling.eval.yaml"), spelling)
      await Fs.writeFile(join(folder, "cases.jsonl"), casesOf(count).map((one) => JSON.stringify(one)).join("\n"))
    })
    const definition = yield* EvalFile.load(join(folder, "spelling.eval.yaml"))
    return yield* Effect.provide(
      Eval.run(definition, { candidate: 2, baseline: 1, grace: 100, concurrency: 32 }),
      onFile(join(folder, "spelling.ledger"))
    )
  })

/** A copy of a ledger, as a newer version of the package would have written it. */
export const newer = (from: string, to: string) =>
  Effect.promise(async () => {
    await Fs.copyFile(from, to)
    const database = new Libsql(to)
    database.exec("insert into noukai_batch_migration (migration_id, name) values (999, 'later')")
    database.close()
  })

export const broken = (path: string) => Effect.promise(() => Fs.writeFile(path, "this is no ledger\n".repeat(100)))

/** An emulator and a client of it, for all of these. */
export const emulator = client({ flows, jobs: { workers: 64 } })

/** All of these in a folder. The effect succeeds when all but the running one have ended. */
export const everything = (folder: string) =>
  Effect.gen(function*() {
    yield* Effect.promise(() => Fs.mkdir(join(folder, "2026"), { recursive: true }))
    yield* Effect.forkScoped(running(join(folder, "2026", "all.ledger")))
    yield* Effect.all([
      completed(join(folder, "2026", "november.ledger"), 400),
      completed(join(folder, "2026", "schöne Grüße 🦊.ledger"), 5, "Noten 🦊 <b>fett</b>"),
      paused(join(folder, "2026", "paused.ledger")),
      empty(join(folder, "2026", "none.ledger")),
      evals(join(folder, "evals")),
      broken(join(folder, "notes.ledger"))
    ], { concurrency: "unbounded" })
    // its faults would meet the others
    yield* doubts(join(folder, "2026", "doubt.ledger"))
    yield* newer(join(folder, "2026", "november.ledger"), join(folder, "newer.ledger"))
  })
