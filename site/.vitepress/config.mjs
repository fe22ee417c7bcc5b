import { transformerTwoslash } from "@shikijs/vitepress-twoslash"
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import ts from "typescript"
import { defineConfig } from "vitepress"
import llms from "vitepress-plugin-llms"
import { current } from "../../scripts/version.mjs"
import { root } from "../../scripts/workspace.mjs"
import { grouped } from "../groups.mjs"
import { searchOptions } from "../search.mjs"
import { guides, neighbours, pages } from "../stage.mjs"

/** The pages of the reference by package and group, from the list that typedoc writes. */
const reference = () => {
  const file = join(pages, "api/typedoc-sidebar.json")
  if (!existsSync(file)) return []
  const entries = JSON.parse(readFileSync(file, "utf8")).map(({ link, text }) => ({ link, name: text }))
  return grouped(entries).map(({ groups, name }) => ({
    text: name,
    collapsed: name !== "sdk",
    items: groups.map(({ modules, title }) => ({
      text: title,
      items: modules.map(({ entry: { link }, title }) => ({ text: title, link }))
    }))
  }))
}

const packageNames = [
  "sdk",
  "promise",
  "effect4",
  "adapters",
  "emulator",
  "report",
  "batch",
  "eval",
  "mcp",
  "studio",
  "cli"
]

const manuals = {
  text: "Manuals",
  items: [
    { text: "Overview and install", link: "/overview" },
    ...packageNames.map((name) => ({ text: name, link: `/packages/${name}` })),
    { text: "Changelog", link: "/changelog" },
    { text: "Architecture", link: "/architecture" },
    { text: "Contributing", link: "/contributing" }
  ]
}

const { compilerOptions } = ts.readConfigFile(join(root, "tsconfig.base.json"), ts.sys.readFile).config
const { compilerOptions: docs } = ts.readConfigFile(join(root, "tsconfig.docs.json"), ts.sys.readFile).config
const { options } = ts.convertCompilerOptionsFromJson({ ...compilerOptions, ...docs, jsx: "react-jsx" }, root)

/** VitePress renders each page twice, for the browser and for the HTML: the types of a block are computed once. */
const types = new Map()

/** Tells the compiler where the file of a block is, so that its imports lead to its neighbours. */
const placed = {
  name: "placed",
  preprocess(code, { meta }) {
    const [, file] = /\btwoslash file=(\S+)/.exec(meta?.__raw ?? "") ?? []
    return file === undefined ? code : `// @filename: ${file}\n// ---cut---\n${code}`
  }
}

/** A hover has the type and the first paragraph of the docstring: the reference has the rest. */
const shortened = (node) => {
  if (node.type === "hover") {
    node.docs = node.docs?.split("\n\n")[0]
    node.tags = undefined
  }
  return true
}

