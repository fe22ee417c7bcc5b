/**
 * The pages of the site, below `site/build`: the guides, the READMEs and the changelog as they are, with their links
 * turned into links of the site. A block of a checked file is shown with its path, by which hovers know its neighbours.
 */
import { renderMermaidSVG } from "beautiful-mermaid"
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { basename, dirname, extname, join, posix } from "node:path"
import { read, root } from "../scripts/workspace.mjs"

export const pages = join(root, "site/build")

const repository = "https://github.com/effect-noukai/effect-noukai/blob/main"

const documents = new Map([
  ["site/index.md", "index.md"],
  ["README.md", "overview.md"],
  ["CHANGELOG.md", "changelog.md"],
  ["ARCHITECTURE.md", "architecture.md"],
  ["CONTRIBUTING.md", "contributing.md"],
  ["docs/wire.md", "wire.md"],
  ["docs/guides/README.md", "guides/index.md"],
  ...readdirSync(join(root, "docs/guides"))
    .filter((name) => name.endsWith(".md") && name !== "README.md")
    .map((name) => [`docs/guides/${name}`, `guides/${name}`]),
  ...readdirSync(join(root, "packages"))
    .filter((name) => existsSync(join(root, "packages", name, "README.md")))
    .map((name) => [`packages/${name}/README.md`, `packages/${name}.md`])
])

const images = [".png", ".svg"]

/** The link of a document, as a link of its page; files that are not pages are in the repository. */
const link = (document, page, target) => {
  if (/^(\w+:|#|\/)|\.html(#|$)/.test(target)) return target
  const [path, anchor] = target.split("#")
  const file = posix.normalize(posix.join(posix.dirname(document), path))
  const suffix = anchor === undefined ? "" : `#${anchor}`
  const found = documents.get(file) ?? documents.get(`${file}/README.md`)
  if (found !== undefined) {
    const relative = posix.relative(posix.dirname(page), found)
    return `${relative.startsWith(".") ? relative : `./${relative}`}${suffix}`
  }
  if (images.includes(extname(file))) {
    mkdirSync(join(pages, "images"), { recursive: true })
    cpSync(join(root, file), join(pages, "images", basename(file)))
    const relative = posix.relative(posix.dirname(page), `images/${basename(file)}`)
    return relative.startsWith(".") ? relative : `./${relative}`
  }
  if (!existsSync(join(root, file))) throw new Error(`${document}: there is no file ${file}`)
  return `${repository}/${file}${suffix}`
}

/** The name under which the programs of a page import a file. */
const nameOf = (file) => file.replace(/^(?:scratchpad|packages\/\w+\/test\/examples)\//, "")

const block = /<!-- file: (\S+) -->\n(`{3,})(ts|tsx|mts)\b/g

/** A block of code, or a link of Markdown or HTML outside of one. */
const linked = /^(`{3,})[^]*?^\1[ \t]*$|\]\(([^()\s]+)\)|\b(src|href)="([^"]+)"/gm

/** A block for PowerShell belongs to the one above it: the page shows one of them. */
const shells = /^```sh\n([^]*?)^```\n\n```powershell\n([^]*?)^```$/gm

