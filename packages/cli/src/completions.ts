/** Completions for shells. The script of a shell calls this command for each completion. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { Flag, Grammar } from "./arguments/grammar.js"
import { stateFolder } from "./settings/environment.js"

/** The scripts by shell. */
const scripts: { readonly [shell: string]: string } = {
  bash: `_noukai() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(noukai completions bash -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]#=}"))
}
complete -o default -F _noukai noukai
`,
  zsh: `#compdef noukai
_noukai() {
  local -a found
  found=("\${(@f)$(noukai completions zsh -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$found" ]]; then _describe noukai found; else _files; fi
}
if [[ "$funcstack[1]" = _noukai ]]; then _noukai "$@"; else compdef _noukai noukai; fi
`,
  fish: `function __noukai
  set -l found (noukai completions fish -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)
  if test (count $found) -gt 0; printf '%s\\n' $found; else; __fish_complete_path (commandline -ct); end
end
complete -c noukai -f -a '(__noukai)'
`
}

/** The shells that have completions. */
export const shells: ReadonlyArray<string> = Object.keys(scripts)

type Candidate = readonly [value: string, does: string]

const safe = /^[\w./:@%+,=-]+$/

const orNone = <A>(read: () => ReadonlyArray<A>): ReadonlyArray<A> => {
  try {
    return read()
  } catch {
    return []
  }
}

/** The runs in this machine's history, newest first. */
const seen = (): ReadonlyArray<{ readonly flow: string; readonly run: string }> =>
  ["history.jsonl", "history.1.jsonl"].flatMap((name) =>
    orNone(() => readFileSync(join(stateFolder(), name), "utf8").split("\n").filter((line) => line !== "").reverse())
  ).flatMap((line) =>
    orNone(() => {
      const { flow, run } = JSON.parse(line)
      // a shell would evaluate other characters
      return safe.test(flow) && safe.test(run) ? [{ flow, run }] : []
    })
  )

const valuesOf = ({ name, values }: Flag): ReadonlyArray<Candidate> =>
  (name === "--env" ? "production | dev" : values ?? "").split(" | ").filter((_, __, all) => all.length > 1)
    .map((value) => [value, ""])

/** Returns completions of the last word. A file or a free text has none. */
const candidates = (grammar: Grammar, words: ReadonlyArray<string>): ReadonlyArray<Candidate> => {
  let at = grammar
  let open: Flag | undefined
  const given: Array<string> = []
  const used = new Set<Flag>()
  const flag = (name: string) => at.flags.find(({ names }) => names.includes(name))
  const current = words.at(-1) ?? ""
  // bash splits words at =
  for (const word of words.slice(0, -1).filter((word) => word !== "=")) {
    if (open !== undefined) open = undefined
    else if (word.startsWith("-")) {
      const found = flag(word.split("=")[0]!)
      if (found !== undefined) used.add(found)
      if (found !== undefined && found.values !== null && !word.includes("=")) open = found
    } else if (at.commands === undefined) given.push(word)
    else if (word !== "help") {
      const below = Object.hasOwn(at.commands, word) ? at.commands[word] : undefined
      at = below ?? { ...at, commands: {}, flags: [] }
    }
  }
  if (open !== undefined) return valuesOf(open)
  if (current.startsWith("-")) {
    const [name = "", ...value] = current.split("=")
    const found = flag(name)
    return found !== undefined && value.length > 0
      ? valuesOf(found).map(([value, does]) => [`${name}=${value}`, does])
      : at.flags.filter((flag) => flag.isRepeated || !used.has(flag)).map(({ does, name }) => [name, does])
  }
  if (at.commands !== undefined) return Object.entries(at.commands).map(([name, { does }]) => [name, does])
  const argument = at.arguments[given.length] ?? at.arguments.findLast(({ isRepeated }) => isRepeated)
  if (argument?.name === "<shell>") return shells.map((shell) => [shell, ""])
  if (at.arguments[0]?.name !== "<flow>") return []
  if (given.length === 0) return seen().map(({ flow }) => [flow, ""])
  return argument === undefined || argument.name === "<message>"
    ? []
    : seen().filter(({ flow }) => flow.endsWith(given[0]!)).map(({ flow, run }) => [run, flow])
}

/** Returns the script of a shell, or completions for `words`. Returns `undefined` for an unknown shell. */
export const completions = (grammar: Grammar, [shell = "", ...words]: ReadonlyArray<string>): string | undefined => {
  if (!Object.hasOwn(scripts, shell)) return undefined
  if (words.length === 0) return scripts[shell]
  return [...new Map(candidates(grammar, words))].filter(([value]) => value.startsWith(words.at(-1)!)).map(
    ([value, does]) =>
      shell === "bash"
        ? `${value}\n`
        : shell === "zsh"
        ? `${value.replaceAll(":", "\\:")}${does === "" ? "" : `:${does}`}\n`
        : `${value}\t${does}\n`
  ).join("")
}
