/** `noukai studio`, and the studio beside `noukai dev`. */
import { Emulator } from "@effect-noukai/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { randomUUID } from "node:crypto"
import * as Fs from "node:fs/promises"
import * as Net from "node:net"
import { dirname, join } from "node:path"
import { cookieOf, open, send, until } from "../../studio/test/support/client.js"
import { ctrlC, inTerminal, noukai, type Options, spawned, started } from "./support/command.js"
import { folder, server } from "./support/server.js"
import * as Server from "./support/server.js"

const address = /http:\/\/[\w.:[\]]+\/\?token=[\w-]{22}/

const key = "nk_test_of_7777+the/stu'dio=with<7777>&7777%characters"

/** Starts a command that prints the address of a studio, and opens its page. */
const opened = (args: ReadonlyArray<string>, options: Options) =>
  Effect.gen(function*() {
    const command = yield* started(args, options)
    let output = ""
    command.child.stdout!.on("data", (text: string) => {
      output += text
    })
    yield* command.awaitOutput(address)
    const url = address.exec(output)![0]
    return { command, output: () => output, page: yield* open(url), url }
  })

/** Folders of a machine of its own. */
const machine = Effect.map(folder, (path) => ({
  XDG_STATE_HOME: join(path, "state"),
  XDG_CONFIG_HOME: join(path, "config")
}))

const isRefused = (port: number) =>
  Effect.async<boolean>((resume) => {
    const socket = Net.connect({ host: "127.0.0.1", port })
    socket.on("connect", () => resume(Effect.sync(() => (socket.destroy(), false))))
    socket.on("error", () => resume(Effect.succeed(true)))
  })

const taking = (port: number) =>
  Effect.acquireRelease(
    Effect.async<Net.Server, Error>((resume) => {
      const server = Net.createServer().listen(port, "127.0.0.1")
      server.on("listening", () => resume(Effect.succeed(server))).on("error", (error) => resume(Effect.fail(error)))
    }),
    (server) => Effect.promise(() => new Promise((resolve) => server.close(resolve)))
  ).pipe(Effect.map((server) => (server.address() as Net.AddressInfo).port))

/** A free port, where the one after it is taken until the scope ends. */
const beforeTaken = Effect.scoped(taking(0)).pipe(
  Effect.tap((port) => taking(port + 1)),
  Effect.retry({ times: 20 }),
  Effect.orDie
)

const emulatorIn = (output: string) => Number(/Noukai runs at http:\/\/127\.0\.0\.1:(\d+)/.exec(output)![1])

