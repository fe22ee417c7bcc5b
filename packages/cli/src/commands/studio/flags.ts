/** The flags of commands that serve a studio. */
import { optional, repeated } from "../../arguments/flags.js"
import type { InputOf } from "../leaf.js"

/** The ledgers that the studio shows beside the runs. */
export const ledgerFlags = {
  ledgers: optional("ledgers", "Also show batches and evals in this folder or postgres URL."),
  eval: repeated("eval", "Judge evals by this definition (*.eval.json, *.eval.yaml).")
}

export type LedgerFlags = InputOf<typeof ledgerFlags>
