/**
 * The TypeScript in the READMEs is the text of files that the checks compile. Each block says which:
 *
 *     <!-- file: scratchpad/execute.ts -->
 *     ```ts
 *     …
 *     ```
 *
 * `node scripts/readme.mjs` compares, `node scripts/readme.mjs --write` copies the files into the READMEs.
 */
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { files, read, root } from "./workspace.mjs"

const fence = /(?:<!-- file: (\S+) -->\n)?^(`{3,})(ts|tsx|mts|typescript)\b[^\n]*\n([\s\S]*?)^\2[ \t]*$/gm

/** Files that a check compiles. */
const compiled = /^(scratchpad|packages\/[^/]+\/(test|typetest))\/.+\.m?ts$/

/** The README with the blocks' files in place, and what was wrong with it. */
const render = (readme, text) => {
  const problems = []
  const rendered = text.replace(fence, (block, file, ticks, language, code, offset) => {
    const at = `${readme}:${text.slice(0, offset).split("\n").length}`
    if (file === undefined) {
      problems.push(`${at}: a ${language} block without <!-- file: … --> on the line before it`)
    } else if (!compiled.test(file) || !existsSync(join(root, file))) {
      problems.push(`${at}: ${file} is not a file below scratchpad/ or a package's tests`)
    } else if (read(file).trimEnd() !== code.trimEnd()) {
      problems.push(`${at}: differs from ${file}`)
      return `<!-- file: ${file} -->\n${ticks}${language}\n${read(file).trimEnd()}\n${ticks}`
    }
    return block
  })
  return { problems, rendered }
}

const readmes = () => files().filter((path) => /(^|\/)README\.md$/i.test(path))

/** What differs between the READMEs and the files they show. */
export const differences = () => readmes().flatMap((readme) => render(readme, read(readme)).problems)

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes("--write")) {
    for (const readme of readmes()) {
      const text = read(readme)
      const { rendered } = render(readme, text)
      if (rendered !== text) {
        writeFileSync(join(root, readme), rendered)
        console.log(`wrote ${readme}`)
      }
    }
  }
  const problems = differences()
  for (const problem of problems) console.log(problem)
  process.exitCode = problems.length === 0 ? 0 : 1
}
