/** The command and the program of a run that the studio shows: they begin the run that they say. */
import { Emulator, type EmulatorOptions } from "@effect-noukai/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { commandOf, programOf, type RunInput } from "../../studio/src/internal/runTexts.js"
import { bin } from "./support/command.js"
import { environment, serverAndClient } from "./support/server.js"

const flow = "acme/test/odd"

const steps = [{ kind: "template", id: "a", output: 1 }, { kind: "template", id: "b", output: 2 }] as const

const options: EmulatorOptions = { flows: [{ ref: flow, steps, versions: { 1: { steps } } }] }

const odd = "it's \"odd\" $HOME `id` $(id) \\n \\ !x\n\n--param\t\u001b[201~ü 漢 \u202e 🎈\r\n"

const inputs: { readonly [name: string]: RunInput } = {
  "odd texts": {
    flow,
    message: odd,
    parameters: { "a b": odd, n: 3, [odd.replaceAll("=", "")]: [1, odd], x: { y: null } }
  },
  "a message that looks like a flag": { flow, message: "--help", parameters: { a: "-", b: " c\u00a0", d: "" } },
  "a message that is a dash": { flow, message: "-" },
  "an empty message": { flow, message: "" },
  "no input": { flow },
  "names that a flag does not take": {
    flow,
    message: "x",
    parameters: JSON.parse("{\" a\":0,\"a=b\":1,\"c:\":\"2\",\"-d\":3,\"\":4,\"__proto__\":{\"e\":5}}") as object
  },
  "a name that begins with a quote": { flow, message: "x", parameters: { "'a": 1, "\"b": "2" } },
  "texts with NUL": { flow, message: "a\0b\\0000'\n", parameters: { x: "\0" } },
  "texts that are too long for a word": { flow, message: "m'".repeat(90_000), parameters: { x: "\\".repeat(150_000) } },
  "images, a limit and a version": {
    flow,
    message: "x",
    attachments: [{ url: "https://img.example.com/a b.png?c='d'&e", mime_type: "image/webp" }],
    maxCostUsd: "0.25",
    snapshots: true,
    version: "1"
  },
  "outputs of steps": { flow, message: odd, parameters: { a: true }, inputOverrides: { a: { text: odd } } },
  "an output that is text": { flow, message: "x", inputOverrides: { a: odd, b: null } },
  "a draft": { flow, message: "x", version: "draft" }
}

const server = (baseUrl: string) => ({ kind: "emulator" as const, address: baseUrl })

/** Runs a command in bash, in which `noukai` is the command of the tests. */
const inBash = (command: string, env: { readonly [name: string]: string }): Effect.Effect<string> =>
  Effect.async((resume) => {
    const script = `noukai() { ${JSON.stringify(process.execPath)} ${
      JSON.stringify(bin)
    } "$1" --no-history "\${@:2}"; }\n${command}`
    const child = execFile(
      "bash",
      ["-s"],
      { env: { PATH: process.env.PATH, LC_ALL: "C.UTF-8", ...env }, encoding: "utf8" },
      (error, stdout, stderr) =>
        resume(error === null ? Effect.succeed(stdout) : Effect.dieMessage(`${stderr}\n${stdout}`))
    )
    // a command of 300 kB is no argument; what it reads from is not the script
    child.stdin?.end(`{\n${script}\n} </dev/null\n`)
  })

describe("the command of a run", () => {
  for (const [name, input] of Object.entries(inputs)) {
    it.live(`begins it in bash: ${name}`, () =>
      Effect.gen(function*() {
        const env = yield* environment
        const { command, notes } = commandOf(server(env.NOUKAI_BASE_URL), input)
        yield* inBash(command, env)
        const { requests } = yield* Effect.flatMap(Emulator, (emulator) => emulator.ledger)
        const sent = requests.filter(({ endpoint }) => endpoint === "execute" || endpoint === "step")
        const [first] = sent
        const { attachments, inputOverrides = {}, message, parameters = {}, trace } = JSON.parse(first!.body)
        assert.strictEqual(trace, input.snapshots ?? false)
        assert.deepStrictEqual(notes, [])
        assert.strictEqual(message ?? undefined, input.message)
        assert.strictEqual(JSON.stringify(parameters), JSON.stringify(input.parameters ?? {}))
        assert.deepStrictEqual(inputOverrides, input.inputOverrides ?? {})
        assert.deepStrictEqual(
          attachments?.map(({ mime_type, url }: { readonly mime_type: string; readonly url: string }) => ({
            url,
            mime_type
          })),
          input.attachments
        )
        const path = input.version === undefined ? flow : `${flow}/v${input.version === "draft" ? 0 : input.version}`
        assert.include(first!.target, `${path}/`)
        // a limit and replaced outputs need a request for each step
        const isWalked = input.maxCostUsd !== undefined || input.inputOverrides !== undefined
        assert.strictEqual(first!.endpoint, isWalked ? "step" : "execute")
      }).pipe(Effect.provide(serverAndClient(options))))
  }

  it("says what it leaves out", () => {
    const notesOf = (input: Partial<RunInput>) => commandOf(server("http://127.0.0.1:8080"), { flow, ...input }).notes
    assert.match(notesOf({ message: "a", parameters: { message: "b" } })[0]!, /message once/)
    assert.match(notesOf({ inputOverrides: { "a=b": 1 } })[0]!, /cannot replace the output/)
    const image = { url: "https://img.example.com/a.png", mime_type: "image/png", filename: "a.png" }
    assert.match(notesOf({ attachments: [image] })[0]!, /no flag for the names/)
  })
})

describe("the program of a run", () => {
  it.scopedLive("compiles, and has the input", () =>
    Effect.gen(function*() {
      const root = fileURLToPath(new URL("../../..", import.meta.url))
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => {
          mkdirSync(join(root, "packages/cli/build"), { recursive: true })
          return mkdtempSync(join(root, "packages/cli/build", "texts-"))
        }),
        (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
      )
      const programs = Object.values(inputs).map(programOf)
      const files = programs.map((program, nth) => {
        const path = join(folder, `run${nth}.ts`)
        writeFileSync(path, program)
        return path
      })
      const compiled = ts.createProgram(files, {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.NodeNext,
        moduleResolution: ts.ModuleResolutionKind.NodeNext,
        customConditions: ["@effect-noukai/source"],
        strict: true,
        noEmit: true,
        skipLibCheck: true,
        types: []
      })
      const found = files.flatMap((path) => {
        const file = compiled.getSourceFile(path)!
        return [...compiled.getSyntacticDiagnostics(file), ...compiled.getSemanticDiagnostics(file)]
      })
      assert.deepStrictEqual(found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n")), [])
      Object.values(inputs).forEach((input, nth) => {
        const [, text] = /(?:execute|events)\("acme\/test\/odd", (\{[^]*\})\)\)?\n\}\)\n$/.exec(programs[nth]!)!
        const { version, ...options } = new Function(`return ${text}`)() as Record<string, unknown>
        const { flow: _, version: given, ...expected } = input
        assert.strictEqual(JSON.stringify(options), JSON.stringify(expected))
        assert.strictEqual(version, given === "1" ? 1 : given)
      })
    }), 120_000)
})
