/** The arguments of `noukai session save`. */
import * as Args from "@effect/cli/Args"
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { connection, sessionId, voice } from "../../../arguments/flags.js"

export const config = {
  sessionId,
  file: Args.text({ name: "file" }).pipe(Args.withDescription("The file to write.")),
  redactPath: Options.text("redact-path").pipe(
    Options.withDescription("Remove values at this path, such as **.email. Repeatable."),
    Options.repeated
  ),
  redactPattern: Options.text("redact-pattern").pipe(
    Options.withDescription("Remove text that matches this regex. Repeatable."),
    Options.repeated
  ),
  force: Options.boolean("force").pipe(Options.withDescription("Replace an existing file.")),
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
