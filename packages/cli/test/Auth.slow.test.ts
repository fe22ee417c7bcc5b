/** Profiles, stored keys and files of variables. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { inTerminal, noukai } from "./support/command.js"
import { environment, folder, requests, runs, server } from "./support/server.js"

const [acme, other] = [
  "nk_test_aaaaaaaa_00000000000000000000000000000001",
  "nk_test_bbbbbbbb_00000000000000000000000000000002"
]

const step = { kind: "template" as const, id: "a", output: "said {{message}}" }

const service = server({
  keys: [{ key: acme, org: "acme", project: "test" }, { key: other, org: "other", project: "test" }],
  flows: [{ ref: "acme/test/echo", steps: [step] }, { ref: "other/test/echo", steps: [step] }]
})

/** A machine with a user's folders and programs of its own: no keyring, unless one is put into `bin`. */
const machine = Effect.gen(function*() {
  const [config, cwd, bin] = [yield* folder, yield* folder, yield* folder]
  const { NOUKAI_BASE_URL } = yield* environment
  return { config, cwd, bin, env: { NOUKAI_BASE_URL, XDG_CONFIG_HOME: config, PATH: `${bin}:/usr/bin:/bin` } }
})

/** A keyring that keeps its secrets in a folder, as `secret-tool` is called. */
const keyring = (bin: string) => {
  const path = join(bin, "secret-tool")
  writeFileSync(
    path,
    `#!/bin/sh
does=$1; shift
[ "$does" = store ] && shift
file="${bin}/$4.secret"
case $does in
  store) cat > "$file" ;;
  lookup) cat "$file" 2>/dev/null ;;
  clear) rm -f "$file" ;;
esac
`
  )
  chmodSync(path, 0o755)
}

const nothingRan = Effect.gen(function*() {
  assert.deepStrictEqual(yield* runs, [])
  assert.deepStrictEqual(new Set(yield* requests), new Set(["GET /api/v1/keys/verify"]))
})

describe("noukai auth", () => {
  it.scopedLive("stores a key that nobody else can read, says whose it is, and begins no run", () =>
    Effect.gen(function*() {
      const { config, cwd, env } = yield* machine
      const { code, stderr, stdout } = yield* noukai(["auth"], { cwd, env, input: `${acme}\n` })
      const path = join(config, "noukai", "keys", "default")
      assert.deepStrictEqual([code, stdout], [0, ""])
      assert.strictEqual(
        stderr,
        `the key is in the file ${path}\n${
          new URL(env.NOUKAI_BASE_URL).origin
        } accepts it, of the organisation acme and the project test\n`
      )
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
      assert.strictEqual(statSync(join(config, "noukai", "keys")).mode & 0o777, 0o700)
      yield* nothingRan
      assert.lengthOf(yield* requests, 1)

      const run = ["run", "acme/test/echo", "hi"]
      assert.strictEqual((yield* noukai(run, { cwd, env })).stdout, "said hi\n")
      // the environment comes first
      assert.strictEqual((yield* noukai(run, { cwd, env: { ...env, NOUKAI_API_KEY: other } })).code, 3)
      assert.include((yield* noukai(["doctor"], { cwd, env })).stdout, `✓ key        from the file ${path}`)
      const shadowed = yield* noukai(["auth"], { cwd, env: { ...env, NOUKAI_API_KEY: other }, input: acme })
      assert.match(shadowed.stderr, /^commands here use NOUKAI_API_KEY instead: unset it, or open a new terminal$/m)
      const ofProfile = yield* noukai(["auth", "--profile", "p"], {
        cwd,
        env: { ...env, NOUKAI_API_KEY: other },
        input: acme
      })
      assert.notInclude(ofProfile.stderr, "instead")
      const [keyFile, settings] = [join(cwd, "other.key"), join(cwd, "noukai.json")]
      writeFileSync(keyFile, other)
      writeFileSync(settings, JSON.stringify({ keyFile: "other.key", profiles: { p: { keyFile: "other.key" } } }))
      for (const [flags, names] of [[[], settings], [["--profile", "p"], "the profile p"]] as const) {
        const { stderr } = yield* noukai(["auth", ...flags], { cwd, env, input: acme })
        assert.include(
          stderr,
          `\ncommands here use the file ${keyFile}, which ${names} names, instead: remove its keyFile\n`
        )
      }
      rmSync(settings)
      const removed = yield* noukai(["auth", "--remove"], { cwd, env })
      assert.deepStrictEqual([removed.code, removed.stderr], [0, "removed the key\n"])
      assert.isFalse(existsSync(path))
      assert.strictEqual((yield* noukai(run, { cwd, env })).code, 3)
    }).pipe(Effect.provide(service)))

  it.scopedLive("asks for it in a terminal without showing it, and keeps it in the keyring where there is one", () =>
    Effect.gen(function*() {
      const { bin, config, cwd, env } = yield* machine
      keyring(bin)
      const command = yield* inTerminal(["auth", "--profile", "other"], { cwd, env, columns: 200 })
      yield* command.awaitOutput("API key: ")
      yield* command.type(`${other}\r`)
      assert.strictEqual(yield* command.code, 0, command.output())
      assert.include(command.output(), "the key of the profile other is in the keyring")
      assert.include(command.output(), "accepts it, of the organisation other and the project test")
      assert.notInclude(command.output(), "0000")
      assert.deepStrictEqual([readdirSync(config), readFileSync(join(bin, "other.secret"), "utf8")], [[], other])
      yield* nothingRan
      const run = yield* noukai(["run", "other/test/echo", "hi", "--profile", "other"], { cwd, env })
      assert.deepStrictEqual([run.code, run.stdout], [0, "said hi\n"])
      assert.strictEqual((yield* noukai(["auth", "--remove", "--profile", "other"], { cwd, env })).code, 0)
      assert.isFalse(existsSync(join(bin, "other.secret")))
    }).pipe(Effect.provide(service)))

  it.scopedLive("removes no other file than that of a stored key", () =>
    Effect.gen(function*() {
      const { config, cwd, env } = yield* machine
      const settings = join(config, "noukai", "noukai.json")
      mkdirSync(join(config, "noukai"))
      writeFileSync(settings, "{}")
      const removed = yield* noukai(["auth", "--remove", "--profile", "../noukai.json"], { cwd, env })
      assert.deepStrictEqual([removed.code, existsSync(settings)], [2, true])
      assert.include(removed.stderr, "--profile takes a name, not \"../noukai.json\"")
    }).pipe(Effect.provide(service)))

  it.scopedLive("stores nothing that is refused, or is no key, and prints none", () =>
    Effect.gen(function*() {
      const { config, cwd, env } = yield* machine
      const unknown = "nk_live_cccccccc_00000000000000000000000000000003"
      for (const [input, code] of [[unknown, 3], ["0000 no key", 3], ["", 2]] as const) {
        const ended = yield* noukai(["auth"], { cwd, env, input })
        assert.deepStrictEqual([input, ended.code, ended.stdout], [input, code, ""])
        assert.notInclude(ended.stderr, "0000")
      }
      const argument = yield* noukai(["auth", unknown], { cwd, env })
      assert.strictEqual(argument.code, 2)
      assert.notInclude(argument.stderr, "0000")
      assert.deepStrictEqual(readdirSync(config), [])
      const alone = yield* noukai(["auth"], {
        cwd,
        env: { ...env, NOUKAI_BASE_URL: "http://127.0.0.1:65534" },
        input: acme
      })
      assert.deepStrictEqual([alone.code, readdirSync(config)], [0, ["noukai"]])
      assert.match(
        alone.stderr,
        /cannot tell whether http:\/\/127\.0\.0\.1:65534 accepts it \(.*ECONNREFUSED.*\): noukai doctor/
      )
    }).pipe(Effect.provide(service)))
})

