/** The ledgers of a studio by their names. A name of a request is looked up among those that were found. */
import { BatchStoreError } from "@effect-noukai/batch/BatchError"
import { BatchStore } from "@effect-noukai/batch/BatchStore"
import * as Cache from "effect/Cache"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RcMap from "effect/RcMap"
import type * as Scope from "effect/Scope"
import { relative } from "node:path"
import { NotFound, Unavailable } from "../RunsApi.js"
import * as LedgerFiles from "./ledgerFiles.js"
import { shared } from "./shared.js"

/** The name of the ledger in PostgreSQL. */
const postgresName = "postgres"

/** How long a file stays open after it was read. */
const idle = "10 seconds"

export interface Ledger {
  readonly name: string
  /** Its file; absent in PostgreSQL. */
  readonly path?: string
  /** Changes whenever its file changes; absent in PostgreSQL. */
  readonly signature?: string
}

/** A path as a command names it that runs in the folder of this process. */
export const fromHere = (path: string): string => {
  const inFolder = relative("", path)
  return inFolder.startsWith("..") ? path : inFolder
}

export interface Stores {
  /** The folder and the database that are searched. */
  readonly searched: ReadonlyArray<string>
  readonly found: Effect.Effect<LedgerFiles.Found>
  readonly all: Effect.Effect<ReadonlyArray<Ledger>>
  readonly named: (name: string) => Effect.Effect<Ledger, NotFound>
  /** Reads a ledger. */
  readonly reading: <A, E>(
    ledger: Ledger,
    effect: Effect.Effect<A, E, BatchStore>
  ) => Effect.Effect<A, BatchStoreError | E>
}

/** Why a ledger cannot be read, for people. */
export const reasonOf = (error: { readonly message: string; readonly detail?: unknown }): string =>
  typeof error.detail === "string" ? `The ledger cannot be read: ${error.detail}` : error.message

export const unavailable = (error: { readonly message: string }): Unavailable =>
  new Unavailable({ message: reasonOf(error) })

export interface StoresOptions {
  readonly folder: string | undefined
  readonly postgres: BatchStore.Service["sql"] | undefined
  readonly layerSql: (sql: BatchStore.Service["sql"]) => Layer.Layer<BatchStore, BatchStoreError>
}

/** A read of a closed map would be interrupted, and its response would have no text. */
const closed = Effect.fail(
  new BatchStoreError({
    operation: "opened a file",
    detail: "the layer of LedgerSource is closed: build it in the scope of the studio"
  })
)

export const make = ({ folder, layerSql, postgres }: StoresOptions): Effect.Effect<Stores, never, Scope.Scope> =>
  Effect.gen(function*() {
    const none: LedgerFiles.Found = { ledgers: new Map(), definitions: new Map(), problems: [] }
    // a page reads its lists again and again
    const found = folder === undefined
      ? Effect.succeed(none)
      : shared(yield* Cache.make({ capacity: 1, timeToLive: "1 second", lookup: LedgerFiles.find }))(folder)
    const open = yield* RcMap.make({
      lookup: (key: string): Effect.Effect<Context.Context<BatchStore>, BatchStoreError, Scope.Scope> => {
        const path = key.slice(key.indexOf(" ") + 1)
        return Layer.build(
          path === "" && postgres !== undefined ? layerSql(postgres) : BatchStore.layerFileReadOnly(path)
        )
      },
      idleTimeToLive: idle
    })
    let isClosed = false
    yield* Effect.addFinalizer(() => Effect.sync(() => isClosed = true))
    const ofFile = (name: string, path: string): Effect.Effect<Ledger> =>
      Effect.map(LedgerFiles.signature(path), (signature) => ({ name, path, signature }))
    const ofPostgres: ReadonlyArray<Ledger> = postgres === undefined ? [] : [{ name: postgresName }]
    const all = Effect.flatMap(found, ({ ledgers }) =>
      Effect.map(
        Effect.forEach(ledgers, ([name, path]) => ofFile(name, path), { concurrency: 8 }),
        (files) => [...ofPostgres, ...files]
      ))
    return {
      searched: [...folder === undefined ? [] : [folder], ...ofPostgres.map(({ name }) => name)],
      found,
      all,
      named: (name) =>
        Effect.flatMap(found, ({ ledgers }) => {
          const path = ledgers.get(name)
          if (path !== undefined) return ofFile(name, path)
          const [database] = ofPostgres
          return database?.name === name
            ? Effect.succeed(database)
            : new NotFound({ message: `There is no ledger ${name} in ${folder ?? "PostgreSQL"}.` })
        }),
      reading: ({ path = "", signature = "" }, effect) => {
        // the inode: another file may have taken the place of the one that is open
        const key = `${signature.split(" ", 1)[0]} ${path}`
        return isClosed ? closed : Effect.scoped(Effect.flatMap(
          // one that could not be opened is tried again
          Effect.tapError(RcMap.get(open, key), () => RcMap.invalidate(open, key)),
          (context) => Effect.provide(effect, context)
        ))
      }
    }
  })
