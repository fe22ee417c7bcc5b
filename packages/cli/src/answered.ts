/** Answers that need no more than the arguments: help, the version, completions, and wrong usage. */
import type { Grammar, Meaning } from "./arguments/grammar.js"
import { help } from "./arguments/help.js"
import { completions, shells } from "./completions.js"
import { exitCodes } from "./exit/exitCode.js"
import { said } from "./exit/failure.js"
import { version } from "./version.js"

/** Writes an answer, and returns the code of the command; `undefined` for a command that has to be run. */
export const answered = (grammar: Grammar, asked: Meaning, isJson: boolean): number | undefined => {
  const wrong = (message: string, advice?: ReadonlyArray<string>) =>
    said({ kind: "UsageError", message, code: exitCodes.usage, advice }, isJson)
  switch (asked._tag) {
    case "command": {
      const [name, , ...words] = asked.args
      if (name !== "completions") return undefined
      const text = completions(grammar, words)
      if (text === undefined) return wrong(`give a shell: ${shells.join(", ")}`)
      process.stdout.write(text)
      return exitCodes.done
    }
    case "help":
      process.stdout.write(help(asked.path, asked.grammar, process.stdout.columns ?? 80))
      return exitCodes.done
    case "version":
      process.stdout.write(`${version}\n`)
      return exitCodes.done
    case "wrong":
      return wrong(asked.message, [`${asked.command} --help`])
  }
}