describe("--profile", () => {
  it.scopedLive("takes its settings from noukai.json or from the user's own, below flags and above the environment", () =>
    Effect.gen(function*() {
      const { config, cwd, env } = yield* machine
      const { NOUKAI_BASE_URL: baseUrl, ...rest } = env
      const dead = "http://127.0.0.1:1"
      mkdirSync(join(config, "noukai"))
      writeFileSync(join(config, "noukai", "key"), other)
      writeFileSync(join(cwd, "key"), acme)
      writeFileSync(
        join(config, "noukai", "noukai.json"),
        JSON.stringify({
          profiles: { mine: { baseUrl, org: "other", project: "test", keyFile: "key" }, both: { baseUrl: dead } }
        })
      )
      writeFileSync(
        join(cwd, "noukai.json"),
        JSON.stringify({
          org: "none",
          profiles: {
            ours: { org: "acme", project: "test", keyFile: "key" },
            both: { baseUrl, org: "acme", project: "test", keyFile: "key" }
          }
        })
      )
      const run = (...args: ReadonlyArray<string>) =>
        noukai(["run", "echo", "hi", ...args], {
          cwd,
          env: { ...rest, NOUKAI_API_KEY: "nk_none", NOUKAI_BASE_URL: dead }
        })
      for (const args of [["--profile", "mine"], ["--profile", "both"], ["--profile", "ours", "--base-url", baseUrl]]) {
        assert.deepStrictEqual([args, (yield* run(...args)).stdout], [args, "said hi\n"])
      }
      assert.strictEqual((yield* run("--profile", "mine", "--base-url", dead)).code, 7)
      // hints name the profile again
      assert.match((yield* run("--profile", "ours")).stderr, /noukai doctor .*--profile ours/)
      for (const name of ["none", "constructor"]) {
        const none = yield* run("--profile", name)
        assert.strictEqual(none.code, 2)
        assert.match(none.stderr, new RegExp(`there is no profile ${name}: add it to .*noukai\\.json, `))
        assert.include(none.stderr, `or store its key: noukai auth --profile ${name}`)
      }
      for (const name of ["../x", "a/b", "-x", " "]) assert.strictEqual((yield* run(`--profile=${name}`)).code, 2, name)
      assert.strictEqual((yield* runs).length, 3)
    }).pipe(Effect.provide(service)))
})

describe("--env-file", () => {
  it.scopedLive("sets variables that are not set", () =>
    Effect.gen(function*() {
      const { cwd, env } = yield* machine
      const { NOUKAI_BASE_URL, ...rest } = env
      writeFileSync(
        join(cwd, ".env"),
        `# mine\nexport NOUKAI_API_KEY='${acme}'\nNOUKAI_BASE_URL="${NOUKAI_BASE_URL}"\nNOUKAI_ORG=acme\nNOUKAI_PROJECT=test # here\n`
      )
      const run = ["run", "echo", "hi", "--env-file", ".env"]
      assert.strictEqual((yield* noukai(run, { cwd, env: rest })).stdout, "said hi\n")
      assert.strictEqual((yield* noukai(run, { cwd, env: { ...rest, NOUKAI_API_KEY: other } })).code, 3)
      assert.strictEqual((yield* noukai(["run", "acme/test/echo", "hi"], { cwd, env: rest })).code, 3)
      const none = yield* noukai(["run", "echo", "hi", "--env-file", "none"], { cwd, env: rest })
      // Node.js 20 looks for such a file itself, wherever the flag stands
      assert.include([2, 9], none.code)
      assert.match(none.stderr, /none: not found|cannot read none/)
    }).pipe(Effect.provide(service)))
})
