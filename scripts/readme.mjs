/**
 * The TypeScript in the READMEs, in the `AGENTS.md` of packages, in `docs/guides` and on the first page of the site is the text of files
 * that the checks compile and tests run. Each block says which:
 *
 *     <!-- file: scratchpad/execute.ts -->
 *     ```ts
 *     …
 *     ```
 *
 * `node scripts/readme.mjs` compares, `node scripts/readme.mjs --write` copies the files into the documents.
 */
import { existsSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { files, read, root } from "./workspace.mjs"

const fence = /(?:<!-- file: (\S+) -->\n)?^(`{3,})(ts|tsx|mts|typescript)\b[^\n]*\n([\s\S]*?)^\2[ \t]*$/gm

/** Files that a check compiles. */
const compiled = /^(scratchpad|packages\/[^/]+\/(test|typetest))\/.+\.m?ts$/

const imports = /(?:from|import\(|import) ?"(\.[^"]+)\.js"|\bstarted\("([^"]+)\.ts"|\bnew URL\("(\.[^"]+)\.ts"/g

/** The files that tests import, or start as a program, and what those import. */
const reached = (() => {
  const found = new Set()
  const visit = (path) => {
    if (found.has(path) || !existsSync(join(root, path))) return
    found.add(path)
    for (const [, imported, started, program] of read(path).matchAll(imports)) {
      visit(started === undefined ? join(dirname(path), `${imported ?? program}.ts`) : `scratchpad/${started}.ts`)
    }
  }
  files().filter((path) => /\.test\.ts$/.test(path)).forEach(visit)
  return found
})()

/** The document with the blocks' files in place, and what was wrong with it. */
const render = (document, text) => {
  const problems = []
  const rendered = text.replace(fence, (block, file, ticks, language, code, offset) => {
    const at = `${document}:${text.slice(0, offset).split("\n").length}`
    if (file === undefined) {
      problems.push(`${at}: a ${language} block without <!-- file: … --> on the line before it`)
    } else if (!compiled.test(file) || !existsSync(join(root, file))) {
      problems.push(`${at}: ${file} is not a file below scratchpad/ or a package's tests`)
    } else if (!reached.has(file)) {
      problems.push(`${at}: no test runs ${file}`)
    } else if (read(file).trimEnd() !== code.trimEnd()) {
      problems.push(`${at}: differs from ${file}`)
      return `<!-- file: ${file} -->\n${ticks}${language}\n${read(file).trimEnd()}\n${ticks}`
    }
    return block
  })
  return { problems, rendered }
}

const documents = () =>
  files().filter((path) => /(^|\/)README\.md$|^packages\/\w+\/AGENTS\.md$|^(docs\/guides|site)\/.+\.md$/i.test(path))

/** The differences between the documents and the files they show. */
export const differences = () => documents().flatMap((document) => render(document, read(document)).problems)

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes("--write")) {
    for (const document of documents()) {
      const text = read(document)
      const { rendered } = render(document, text)
      if (rendered !== text) {
        writeFileSync(join(root, document), rendered)
        console.log(`wrote ${document}`)
      }
    }
  }
  const problems = differences()
  for (const problem of problems) console.log(problem)
  process.exitCode = problems.length === 0 ? 0 : 1
}