/** On a phone a row of a table is a block, whose cells have the names of their columns. */
const labelled = (md) => {
  md.core.ruler.push("labels", ({ tokens }) => {
    let labels = []
    let column = 0
    for (const [index, token] of tokens.entries()) {
      if (token.type === "table_open") labels = []
      if (token.type === "tr_open") column = 0
      if (token.type === "th_open") labels.push(tokens[index + 1].content.replace(/[`*]/g, ""))
      if (token.type === "td_open") token.attrSet("data-label", labels[column++] ?? "")
    }
  })
}

/** Vue reads an open `{{` in code as the beginning of an expression. */
const literal = (md) => {
  const { code_inline: render } = md.renderer.rules
  md.renderer.rules.code_inline = (...given) => render(...given).replaceAll("{{", "&#123;&#123;")
}

/** The anchors of GitHub, where the same documents are read. */
const slugify = (heading) => heading.trim().toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-")

/** The address of the site, for the links that search engines and other sites follow. */
const address = process.env.SITE_URL ?? "https://effect-noukai.github.io/effect-noukai/"

const addressOf = (page) => new URL(page.replace(/(^|\/)index\.md$/, "$1").replace(/\.md$/, ".html"), address).href

/** The time of the last commit of a document, in milliseconds; none outside of a clone. */
const changedAt = (document) => {
  try {
    const seconds = execFileSync("git", ["log", "-1", "--format=%ct", "--", document], { cwd: root, encoding: "utf8" })
    return seconds.trim() === "" ? undefined : Number(seconds) * 1000
  } catch {
    return undefined
  }
}

/** A draft is built in seconds: without types on hover. */
const isDraft = process.env.SITE_DRAFT !== undefined

export default defineConfig({
  title: "Effect SDK for Noukai",
  description: "Run flows of Noukai from Effect, from Promises or from a terminal: typed, once, and without surprises.",
  srcDir: "build",
  outDir: "dist",
  cacheDir: "build/.cache",
  base: process.env.SITE_BASE ?? "/",
  lang: "en",
  head: [["link", { rel: "icon", type: "image/svg+xml", href: `${process.env.SITE_BASE ?? "/"}mark.svg` }]],
  router: { prefetchLinks: false },
  sitemap: { hostname: address },
  lastUpdated: true,
  transformPageData(page) {
    const { source } = page.frontmatter
    if (source === undefined) page.frontmatter.editLink = false
    else page.lastUpdated = changedAt(source)
    const { next, prev } = neighbours(page.relativePath)
    if (next !== undefined) page.frontmatter.next = next
    if (prev !== undefined) page.frontmatter.prev = prev
  },
  transformHead: ({ description, pageData, title }) => {
    const url = addressOf(pageData.relativePath)
    const properties = {
      "og:title": title,
      "og:description": description,
      "og:url": url,
      "og:type": "website",
      "og:image": new URL("picture.png", address).href
    }
    return [
      ["link", { rel: "canonical", href: url }],
      ["meta", { name: "twitter:card", content: "summary_large_image" }],
      ...Object.entries(properties).map(([property, content]) => ["meta", { property, content }])
    ]
  },
  ignoreDeadLinks: false,
  metaChunk: true,
  markdown: {
    anchor: { slugify },
    theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" },
    config: (md) => {
      labelled(md)
      literal(md)
    },
    codeTransformers: isDraft ? [] : [
      placed,
      transformerTwoslash({
        throws: true,
        typesCache: { read: (code) => types.get(code) ?? null, write: (code, data) => types.set(code, data) },
        twoslashOptions: {
          vfsRoot: root,
          tsModule: ts,
          compilerOptions: options,
          handbookOptions: { noErrors: true }, // `npm run check` compiles the same files
          filterNode: shortened
        }
      })
    ],
    languages: ["ts", "tsx", "js", "jsx", "json", "yaml", "sh", "powershell", "dockerfile", "python", "html", "csv"]
  },
  vite: {
    plugins: [
      llms({
        domain: address.replace(/\/$/, ""),
        ignoreFiles: ["api/**/*", "architecture.md", "contributing.md", "changelog.md"]
      })
    ],
    build: { chunkSizeWarningLimit: 10_000 }
  },
  themeConfig: {
    nav: [
      { text: "Guides", link: "/guides/", activeMatch: "^/guides/" },
      { text: "Reference", link: "/api/", activeMatch: "^/api/" },
      { text: "Overview", link: "/overview" },
      { text: `v${current()}`, link: "/changelog" }
    ],
    logo: "/mark.svg",
    footer: { message: `Version ${current()}, MIT licence. Not made by Noukai.` },
    editLink: {
      pattern: ({ frontmatter }) => `https://github.com/effect-noukai/effect-noukai/edit/main/${frontmatter.source}`,
      text: "Edit this page"
    },
    sidebar: {
      "/api/": reference(),
      "/": [...guides(), manuals]
    },
    outline: [2, 3],
    search: { provider: "local", options: { miniSearch: { searchOptions } } },
    socialLinks: [{ icon: "github", link: "https://github.com/effect-noukai/effect-noukai" }]
  }
})
