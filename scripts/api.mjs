/**
 * The public API of each library as text, `packages/<name>/<name>.api.md`, of the build: a change of a signature is seen in a
 * review. Fails when a report is not what the build says.
 *
 *     npm run api -- --write    writes the reports
 */
import { Extractor, ExtractorConfig } from "@microsoft/api-extractor"
import { mkdirSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { libraries, publicExports, root } from "./workspace.mjs"

const compilerOptions = {
  module: "nodenext",
  moduleResolution: "nodenext",
  target: "es2022",
  lib: ["es2022", "dom"],
  types: ["node"],
  strict: true,
  skipLibCheck: true
}

const silent = { default: { logLevel: "none" } }

const isWriting = process.argv.includes("--write")

for (const { folder, manifest } of libraries()) {
  const projectFolder = join(root, folder)
  const build = join(projectFolder, "build/api")
  // every module that programs may import, under its name
  const modules = Object.entries(publicExports(manifest)).map((
    [path, { default: file }]
  ) => ({ name: path === "." ? "index" : path.slice(2), file }))
  mkdirSync(build, { recursive: true })
  writeFileSync(
    join(build, "all.d.ts"),
    modules.map(({ file, name }) => `export * as ${name} from "../../${file.slice(2)}"\n`).join("")
  )
  const { apiReportChanged } = Extractor.invoke(
    ExtractorConfig.prepare({
      configObject: {
        projectFolder,
        mainEntryPointFilePath: join(build, "all.d.ts"),
        compiler: { overrideTsconfig: { compilerOptions } },
        apiReport: {
          enabled: true,
          reportFolder: projectFolder,
          reportTempFolder: build,
          reportFileName: basename(folder)
        },
        docModel: { enabled: false },
        dtsRollup: { enabled: false },
        tsdocMetadata: { enabled: false },
        messages: { compilerMessageReporting: silent, extractorMessageReporting: silent, tsdocMessageReporting: silent }
      },
      configObjectFullPath: undefined,
      packageJsonFullPath: join(projectFolder, "package.json")
    }),
    { localBuild: isWriting, messageCallback: (message) => (message.handled = true) }
  )
  if (!apiReportChanged) continue
  console.log(
    `${folder}/${basename(folder)}.api.md ${
      isWriting ? "is written" : "is not the API of the build: npm run api -- --write"
    }`
  )
  if (!isWriting) process.exitCode = 1
}
