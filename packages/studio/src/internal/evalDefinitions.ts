/** The definitions of evals: those that are given, and those of files beside the ledgers. */
import type * as Eval from "@effect-noukai/eval/Eval"
import * as EvalFile from "@effect-noukai/eval/EvalFile"
import * as Cache from "effect/Cache"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as LedgerFiles from "./ledgerFiles.js"
import type { Stores } from "./ledgerStores.js"

/** The definition of an eval, with the file that has it. */
export interface Definition {
  readonly file: string
  readonly eval: Eval.Eval<unknown>
}

/** A definition with a text that changes when its file changes. */
export interface FoundDefinition extends Definition {
  readonly version: string
}

export interface Definitions {
  /** The definition of an eval of a ledger: the one nearest to it, of several with that name. */
  readonly of: (name: string, ledger: string) => FoundDefinition | undefined
  /** The files that are wrong. */
  readonly problems: ReadonlyArray<{ readonly ledger: string; readonly message: string }>
}

/** A text that changes when a person marks an output. */
const marksOf = ({ marks }: Eval.Eval<unknown>): Effect.Effect<string> =>
  marks === undefined ? Effect.succeed("") : LedgerFiles.signature(marks)

/** How near two paths are: the number of folders in which both are, and less for a file farther below. */
const nearness = (one: string, other: string): number => {
  const [folders, others] = [one, other].map((path) => path.split("/").slice(0, -1)) as [Array<string>, Array<string>]
  const differs = folders.findIndex((name, index) => name !== others[index])
  return differs === -1 ? folders.length : differs - 0.1 * (folders.length - differs)
}

/** Returns the read of the definitions. A file is loaded again when it has changed. */
export const make = (
  { found }: Stores,
  given: ReadonlyArray<Definition>
): Effect.Effect<Effect.Effect<Definitions>> =>
  Effect.map(
    Cache.makeWith({
      capacity: 200,
      lookup: ([path]: readonly [path: string, signature: string]) =>
        // nobody has named it, so its code does not run
        EvalFile.load(path, { modules: false }),
      timeToLive: Exit.match({ onFailure: () => Duration.seconds(1), onSuccess: () => Duration.infinity })
    }),
    (loaded) =>
      Effect.gen(function*() {
        const all = new Map<string, ReadonlyArray<FoundDefinition>>(
          yield* Effect.forEach(
            given,
            (one) => Effect.map(marksOf(one.eval), (version) => [one.eval.name, [{ ...one, version }]] as const)
          )
        )
        const isGiven = new Set(all.keys())
        const problems: Array<Definitions["problems"][number]> = []
        for (const [file, path] of (yield* found).definitions) {
          const version = yield* LedgerFiles.signature(path)
          const read = yield* Effect.either(loaded.get(Data.tuple(path, version)))
          if (read._tag === "Left") problems.push({ ledger: file, message: read.left.message })
          else if (!isGiven.has(read.right.name)) {
            const definition = { file, eval: read.right, version: version + (yield* marksOf(read.right)) }
            all.set(read.right.name, [...all.get(read.right.name) ?? [], definition])
          }
        }
        return {
          of: (name, ledger) => {
            const [first, ...others] = all.get(name) ?? []
            return first &&
              others.reduce((best, one) => nearness(one.file, ledger) > nearness(best.file, ledger) ? one : best, first)
          },
          problems
        }
      })
  )
