/** The programs of the README of `@noukai/sdk`, taken from the installed package. */
import { readFileSync } from "node:fs"

const readme = readFileSync(new URL("../../../../node_modules/@noukai/sdk/README.md", import.meta.url), "utf8")

export interface Program {
  /** The heading above it, and which of those below the heading it is. */
  readonly name: string
  readonly text: string
}

const headingAt = (offset: number): string =>
  readme.slice(0, offset).match(/^#{2,4} .*$/gm)?.at(-1)?.replace(/^#+ /, "").replaceAll("`", "") ?? ""

/** Blocks, quoted ones too. */
const blocks = [...readme.matchAll(/^(> )?```typescript\n([^]*?)^(?:> )?```/gm)].map((match) => ({
  heading: headingAt(match.index),
  text: match[1] === undefined ? match[2]! : match[2]!.replace(/^> ?/gm, "")
}))

/** Two programs in one block, each with a client of the same name. */
const split = (text: string): ReadonlyArray<string> => {
  const at = text.indexOf("// Or manually:")
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at)]
}

const all = blocks.flatMap(({ heading, text }) => split(text).map((part) => ({ heading, text: part })))

/** Whether a program is for adapters, which are a package of their own. */
const ofAdapters = (text: string) => text.includes("/adapters/")

export const programs: ReadonlyArray<Program> = all.filter(({ text }) => !ofAdapters(text)).map(
  ({ heading, text }, index, shown) => ({
    name: `${heading} ${shown.slice(0, index + 1).filter((other) => other.heading === heading).length}`,
    text
  })
)

export const skipped = all.filter(({ text }) => ofAdapters(text)).length

/** The parts that the README leaves out, or makes up. */
const elisions: ReadonlyArray<readonly [pattern: RegExp, replacement: string]> = [
  [/parameters: \{\.\.\.\}/g, "parameters: { type: \"object\" }"],
  [/\{ ?\.\.\. ?\}/g, "{}"],
  [/\[\.\.\.\]/g, "givenTools"],
  [/"https:\/\/\.\.\."/g, "\"https://img.example.com/dog.png\""],
  [/"exec_abc123"/g, "givenExecution"],
  [/"step-1"/g, "\"check\""],
  [/"abc-123"/g, "givenSession"],
  [/"xyz-789"/g, "otherSession"]
]

const names = "Noukai, traceScope, FlowExecutionError, ServerErrorCode"

/**
 * A module with the program as a function of what the README takes for granted. Its import is the one thing that is
 * changed.
 */
export const moduleOf = ({ text }: Program): string => {
  const elided = elisions.reduce((program, [pattern, replacement]) => program.replace(pattern, replacement), text)
  const body = elided.replace(/^import \{[^}]*\} from "@noukai\/sdk";?$/gm, "")
  const declared = new Set([...body.matchAll(/^\s*(?:const|let|(?:await )?using) (\w+)/gm)].map(([, name]) => name))
  const given = ["noukai", "flow", "result", "controller", "abortController", "logger", "getWeather", "runTools"]
    .concat("givenTools", "givenExecution", "givenSession", "otherSession", "setTimeout")
    .filter((name) => !declared.has(name))
  return `import { ${names} } from "../../test/support/readmeClient.js"
import type { Given } from "../../test/support/readmeGiven.js"
export const program = async ({ ${given.join(", ")} }: Given): Promise<void> => {
${body}
}
export const used = [${names}]
`
}
