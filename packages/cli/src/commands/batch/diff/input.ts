/** The arguments of `noukai batch diff`. */
import * as Args from "@effect/cli/Args"
import type * as Command from "@effect/cli/Command"
import { json, optional, voice } from "../../../arguments/flags.js"

export const config = {
  before: Args.text({ name: "before" }).pipe(Args.withDescription("The ledger of a batch.")),
  after: Args.text({ name: "after" }).pipe(Args.withDescription("The ledger of the batch that it is compared to.")),
  idBefore: optional("id-before", "The batch of the first ledger, if it has several."),
  idAfter: optional("id-after", "The batch of the second ledger, if it has several."),
  json,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
