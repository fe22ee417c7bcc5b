/** The arguments of `noukai auth`. */
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { connection, voice } from "../../arguments/flags.js"

const { baseUrl, env, envFile, port, profile } = connection

export const config = {
  remove: Options.boolean("remove").pipe(Options.withDescription("Remove the stored key.")),
  profile,
  env,
  port,
  baseUrl,
  envFile,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
