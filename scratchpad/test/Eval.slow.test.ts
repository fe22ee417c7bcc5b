/** The example of the guide to evals: its gate, its files, and the steps of its workflow. */
import { startEmulator } from "@effect-noukai/emulator"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { parse } from "yaml"
import { bin, noukai } from "../../packages/cli/test/support/command.js"
import { isWhole, size } from "../../packages/sdk/test/support/size.js"
import { demo } from "../eval/demo.js"

const here = fileURLToPath(new URL("../eval", import.meta.url))

// the steps of the workflow run the same eval
if (isWhole) {
  it("the gate finds the draft better in one check and worse in another", async () => {
    const { checks, verdict } = await Effect.runPromise(demo)
    assert.deepInclude(checks["word"]!.verdicts, { fixed: 40, regressed: 4 })
    assert.deepInclude(checks["hint"]!.verdicts, { fixed: 0, regressed: 25 })
    assert.strictEqual(verdict, "failed")
  })
}

it("the guide shows the files of the example", async () => {
  const guide = await readFile(new URL("../../docs/guides/evals.md", import.meta.url), "utf8")
  for (const name of ["spelling.eval.yaml", "workflow.yml"]) {
    assert.include(guide, await readFile(join(here, name), "utf8"))
  }
})

it("each step of the workflow runs, without and with a server", { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "noukai-workflow-"))
  const flows = JSON.parse(await readFile(join(here, "flows.json"), "utf8")).flows
  const emulator = await startEmulator({ flows, jobs: { workers: 16 } })
  try {
    const commands = join(folder, "bin")
    await mkdir(commands)
    await writeFile(join(commands, "noukai"), `#!/bin/sh\nexec "${process.execPath}" "${bin}" "$@"\n`, { mode: 0o755 })
    await cp(here, join(folder, "work"), { recursive: true })
    const cwd = join(folder, "work")
    const cases = (await readFile(join(here, "cases.jsonl"), "utf8")).split("\n")
    await writeFile(join(cwd, "cases.jsonl"), `${cases.slice(0, size(200, 20)).join("\n")}\n`)
    const summary = join(folder, "summary.md")
    const inShell = (line: string, env: NodeJS.ProcessEnv) =>
      promisify(execFile)("sh", ["-c", line], {
        cwd,
        env: { PATH: `${commands}${delimiter}${process.env["PATH"]}`, GITHUB_STEP_SUMMARY: summary, ...env }
      }).then(() => 0, ({ code }: { readonly code: number }) => code)
    const inThisProcess = async (line: string, env: Record<string, string>) => {
      const [, ...args] = line.replace("\"$GITHUB_STEP_SUMMARY\"", summary).split(" ")
      return (await Effect.runPromise(noukai(args, { cwd, env }))).code
    }
    /** Runs a line of the shell, and returns its exit code. */
    const ran = (line: string, env: Record<string, string> = {}) =>
      isWhole ? inShell(line, env) : inThisProcess(line, env)
    const live = { NOUKAI_ENV: "dev", NOUKAI_PORT: String(emulator.port), NOUKAI_API_KEY: emulator.apiKey }
    const { jobs } = parse(await readFile(join(here, "workflow.yml"), "utf8")) as {
      readonly jobs: { readonly [job: string]: { readonly steps: ReadonlyArray<{ readonly run?: string }> } }
    }
    const steps = (job: string) =>
      jobs[job]!.steps.flatMap(({ run }) => run?.startsWith("noukai") === true ? [run] : [])

    // what the guide does before it
    assert.strictEqual(await ran("noukai eval run spelling.eval.yaml --record cassettes", live), 1)
    assert.strictEqual(await ran("noukai eval bless spelling.eval.yaml", live), 0)
    await rm(join(cwd, "spelling.ledger"))

    assert.deepStrictEqual(await Promise.all(steps("recorded").map((line) => ran(line))), [1])
    assert.match(await readFile(join(cwd, "report.xml"), "utf8"), /failures="[1-9]/)
    assert.match(await readFile(summary, "utf8"), /^## ❌ spelling/)

    const codes: Array<number> = []
    for (const line of steps("live")) codes.push(await ran(line, live))
    assert.deepStrictEqual(codes, [0, 0])
    assert.match(await readFile(join(cwd, "report.html"), "utf8"), /<strong>passed: /)
  } finally {
    await emulator.close()
    await rm(folder, { recursive: true })
  }
})
