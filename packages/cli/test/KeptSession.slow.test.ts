/** `noukai session save --test` and `--case`: a session as a test and as a case. */
import { FlowService } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { randomUUID } from "node:crypto"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { list, read, write } from "../../sdk/test/support/folder.js"
import { noukai } from "./support/command.js"
import { broken, flow, options, secret, session } from "./support/keptSession.js"
import { environment, folder, ran, requests, serverAndClient } from "./support/server.js"

const root = fileURLToPath(new URL("../../..", import.meta.url))

/** A folder in the workspace, from which its packages are found, removed afterwards. */
const inWorkspace = Effect.acquireRelease(
  Effect.sync(() => {
    mkdirSync(join(root, "packages/cli/build"), { recursive: true })
    return mkdtempSync(join(root, "packages/cli/build", "kept-"))
  }),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Runs the vitest of the workspace on a folder. */
const vitest = (cwd: string) =>
  Effect.async<{ readonly code: number; readonly output: string }>((resume) => {
    const args = [
      join(root, "node_modules/vitest/vitest.mjs"),
      "run",
      "--root",
      cwd,
      "--config",
      join(cwd, "vitest.config.mjs")
    ]
    const env = { ...process.env, NO_COLOR: "1", NOUKAI_API_KEY: "" }
    const child = execFile(process.execPath, args, { cwd, env }, (error, stdout, stderr) => {
      resume(Effect.succeed({ code: error === null ? 0 : 1, output: stdout + stderr }))
    })
    return Effect.sync(() => child.kill())
  })

const config = `export default {
  resolve: { conditions: ["@effect-noukai/source", "module", "node", "development|production"] },
  ssr: { resolve: { conditions: ["@effect-noukai/source", "module", "node", "development|production"] } }
}
`

const saved = ["session", "save", session, "kept.json", "--test", "--org", "acme", "--project", "test"]

describe("noukai session save --test", () => {
  it.scopedLive(
    "writes a test that passes at once, and fails with the difference when the program changes",
    () =>
      Effect.gen(function*() {
        const env = yield* environment
        const cwd = yield* inWorkspace
        const flows = yield* FlowService
        yield* flows.execute(flow, {
          message: "the \"fox\" `${1}` */\u2028",
          parameters: { level: 3 },
          sessionId: session
        })
        yield* ran(broken, "hi", { sessionId: session })
        const before = (yield* requests).length
        const { code, stderr, stdout } = yield* noukai([...saved, "--redact-path", "**.email"], { env, cwd })
        assert.deepStrictEqual([code, stdout], [0, ""], stderr)
        // what was removed is named before the file is written, without its value
        const lines = stderr.trim().split("\n")
        assert.deepStrictEqual(lines, [
          "redacted: $.executions[0].steps[0].outputSnapshot.email",
          "redacted: $.executions[0].steps[0].outputSnapshot.key",
          "2 runs saved in kept.json",
          "its test is kept.test.ts"
        ])
        assert.deepStrictEqual(yield* list(cwd), ["kept.json", "kept.test.ts"])
        const source = yield* read(join(cwd, "kept.test.ts"))
        for (const hidden of ["a@example.org", secret]) {
          assert.notInclude(source + (yield* read(join(cwd, "kept.json"))), hidden)
        }
        assert.strictEqual((yield* requests).length, before + 1)

        yield* write(join(cwd, "vitest.config.mjs"), config)
        yield* write(join(cwd, "changed.test.ts"), source.replace("\"level\":3", "\"level\":4"))
        const { code: outcome, output } = yield* vitest(cwd)
        assert.strictEqual(outcome, 1)
        assert.match(output, /✓ kept\.test\.ts/)
        assert.match(output, /1 failed \| 1 passed/)
        assert.include(output, "$.parameters.level: recorded 3, called with 4")
      }).pipe(Effect.provide(serverAndClient(options))),
    120_000
  )

  it.scopedLive("refuses a session that cannot be kept, and writes nothing", () =>
    Effect.gen(function*() {
      const env = { ...yield* environment, XDG_STATE_HOME: yield* folder }
      const cwd = yield* folder
      yield* ran(flow, "hi", { sessionId: session })
      const unknown = yield* noukai(saved.slice(0, 5), { env, cwd })
      assert.deepStrictEqual([unknown.code, unknown.stdout], [1, ""])
      assert.include(unknown.stderr, "the organisation and the project of echo, the flow of the run ")
      assert.include(unknown.stderr, "use --flow org/project/echo, or --flow ")
      // a default says nothing about a stored run
      const byDefault = yield* noukai(saved.slice(0, 5), {
        env: { ...env, NOUKAI_ORG: "other", NOUKAI_PROJECT: "x" },
        cwd
      })
      assert.strictEqual(byDefault.code, 1)
      const wrong = yield* noukai([...saved.slice(0, 5), "--flow", "echo"], { env, cwd })
      assert.deepStrictEqual([wrong.code, yield* list(cwd)], [2, []])
      assert.include(wrong.stderr, "--flow echo: write org/project/flow, or ID=org/project/flow")
      assert.deepStrictEqual(yield* list(cwd), [])
      yield* write(join(cwd, "kept.test.ts"), "mine")
      const exists = yield* noukai(saved, { env, cwd })
      assert.strictEqual(exists.code, 2)
      assert.include(exists.stderr, "kept.test.ts exists: use --force to replace it")
      assert.strictEqual(yield* read(join(cwd, "kept.test.ts")), "mine")
    }).pipe(Effect.provide(serverAndClient(options))))

  it.scopedLive("gives each run the address of its own flow", () =>
    Effect.gen(function*() {
      const env = { ...yield* environment, XDG_STATE_HOME: yield* folder }
      const cwd = yield* folder
      const seen = yield* noukai(["run", "acme/support/orders", "a", "--session", session], { env })
      assert.strictEqual(seen.code, 0, seen.stderr)
      const other = yield* ran("acme/spelling/orders", "b", { sessionId: session })
      yield* ran("acme/spelling/grade-3", "c", { sessionId: session })
      const save = (...flags: ReadonlyArray<string>) =>
        noukai([...saved.slice(0, 5), "--force", ...flags], { env, cwd })
      const flowsOf = Effect.map(
        read(join(cwd, "kept.test.ts")),
        (text) => [...text.matchAll(/flows\.execute\("([^"]+)"/g)].map(([, flow]) => flow)
      )
      const refused = yield* save("--flow", "acme/spelling/grade-3")
      assert.strictEqual(refused.code, 1)
      assert.include(refused.stderr, `of orders, the flow of the run ${other}, are not known`)
      assert.deepStrictEqual(yield* list(cwd), [])
      assert.strictEqual((yield* save("--org", "acme", "--project", "spelling")).code, 0)
      const flows = ["acme/support/orders", "acme/spelling/orders", "acme/spelling/grade-3"]
      assert.deepStrictEqual(yield* flowsOf, flows)
      const given = yield* save("--flow", "acme/spelling/grade-3", "--flow", `${other}=acme/spelling/orders`)
      assert.deepStrictEqual([given.code, yield* flowsOf], [0, flows], given.stderr)
      // a flow that is not used would be a mistake without a word
      const before = yield* list(cwd)
      const known = ["--org", "acme", "--project", "spelling", "--flow"]
      const of = (text: string) => ["unused.json", "--test", ...known, text]
      for (const text of ["acme/spelling/zzz", `${randomUUID()}=acme/spelling/orders`, "acme/other=acme/spelling/x"]) {
        const unused = yield* noukai([...saved.slice(0, 3), ...of(text)], { env, cwd })
        assert.deepStrictEqual(unused, {
          code: 2,
          stdout: "",
          stderr: `noukai: --flow ${text}: no run of the session has this flow\n`
        })
      }
      const sent = (yield* requests).length
      const without = yield* noukai([...saved.slice(0, 3), "unused.json", "--flow", "nonsense"], { env, cwd })
      assert.deepStrictEqual([without.code, without.stderr], [2, "noukai: --flow requires --test or --case\n"])
      const unnamed = yield* noukai([...saved.slice(0, 3), "unused.json", "--test", "--case-field", "a=b"], {
        env,
        cwd
      })
      assert.deepStrictEqual([unnamed.code, unnamed.stderr], [2, "noukai: --case-field requires --case\n"])
      assert.deepStrictEqual([(yield* requests).length, yield* list(cwd)], [sent, before])
    }).pipe(Effect.provide(serverAndClient({
      capture: "full",
      flows: ["acme/support/orders", "acme/spelling/orders", "acme/spelling/grade-3"].map((ref) => ({
        ref,
        steps: [{ kind: "template", id: "say", output: "{{message}}" }]
      }))
    }))))
})

describe("noukai session save --case", () => {
  it.scopedLive("adds the runs to JSON lines and to CSV, once each", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* folder
      const id = yield* ran(flow, "say \"a;b\"", { sessionId: session })
      yield* write(join(cwd, "cases.jsonl"), "{\"id\":\"one\",\"text\":\"x\",\"expected\":1}")
      yield* write(join(cwd, "cases.csv"), "id;text;expected;note\n1;x;y;\n")
      const save = (file: string, cases: string, ...flags: ReadonlyArray<string>) =>
        noukai([...saved.slice(0, 3), file, ...saved.slice(5), "--case", cases, ...flags], { env, cwd })
      const other = yield* save("a.json", "cases.jsonl")
      assert.strictEqual(other.code, 1)
      assert.include(
        other.stderr,
        "cases.jsonl: its first case has no field message: its fields are id, text, expected"
      )
      assert.deepStrictEqual(yield* list(cwd), ["cases.csv", "cases.jsonl"])
      const mapped = ["--case-field", "message=text", "--redact-path", "**.email"]
      assert.strictEqual((yield* save("a.json", "cases.jsonl", ...mapped)).code, 0)
      const [one, two] = (yield* read(join(cwd, "cases.jsonl"))).trim().split("\n").map((line) => JSON.parse(line))
      assert.deepStrictEqual(one, { id: "one", text: "x", expected: 1 })
      const expected = { text: "say \"a;b\"", email: "[redacted]", key: "[redacted]" }
      assert.deepStrictEqual(two, { id, text: "say \"a;b\"", expected })
      const { email, key, text } = expected
      assert.strictEqual((yield* save("b.json", "cases.csv", ...mapped)).code, 0)
      assert.strictEqual(
        (yield* read(join(cwd, "cases.csv"))).split("\n")[2],
        `${id};"say ""a;b""";"${JSON.stringify({ email, key, text }).replaceAll("\"", "\"\"")}";`
      )
      const again = yield* save("c.json", "cases.csv", ...mapped)
      assert.strictEqual(again.code, 1)
      assert.include(again.stderr, `cases.csv: it has a case ${id}`)
    }).pipe(Effect.provide(serverAndClient(options))))
})
