/** The ledgers that a studio shows. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { statSync } from "node:fs"
import { UsageError } from "../../exit/CommandError.js"
import type { LedgerFlags } from "./flags.js"

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

/** Adds the batches and evals of `--ledgers` to the services, in which a studio looks for them. Without it, there are none. */
export const ledgers = ({ eval: files, ledgers }: LedgerFlags): Layer.Layer<never, UsageError> =>
  Layer.unwrapEffect(Effect.gen(function*() {
    if (Option.isNone(ledgers)) {
      return files.length === 0 ? Layer.empty : yield* new UsageError({ message: "--eval requires --ledgers" })
    }
    const folder = ledgers.value
    if (!isFolder(folder)) return yield* new UsageError({ message: `--ledgers ${folder}: there is no such folder` })
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
    return LedgerSource.layer({ folder, definitions })
  }))
