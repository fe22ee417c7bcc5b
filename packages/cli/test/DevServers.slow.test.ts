/** Commands without a key and a server, which find a `noukai dev` of this user. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chmod, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { folder, write } from "../../sdk/test/support/folder.js"
import { noukai, type Options, spawned, started } from "./support/command.js"

const hello = ["run", "noukai/samples/hello-world", "Hello"]

const result = { text: "Hello! You said: Hello" }

/** A machine with folders of its own and nobody's key. `offline` stops a command that would call the hosted service. */
const machine = Effect.map(folder, (cwd) => ({
  cwd,
  files: join(cwd, "noukai/dev"),
  options: {
    cwd,
    env: {
      XDG_STATE_HOME: cwd,
      XDG_CONFIG_HOME: cwd,
      HOME: cwd,
      HTTPS_PROXY: "http://127.0.0.1:1"
    }
  }
}))

/** Starts `noukai dev`, waits until it serves, and gives its port. */
const dev = (options: Options, ...flags: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const running = yield* started(
      ["dev", ...(flags.includes("--port") ? [] : ["--port", "0"]), "--no-studio", ...flags],
      options
    )
    let output = ""
    running.child.stdout!.on("data", (text: string) => {
      output += text
    })
    yield* running.awaitOutput(/Flows:\n/)
    return { ...running, port: Number(/127\.0\.0\.1:(\d+)/.exec(output)![1]) }
  })

const files = (path: string) => Effect.promise(() => readdir(path))