/** The first sentences of a document, for search engines and lists of pages. */
const descriptionOf = (text) => {
  const paragraph =
    text.replace(/^```[^]*?^```$/gm, "").replace(/^(?:#.*|!\[.*|<.*|>.*|\s*)$\n/gm, "\n").split(/\n{2,}/).find((part) =>
      /^[\w*`[]/.test(part.trim())
    ) ?? ""
  const plain = paragraph.replace(/\[([^\]]+)\]\([^)]+\)/g, "$1").replace(/[*`]/g, "").replace(/\s+/g, " ").trim()
  return plain.length <= 160 ? plain : `${plain.slice(0, plain.lastIndexOf(" ", 156))} …`
}

/** A page has a description and the document that it is made of, unless it says more itself. */
const frontmatter = (document, text) =>
  text.startsWith("---\n")
    ? text.replace("---\n", `---\nsource: ${document}\n`)
    : `---\nsource: ${document}\ndescription: ${JSON.stringify(descriptionOf(text))}\n---\n\n${text}`

let diagrams = 0

/** A diagram is drawn into the page: its library is larger than the site. */
const drawn = (_, diagram) => {
  const name = `diagram-${++diagrams}.svg`
  mkdirSync(join(pages, "images"), { recursive: true })
  writeFileSync(
    join(pages, "images", name),
    renderMermaidSVG(diagram, { bg: "#ffffff", fg: "#1f2328", transparent: false })
  )
  return `<img class="diagram" src="/images/${name}" alt="A diagram; its text is in the repository">`
}

const render = (document, page) =>
  frontmatter(document, read(document))
    .replace(/^```mermaid\n([^]*?)^```$/gm, drawn)
    .replace(
      shells,
      (_, sh, powershell) =>
        `::: code-group\n\n\`\`\`sh [bash, zsh]\n${sh}\`\`\`\n\n\`\`\`powershell [PowerShell]\n${powershell}\`\`\`\n\n:::`
    )
    .replace(block, (_, file, ticks, language) => {
      const path = page === "index.md" ? "" : `<p class="path">${nameOf(file)}</p>\n\n`
      return `${path}${ticks}${language} twoslash file=${file}`
    })
    .replace(linked, (found, ticks, target, attribute, value) => {
      if (ticks !== undefined) return found
      return target === undefined
        ? `${attribute}="${link(document, page, value)}"`
        : `](${link(document, page, target)})`
    })

/** Writes the pages. `from` and `to` are paths from the root and from `site/build`. */
export const stage = () => {
  rmSync(pages, { force: true, recursive: true })
  mkdirSync(join(pages, "public"), { recursive: true })
  cpSync(join(root, "site/mark.svg"), join(pages, "public/mark.svg"))
  cpSync(join(root, "docs/guides/studio-run.png"), join(pages, "public/picture.png"))
  for (const [document, page] of documents) {
    mkdirSync(dirname(join(pages, page)), { recursive: true })
    writeFileSync(join(pages, page), render(document, page))
  }
}

/** The groups of the guides, in the order of their README: its headings, and the links of its tables and lists. */
const groupsOfGuides = () => {
  const groups = []
  for (const line of read("docs/guides/README.md").split("\n")) {
    const [, heading] = /^## (.*)$/.exec(line) ?? []
    if (heading !== undefined) groups.push({ text: heading, items: [] })
    const [, text, file] = /^(?:\| |\d+\. )\[([^\]]+)\]\(([\w-]+)\.md\)/.exec(line) ?? []
    if (text !== undefined) groups.at(-1)?.items.push({ text, link: `/guides/${file}` })
    const [, title, page] = /^\| \[([^\]]+)\]\(\.\.\/([\w-]+)\.md\)/.exec(line) ?? []
    if (title !== undefined) groups.at(-1)?.items.push({ text: title, link: `/${page}` })
    const [, first, manual, section] =
      /^\d+\. \[([^\]]+)\]\(\.\.\/\.\.\/packages\/(\w+)\/README\.md#([\w-]+)\)/.exec(line) ?? []
    if (first !== undefined) groups.at(-1)?.items.push({ text: first, link: `/packages/${manual}#${section}` })
  }
  return groups.filter(({ items }) => items.length > 0)
}

const isPath = ({ text }) => text.startsWith("With ")

/** The groups of the sidebar. The paths are on the page of all guides: here each guide stands once. */
export const guides = () => groupsOfGuides().filter((group) => !isPath(group))

/** Returns the pages before and after a page on the first path that it is on; `false`: none. Other pages follow the sidebar. */
export const neighbours = (page) => {
  const link = `/${page.replace(/\.md$/, "")}`
  for (const { items } of groupsOfGuides().filter(isPath)) {
    const at = items.findIndex((item) => item.link.split("#")[0] === link)
    if (at >= 0) return { prev: items[at - 1] ?? false, next: items[at + 1] }
  }
  return {}
}
