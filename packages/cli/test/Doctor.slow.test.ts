/** `noukai doctor`. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { folder, write } from "../../sdk/test/support/folder.js"
import { size } from "../../sdk/test/support/size.js"
import { ctrlC, noukai, spawned, watched } from "./support/command.js"
import { environment, runs, server } from "./support/server.js"

/** A server of anything, and what leads a command to it. */
const serving = (listener: RequestListener) =>
  Effect.acquireRelease(
    Effect.async<ReturnType<typeof createServer>>((resume) => {
      const server = createServer(listener).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => void server.close().closeAllConnections())
  ).pipe(
    Effect.map((server) => ({
      NOUKAI_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1`,
      NOUKAI_API_KEY: "nk_test"
    }))
  )

const doctor = (env: Record<string, string>, ...flags: ReadonlyArray<string>) => noukai(["doctor", ...flags], { env })

/** The states that were found, by the names of the checks. */
const states = (stdout: string): { readonly [name: string]: string } =>
  Object.fromEntries(
    JSON.parse(stdout).checks.map(({ name, state }: { name: string; state: string }) => [name, state])
  )

const allWell = { versions: "well", settings: "well", server: "well", key: "well", reachable: "well", clock: "well" }

describe("noukai doctor", () => {
  it.live("says that all is well, begins no run, and never shows the key", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const { code, stderr, stdout } = yield* doctor(env)
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.deepStrictEqual(stdout.split("\n").map((line) => line.slice(0, 11)), [
        "✓ versions ",
        "✓ settings ",
        "✓ server   ",
        "✓ key      ",
        "✓ reachable",
        // an emulator sends no date, and runs on this machine
        "✓ clock    ",
        ""
      ])
      assert.include(stdout, `${env.NOUKAI_BASE_URL}, named by the environment`)
      assert.include(stdout, "from NOUKAI_API_KEY; it begins with nk_; the server accepts it\n")
      const json = yield* doctor(env, "--json")
      assert.deepStrictEqual([json.code, JSON.parse(json.stdout).ok, states(json.stdout)], [0, true, allWell])
      assert.notInclude(stdout + json.stdout, env.NOUKAI_API_KEY)
      assert.deepStrictEqual(yield* runs, [])
    }).pipe(Effect.provide(server())))

  for (
    const [runPaths, refusedRunPaths, said] of [
      ["both", 404, "runs are read under /seq/…/runs and /flow-runs\n"],
      ["seq", 403, "runs are read under /seq/…/runs; /flow-runs answers with 403\n"],
      ["flow-runs", 401, "runs are read under /flow-runs; /seq/…/runs answers with 401\n"],
      ["none", 404, "no path for reading runs answers; /seq/…/runs answers with 404; /flow-runs answers with 404\n"]
    ] as const
  ) {
    it.live(`says where runs are read: ${runPaths}`, () =>
      Effect.gen(function*() {
        const env = yield* environment
        const { code, stdout } = yield* doctor(env, "--org", "acme", "--project", "test")
        assert.strictEqual(code, 0)
        assert.include(stdout, `✓ reachable  it answers in `)
        assert.include(stdout, said)
        const other = yield* doctor(env)
        assert.include(other.stdout, "/seq/…/runs is unknown without --org and --project")
        assert.deepStrictEqual(yield* runs, [])
      }).pipe(Effect.provide(server({ runPaths, refusedRunPaths }))))
  }

  it.scopedLive("ends with 3 for a key that is missing, is none, or is refused, and looks at the rest", () =>
    Effect.gen(function*() {
      const { NOUKAI_API_KEY: _, ...env } = yield* environment
      const cwd = yield* folder
      yield* write(join(cwd, "key"), "sk_secret\n")
      for (
        const [set, flags, said] of [
          [{}, [], /✗ key {8}there is no key\n {13}set NOUKAI_API_KEY, pass the path of a key file to --key-file/],
          [{}, ["--key-file", join(cwd, "key")], /✗ key {8}from the file \S+: the key does not begin with nk_\n/],
          [{ NOUKAI_API_KEY: "nk_secret" }, [], /✗ key {8}from NOUKAI_API_KEY; .*the server refuses it \(401\)\n/]
        ] as const
      ) {
        const { code, stdout } = yield* doctor({ ...env, ...set }, ...flags)
        assert.strictEqual(code, 3)
        assert.match(stdout, said)
        assert.match(stdout, /✓ reachable/)
        assert.notInclude(stdout, "secret")
      }
    }).pipe(Effect.provide(server({ keys: [{ key: "nk_only", org: "acme", project: "test" }] }))))

  it.scopedLive("ends with 2 where the settings are wrong, and says what it can", () =>
    Effect.gen(function*() {
      const cwd = yield* folder
      const inFolder = (env: Record<string, string>) => noukai(["doctor"], { env, cwd })
      const misspelt = yield* inFolder({ NOUKAI_ENV: "prod", NOUKAI_API_KEY: "nk_test" })
      assert.strictEqual(misspelt.code, 2)
      assert.match(
        misspelt.stdout,
        /✓ versions .*\n✗ settings .*production or dev.*\n.*\n\? key +NOUKAI_API_KEY is set\n/
      )
      const elsewhere = yield* inFolder({ NOUKAI_BASE_URL: "https://example.com", NOUKAI_API_KEY: "nk_test" })
      assert.strictEqual(elsewhere.code, 2)
      assert.match(elsewhere.stdout, /✗ settings .*\n.*\n✓ key/)
      yield* write(join(cwd, "noukai.json"), "{")
      const broken = yield* inFolder({})
      assert.strictEqual(broken.code, 2)
      assert.match(broken.stdout, /✗ settings +\S+noukai\.json is not JSON\n/)
    }))

  it.scopedLive("ends with 7 where nothing answers", () =>
    Effect.gen(function*() {
      const closed = yield* Effect.scoped(serving(() => {}))
      const refused = yield* doctor(closed)
      assert.strictEqual(refused.code, 7)
      assert.match(
        refused.stdout,
        /✗ reachable .*cannot be reached: .*ECONNREFUSED.*\n {13}start the server: noukai dev/
      )
      const silent = yield* serving(() => {})
      const late = yield* doctor(silent, "--timeout", "100ms", "--json")
      assert.deepStrictEqual([late.code, states(late.stdout).reachable], [7, "wrong"])
      const interrupted = Effect.gen(function*() {
        const command = yield* watched(["doctor"], { env: silent })
        yield* command.awaitOutput("… asking the server")
        yield* command.type(ctrlC)
        return yield* command.code
      })
      assert.strictEqual(yield* Effect.scoped(interrupted), 130)
      const troubled = yield* doctor(yield* serving((_, response) => response.writeHead(503).end()))
      assert.strictEqual(troubled.code, 7)
    }))

  it.scopedLive("ends with 1 for a server that is none of Noukai's, and for a clock that is far off", () =>
    Effect.gen(function*() {
      const other = yield* doctor(yield* serving((_, response) => response.end("hello")))
      assert.strictEqual(other.code, 1)
      assert.match(other.stdout, /✗ reachable .*answers with 200: it is not a Noukai server\n/)
      const ahead = (millis: number) =>
        serving((request, response) => {
          response.sendDate = false
          response.setHeader("date", new Date(Date.now() + millis).toUTCString())
          response.writeHead(request.headers.authorization === undefined ? 401 : 404).end("{}")
        })
      const behind = yield* doctor(yield* ahead(120_000))
      assert.strictEqual(behind.code, 1)
      assert.match(behind.stdout, /✗ clock +this machine is (1 min 59 s|2 min \d s) behind the server\n/)
      const near = yield* doctor(yield* ahead(-10_000), "--json")
      assert.deepStrictEqual([near.code, states(near.stdout).clock], [0, "well"])
    }))

  it.scopedLive("refuses flags that it does not have", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* doctor({}, "--timeout", "soon")).code, 2)
      assert.strictEqual((yield* doctor({}, "--key", "nk_test")).code, 2)
    }))

  it.scopedLive("says that a proxy on the way refuses, where none is set", () =>
    Effect.gen(function*() {
      const env = yield* serving((_, response) => response.writeHead(407).end())
      const { code, stdout } = yield* doctor(env)
      assert.strictEqual(code, 1)
      assert.include(stdout, "/api/v1 answers with 407: a proxy on the way requires a user and a password")
      assert.include(stdout, "set HTTPS_PROXY to http://user:password@host:port")
      assert.notMatch(stdout, /: $/m)
    }))

  it.live("says that a version of Node.js is too old", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const versions = [["20.18.3", "wrong"], ["20.19.0", "well"], ["18.20.8", "wrong"]] as const
      for (const [version, state] of versions.slice(0, size(3, 1))) {
        const other = `Object.defineProperty(process.versions,'node',{value:'${version}'})`
        const NODE_OPTIONS = `--import=data:text/javascript,${other}`
        const { code, stdout } = yield* spawned(["doctor", "--json"], { env: { ...env, NODE_OPTIONS } })
        assert.deepStrictEqual([version, states(stdout).versions, code], [version, state, state === "well" ? 0 : 1])
      }
    }).pipe(Effect.provide(server())))
})
