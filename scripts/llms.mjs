/**
 * Writes `llms.txt` of each package, an index for coding agents: what the package is, its modules, and the guides. The texts are those
 * of the manifest, of the docstrings of the modules, and of the table of guides.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { publicExports, publishable, read, root } from "./workspace.mjs"

const guides = "https://github.com/effect-noukai/effect-noukai/blob/main/docs/guides"

/** The guides, from the rows of their tables. */
const guideLines = [...read("docs/guides/README.md").matchAll(/^\| \[(.+)\]\((.+)\) \| (.+) \|$/gm)]
  .map(([, title, path, topics]) => `- [${title}](${guides}/${path}): ${topics}`)

/** The first sentence of the docstring of a module. */
const sentence = (path) => {
  const text = /^\/\*\*\n([^]*?)\n *\*(?:\/|\n)/m.exec(read(path))?.[1].replace(/^ *\* ?/gm, "").replaceAll("\n", " ")
  if (text === undefined) throw new Error(`${path}: no docstring of the module`)
  return /^.+?\.(?= |$)/.exec(text)?.[0] ?? text
}

const moduleLines = ({ folder, manifest }) =>
  Object.entries(publicExports(manifest)).map(([name, targets]) => {
    const source = targets["@effect-noukai/source"].slice("./".length)
    return `- [${manifest.name}${name.slice(1)}](${source}): ${sentence(`${folder}/${source}`)}`
  })

const section = (title, lines) => lines.length === 0 ? [] : [`## ${title}`, "", ...lines, ""]

for (const item of publishable()) {
  const { folder, manifest } = item
  const lines = [
    `# ${manifest.name}`,
    "",
    `> ${manifest.description}`,
    "",
    ...section("Start here", [
      "- [AGENTS.md](AGENTS.md): imports, common mistakes, tests",
      "- [README.md](README.md): the manual"
    ]),
    ...section("Modules", moduleLines(item)),
    ...section("Guides", guideLines)
  ]
  writeFileSync(join(root, folder, "llms.txt"), lines.join("\n"))
}
