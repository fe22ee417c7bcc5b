/** The arguments of `noukai cassette diff`. */
import * as Args from "@effect/cli/Args"
import type * as Command from "@effect/cli/Command"
import { json, voice } from "../../../arguments/flags.js"

export const config = {
  before: Args.text({ name: "before" }).pipe(Args.withDescription("The cassette file before the change.")),
  after: Args.text({ name: "after" }).pipe(Args.withDescription("The cassette file after the change.")),
  json,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
