/** The arguments of `noukai session save`. */
import * as Args from "@effect/cli/Args"
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { connection, sessionId, voice } from "../../../arguments/flags.js"

export const config = {
  sessionId,
  file: Args.text({ name: "file" }).pipe(Args.withDescription("The file to write.")),
  redactPath: Options.text("redact-path").pipe(
    Options.withDescription("A path of values to remove from every snapshot: **.email, message. May be given again."),
    Options.repeated
  ),
  redactPattern: Options.text("redact-pattern").pipe(
    Options.withDescription("A regular expression of text to remove. May be given again."),
    Options.repeated
  ),
  force: Options.boolean("force").pipe(Options.withDescription("Replace a file that exists.")),
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
