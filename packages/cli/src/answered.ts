/** Answers that need no more than the arguments: help, the version, and wrong usage. */
import type { Asked } from "./arguments/grammar.js"
import { help } from "./arguments/help.js"
import { exitCodes } from "./exit/exitCode.js"
import { said } from "./exit/failure.js"
import { version } from "./version.js"

/** Writes an answer, and returns the code of the command. */
export const answered = (asked: Exclude<Asked, { readonly _tag: "command" }>, isJson: boolean): number => {
  switch (asked._tag) {
    case "help":
      process.stdout.write(help(asked.path, asked.grammar, process.stdout.columns ?? 80))
      return exitCodes.done
    case "version":
      process.stdout.write(`${version}\n`)
      return exitCodes.done
    case "wrong":
      return said(
        { kind: "UsageError", message: asked.message, code: exitCodes.usage, advice: [`${asked.command} --help`] },
        isJson
      )
  }
}
