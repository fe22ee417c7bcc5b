/** The flags and the help of every command. This loads all commands, so it runs as the bundle is made. */
import { described } from "../arguments/described.js"
import type { Grammar } from "../arguments/grammar.js"
import { commands, type Group } from "./commands.js"

/** The command that needs only the grammar. */
const completions: Grammar = {
  does: "Print completions for bash, zsh or fish.",
  flags: [],
  arguments: [
    { name: "<shell>", shown: "<shell>", does: "The shell: bash, zsh or fish.", isOptional: false, isRepeated: false },
    {
      name: "<word>",
      shown: "<word>...",
      does: "After --, the words so far, for the script of the shell.",
      isOptional: true,
      isRepeated: true
    }
  ]
}

const ofGroup = async ({ commands, does }: Group): Promise<Grammar> => ({
  does,
  flags: [],
  arguments: [],
  commands: Object.fromEntries(
    await Promise.all(
      Object.entries(commands).map(async ([name, below]) =>
        [name, typeof below === "function" ? (await below()).command(described) : await ofGroup(below)] as const
      )
    )
  )
})

const all = await ofGroup(commands)

/** The flags and the help of every command. */
export const grammar: Grammar = {
  ...all,
  commands: Object.fromEntries(
    Object.entries({ ...all.commands, completions }).sort(([one], [other]) => one < other ? -1 : 1)
  )
}
