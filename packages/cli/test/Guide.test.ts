/** The calls of the command in documents are calls that it takes. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { checked } from "../src/arguments/grammar.js"
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

const calls = (document: string): ReadonlyArray<string> => {
  const text = readFileSync(new URL(`../../../${document}`, import.meta.url), "utf8")
  const blocks = [...text.matchAll(/^```(?:console|sh)\n([\s\S]*?)^```/gm)].map(([, block]) => block!)
  return blocks.flatMap((block) => block.replaceAll("\\\n", " ").split("\n")).flatMap((line) => {
    const [, call] =
      /^(?:\$ )?(?:\w+=\$\()?(?:npm run noukai --|npx @effect-noukai\/cli|noukai)(?: (.*?))?\)?(?:\s+#.*)?$/.exec(
        line
      ) ?? []
    return call === undefined ? [] : [call]
  })
}

describe("calls in documents", () => {
  for (
    const document of [
      "docs/guides/command.md",
      "packages/cli/README.md",
      "README.md",
      "docs/guides/batches.md",
      "docs/guides/evals.md"
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
