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

const fence =
  /(?:<!-- file: (\S+) -->\n)?^(`{3,})(ts|tsx|mts|typescript|dockerfile|html|json)\b([^\n]*)\n([\s\S]*?)^\2[ \t]*$/gm

/** Blocks of these may be an example of a file of the reader. */
const mayBeShown = new Set(["html", "json"])

/** Files that a check compiles, and those that a test opens. `npm run test:packages` compiles and runs the consumers. */
const compiled = /^(scratchpad|packages\/[^/]+\/(test|typetest)|scripts\/consumers)\/.+\.(m?tsx?|html|json)$/

const imports =
  /(?:from|import\(|import) ?"(\.[^"]+)\.js"|\bstarted\("([^"]+)\.ts"|\b(?:new URL\(|src=)"(\.[^"]+\.(?:tsx?|html|json))"/g

/** The files that tests import, or start as a program, and what those import. */
const reached = (() => {
  const found = new Set()
  const visit = (path) => {
    if (found.has(path) || !existsSync(join(root, path))) return
    found.add(path)
    for (const [, imported, started, program] of read(path).matchAll(imports)) {
      if (started !== undefined) visit(`scratchpad/${started}.ts`)
      else visit(join(dirname(path), program ?? `${imported}.ts`))
    }
  }
  files().filter((path) => /\.(test|browser)\.ts$/.test(path)).forEach(visit)
  return found
})()

/** The box of every section that installs packages, with those that the section needs. */
const installBox = (document, packages) => {
  const up = "../".repeat(document.split("/").length - 1)
  const effect = packages === "effect4"
    ? "Effect 4, which npm installs by default. The packages beside this one and the client with Promises are for Effect 3."
    : "Effect 3: write `effect@^3`, because npm's `latest` is Effect 4. Programs with Promises need not install it.\n" +
      `> A program [on Effect 4](${up}docs/guides/effect-4.md) uses \`@effect-noukai/effect4\`, or the client with Promises.`
  const command = packages === "cli"
    ? "npm run tarballs -- --global cli"
    : `npm run tarballs -- --into <your project> ${packages}`
  return `> [!IMPORTANT]
> **The packages are not on the registry yet.** Clone the repository, and run \`npm ci\` in the clone. Then run
> \`${command}\` there. It builds the packages, which takes some minutes, and installs them with their
> peers. Do this before the lines below, which then find the packages.
>
> **Effect** is ${effect}
>
> **A key** belongs to one project of [Noukai](https://noukai.xyz), and begins with \`nk_\`. You create it there, and publish your flows there. Without
> a key, use [the emulator](${up}packages/emulator/README.md).
`
}

const box = /^<!-- install: ([a-z0-9 ]+) -->\n(?:\n?(?:>.*\n)+)?/gm

/** The document with the boxes in place, and what was wrong with it. */
const renderBoxes = (document, text) => {
  const problems = []
  const rendered = text.replace(box, (found, packages, offset) => {
    const expected = `<!-- install: ${packages} -->\n\n${installBox(document, packages)}`
    const unknown = packages.split(" ").filter((name) => !existsSync(join(root, "packages", name)))
    const at = `${document}:${text.slice(0, offset).split("\n").length}`
    if (unknown.length > 0) problems.push(`${at}: ${unknown.join(", ")} is not a package`)
    if (found !== expected) problems.push(`${at}: the box differs from that of scripts/readme.mjs`)
    return expected
  })
  return { problems, rendered }
}

/** The document with the blocks' files in place, and what was wrong with it. */
const render = (document, before) => {
  const { problems, rendered: text } = renderBoxes(document, before)
  const rendered = text.replace(fence, (block, file, ticks, language, label, code, offset) => {
    const at = `${document}:${text.slice(0, offset).split("\n").length}`
    if (file === undefined && mayBeShown.has(language)) return block
    if (file === undefined) {
      problems.push(`${at}: a ${language} block without <!-- file: … --> on the line before it`)
    } else if ((language !== "dockerfile" && !compiled.test(file)) || !existsSync(join(root, file))) {
      problems.push(`${at}: ${file} is not a file below scratchpad/ or a package's tests`)
    } else if (language !== "dockerfile" && !reached.has(file) && !file.startsWith("scripts/consumers/")) {
      problems.push(`${at}: no test runs ${file}`)
    } else if (read(file).trimEnd() !== code.trimEnd()) {
      problems.push(`${at}: differs from ${file}`)
      return `<!-- file: ${file} -->\n${ticks}${language}${label}\n${read(file).trimEnd()}\n${ticks}`
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
