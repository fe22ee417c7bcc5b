/**
 * Faults that no compiler sees: machine paths, registry hosts, skipped tests, unfinished work, READMEs that drifted,
 * documents that name files or headings which are not there.
 */
import { existsSync, readdirSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { grouped } from "../site/groups.mjs"
import { modules as documented } from "./documented.mjs"
import { differences } from "./readme.mjs"
import { outdated } from "./version.mjs"
import { files, libraries, publicExports, read, root } from "./workspace.mjs"

const text = /\.([cm]?[jt]sx?|json|md|ya?ml|sh|txt)$|(^|\/)(LICENSE|\.npmrc|\.gitignore|\.ci\/[^/]+)$/

/** The documents whose sentences are checked; their programs are not. */
const plain =
  /^(?:README|docs\/wire|docs\/guides\/[\w-]+|packages\/(?:sdk|promise|effect4|adapters|emulator|cli|report|batch|eval|mcp|studio)\/(?:README|AGENTS))\.md$/

/** The files whose comments are checked: the sources of every package. */
const plainComments = /^packages\/\w+\/src\/.*\.ts$/

const hard = String
  .raw`\b(?:whatever|whoever|that of|of which)\b|(?<!\bthere )\b(?:is|are|was|were) no (?!longer\b|more\b)`

const hardToRead = "a form that is hard to read: name the thing, and write \"is not a\""

const test = /\.test\.[cm]?tsx?$/

const rules = [
  {
    // a path, not the tail of a URL or of a longer path
    pattern: /(?<![\w.~/-])(?:file:\/\/)?\/(?:work|root|home|Users)\/[\w.]/,
    message: "a path of one machine"
  },
  {
    // in two halves, or this file would report itself
    pattern: new RegExp(`\\b(?:${["TO" + "DO", "FIX" + "ME"].join("|")})\\b`),
    message: "unfinished work"
  },
  {
    pattern: /\bcontract §?[CE]?\d/,
    message: "a contract that is not here: point to a section of docs/wire.md"
  },
  {
    only: /\.[cm]?[jt]sx?$/,
    pattern: /^\s*(?:\/\*\*|\*) What\b/,
    message: "a docstring that does not begin with its subject"
  },
  {
    only: plain,
    pattern: new RegExp(hard, "i"),
    message: hardToRead
  },
  {
    only: plainComments,
    pattern: new RegExp(String.raw`^\s*(?:/\*\*|\*|//) .*?(?:${hard})`, "i"),
    message: hardToRead
  },
  {
    only: test,
    pattern: /\b(?:describe|suite|it|test|bench)(?:\.\w+)*\.(?:only|skip|skipIf|runIf|todo|fails)\b/,
    message: "a test that does not run, or runs alone"
  },
  {
    only: test,
    pattern: /\b(?:only|skip|todo|fails): true\b|\b(?:ctx|context|task|t)\.skip\(/,
    message: "a test that does not run, or runs alone"
  },
  {
    only: /^(?!CHANGELOG|site\/).*\.md$/,
    pattern: /@effect-noukai\/[\w-]+(?:@\^?|` )\d|effect-noukai-[\w{},]+-\d|\bVersion \d+\.\d+\.\d+/,
    message: "a version of ours, which the next release makes wrong"
  },
  {
    only: /(^|\/)package-lock\.json$/,
    pattern: /"resolved": "(?:https?|git\+\w+|file):/,
    message: "a registry's host (.npmrc leaves them out; run npm install again)"
  },
  {
    only: /(^|\/)\.npmrc$/,
    pattern: /registry *=/,
    message: "a registry of one machine"
  }
]

/** Tests that do a part of their work in `npm test`, and that no run does whole. */
const unmarked = files().filter((path) => test.test(path) && !/\.(?:slow|whole|faults)\.|\/fleet\//.test(path))
  .filter((path) => /\/size\.js"/.test(read(path)))
  .map((path) => `${path}: uses size.ts, so its name needs .whole, .slow or .faults (vitest.workspace.ts)`)

/** A document with empty lines in place of its blocks of code, so that the numbers of lines stay. */
const withoutPrograms = (text) => text.replace(/^```[^]*?^```/gm, (block) => block.replace(/[^\n]+/g, ""))

const found = files().filter((path) => text.test(path)).flatMap((path) => {
  const applying = rules.filter(({ only }) => only === undefined || only.test(path))
  const lines = plain.test(path) ? withoutPrograms(read(path)) : read(path)
  return lines.split("\n").flatMap((line, index) =>
    applying
      .filter(({ pattern }) => pattern.test(line))
      .map(({ message }) => `${path}:${index + 1}: ${message}: ${line.trim().slice(0, 100)}`)
  )
})

/** The anchors of a document's headings. */
const anchors = (path) => {
  const seen = new Map()
  return new Set(
    read(path).replace(/^(`{3,})[\s\S]*?^\1/gm, "").split("\n").filter((line) => /^#+ /.test(line)).map((line) => {
      const name = line.replace(/^#+ /, "").toLowerCase().replace(/[^\p{L}\p{N}_ -]/gu, "").replaceAll(" ", "-")
      const times = seen.get(name) ?? 0
      seen.set(name, times + 1)
      return times === 0 ? name : `${name}-${times}`
    })
  )
}

/** Links to headings, of the document itself and of others, that lead nowhere. */
const headings = files().filter((path) => path.endsWith(".md")).flatMap((path) =>
  read(path).split("\n").flatMap((line, index) =>
    [...line.matchAll(/\]\((?!\w+:)([^)#\s]*)#([^)\s]+)\)/g)]
      .map(([, file, anchor]) => ({ anchor, target: file === "" ? path : join(dirname(path), file) }))
      .filter(({ anchor, target }) =>
        target.endsWith(".md") && existsSync(join(root, target)) && !anchors(target).has(anchor)
      )
      .map(({ anchor, target }) => `${path}:${index + 1}: ${target} has no heading #${anchor}`)
  )
)

/** Text in the blocks of a document that a shell would not take as it is pasted. */
const shellBlocks = files().filter((path) => plain.test(path) || path === "site/index.md").flatMap((path) => {
  const document = read(path)
  return [...document.matchAll(/^```(\w*)[^\n]*\n([^]*?)^```[ \t]*\n*(```powershell)?/gm)].flatMap(
    ([, language, block, powershell], n, all) => {
      const at = `${path}:${document.slice(0, all[n].index).split("\n").length}`
      if (language === "console") {
        return [`${at}: commands and their output in one block: write the commands as sh, and the output below them`]
      }
      if (language !== "sh" && language !== "powershell") return []
      const bare = block.replace(/'[^']*'|"[^"]*"/g, "''")
      return [
        [/^[ \t]*#|\s#\s/m, "a comment, which zsh takes for arguments: write it in the text"],
        [/^\$ /m, "a prompt, which goes into a copy"],
        [/<[a-z]/i, "a placeholder, which is a redirection"],
        [/\^/, "a ^ without quotes, which is a pattern in zsh and an escape in cmd: write \"effect@^3\""],
        ...language === "sh" && powershell === undefined
          ? [[
            /^export |^[A-Z_]+=\S*[ \n]|^\w+=\$\(|&$|\s<\s|[\w/]\*|\{\w+,/m,
            "a form that PowerShell does not know: let a powershell block follow"
          ]]
          : []
      ].filter(([pattern]) => pattern.test(bare)).map(([, message]) => `${at}: ${message}`)
    }
  )
})

/** Guides that do not say where a reader goes on. */
const ends = files("docs/guides").filter((path) => path.endsWith(".md") && !path.endsWith("README.md"))
  .filter((path) => !/^## Next\n\n.*\n$/m.test(read(path).slice(read(path).lastIndexOf("\n## ") + 1)))
  .map((path) => `${path}: does not end with "## Next" and links`)

const sections = anchors("docs/wire.md")

/** Sections of the wire that comments and tests name, and that are not there. */
const wire = files().filter((path) => text.test(path)).flatMap((path) =>
  read(path).split("\n").flatMap((line, index) =>
    [...line.matchAll(/docs\/wire\.md#([\w-]+)/g)]
      .filter(([, anchor]) => !sections.has(anchor))
      .map(([, anchor]) => `${path}:${index + 1}: docs/wire.md has no section #${anchor}`)
  )
)

const internals = "packages/sdk/src/internal"

const layers = readdirSync(join(root, internals))

const modules = new Set(files().map((path) => basename(path)))

/** A link to a file beside the document, and a path of the repository, or of the internal files of the sdk, in backticks. */
const mention = new RegExp(
  `\\]\\((?!\\w+:|#)([^)#\\s]+)|\`((?:packages|scripts|scratchpad|internal|${
    layers.join("|")
  })/[\\w./-]+\\.(?:ts|mjs|json))\``,
  "g"
)

const nowhere = files().filter((path) => path.endsWith(".md")).flatMap((path) =>
  read(path).split("\n").flatMap((line, index) =>
    [...line.matchAll(mention)]
      .map(([, link, file]) =>
        link !== undefined
          ? join(dirname(path), link)
          : layers.includes(file.split("/")[0])
          ? join(internals, file)
          : file.replace(/^internal/, internals)
      )
      .filter((target) => !existsSync(join(root, target)))
      .concat([...line.matchAll(/`(\w+\.(?:ts|mjs))`/g)].map(([, name]) => name).filter((name) => !modules.has(name)))
      .map((target) => `${path}:${index + 1}: ${target} is not there`)
  )
)

/** Public modules that a manifest does not name, and names without a module. */
const unlisted = libraries().flatMap(({ folder, manifest }) => {
  const modules = files(`${folder}/src`).map((path) => path.slice(`${folder}/src/`.length))
    .filter((path) => /^\w+\.ts$/.test(path) && path !== "index.ts")
    .map((path) => `./${path.replace(/\.ts$/, "")}`)
  const named = Object.entries(publicExports(manifest)).filter(([name]) => name !== ".")
    .map(([, { "@effect-noukai/source": source }]) => source.replace(/^\.\/src\/(.+)\.ts$/, "./$1"))
  return [
    ...modules.filter((name) => !named.includes(name)).map((name) => `${folder}/package.json: no export ${name}`),
    ...named.filter((name) => !modules.includes(name)).map((name) => `${folder}/package.json: no module of ${name}`)
  ]
})

/** Public modules without a group in the reference of the site. */
const ungrouped = () => {
  try {
    grouped([...documented.keys()].map((name) => ({ name })))
    return []
  } catch (error) {
    return [error.message]
  }
}

const problems = [
  ...found,
  ...shellBlocks,
  ...ends,
  ...unmarked,
  ...differences(),
  ...nowhere,
  ...headings,
  ...wire,
  ...unlisted,
  ...ungrouped(),
  ...outdated()
]
for (const problem of problems) console.log(problem)
process.exitCode = problems.length === 0 ? 0 : 1
