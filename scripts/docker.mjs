/** The image of the guide: built where Docker is there, and checked for mistakes everywhere. */
import { validate } from "dockerfile-utils"
import { execFileSync, spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { read, root } from "./workspace.mjs"

const dockerfile = "scratchpad/deploy/Dockerfile"

const problems = validate(read(dockerfile)).map(({ message, range }) =>
  `${dockerfile}:${range.start.line + 1}: ${message}`
)
for (const problem of problems) console.log(problem)

/** Builds the image of a program that needs nothing. */
const build = () => {
  const folder = mkdtempSync(join(tmpdir(), "image-"))
  try {
    mkdirSync(join(folder, "src"))
    cpSync(join(root, dockerfile), join(folder, "Dockerfile"))
    const manifest = { private: true, type: "module", devDependencies: { typescript: "~5.9", "@types/node": "^20" } }
    writeFileSync(join(folder, "package.json"), JSON.stringify(manifest))
    const compilerOptions = { module: "nodenext", outDir: "dist", rootDir: "src", strict: true }
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["src"] }))
    writeFileSync(join(folder, "src/start.ts"), "console.log(\"ready\")\n")
    execFileSync("npm", ["install", "--package-lock-only", "--no-audit", "--no-fund"], { cwd: folder, stdio: "ignore" })
    execFileSync("docker", ["build", "--quiet", "."], { cwd: folder, stdio: "inherit" })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (spawnSync("docker", ["version"]).status === 0) build()
process.exitCode = problems.length === 0 ? 0 : 1
