/** Completions, in the shells that are installed, and the manual page. */
import { assert, describe, it } from "@effect/vitest"
import * as Pty from "@lydell/node-pty"
import { Effect } from "effect"
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { folder, write } from "../../sdk/test/support/folder.js"
import { grammar } from "../src/commands/grammar.js"
import { completions } from "../src/completions.js"
import { bin, noukai } from "./support/command.js"

const [flow, run] = ["acme/test/echo", "65bddc2c-4ff6-429e-8b0c-d0f582466f1d"]

/** The completions of the last of some words. */
const following = (...words: ReadonlyArray<string>): ReadonlyArray<string> =>
  completions(grammar, ["bash", ...words])!.split("\n").filter((line) => line !== "")

/** The environment of a shell where the command is installed, and has seen a run, and things that a shell would run. */
const machine = Effect.gen(function*() {
  const [programs, state] = [yield* folder, yield* folder]
  writeFileSync(join(programs, "noukai"), `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`, { mode: 0o755 })
  mkdirSync(join(state, "noukai"))
  const lines = [{ flow, run }, { flow: "$(touch evil)", run: "`touch evil`" }, "no JSON"]
  writeFileSync(
    join(state, "noukai", "history.jsonl"),
    lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join("")
  )
  const cwd = yield* folder
  yield* write(join(cwd, "a file.json"), "")
  return { cwd, env: { PATH: `${programs}:${process.env.PATH}`, XDG_STATE_HOME: state, HOME: cwd, TERM: "dumb" } }
})

const isInstalled = (shell: string) => spawnSync(shell, ["--version"]).error === undefined

describe("completions", () => {
  it("are commands, flags that are not given yet, and values of flags", () => {
    assert.includeMembers([...following("")], ["run", "batch", "completions", "doctor"])
    assert.deepStrictEqual(following("ru"), ["run", "runs"])
    assert.deepStrictEqual(following("help", "doc"), ["doctor"])
    assert.includeMembers([...following("batch", "")], ["plan", "run"])
    assert.deepStrictEqual(following("run", "--str"), ["--stream"])
    assert.deepStrictEqual(following("run", "--stream", "--str"), [])
    assert.deepStrictEqual(following("run", "-p", "a=1", "--para"), ["--param", "--params"])
    assert.deepStrictEqual(following("run", "--env", ""), ["production", "dev"])
    assert.deepStrictEqual(following("run", "--env=d"), ["--env=dev"])
    assert.deepStrictEqual(following("run", "--env", "=", "d"), ["dev"])
    assert.deepStrictEqual(following("run", "--key-file", ""), [])
    assert.deepStrictEqual(following("completions", "z"), ["zsh"])
    for (const word of ["nonesuch", "constructor", "__proto__"]) {
      assert.deepStrictEqual(following(word, ""), [])
      assert.deepStrictEqual(following("batch", word, ""), [])
    }
  })

  it.live("have a script for each shell, and for no other", () =>
    Effect.gen(function*() {
      for (const shell of ["bash", "zsh", "fish"]) {
        const { code, stdout } = yield* noukai(["completions", shell])
        assert.strictEqual(code, 0)
        assert.include(stdout, `noukai completions ${shell} -- `)
      }
      const { code, stderr } = yield* noukai(["completions", "csh"])
      assert.deepStrictEqual([code, stderr], [2, "noukai: give a shell: bash, zsh, fish\n"])
    }))

  if (isInstalled("bash")) {
    it.scopedLive("in bash are flags, flows and ids; otherwise files; and nothing is evaluated", () =>
      Effect.gen(function*() {
        const { cwd, env } = yield* machine
        const tab = (words: ReadonlyArray<string>) =>
          `COMP_WORDS=(noukai ${
            words.map((word) => `'${word}'`).join(" ")
          }) COMP_CWORD=${words.length}; _noukai; echo "\${COMPREPLY[@]}"`
        const script = [["ru"], ["run", ""], ["trace", flow, ""], ["run", "--env", "=", "p"], [
          "run",
          "--key-file",
          "a"
        ]].map(tab)
        const output = execFileSync("bash", ["-c", `source <(noukai completions bash)\n${script.join("\n")}`], {
          cwd,
          env,
          encoding: "utf8"
        })
        assert.deepStrictEqual(output.split("\n"), ["run runs", flow, run, "production", "", ""])
        assert.isFalse(existsSync(join(cwd, "evil")))
      }))
  }

  if (isInstalled("fish")) {
    it.scopedLive("in fish are flags with what they do, flows, ids and files", () =>
      Effect.gen(function*() {
        const { cwd, env } = yield* machine
        const lines = [
          "noukai ru",
          "noukai run ",
          `noukai trace ${flow} `,
          "noukai run --key-file a",
          "noukai run --str"
        ]
        const script = ["noukai completions fish | source", ...lines.map((line) => `complete -C '${line}'; echo ==`)]
        const output = execFileSync("fish", ["--no-config", "-c", script.join("\n")], { cwd, env, encoding: "utf8" })
        const [commands, flows, ids, files, flags] = output.split("==\n")
        assert.match(commands!, /^run\tRun a flow.*\nruns\t/)
        assert.strictEqual(flows!.trim(), flow)
        assert.strictEqual(ids!.trim(), `${run}\t${flow}`)
        assert.match(files!, /^a\\? file\.json/)
        assert.match(output, /--stream\tPrint/)
        assert.isDefined(flags)
        assert.isFalse(existsSync(join(cwd, "evil")))
      }))
  }

  if (isInstalled("zsh")) {
    it.scopedLive("in a terminal with zsh are flows and ids", () =>
      Effect.gen(function*() {
        const { cwd, env } = yield* machine
        const zsh = yield* Effect.acquireRelease(
          Effect.sync(() =>
            Pty.spawn("zsh", ["-f", "-i"], { cwd, env: { ...env, TERM: "xterm" }, cols: 200, rows: 24 })
          ),
          (zsh) => Effect.sync(() => zsh.kill("SIGKILL"))
        )
        let output = ""
        const said = (text: string) =>
          Effect.async<void>((resume) => {
            const heard = zsh.onData((data) => {
              output += data
              if (!output.includes(text)) return
              output = ""
              heard.dispose()
              resume(Effect.void)
            })
          })
        zsh.write("PS1='> '; autoload -U compinit; compinit -u -D; source <(noukai completions zsh); echo rea''dy\r")
        yield* said("ready")
        zsh.write("noukai trace ac\t")
        yield* said(`me/test/echo`)
        zsh.write("\t")
        yield* said(run)
        zsh.write("\u0015noukai run --key-file a\t")
        yield* said("\\ file.json")
        assert.isFalse(existsSync(join(cwd, "evil")))
      }))
  }
})

describe("the manual page", () => {
  const path = new URL("../build/tested/dist/noukai.1", import.meta.url).pathname

  it("is linked by npm, which takes a list alone", () => {
    const { man } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { man: unknown }
    assert.deepStrictEqual(man, ["./dist/noukai.1"])
  })

  it("names every command and flag", () => {
    const page = readFileSync(path, "utf8")
    for (const text of ["noukai batch run", "noukai completions", "\\-\\-message\\-file", ".SH EXIT STATUS"]) {
      assert.include(page, text)
    }
  })

  if (isInstalled("groff")) {
    it("is one that groff reads without a warning", () => {
      const { stderr, stdout } = spawnSync("groff", ["-man", "-Tutf8", "-wall", path], { encoding: "utf8" })
      assert.strictEqual(stderr, "")
      assert.include(stdout, "EXIT STATUS")
    })
  }
})
