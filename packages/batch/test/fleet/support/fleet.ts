/** A fleet: PostgreSQL, an emulator, runners and who runs the batch, each in a process of its own. */
import type { FaultRule } from "@effect-noukai/emulator/Fault"
import { SqlClient } from "@effect/sql"
import * as PgClient from "@effect/sql-pg/PgClient"
import { assert } from "@effect/vitest"
import { Array as Arr, Effect, Layer, Redacted, Schedule, type Scope } from "effect"
import { rowSession } from "../../../src/internal/drive/jobRuns.js"
import { echo } from "./echo.js"
import { type EmulatorProcess, startEmulator } from "./emulator.js"
import { freePort } from "./freePort.js"
import { type Postgres, startPostgres } from "./postgres.js"
import * as Programs from "./programs.js"

export interface Fleet {
  readonly postgres: Postgres
  readonly emulator: EmulatorProcess
  readonly runner: Effect.Effect<Programs.Program, never, Scope.Scope>
  readonly coordinator: (rows: number, options: object) => Effect.Effect<Programs.Program, never, Scope.Scope>
  /** Waits until so many runners share the lanes evenly. */
  readonly awaitRunners: (count: number) => Effect.Effect<void>
  /** Waits until so many rows of a batch are no longer pending. */
  readonly awaitRows: (count: number) => Effect.Effect<void>
  readonly query: <A extends object>(text: string) => Effect.Effect<ReadonlyArray<A>>
}

/** Starts all but runners and batch. */
export const startFleet = (options: {
  /** How long a run takes, in milliseconds. */
  readonly duration: number
  readonly faults?: ReadonlyArray<FaultRule>
  /** How many runs of each row fail first. */
  readonly failing?: number
}) =>
  Effect.gen(function*() {
    const [postgres, emulator, runnerPath, coordinatorPath] = yield* Effect.all([
      startPostgres,
      startEmulator(options.duration, options.faults, options.failing),
      Programs.bundled(new URL("./batchRunner.ts", import.meta.url)),
      Programs.bundled(new URL("./batchCoordinator.ts", import.meta.url))
    ], { concurrency: 2 })
    const environment = { NOUKAI_API_KEY: emulator.apiKey }
    const client = yield* Layer.build(PgClient.layer({ url: Redacted.make(postgres.url), maxConnections: 1 }))
    const query = <A extends object>(text: string) =>
      Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe<A>(text)).pipe(
        Effect.provide(client),
        Effect.retry({ schedule: Schedule.spaced("200 millis"), times: 25 }),
        Effect.orDie
      )
    const fleet: Fleet = {
      postgres,
      emulator,
      runner: Effect.gen(function*() {
        const port = yield* freePort
        const runner = yield* Programs.start(
          runnerPath,
          [postgres.url, String(port), emulator.baseUrl],
          environment
        )
        yield* runner.awaitOutput("joined the fleet")
        return runner
      }),
      coordinator: (rows, options) =>
        Programs.start(
          coordinatorPath,
          [postgres.url, emulator.baseUrl, String(rows), JSON.stringify(options)],
          environment
        ),
      awaitRunners: (count) =>
        query<{ lanes: string }>("SELECT count(*) AS lanes FROM noukai_batch_cluster_locks GROUP BY address").pipe(
          Effect.repeat({
            until: (shares) => shares.length === count && shares.every(({ lanes }) => Number(lanes) === 16 / count),
            schedule: Schedule.spaced("100 millis")
          }),
          Effect.asVoid
        ),
      awaitRows: (count) =>
        query(`SELECT 1 FROM noukai_batch_row WHERE state <> 'pending' LIMIT ${count}`).pipe(
          Effect.repeat({ until: (rows) => rows.length >= count, schedule: Schedule.spaced("50 millis") }),
          Effect.asVoid
        ),
      query
    }
    return fleet
  })

/** The outcome of the rows, compared with the emulator's ledger. */
export interface Outcome {
  readonly states: { readonly [state: string]: number }
  /** The keys of rows that ran more than once. */
  readonly twice: ReadonlyArray<string>
  /** The keys of rows that are done and of which the emulator has no run. */
  readonly neverRan: ReadonlyArray<string>
  readonly runs: number
  /** From the start of the batch to its last row, in milliseconds. */
  readonly millis: number
}

export const outcome = (fleet: Fleet, rows: number): Effect.Effect<Outcome> =>
  Effect.gen(function*() {
    const keys = Arr.makeBy(rows, (no) => String(no + 1))
    const named = { name: echo.id, flow: String(echo.flow), version: String(echo.version) }
    const keyOf = new Map(keys.flatMap((key) => Arr.makeBy(8, (n) => [rowSession(named, key, n + 1), key] as const)))
    const ledger = yield* fleet.emulator.ledger
    const counts = new Map<string, number>()
    for (const { sessionId } of ledger.runs) {
      const key = keyOf.get(sessionId ?? "")
      assert.isDefined(key, "a run of no row")
      counts.set(key!, (counts.get(key!) ?? 0) + 1)
    }
    const stored = yield* fleet.query<{ key: string; state: string }>("SELECT key, state FROM noukai_batch_row")
    const [time] = yield* fleet.query<{ millis: string }>(`SELECT
      (SELECT max(settled_at) FROM noukai_batch_row) - (SELECT started_at FROM noukai_batch) AS millis`)
    const states: Record<string, number> = {}
    for (const { state } of stored) states[state] = (states[state] ?? 0) + 1
    return {
      states,
      twice: keys.filter((key) => (counts.get(key) ?? 0) > 1),
      neverRan: stored.filter(({ key, state }) => state === "done" && !counts.has(key)).map(({ key }) => key),
      runs: ledger.runsStarted,
      millis: Number(time!.millis)
    }
  })

/** The summary that a coordinator said. */
export const summaryOf = (program: Programs.Program) => {
  const [, text] = /^summary (.*)$/m.exec(program.output()) ?? []
  assert.isDefined(text, program.output())
  return JSON.parse(text!) as { readonly status: string; readonly states: { readonly [state: string]: number } }
}