/** A server that is none of `noukai dev`, on the port of one that has gone. */
const stranger = (port: number, body: (request: IncomingMessage) => string) =>
  Effect.acquireRelease(
    Effect.async<{ readonly seen: Array<string>; readonly close: () => void; readonly port: number }>((resume) => {
      const seen: Array<string> = []
      const server = createServer((request, response) => {
        seen.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)}`)
        response.end(body(request))
      })
      server.listen(port, "127.0.0.1", () =>
        resume(Effect.succeed({
          seen,
          port: (server.address() as AddressInfo).port,
          close: () => server.close().closeAllConnections()
        })))
    }),
    ({ close }) => Effect.sync(close)
  )

const noKey =
  /^noukai: .*no key was given.*\n {2}store a key: noukai auth\n {2}or .*noukai dev, .*NOUKAI_ENV=dev and NOUKAI_API_KEY\n$/

describe("a command without a key and a server", () => {
  it.scopedLive(
    "uses the newest noukai dev of this user, says so, and says what to type when there is none",
    () =>
      Effect.gen(function*() {
        const { files: path, options } = yield* machine
        const before = yield* spawned(hello, options)
        assert.strictEqual(before.code, 3)
        assert.match(before.stderr, noKey)

        const first = yield* dev(options)
        const used = yield* spawned(hello, options)
        assert.deepStrictEqual([used.code, JSON.parse(used.stdout)], [0, result], used.stderr)
        assert.strictEqual(
          used.stderr,
          `no key and no server are set: using noukai dev at http://127.0.0.1:${first.port}/api/v1; ` +
            "for another server: noukai auth, --env or --base-url\n"
        )
        const [name] = yield* files(path)
        const { mode } = yield* Effect.promise(() => stat(join(path, name!)))
        assert.strictEqual(mode & 0o777, 0o600)

        const second = yield* dev(options)
        assert.include((yield* spawned(hello, options)).stderr, `127.0.0.1:${second.port}/`)
        second.child.kill("SIGKILL")
        yield* second.ended
        const again = yield* spawned(hello, options)
        assert.strictEqual(again.code, 0)
        assert.include(again.stderr, `127.0.0.1:${first.port}/`)
        // the file of the killed one is still there
        assert.lengthOf(yield* files(path), 2)

        first.child.kill("SIGINT")
        assert.strictEqual((yield* first.ended).code, 130)
        assert.deepStrictEqual(yield* files(path), [`${second.port}.json`])
        const gone = yield* spawned(hello, options)
        assert.strictEqual(gone.code, 3)
        assert.match(gone.stderr, noKey)
      })
  )

  it.scopedLive(
    "uses the key of a flows file, and that of noukai dev with --env dev and its port",
    () =>
      Effect.gen(function*() {
        const { cwd, options } = yield* machine
        const flows = join(cwd, "flows.json")
        const steps = [{ kind: "template", id: "a", output: "\"x\"" }]
        const keys = [{ key: "nk_test_only_abc", org: "acme", project: "test" }]
        yield* write(flows, JSON.stringify({ flows: [{ ref: "acme/test/mine", steps }], keys }))
        const { port } = yield* dev(options, "--flows", flows)
        const call = ["run", "acme/test/mine", "x"]
        assert.strictEqual((yield* noukai(call, options)).code, 0)
        const named = yield* noukai([...call, "--env", "dev", "--port", String(port), "--quiet"], options)
        assert.deepStrictEqual([named.code, named.stderr], [0, ""])
        for (const flags of [["--env", "dev", "--port", "1"], ["--base-url", "http://127.0.0.1:1/api/v1"]]) {
          const other = yield* noukai([...call, ...flags], options)
          assert.strictEqual(other.code, 3)
        }
        // also commands that send nothing, and the doctor
        const doctor = yield* noukai(["doctor"], options)
        assert.strictEqual(doctor.code, 0, doctor.stdout)
        assert.match(
          doctor.stdout,
          /✓ server .*, named by noukai dev; .*\n {13}no key and no server are set: using noukai dev/
        )
        assert.match(doctor.stdout, /✓ key +from noukai dev; it begins with nk_; the server accepts it\n/)
        assert.match(
          (yield* noukai(["doctor"], { ...options, env: { ...options.env, CI: "1" } })).stdout,
          /✗ key +there is no key\n.*\n {13}or .*NOUKAI_ENV=dev and NOUKAI_API_KEY\n/
        )
      })
  )

  it.scopedLive(
    "finds none in CI, or with a key, a server or a profile",
    () =>
      Effect.gen(function*() {
        const { cwd, options } = yield* machine
        yield* dev(options)
        const call = (env: Record<string, string>, ...flags: ReadonlyArray<string>) =>
          noukai([...hello, ...flags], { ...options, env: { ...options.env, ...env } })
        for (const CI of ["true", "1", "woodpecker"]) {
          const { code, stderr } = yield* call({ CI })
          assert.strictEqual(code, 3)
          assert.match(stderr, noKey)
        }
        assert.strictEqual((yield* call({ CI: "false" })).code, 0)
        assert.strictEqual((yield* call({ NOUKAI_ENV: "production" })).code, 3)
        assert.strictEqual((yield* call({}, "--env", "production")).code, 3)
        yield* write(join(cwd, "noukai.json"), JSON.stringify({ profiles: { mine: { org: "acme", project: "test" } } }))
        assert.strictEqual((yield* call({}, "--profile", "mine")).code, 3)
        // the hosted service, which cannot be reached here
        assert.strictEqual((yield* call({ NOUKAI_API_KEY: "nk_test_x" })).code, 7)
        yield* write(join(cwd, "noukai.json"), JSON.stringify({ env: "production" }))
        assert.strictEqual((yield* call({})).code, 3)
        yield* write(join(cwd, "noukai.json"), JSON.stringify({ org: "noukai", project: "samples" }))
        assert.strictEqual((yield* call({})).code, 0)
      }),
    120_000
  )

  it.scopedLive("lists no run of the server that had the port before", () =>
    Effect.gen(function*() {
      const { options } = yield* machine
      const first = yield* dev(options)
      assert.strictEqual((yield* spawned(hello, options)).code, 0)
      assert.lengthOf((yield* spawned(["runs", "--quiet"], options)).stdout.trimEnd().split("\n"), 2)
      first.child.kill("SIGINT")
      yield* first.ended
      yield* dev(options, "--port", String(first.port))
      const listed = yield* spawned(["runs", "--json"], options)
      assert.deepStrictEqual([listed.code, JSON.parse(listed.stdout)], [0, []], listed.stderr)
      assert.strictEqual((yield* spawned(["cost"], options)).code, 2)
      assert.strictEqual((yield* spawned(hello, options)).code, 0)
      const again = yield* spawned(["runs", "--json"], options)
      assert.lengthOf(JSON.parse(again.stdout), 1)
    }))

  it.scopedLive("does not use a file that others can read or change, or a link to one", () =>
    Effect.gen(function*() {
      const { cwd, files: path, options } = yield* machine
      const { port } = yield* dev(options)
      const file = join(path, `${port}.json`)
      const code = Effect.map(noukai(hello, options), ({ code }) => code)
      const content = yield* Effect.promise(() => readFile(file, "utf8"))
      for (const mode of [0o640, 0o604, 0o620]) {
        yield* Effect.promise(() => chmod(file, mode))
        assert.strictEqual(yield* code, 3)
      }
      yield* Effect.promise(() => chmod(file, 0o600))
      assert.strictEqual(yield* code, 0)
      const target = join(cwd, "elsewhere.json")
      const replaced = Effect.promise(async () => {
        await writeFile(target, content, { mode: 0o600 })
        await rm(file)
        await symlink(target, file)
      })
      yield* replaced
      assert.strictEqual(yield* code, 3)
    }))

  it.scopedLive("sends no key to a server that does not know the nonce", () =>
    Effect.gen(function*() {
      const { cwd, files: path, options } = yield* machine
      const flows = join(cwd, "flows.json")
      const keys = [{ key: "nk_test_only_secret", org: "acme", project: "test" }]
      yield* write(flows, JSON.stringify({ flows: [], keys }))
      const running = yield* dev(options, "--flows", flows)
      const nonce = JSON.parse(yield* Effect.promise(() => readFile(join(path, `${running.port}.json`), "utf8"))).nonce
      running.child.kill("SIGKILL")
      yield* running.ended
      for (
        const body of [
          () => "{}",
          ({ url }: IncomingMessage) =>
            JSON.stringify({ proof: new URL(url!, "http://x").searchParams.get("challenge") })
        ]
      ) {
        yield* Effect.scoped(Effect.gen(function*() {
          const { seen } = yield* stranger(running.port, body)
          const { code, stderr } = yield* spawned(hello, options)
          assert.strictEqual(code, 3)
          assert.match(stderr, noKey)
          assert.lengthOf(seen, 1)
          assert.match(seen[0]!, /^GET \/_emulator\/proof\?challenge=/)
          for (const secret of ["nk_test_only_secret", "authorization", nonce]) assert.notInclude(seen.join(), secret)
        }))
      }
      // another noukai dev on that port has another nonce, and its own file
      const next = yield* started(["dev", "--port", String(running.port), "--no-studio"], options)
      yield* next.awaitOutput(/Flows:\n/)
      assert.strictEqual((yield* spawned(hello, options)).code, 0)
      yield* Effect.promise(() =>
        writeFile(
          join(path, `${running.port}.json`),
          JSON.stringify({ port: running.port, nonce, apiKey: "nk_x", at: 1 })
        )
      )
      assert.strictEqual((yield* spawned(hello, options)).code, 3)
    }))
})
