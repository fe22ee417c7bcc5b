/** Where a command sends what it sends. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { noukai, shell } from "./support/command.js"
import { environment, folder, requests, server } from "./support/server.js"

const echo = server({
  flows: [{ ref: "acme/test/echo", steps: [{ kind: "template", id: "a", output: "said {{message}}" }] }]
})

/** A folder below one with a `noukai.json`. */
const below = (json: string) =>
  Effect.gen(function*() {
    const above = yield* folder
    const cwd = join(above, "a", "b")
    yield* Effect.promise(() => mkdir(cwd, { recursive: true }))
    yield* Effect.promise(() => writeFile(join(above, "noukai.json"), json))
    return cwd
  })

describe("noukai.json", () => {
  it.live("is found upwards, after flags and the environment, and may begin as some editors do", () =>
    Effect.scoped(Effect.gen(function*() {
      const { NOUKAI_API_KEY, NOUKAI_BASE_URL: baseUrl } = yield* environment
      const cwd = yield* below(`\ufeff${JSON.stringify({ baseUrl, org: "acme", project: "test" })}`)
      const env = { NOUKAI_API_KEY }
      assert.strictEqual((yield* noukai(["run", "echo", "x"], { cwd, env })).stdout, "said x\n")
      const elsewhere = { ...env, NOUKAI_BASE_URL: "http://127.0.0.1:1" }
      assert.strictEqual((yield* noukai(["run", "echo", "x"], { cwd, env: elsewhere })).code, 7)
      const back = yield* noukai(["run", "echo", "x", "--base-url", baseUrl], { cwd, env: elsewhere })
      assert.strictEqual(back.stdout, "said x\n")
    })).pipe(Effect.provide(echo)))

  it.live("a flow without an org and a project is refused with the flags that set them", () =>
    Effect.gen(function*() {
      const { code, stderr } = yield* noukai(["run", "echo", "x"], { env: yield* environment })
      assert.strictEqual(code, 2)
      assert.match(stderr, /^noukai: invalid flow "echo": write org\/project\/slug, or set --org and --project\n/)
      assert.deepStrictEqual(yield* requests, [])
    }).pipe(Effect.provide(echo)))

  it.live("a wrong setting is said by the name that it has where it stands, and nothing is sent", () =>
    Effect.scoped(Effect.gen(function*() {
      const env = yield* environment
      const run = ["run", "acme/test/echo", "x"]
      const { NOUKAI_API_KEY } = env
      const refused = (env: Record<string, string>, args: ReadonlyArray<string>, said: RegExp) =>
        Effect.gen(function*() {
          const { code, stderr } = yield* noukai([...run, ...args], { env })
          assert.strictEqual(code, 2, stderr)
          assert.match(stderr.split("\n")[0]!, said)
        })
      yield* refused(env, ["--env", "local"], /^noukai: --env is production or dev, not "local"$/)
      yield* refused(env, ["--env", "production", "--port", "1"], /^noukai: --port requires --env dev$/)
      yield* refused(
        env,
        ["--env", "dev", "--base-url", "http://localhost"],
        /^noukai: --base-url cannot be combined with --env or --port$/
      )
      yield* refused(
        { NOUKAI_API_KEY, NOUKAI_ENV: "local" },
        [],
        /^noukai: NOUKAI_ENV is production or dev, not "local"$/
      )
      yield* refused(env, ["--base-url", "ftp://x"], /^noukai: invalid --base-url: must be https:/)
      yield* refused(
        { NOUKAI_API_KEY, NOUKAI_BASE_URL: "ftp://x" },
        [],
        /^noukai: invalid NOUKAI_BASE_URL: must be https:/
      )
      yield* refused(
        env,
        ["--max-cost", "0"],
        /^noukai: acme\/test\/echo: invalid --max-cost: must be an amount above 0/
      )
      assert.deepStrictEqual(yield* requests, [])
    })).pipe(Effect.provide(echo)))

  it.live("an error names no module of the SDK", () =>
    Effect.scoped(Effect.gen(function*() {
      const env = { ...(yield* environment), NOUKAI_BASE_URL: "http://127.0.0.1:1" }
      const id = "00000000-0000-4000-8000-000000000000"
      const flow = "acme/test/echo"
      const commands = [
        ["run", flow, "x", "--once", "k"],
        ["run", flow, "x"],
        ["run", flow, "x", "--stream"],
        ["job", "submit", flow, "x"],
        ["job", "status", flow, id],
        ["job", "status", flow, id, "--json"],
        ["job", "status", flow, ""],
        ["job", "result", flow, id, "--no-wait"],
        ["job", "wait", flow, id, "--timeout", "0s"],
        ["trace", flow, id],
        ["diff", `${flow}/${id}`, `${flow}/${id}`],
        ["cost", flow, id],
        ["cost", flow, id, id],
        ["runs", flow, "--flow-id", "f"],
        ["session", "show", id],
        ["watch", flow, "", "--timeout", "0s"],
        ["reconcile", "none.json"],
        ["cassette", "check", "none.json"],
        ["cassette", "check", "none.json", "--json"],
        ["cassette", "diff", "none.json", "none.json"],
        ["session", "save", id, "none.json"],
        ["doctor"]
      ]
      yield* Effect.forEach(commands, (args) =>
        Effect.gen(function*() {
          const { code, stderr, stdout } = yield* noukai(args, { env, hurries: true })
          assert.notStrictEqual(code, 0, args.join(" "))
          assert.notMatch(
            stdout + stderr,
            /\b(FlowService|JobService|RunService|SessionService|Cassette|Job|Noukai[A-Z]\w+)[.:]/,
            args.join(" ")
          )
        }), { concurrency: 3 })
    })).pipe(Effect.provide(echo)))

  it.live("that is wrong is said field by field, without a value, and nothing is sent", () =>
    Effect.scoped(Effect.gen(function*() {
      const env = yield* environment
      const wrong: ReadonlyArray<readonly [json: string, said: string]> = [
        ["{\"org\":5}", "org must be a text"],
        ["{\"port\":\"80\"}", "port must be a whole number"],
        ["{\"env\":\"staging\"}", "env must be production or dev"],
        ["{\"ogr\":\"acme\"}", "ogr is unexpected"],
        ["[]", "must be an object"],
        ["null", "must be an object"],
        ["", "is not JSON"]
      ]
      for (const [json, said] of wrong) {
        const cwd = yield* below(json)
        const { code, stderr } = yield* noukai(["run", "acme/test/echo", "x"], { cwd, env })
        assert.strictEqual(code, 2)
        assert.include(stderr, said)
        assert.strictEqual(stderr.trim().split("\n").length, 1, stderr)
      }
      assert.deepStrictEqual(yield* requests, [])
    })).pipe(Effect.provide(echo)))

  it.live("is not looked for where the working folder is no more", () =>
    Effect.scoped(Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* folder
      const ended = yield* shell(`cd "${cwd}" && rmdir "${cwd}" && noukai run acme/test/echo x >&2`, env)
      assert.deepStrictEqual(ended, [0, "said x\n"])
    })).pipe(Effect.provide(echo)))

  it.live("a key that is refused is not looked for where it is not from", () =>
    Effect.scoped(Effect.gen(function*() {
      const { NOUKAI_BASE_URL } = yield* environment
      const cwd = yield* folder
      for (const key of ["bad", "nk_refused"]) {
        yield* Effect.promise(() => writeFile(join(cwd, "key"), key))
        const run = ["run", "acme/test/echo", "x", "--key-file", "key"]
        const { code, stderr } = yield* noukai(run, { cwd, env: { NOUKAI_BASE_URL } })
        assert.strictEqual(code, 3)
        assert.notInclude(stderr, "check NOUKAI_API_KEY")
        assert.include(stderr, "see which key is used: noukai doctor")
      }
    })).pipe(Effect.provide(server({ keys: [{ key: "nk_only", org: "acme", project: "test" }] }))))

  it.live("a port is a number as people write it", () =>
    Effect.gen(function*() {
      for (const NOUKAI_PORT of ["0x1F90", "1e3", "abc", "0", "65536"]) {
        const { code, stderr } = yield* noukai(["run", "acme/test/echo", "x"], {
          env: { NOUKAI_API_KEY: "nk_test", NOUKAI_PORT }
        })
        assert.deepStrictEqual([NOUKAI_PORT, code], [NOUKAI_PORT, 2])
        assert.include(stderr, "invalid NOUKAI_PORT: must be an integer from 1 to 65535")
      }
    }))
})