describe.concurrent("the studio beside noukai dev", () => {
  it.scopedLive("shows a run without another step, and sends no request for it", () =>
    Effect.gen(function*() {
      const env = yield* machine
      const { command, output, page } = yield* opened(["dev", "--port", "0"], { env })
      const port = emulatorIn(output())
      const changed = yield* Effect.fork(
        page.events("/api/changes").pipe(
          Stream.filter(({ data, event }) => event === "change" && data.runs[0]?.status === "completed"),
          Stream.runHead
        )
      )
      // once the page listens
      yield* page.events("/api/changes").pipe(Stream.take(1), Stream.runDrain)
      const ran = yield* spawned(["run", "noukai/samples/two-step", "Hi", "--port", String(port)], {
        env: { ...env, NOUKAI_API_KEY: key }
      })
      assert.strictEqual(ran.code, 0)
      yield* Fiber.join(changed)
      const { runs, total } = yield* page.json("/api/runs")
      assert.deepStrictEqual([total, runs[0].flow, runs[0].status], [1, "noukai/samples/two-step", "completed"])
      const of = `flow=noukai/samples/two-step&id=${runs[0].id}`
      const { bars, notes } = yield* page.json(`/api/run?${of}`)
      assert.deepStrictEqual([bars.length, notes], [2, []])
      const { attempts: [attempt] } = yield* page.json(`/api/step?${of}&step=${bars[0].stepId}`)
      assert.deepStrictEqual(JSON.parse(attempt.input.json), { message: "Hi" })
      assert.strictEqual(
        (yield* page.json(`/api/snippets?${of}`)).command,
        `noukai run noukai/samples/two-step Hi --env dev --port ${port}`
      )
      command.child.kill("SIGINT")
      const { stderr } = yield* command.ended
      assert.strictEqual(stderr.trimEnd().split("\n").length, 1, stderr)
      assert.notInclude(stderr, "token")
    }))

  it.scopedLive("runs a flow again from its page, once, in a session of its own", () =>
    Effect.gen(function*() {
      const { page } = yield* opened(["dev", "--port", "0"], { env: yield* machine })
      const flow = "noukai/samples/two-step"
      const { canStart, parametersSchema, studio } = yield* page.json(`/api/again?flow=${flow}`)
      assert.deepStrictEqual([canStart, parametersSchema.type], [true, "object"])
      const intention = randomUUID()
      const begin = page.change("POST", "/api/again", { studio, intention, input: { flow, message: "Hi" } })
      yield* Effect.all([begin, begin], { concurrency: 2 })
      const started = page.json(`/api/again/started?intention=${intention}`)
      const { run, state } = yield* until(started, ({ state }) => state !== "running")
      const { runs, total } = yield* page.json("/api/runs")
      assert.deepStrictEqual([state, total, runs[0].id, runs[0].sessionId], ["ended", 1, run, intention])
    }))

  it.scopedLive("is where GET / of the emulator leads, and is the page of the package", () =>
    Effect.gen(function*() {
      const { output, page, url } = yield* opened(["dev", "--port", "0"], { env: yield* machine })
      const { headers, status } = yield* send(emulatorIn(output()), "/")
      // every user of this machine can ask
      assert.deepStrictEqual([status, headers.location], [303, `http://127.0.0.1:${page.port}/`])
      const answers = yield* Effect.forEach(["/", "/?token", "/?x=1"], (target) => send(emulatorIn(output()), target))
      assert.notInclude(JSON.stringify(answers), new URL(url).searchParams.get("token")!)
      assert.strictEqual((yield* send(emulatorIn(output()), "/", { headers: { host: "evil.example" } })).status, 403)
      const index = yield* page.get("/")
      // the page is built by `npm run build`
      assert.include([200, 503], index.status)
    }))

  it.scopedLive("shows the batches and evals of a folder, and no views of them without one", () =>
    Effect.gen(function*() {
      const env = yield* machine
      const path = yield* folder
      const rows = join(path, "rows.jsonl")
      yield* Effect.promise(() => Fs.writeFile(rows, `{"id":"a"}\n{"id":"b"}\n`))
      const other = join(yield* folder, "other.eval.yaml")
      yield* Effect.promise(() =>
        Fs.writeFile(
          other,
          "name: other\nflow: a/b/c\ncases: []\nkey: id\ninput: { message: x }\nchecks: { a: { equals: 1 } }\n"
        )
      )
      const without = yield* opened(["dev", "--port", "0"], { env })
      assert.deepStrictEqual((yield* without.page.json("/api/source")).views, ["emulator"])
      assert.strictEqual((yield* without.page.get("/api/batches")).status, 404)
      const { output, page } = yield* opened(
        ["dev", "--port", "0", "--ledgers", path, "--eval", other],
        { env }
      )
      assert.deepStrictEqual((yield* page.json("/api/source")).views, ["batches", "evals", "emulator"])
      assert.deepStrictEqual((yield* page.json("/api/batches")).batches, [])
      const ran = yield* spawned(
        [
          ...[
            "batch",
            "run",
            "grades",
            "noukai/samples/hello-world",
            "--input",
            rows,
            "--key",
            "id",
            "--message-field",
            "id"
          ],
          ...["--grace", "100ms", "--ledger", join(path, "grades.ledger"), "--port", String(emulatorIn(output()))]
        ],
        { env: { ...env, NOUKAI_API_KEY: key } }
      )
      assert.strictEqual(ran.code, 0, ran.stderr)
      // files are searched at most once a second
      const { batches: [batch] } = yield* until(page.json("/api/batches"), ({ batches }) => batches.length > 0)
      assert.deepInclude(batch, { ledger: "grades.ledger", batch: "grades", status: "completed", settled: 2 })
      const { row } = yield* page.json("/api/batch/row?ledger=grades.ledger&batch=grades&key=a")
      const { runs } = yield* page.json("/api/runs")
      assert.include(runs.map(({ id }: { readonly id: string }) => id), row.executionId)
    }))

  it.live("needs a folder that exists, and definitions that can be read", () =>
    Effect.gen(function*() {
      for (
        const [args, message] of [
          [["--ledgers", "/nowhere/at/all"], /--ledgers \/nowhere\/at\/all: there is no such folder/],
          [["--eval", "x.eval.yaml"], /--eval requires --ledgers/],
          [["--ledgers", ".", "--eval", "/nowhere/x.eval.yaml"], /--eval: .*\/nowhere\/x\.eval\.yaml/]
        ] as const
      ) {
        for (const command of ["dev", "studio"]) {
          const server = command === "dev" ? ["--port", "0"] : ["--env", "dev", "--studio-port", "0"]
          const { code, stderr } = yield* noukai([command, ...server, ...args], { env: { NOUKAI_API_KEY: key } })
          assert.strictEqual(code, 2, stderr)
          assert.match(stderr, message)
        }
      }
    }))

  it.scopedLive("ends with it, also while pages listen", () =>
    Effect.gen(function*() {
      const { command, page } = yield* opened(["dev", "--port", "0"], { env: yield* machine })
      const listening = yield* Effect.fork(Stream.runCollect(page.events("/api/changes")))
      yield* page.events("/api/changes").pipe(Stream.take(1), Stream.runDrain)
      command.child.kill("SIGINT")
      const { code, stderr } = yield* command.ended
      assert.deepStrictEqual([code, stderr], [130, ""])
      yield* Fiber.join(listening)
      assert.isTrue(yield* isRefused(page.port))
    }))

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it.scopedLive(`leaves its ports free at ${signal}, in the midst of a run, while pages listen to everything`, () =>
      Effect.gen(function*() {
        const env = yield* machine
        const flows = join(yield* folder, "flows.json")
        yield* Effect.promise(() =>
          Fs.writeFile(
            flows,
            JSON.stringify({
              flows: [{
                ref: "acme/test/slow",
                steps: [{ kind: "template", id: "a", output: 1, duration: "1 minute" }]
              }]
            })
          )
        )
        const { command, output, page } = yield* opened(["dev", "--port", "0", "--flows", flows], { env })
        const port = emulatorIn(output())
        yield* started(["run", "acme/test/slow", "--port", String(port)], { env: { ...env, NOUKAI_API_KEY: key } })
        const { runs: [run] } = yield* until(page.json("/api/runs"), ({ total }) => total === 1)
        // and in the midst of a run that the page began
        const { studio } = yield* page.json("/api/again?flow=acme/test/slow")
        const input = { flow: "acme/test/slow", message: "Hi" }
        yield* page.change("POST", "/api/again", { studio, intention: randomUUID(), input })
        yield* until(page.json("/api/runs"), ({ total }) => total === 2)
        const watch = `/api/watch?flow=acme/test/slow&id=${run.id}`
        const streams = yield* Effect.forEach(
          ["/api/changes", "/api/changes?status=failed", watch, "/api/emulator/watch"],
          (target) =>
            Effect.gen(function*() {
              const hello = yield* Deferred.make<void>()
              const reading = page.events(target).pipe(
                Stream.tap(() => Deferred.succeed(hello, undefined)),
                Stream.runDrain
              )
              const fiber = yield* Effect.fork(reading)
              yield* Deferred.await(hello)
              return fiber
            })
        )
        // a connection that sends nothing, and one that a browser keeps
        const idle = [page.port, page.port, port].map((port) =>
          Net.connect({ host: "127.0.0.1", port }).on("error", () => {})
        )
        yield* Effect.addFinalizer(() => Effect.sync(() => idle.forEach((socket) => socket.destroy())))
        idle[1]!.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${page.port}\r\n\r\n`)
        yield* until(Effect.sync(() => idle[1]!.bytesRead), (bytes) => bytes > 0)
        const began = Date.now()
        command.child.kill(signal)
        const { code } = yield* command.ended
        // far below the timeouts of connections
        assert.isBelow(Date.now() - began, 4_000)
        assert.strictEqual(code, 130)
        yield* Fiber.joinAll(streams)
        assert.deepStrictEqual(yield* Effect.forEach([port, page.port], isRefused), [true, true])
        // the studio takes whichever port is free beside it
        const again = yield* opened(["dev", "--port", String(port)], { env })
        assert.strictEqual(emulatorIn(again.output()), port)
      }))
  }

  it.scopedLive("ends at Ctrl-C in a terminal, while a page listens, and the terminal shows nothing of it", () =>
    Effect.gen(function*() {
      const command = yield* inTerminal(["dev", "--port", "0"], { columns: 200, env: yield* machine })
      yield* command.awaitOutput(/Flows:\r\n( {2}.*\r\n)+/)
      const page = yield* open(address.exec(command.output())![0])
      const listening = yield* Effect.fork(Stream.runDrain(page.events("/api/changes")))
      yield* page.events("/api/changes").pipe(Stream.take(1), Stream.runDrain)
      const before = command.output()
      yield* command.type(ctrlC)
      assert.strictEqual(yield* command.code, 130)
      yield* Fiber.join(listening)
      assert.match(command.output().slice(before.length), /^(?:\^C)?\s*$/)
    }))

  it.scopedLive("is not served with --no-studio, nor with --exec", () =>
    Effect.gen(function*() {
      const env = yield* machine
      const command = yield* started(["dev", "--port", "0", "--no-studio"], { env })
      let output = ""
      command.child.stdout!.on("data", (text: string) => {
        output += text
      })
      yield* command.awaitOutput(/Flows:\n( {2}.*\n)+/)
      assert.notInclude(output, "studio")
      assert.strictEqual((yield* send(emulatorIn(output), "/")).status, 404)
      const { stdout } = yield* spawned(["dev", "--port", "0", "--exec", "echo done"], { env })
      assert.strictEqual(stdout, "done\n")
    }))

  it.scopedLive("takes the next port where the one after the emulator's is taken", () =>
    Effect.gen(function*() {
      const port = yield* beforeTaken
      const { output, page } = yield* opened(["dev", "--port", String(port)], { env: yield* machine })
      assert.strictEqual(emulatorIn(output()), port)
      assert.isAbove(page.port, port + 1)
    }))

  it.scopedLive("knows a page that was open before a restart, on this machine alone", () =>
    Effect.gen(function*() {
      const env = yield* machine
      const before = yield* Effect.scoped(Effect.gen(function*() {
        const { command, output, url } = yield* opened(["dev", "--port", "0"], { env })
        const cookie = yield* cookieOf(url)
        command.child.kill("SIGINT")
        yield* command.ended
        return { cookie, port: emulatorIn(output()) }
      }))
      const statusIn = (env: Record<string, string>) =>
        Effect.scoped(Effect.gen(function*() {
          const { command, page } = yield* opened(["dev", "--port", String(before.port)], { env })
          const { status } = yield* send(page.port, "/api/runs", { headers: { cookie: before.cookie } })
          command.child.kill("SIGINT")
          yield* command.ended
          return status
        }))
      assert.strictEqual(yield* statusIn(env), 200)
      assert.strictEqual(yield* statusIn(yield* machine), 401)
      const file = join(env.XDG_STATE_HOME, "noukai/studio-secret")
      assert.strictEqual((yield* Effect.promise(() => Fs.stat(file))).mode & 0o777, 0o600)
    }))
})

describe("noukai studio", () => {
  it.scopedLive(
    "refuses a secret that other users can read or write, and says how to make a new one",
    () =>
      Effect.gen(function*() {
        const env = { ...yield* machine, ...yield* Server.environment, NOUKAI_API_KEY: key }
        const file = join(env.XDG_STATE_HOME, "noukai/studio-secret")
        yield* Effect.promise(async () => {
          await Fs.mkdir(dirname(file), { recursive: true })
          await Fs.writeFile(file, "x".repeat(22))
          await Fs.chmod(file, 0o666)
        })
        const { code, stderr } = yield* spawned(["studio", "--studio-port", "0"], { env })
        assert.strictEqual(code, 7)
        assert.match(stderr, new RegExp(`${file}.*mode 0666.*rm '${file}'`))
        // the emulator is there without its page
        const dev = yield* started(["dev", "--port", "0"], { env })
        let [output, errors] = ["", ""]
        dev.child.stdout!.on("data", (text: string) => (output += text))
        dev.child.stderr!.on("data", (text: string) => (errors += text))
        yield* dev.awaitOutput(/Flows:\n( {2}.*\n)+/)
        assert.match(errors, /the studio is not served: .*mode 0666/)
        assert.notInclude(output, "studio")
      }).pipe(Effect.provide(server())),
    { skip: process.platform === "win32" }
  )

  it.scopedLive("says where it listens, and warns, where other machines can connect", () =>
    Effect.gen(function*() {
      const env = { ...yield* machine, ...yield* Server.environment, NOUKAI_API_KEY: key }
      const errorsOf = (args: ReadonlyArray<string>) =>
        Effect.gen(function*() {
          const { command, page } = yield* opened(["studio", "--studio-port", "0", ...args], { env })
          command.child.kill("SIGINT")
          return { port: page.port, stderr: (yield* command.ended).stderr }
        })
      const open = yield* errorsOf(["--host", "0.0.0.0"])
      assert.match(open.stderr, new RegExp(`listens on 0\\.0\\.0\\.0:${open.port}, .*other machines.*start runs`))
      assert.notInclude((yield* errorsOf(["--host", "0.0.0.0", "--read-only"])).stderr, "pay")
      assert.strictEqual((yield* errorsOf([])).stderr, "")
    }).pipe(Effect.provide(server())))

  it.scopedLive("shows the runs that this machine has seen, and never the key", () =>
    Effect.gen(function*() {
      const env = { ...yield* machine, ...yield* Server.environment, NOUKAI_API_KEY: key }
      // the trace contains it, in every form
      const run = yield* spawned([
        "run",
        "noukai/samples/hello-world",
        `Hi ${key}`,
        "--param",
        `a=${key}`,
        "--snapshots"
      ], { env })
      assert.strictEqual(run.code, 0)
      const { command, output, page } = yield* opened(["studio", "--studio-port", "0"], { env })
      assert.include(output(), `The studio shows the runs of ${env.NOUKAI_BASE_URL}`)
      const { runs: [row], total } = yield* until(
        page.json("/api/runs"),
        ({ runs: [row] }) => row?.costUsd !== undefined
      )
      assert.deepStrictEqual([total, row.flow, row.status, row.costUsd], [
        1,
        "noukai/samples/hello-world",
        "completed",
        "0.00012"
      ])
      assert.isDefined(row.sessionId)
      const of = `flow=noukai/samples/hello-world&id=${row.id}`
      const answers = yield* Effect.forEach([
        "/api/source",
        `/api/run?${of}`,
        `/api/step?${of}&step=greet`,
        `/api/snippets?${of}`,
        `/api/export?${of}&format=otlp`,
        `/api/export?${of}&format=html`,
        "/api/run?flow=noukai/samples/hello-world&id=none",
        "/"
      ], page.get)
      assert.deepStrictEqual(answers.slice(0, 7).map(({ status }) => status), [200, 200, 200, 200, 200, 200, 404])
      const listening = yield* Effect.fork(Stream.runCollect(page.events("/api/changes")))
      const watched = yield* Stream.runCollect(page.events(`/api/watch?${of}`))
      command.child.kill("SIGINT")
      const ended = yield* command.ended
      assert.strictEqual(ended.code, 130)
      const heard = yield* Fiber.join(listening)
      assert.include(JSON.stringify(answers), "<redacted>")
      assert.notInclude(JSON.stringify([answers, ended, [...watched, ...heard], output()]), "7777")
    }).pipe(Effect.provide(server())))

  it.scopedLive("says what the server refused, without the key", () =>
    Effect.gen(function*() {
      const machineEnv = yield* machine
      const env = { ...machineEnv, ...yield* Server.environment }
      yield* spawned(["run", "noukai/samples/hello-world", "Hi"], { env })
      const { command, page } = yield* opened(["studio", "--studio-port", "0"], {
        env: { ...env, NOUKAI_API_KEY: key }
      })
      const { status, text } = yield* page.get("/api/runs")
      assert.strictEqual(status, 502)
      assert.strictEqual(JSON.parse(text)._tag, "Unavailable")
      assert.match(JSON.parse(text).advice, /noukai doctor/)
      command.child.kill("SIGINT")
      const ended = yield* command.ended
      assert.notInclude(JSON.stringify([text, ended]), "7777")
    }).pipe(Effect.provide(server({
      keys: [{ key: "nk_test_known_00000000000000000000000000000000", org: "noukai", project: "samples" }]
    }))))

  it.scopedLive("runs a flow again, and lists the run with its session; with --read-only it starts none", () =>
    Effect.gen(function*() {
      const env = { ...yield* machine, ...yield* Server.environment, NOUKAI_API_KEY: key }
      const flow = "noukai/samples/hello-world"
      yield* spawned(["run", flow, "Hi", "--snapshots"], { env })
      const { page } = yield* opened(["studio", "--studio-port", "0"], { env })
      const { runs: [first] } = yield* until(page.json("/api/runs"), ({ total }) => total === 1)
      const form = yield* page.json(`/api/again?flow=${flow}&id=${first.id}`)
      assert.deepStrictEqual([form.canStart, form.input], [true, { flow, message: "Hi", snapshots: true }])
      const [cost, ...others] = form.costs
      assert.deepStrictEqual([cost.version, cost.runs, cost.most, others], ["production", 1, "0.00012", []])
      const intention = randomUUID()
      const request = { studio: form.studio, intention, input: { ...form.input, message: "Hello" } }
      const begun = JSON.parse((yield* page.change("POST", "/api/again", request)).text)
      assert.include(["running", "ended"], begun.state)
      const listed = yield* until(page.json("/api/runs"), ({ total }) => total === 2)
      const newest = listed.runs.find(({ id }: { readonly id: string }) => id === begun.run)
      assert.strictEqual(newest.sessionId, intention)
      const { difference } = yield* page.json(
        `/api/diff?beforeFlow=${flow}&before=${first.id}&afterFlow=${flow}&after=${begun.run}`
      )
      assert.deepStrictEqual([difference.verdict, difference.partsAt], ["different", 0])
      const reads = yield* opened(["studio", "--studio-port", "0", "--read-only"], { env })
      const { canStart, studio, whyNot } = yield* reads.page.json(`/api/again?flow=${flow}&id=${first.id}`)
      assert.deepStrictEqual([canStart, /starts no runs/.test(whyNot)], [false, true])
      const refused = yield* reads.page.change("POST", "/api/again", { ...request, studio, intention: randomUUID() })
      assert.strictEqual(refused.status, 400)
      assert.strictEqual((yield* Server.runs).length, 2)
    }).pipe(Effect.provide(server())))

  it.scopedLive("keeps texts for the search once the page asks, and --forget deletes them", () =>
    Effect.gen(function*() {
      const folders = yield* machine
      const env = { ...folders, ...yield* Server.environment, NOUKAI_API_KEY: key }
      yield* spawned(["run", "noukai/samples/hello-world", `Hi ${key}`, "--snapshots"], { env })
      const { page } = yield* opened(["studio", "--studio-port", "0"], { env })
      assert.isFalse((yield* page.json("/api/find/state")).isOn)
      yield* page.change("POST", "/api/find")
      const { runs } = yield* until(page.json("/api/find?text=HELLO"), ({ runs }) => runs.length === 1)
      assert.strictEqual(runs[0].run.flow, "noukai/samples/hello-world")
      const state = join(folders.XDG_STATE_HOME, "noukai")
      const file = join(state, "studio-search")
      const bytes = yield* Effect.promise(() => Fs.readFile(file, "latin1"))
      assert.notInclude(bytes, key)
      assert.strictEqual((yield* Effect.promise(() => Fs.stat(file))).mode & 0o777, 0o600)
      const forget = spawned(["studio", "--forget"], { env })
      const answers = [yield* forget, yield* forget].map(({ code, stdout }) => [code, stdout])
      assert.deepStrictEqual(answers, [[0, "Deleted.\n"], [0, "Nothing was kept.\n"]])
      assert.deepStrictEqual(
        (yield* Effect.promise(() => Fs.readdir(state))).filter((name) => name.includes("search")),
        []
      )
      assert.isFalse((yield* page.json("/api/find/state")).isOn)
    }).pipe(Effect.provide(server())))

  it.scopedLive("ends at once while the server keeps it waiting", () =>
    Effect.gen(function*() {
      const env = { ...yield* machine, ...yield* Server.environment, NOUKAI_API_KEY: key }
      yield* spawned(["run", "noukai/samples/hello-world", "Hi"], { env })
      const { command, page } = yield* opened(["studio", "--studio-port", "0"], { env })
      const emulator = yield* Emulator
      yield* emulator.addFaults({ rate: 1, faults: ["delay:3600000"] })
      const listening = yield* Effect.fork(Stream.runDrain(page.events("/api/changes")))
      yield* Effect.fork(Effect.either(Effect.sandbox(page.get("/api/runs"))))
      yield* emulator.awaitEvent(({ type }) => type === "Waiting")
      const began = Date.now()
      command.child.kill("SIGINT")
      assert.strictEqual((yield* command.ended).code, 130)
      assert.isBelow(Date.now() - began, 4_000)
      yield* Fiber.join(listening)
      assert.isTrue(yield* isRefused(page.port))
    }).pipe(Effect.provide(server())))

  it.live("needs a key, a port that there is and an address of this machine", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* noukai(["studio"])).code, 3)
      const env = { NOUKAI_API_KEY: key }
      const wrong = yield* noukai(["studio", "--studio-port", "65536"], { env })
      assert.deepStrictEqual([wrong.code, wrong.stderr], [
        2,
        "noukai: --studio-port must be from 0 to 65535, not 65536\n"
      ])
      const foreign = yield* noukai(["studio", "--host", "203.0.113.1"], { env })
      assert.strictEqual(foreign.code, 7)
      assert.match(foreign.stderr, /Cannot listen on 203\.0\.113\.1/)
    }))
})
