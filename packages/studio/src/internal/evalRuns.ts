/** The eval runs of ledgers by their addresses, and reads of them that are kept. */
import type { BatchStore } from "@effect-noukai/batch/BatchStore"
import * as Eval from "@effect-noukai/eval/Eval"
import type { EvalError } from "@effect-noukai/eval/EvalError"
import type { EvalRunInfo } from "@effect-noukai/eval/EvalOptions"
import type { SideName } from "@effect-noukai/eval/EvalReport"
import * as Cache from "effect/Cache"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { NotFound, Unavailable } from "../RunsApi.js"
import type { EvalAddress } from "../StudioLedgers.js"
import type { Definitions, FoundDefinition } from "./evalDefinitions.js"
import { type Ledger, type Stores, unavailable } from "./ledgerStores.js"
import { sharedSuccess } from "./shared.js"

type Failure = NotFound | Unavailable

export const failure = (error: unknown): Failure => {
  if (Schema.is(NotFound)(error) || Schema.is(Unavailable)(error)) return error
  const known = error as { readonly _tag: string; readonly message: string }
  return known._tag === "EvalNotFoundError" ? new NotFound({ message: known.message }) : unavailable(known)
}

export const noDefinition = (name: string): string =>
  `The definition of the eval ${name} was not found, so that no verdicts are known: put ${name}.eval.json or .yaml into the ` +
  "folder of the ledgers, or name the module that exports it with --eval."

/** An eval run with its ledger and, if there is one, its definition. */
export interface FoundRun {
  readonly ledger: Ledger
  readonly info: EvalRunInfo
  /** The candidate of the address. */
  readonly candidate: SideName
  readonly definition: FoundDefinition | undefined
}

export interface EvalRuns {
  readonly stores: Stores
  readonly definitions: Effect.Effect<Definitions>
  /** The runs of ledgers whose runs are all complete. */
  readonly lists: Map<string, { readonly signature: string; readonly runs: ReadonlyArray<EvalRunInfo> }>
}

/** Returns the runs of a ledger: as they were, if its file is. */
export const runsOf = Effect.fnUntraced(function*({ lists }: EvalRuns, { name, signature }: Ledger) {
  const before = lists.get(name)
  if (before !== undefined && before.signature === signature) return before.runs
  const runs = yield* Eval.runs()
  // a run may come to its end without a change of the file
  if (signature === undefined || runs.some(({ isComplete }) => !isComplete)) lists.delete(name)
  else lists.set(name, { signature, runs })
  return runs
})

/** Finds the run of an address. */
export const find = (of: EvalRuns, address: EvalAddress): Effect.Effect<FoundRun, Failure> =>
  Effect.gen(function*() {
    const ledger = yield* of.stores.named(address.ledger)
    const runs = yield* of.stores.reading(ledger, runsOf(of, ledger))
    const info = runs.find((one) => one.eval === address.eval && one.run === address.run)
    const candidate = info && [info.candidate, ...info.others ?? []][address.candidate ?? 0]
    if (info === undefined || candidate === undefined) {
      return yield* new NotFound({ message: `The ledger has no such run ${address.run} of the eval ${address.eval}.` })
    }
    return { ledger, info, candidate, definition: (yield* of.definitions).of(address.eval, address.ledger) }
  }).pipe(Effect.mapError(failure))

/** Makes a read of runs whose result stays true until the ledger or the definition changes. */
export const cached = <A>(
  of: EvalRuns,
  capacity: number,
  read: (
    definition: Eval.Eval<unknown>,
    of: { readonly run: string; readonly candidate: SideName }
  ) => Effect.Effect<A, EvalError, BatchStore>
): Effect.Effect<(address: EvalAddress, found: FoundRun) => Effect.Effect<A, Failure>> =>
  Effect.map(
    Cache.make({
      capacity,
      // a database does not tell whether it has changed
      timeToLive: "1 minute",
      lookup: (
        [ledger, name, run, candidate]: readonly [
          ledger: string,
          name: string,
          run: string,
          candidate: number,
          ...versions: ReadonlyArray<string>
        ]
      ): Effect.Effect<A, Failure> =>
        Effect.gen(function*() {
          const found = yield* find(of, { ledger, eval: name, run, candidate })
          if (found.definition === undefined) return yield* new NotFound({ message: noDefinition(name) })
          return yield* of.stores.reading(
            found.ledger,
            read(found.definition.eval, { run, candidate: found.candidate })
          )
        }).pipe(Effect.mapError(failure))
    }),
    (cache) => {
      const read = sharedSuccess(cache)
      return (address, { definition, ledger }) =>
        read(Data.tuple(
          address.ledger,
          address.eval,
          address.run,
          address.candidate ?? 0,
          ledger.signature ?? "",
          definition?.version ?? ""
        ))
    }
  )
