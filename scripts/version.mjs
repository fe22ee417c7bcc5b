/**
 * Moves the changesets into the version of the packages and into the changelog. Writes the version into each other place that needs it.
 *
 *     node scripts/version.mjs
 *
 * All packages have one version, so there is one changelog: a user who updates reads each change once.
 */
import getReleasePlan from "@changesets/get-release-plan"
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { publishable, read, root } from "./workspace.mjs"

const manifests = readdirSync(join(root, "packages")).map((folder) => `packages/${folder}/package.json`)

const modules = ["sdk/src/internal/options/headers.ts", "promise/src/Version.ts", "cli/src/version.ts"]
  .map((path) => `packages/${path}`)

/** A badge of the README as a picture, so that no page asks another server for it. */
const badge = (label, value) => {
  const [left, right] = [label, value].map((text) => Math.round(text.length * 6.6) + 14)
  const part = (x, width, text, fill) =>
    `<rect x="${x}" width="${width}" height="20" fill="${fill}"/><text x="${x + width / 2}" y="14">${text}</text>`
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${
    left + right
  }" height="20" role="img" aria-label="${label} ${value}">` +
    `<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">` +
    `${part(0, left, label, "#444")}${part(left, right, value, "#0b6bcb")}</g></svg>\n`
}

/** The files that depend on the version, each with its text for a version. */
const rendered = (version) => [
  ["docs/guides/badge-version.svg", badge("version", version)],
  [
    "docs/guides/badge-node.svg",
    badge("Node", JSON.parse(read("package.json")).engines.node.replace(">=", "") + " or later")
  ],
  ["docs/guides/badge-licence.svg", badge("licence", JSON.parse(read("package.json")).license)],
  ...manifests.map((path) => [path, read(path).replace(/("@effect-noukai\/[^"]+": )"\d[^"]*"/g, `$1"${version}"`)]),
  ...modules.map((path) => [path, read(path).replace(/(?<=const version\b.* = )"[^"]*"/i, `"${version}"`)])
]

/** The version of all packages. */
export const current = () => JSON.parse(read("packages/sdk/package.json")).version

/** Whether the files agree with the version. */
export const outdated = () =>
  [
    ...publishable().filter(({ manifest }) => manifest.version !== current()).map(({ folder }) =>
      `${folder}/package.json`
    ),
    ...rendered(current()).filter(([path, text]) => !existsSync(join(root, path)) || text !== read(path)).map((
      [path]
    ) => path)
  ].map((path) => `${path}: does not have the version ${current()}`)

/** A changeset as entries of the changelog. */
const entries = ({ summary }) => summary.startsWith("- ") ? summary : `- ${summary.replaceAll("\n", "\n  ")}`

/** The changelog with a section for the version; a section that is unreleased becomes that section. */
const changelog = (version, changesets) => {
  const [title, ...sections] = read("CHANGELOG.md").split(/\n(?=## )/)
  const open = /^## .* \(unreleased\)\n/.test(sections[0] ?? "") ? sections.shift().replace(/^.*\n+/, "") : ""
  const heading = `## ${version} (${new Date().toISOString().slice(0, 10)})`
  const body = [...changesets.map(entries), open.trimEnd()].filter((text) => text !== "").join("\n")
  return [title, `${heading}\n\n${body}\n`, ...sections].join("\n")
}

const write = (path, text) => writeFileSync(join(root, path), text)

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { changesets, releases } = await getReleasePlan(root)
  const version = releases[0]?.newVersion ?? current()
  if (changesets.length > 0 || / \(unreleased\)$/m.test(read("CHANGELOG.md"))) {
    write("CHANGELOG.md", changelog(version, changesets))
  }
  for (const { folder } of publishable()) {
    const path = `${folder}/package.json`
    write(path, read(path).replace(/"version": "[^"]*"/, `"version": "${version}"`))
  }
  for (const [path, text] of rendered(version)) write(path, text)
  for (const { id } of changesets) rmSync(join(root, `.changeset/${id}.md`))
  execFileSync("npm", ["install", "--package-lock-only", "--ignore-scripts"], { cwd: root, stdio: "inherit" })
  console.log(version)
}
