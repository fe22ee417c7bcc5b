/**
 * The imports of `src/`, and cycles: dependency-cruiser with the rules of `arrow-rules.mjs`. It looks once
 * with Node's conditions and once without, because `#transport` leads to another file off Node. Between the folders of
 * `internal/` arrows run one way too, which its rules cannot say where public modules lie beside them.
 */
import { cruise } from "dependency-cruiser"
import { chdir } from "node:process"
import config from "./arrow-rules.mjs"
import { root, sources } from "./workspace.mjs"

chdir(root)
const packages = sources()

const folderOf = (path) => /^packages\/[^/]+\/src\/internal\/.+(?=\/)/.exec(path)?.[0]

/** Folders of `internal/` that lead back to themselves, each with the imports of one way round. */
const folderCycles = (modules) => {
  const arrows = new Map()
  for (const { dependencies, source } of modules) {
    const from = folderOf(source)
    for (const { resolved } of dependencies) {
      const to = folderOf(resolved)
      if (from === undefined || to === undefined || from === to) continue
      if (!arrows.has(from)) arrows.set(from, new Map())
      arrows.get(from).set(to, `${source} → ${resolved}`)
    }
  }
  const wayBack = (start, at, seen) => {
    for (const [to, arrow] of arrows.get(at) ?? []) {
      if (to === start) return [arrow]
      if (seen.has(to)) continue
      seen.add(to)
      const rest = wayBack(start, to, seen)
      if (rest !== undefined) return [arrow, ...rest]
    }
    return undefined
  }
  return [...arrows.keys()].flatMap((folder) => {
    const way = wayBack(folder, folder, new Set())
    return way === undefined ? [] : [`folders: ${folder} leads back to itself:\n    ${way.join("\n    ")}`]
  })
}

const look = async (conditions) => {
  const { enhancedResolveOptions, ...options } = config.options
  const { output: { modules, summary } } = await cruise(
    packages,
    { ...options, validate: true, ruleSet: { forbidden: config.forbidden } },
    {
      ...enhancedResolveOptions,
      conditionNames: ["@effect-noukai/source", ...conditions, "import", "types", "default"]
    }
  )
  const seen = new Set(modules.map((module) => module.source))
  return {
    imports: summary.totalDependenciesCruised,
    violations: [
      ...summary.violations.map(({ cycle, from, rule, to }) => {
        const path = cycle === undefined ? to : cycle.map((step) => step.name).join(" → ")
        return `${rule.name}: ${from} → ${path}`
      }),
      ...folderCycles(modules),
      ...packages.filter((path) => !seen.has(path)).map((path) => `not looked at: ${path}`)
    ]
  }
}

const looks = packages.length === 0 ? [] : [await look(["node"]), await look([])]
const violations = [...new Set(looks.flatMap((look) => look.violations))].sort()
for (const violation of violations) console.log(violation)
if (violations.length > 0) {
  for (const { comment, name } of config.forbidden) {
    if (violations.some((violation) => violation.startsWith(`${name}:`))) console.log(`  ${name}: ${comment}`)
  }
}
if (looks.some((look) => look.imports === 0)) console.log("no imports found: TypeScript was not read")
process.exitCode = violations.length > 0 || looks.some((look) => look.imports === 0) ? 1 : 0
