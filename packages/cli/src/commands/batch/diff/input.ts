/** The arguments of `noukai batch diff`. */
import * as Args from "@effect/cli/Args"
import type * as Command from "@effect/cli/Command"
import { json, optional, voice } from "../../../arguments/flags.js"

export const config = {
  before: Args.text({ name: "before" }).pipe(Args.withDescription("The ledger file of the first batch.")),
  after: Args.text({ name: "after" }).pipe(Args.withDescription("The ledger file of the second batch.")),
  idBefore: optional("id-before", "Use this batch of the first ledger (its only one)."),
  idAfter: optional("id-after", "Use this batch of the second ledger (its only one)."),
  json,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
