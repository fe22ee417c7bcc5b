/** The ledgers that a studio shows. */
import * as SqlClient from "@effect/sql/SqlClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { statSync } from "node:fs"
import { UsageError } from "../../exit/CommandError.js"
import type { LedgerFlags } from "./flags.js"

const isDatabase = (text: string): boolean => /^postgres(ql)?:\/\//i.test(text)

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

/** The database of a URL, which may have a password. */
const database = (url: string): Layer.Layer<SqlClient.SqlClient, UsageError> =>
  Layer.unwrapEffect(Effect.map(
    Effect.promise(() => import("@effect-noukai/batch/postgres")),
    (Postgres) => Postgres.client({ url: Redacted.make(url), maxConnections: 4, applicationName: "noukai-studio" })
  )).pipe(
    Layer.catchAll(({ message }) => Layer.fail(new UsageError({ message: `--ledgers: ${message}` })))
  )

/** Adds the batches and evals of `--ledgers` to the services, in which a studio looks for them. Without it, there are none. */
export const ledgers = ({ eval: files, ledgers }: LedgerFlags): Layer.Layer<never, UsageError> =>
  Layer.unwrapEffect(Effect.gen(function*() {
    if (Option.isNone(ledgers)) {
      return files.length === 0 ? Layer.empty : yield* new UsageError({ message: "--eval requires --ledgers" })
    }
    const place = ledgers.value
    if (!isDatabase(place) && !isFolder(place)) {
      return yield* new UsageError({ message: `--ledgers ${place}: there is no such folder` })
    }
    // batches and evals take time to load, which other starts do not have
    const LedgerSource = yield* Effect.promise(() => import("@effect-noukai/studio/LedgerSource"))
    const { definition } = yield* Effect.promise(() => import("../eval/evaluation.js"))
    const definitions = yield* Effect.forEach(
      files,
      (file) =>
        Effect.mapBoth(definition({ file, ledger: Option.none() }), {
          onFailure: ({ message }) => new UsageError({ message: `--eval: ${message}` }),
          onSuccess: (one) => ({ file, eval: one })
        })
    )
    return isDatabase(place)
      ? Effect.map(SqlClient.SqlClient, (postgres) => LedgerSource.layer({ postgres, definitions })).pipe(
        Layer.unwrapEffect,
        Layer.provide(database(place))
      )
      : LedgerSource.layer({ folder: place, definitions })
  }))
