/** The arguments of `noukai cassette check`. */
import * as Args from "@effect/cli/Args"
import type * as Command from "@effect/cli/Command"
import { json, voice } from "../../../arguments/flags.js"

export const config = {
  files: Args.text({ name: "file" }).pipe(Args.withDescription("The cassette files."), Args.atLeast(1)),
  json,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
