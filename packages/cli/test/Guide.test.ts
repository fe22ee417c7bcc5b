/** Documents name every command, and the calls in them are calls that it takes. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { checked, type Grammar } from "../src/arguments/grammar.js"
import { grammar } from "../src/commands/grammar.js"

/** The words of a line of the shell, up to what pipes or redirects it; substitutions are words. */
const words = (line: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const [word, single, double] of line.matchAll(/'([^']*)'|"([^"]*)"|[^\s'"]+/g)) {
    if (/^[|>;&]/.test(word)) break
    found.push(single ?? double ?? word)
  }
  return found
}

const read = (document: string): string => readFileSync(new URL(`../../../${document}`, import.meta.url), "utf8")

const calls = (document: string): ReadonlyArray<string> => {
  const text = read(document)
  const blocks = [...text.matchAll(/^```(?:console|sh)\n([\s\S]*?)^```/gm)].map(([, block]) => block!)
  return blocks.flatMap((block) => block.replaceAll("\\\n", " ").split("\n")).flatMap((line) => {
    const [, call] =
      /^(?:\$ )?(?:\w+=\$\()?(?:npm run noukai --|npx @effect-noukai\/cli|noukai)(?: (.*?))?\)?(?:\s+#.*)?$/.exec(
        line
      ) ?? []
    return call === undefined ? [] : [call]
  })
}

/** The names of all commands, those of a group after its name. */
const names = ({ commands }: Grammar, above = ""): ReadonlyArray<string> =>
  commands === undefined
    ? [above.trim()]
    : Object.entries(commands).flatMap(([name, below]) => names(below, `${above} ${name}`))

describe("every command", () => {
  const guide = read("docs/guides/command.md") + read("docs/guides/batches.md") + read("docs/guides/evals.md")
  const rows = read("packages/cli/README.md").split("\n").filter((line) => line.startsWith("| `"))

  it.each(names(grammar))("%s is in a guide and in the table of the README", (name) => {
    assert.include(guide, `noukai ${name}`)
    const [command = "", below] = name.split(" ")
    assert.isTrue(
      rows.some((row) => new RegExp(`\\b${command}\\b`).test(row) && (below === undefined || row.includes(below)))
    )
  })
})

describe("calls in documents", () => {
  for (
    const document of [
      "docs/guides/command.md",
      "packages/cli/README.md",
      "README.md",
      "docs/guides/batches.md",
      "docs/guides/evals.md",
      "docs/guides/gate.md",
      "docs/guides/spreadsheet.md"
    ]
  ) {
    const all = calls(document)
    it(`of ${document} (${all.length})`, () => {
      for (const call of all) {
        const asked = checked(grammar, words(call))
        assert.notStrictEqual(asked._tag, "wrong", `${call}: ${asked._tag === "wrong" ? asked.message : ""}`)
      }
    })
  }

  it("are found", () => assert.isAbove(calls("docs/guides/command.md").length, 15))
})
