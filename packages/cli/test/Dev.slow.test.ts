/** `noukai dev`. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { join } from "node:path"
import { folder, write } from "../../sdk/test/support/folder.js"
import { isWhole } from "../../sdk/test/support/size.js"
import { bin, ctrlC, inTerminal, noukai, spawned, started, watched } from "./support/command.js"

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** A command of the shell with a process below it. Both ignore signals, and say which they are. */
const deaf = "trap '' INT TERM; sh -c 'echo \"pids $$ $PPID\"; sleep 60; true'; true"

const pidsIn = (output: string): ReadonlyArray<number> => /pids (\d+) (\d+)/.exec(output)!.slice(1).map(Number)

/** Waits until processes are no more: one that was killed is there until it is reaped. */
const gone = (pids: ReadonlyArray<number>) =>
  Effect.sync(() => pids.filter(isAlive)).pipe(
    Effect.repeat({ until: (left) => left.length === 0, schedule: Schedule.spaced("20 millis") }),
    Effect.timeout("30 seconds"),
    Effect.orDie
  )

/** A program that a user wrote would call another emulator, or none. */
const portAdvice = "A program does not read NOUKAI_PORT: give Noukai.layer or new Noukai the option port."

describe.concurrent("noukai dev", () => {
  it.live("says what is wrong with a port", () =>
    Effect.gen(function*() {
      for (const port of ["-1", "65536", "99999", "1.5"]) {
        const { code, stderr } = yield* noukai(["dev", `--port=${port}`])
        assert.strictEqual(code, 2)
        assert.match(stderr, /^noukai: --port .*, not /)
        assert.notInclude(stderr, "    at ")
      }
    }))

  it.live("keeps payloads unless --capture says otherwise", () =>
    Effect.gen(function*() {
      const session = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"
      const ran = `"${process.execPath}" -e '
        const { NOUKAI_PORT, NOUKAI_API_KEY } = process.env
        const headers = { authorization: "Bearer " + NOUKAI_API_KEY, "x-session-id": "${session}" }
        const url = "http://127.0.0.1:" + NOUKAI_PORT + "/api/v1/seq/"
        fetch(url + "noukai/samples/hello-world/execute", { method: "POST", headers, body: "{\\"message\\":\\"hi\\"}" })
          .then(() => fetch(url + "sessions/${session}", { headers }))
          .then((response) => response.json())
          .then(({ executions }) => console.log(executions[0].traceCaptureMode))'`
      for (const [flags, mode] of [[[], "full"], [["--capture", "metadata_only"], "metadata_only"]] as const) {
        const { code, stdout } = yield* spawned(["dev", "--port", "0", ...flags, "--exec", ran])
        assert.deepStrictEqual([code, stdout], [0, `${mode}\n`])
      }
      assert.strictEqual((yield* noukai(["dev", "--capture", "all"])).code, 2)
    }))

  it.live("draws other ids of runs each time it starts", () =>
    Effect.gen(function*() {
      const env = { NODE: process.execPath, BIN: bin }
      const ran = "\"$NODE\" \"$BIN\" run noukai/samples/hello-world hi --no-history"
      const started = yield* Effect.forEach([1, 2], () => spawned(["dev", "--port", "0", "--exec", ran], { env }))
      const ids = started.flatMap(({ stderr }) => /execute {2}200 {2}([\da-f-]{36}) /.exec(stderr)?.[1] ?? [])
      assert.strictEqual(new Set(ids).size, 2, started[0]!.stderr)
    }))

  it.live("names a flow to run only where it has it", () =>
    Effect.scoped(Effect.gen(function*() {
      const flows = join(yield* folder, "flows.json")
      const steps = [{ kind: "template", id: "a", output: "x" }]
      yield* write(flows, JSON.stringify({ flows: [{ ref: "acme/test/mine", steps }] }))
      const outputOf = (...flags: ReadonlyArray<string>) =>
        Effect.scoped(Effect.gen(function*() {
          const command = yield* watched(["dev", "--port", "0", ...flags])
          yield* command.awaitOutput(/NOUKAI_API_KEY=.*\r\n/)
          yield* command.type(ctrlC)
          yield* command.code
          return command.output()
        }))
      assert.include(yield* outputOf(), "noukai run noukai/samples/hello-world")
      assert.notInclude(yield* outputOf("--flows", flows), "noukai/samples")
    })))
})

/** Calls a server that `noukai dev` runs, and gives the id of the run. */
const called = (port: string, path: string, body: object, headers: Record<string, string> = {}) =>
  Effect.promise(async () => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/seq/${path}`, {
      method: "POST",
      headers: { authorization: "Bearer nk_test_x", "content-type": "application/json", ...headers },
      body: JSON.stringify(body)
    })
    return /"executionId":"([^"]+)"/.exec(await response.text())?.[1]
  })

describe.concurrent("the requests of noukai dev", () => {
  const steps = [
    { kind: "template", id: "a", output: "x", costUsd: "0.0012" },
    { kind: "template", id: "b", output: "y", costUsd: "0.003" }
  ]

  const mine = Effect.gen(function*() {
    const flows = join(yield* folder, "flows.json")
    yield* write(flows, JSON.stringify({ flows: [{ ref: "acme/test/mine", steps }, { ref: "acme/test/it", steps }] }))
    return flows
  })

  const portIn = (output: string) => /127\.0\.0\.1:(\d+)/.exec(output)![1]!

  it.scopedLive("are a line each on stderr, and the flows are listed with their addresses", () =>
    Effect.gen(function*() {
      const command = yield* started(["dev", "--port", "0", "--flows", yield* mine])
      let output = ""
      command.child.stdout!.on("data", (text: string) => {
        output += text
      })
      yield* command.awaitOutput(/Flows:\n( {2}.*\n){2}/)
      const port = portIn(output)
      const run = yield* called(port, "acme/test/mine/execute", { message: "a message" })
      const stepped = yield* called(port, "acme/test/mine/step", { message: "x" })
      yield* called(port, "acme/test/none%1B%5B2J/execute", { message: "x" })
      yield* called(port, "acme/test/it/execute", { message: "x" }, { "x-noukai-emulator-fault": "500" })
      yield* called(port, `sessions/${"x".repeat(36)}?key=secret`, {})
      yield* command.awaitOutput(/sessions.*\n/)
      command.child.kill("SIGINT")
      const { stderr, stdout } = yield* command.ended
      assert.include(stdout, portAdvice)
      const url = `http://127.0.0.1:${port}/api/v1/seq`
      assert.include(
        stdout,
        `Flows:\n  acme/test/mine  ${url}/acme/test/mine\n  acme/test/it    ${url}/acme/test/it\n`
      )
      const [executed, one, none, fault, session, ...rest] = stderr.trimEnd().split("\n")
      assert.match(executed!, new RegExp(`^POST acme/test/mine execute  200  ${run}  \\d+ ms  \\$0\\.0042$`))
      // a request of one step is billed that step
      assert.match(one!, new RegExp(`^POST acme/test/mine step  200  ${stepped}  \\d+ ms  \\$0\\.0012$`))
      assert.match(none!, /^POST acme\/test\/none\\u001b\[2J execute {2}404 {2}\d+ ms$/)
      assert.match(fault!, /^POST acme\/test\/it execute {2}500 {2}\d+ ms {2}fault 500$/)
      assert.match(session!, /^POST \/api\/v1\/seq\/sessions\/x{36} {2}40\d {2}\d+ ms$/)
      assert.deepStrictEqual(rest, [])
      for (const secret of ["a message", "secret", "nk_test_x"]) assert.notInclude(stderr, secret)
    }))

  it.scopedLive("are silent with --quiet, and have colours in a terminal alone, without NO_COLOR", () =>
    Effect.gen(function*() {
      const flows = yield* mine
      for (
        const [flags, env, line] of [
          [[], {}, "\u001b[31mPOST acme/test/it execute  500"],
          [[], { NO_COLOR: "1" }, "\nPOST acme/test/it execute  500"],
          [["--quiet"], {}, undefined]
        ] as const
      ) {
        yield* Effect.scoped(Effect.gen(function*() {
          const command = yield* watched(["dev", "--port", "0", "--flows", flows, ...flags], { env })
          yield* command.awaitOutput(/Flows:\r\n.*\r\n.*\r\n/)
          yield* called(portIn(command.output()), "acme/test/it/execute", { message: "x" }, {
            "x-noukai-emulator-fault": "500"
          })
          if (line === undefined) assert.notInclude(command.output(), "POST")
          else yield* command.awaitOutput(line)
          yield* command.type(ctrlC)
          yield* command.code
        }))
      }
    }))
})

describe.concurrent("noukai dev --webhooks-allow", () => {
  const submitted = `"${process.execPath}" -e '
    const { createServer } = require("node:http")
    const { NOUKAI_PORT, NOUKAI_API_KEY, NOUKAI_WEBHOOK_SECRET } = process.env
    const server = createServer((request, response) => {
      let body = ""
      request.on("data", (text) => body += text).on("end", () => {
        response.writeHead(204).end()
        const { createHmac } = require("node:crypto")
        const [, t, v1] = /^t=(\\d+),v1=(.*)$/.exec(request.headers["x-noukai-signature"])
        const own = createHmac("sha256", NOUKAI_WEBHOOK_SECRET).update(t + "." + body).digest("hex")
        console.log(request.url, own === v1, NOUKAI_WEBHOOK_SECRET.length)
        server.close()
      })
    }).listen(process.env.HOOK_PORT, "127.0.0.1", () =>
      fetch("http://127.0.0.1:" + NOUKAI_PORT + "/api/v1/seq/noukai/samples/hello-world/jobs", {
        method: "POST",
        headers: { authorization: "Bearer " + NOUKAI_API_KEY },
        body: JSON.stringify({ message: "hi", callbackUrl: "http://127.0.0.1:" + process.env.HOOK_PORT + "/hooks" })
      }))'`

  it.live("sends webhooks to the address, signed by a secret that it makes or takes", () =>
    Effect.gen(function*() {
      const secret = "whsec_given_0123456789abcdef0123456789"
      for (
        const [port, given, length] of [["18787", {}, 54], ["18788", { NOUKAI_WEBHOOK_SECRET: secret }, 38]] as const
      ) {
        const env = { HOOK_PORT: port, ...given }
        const flags = ["--webhooks-allow", "http://127.0.0.1:1", "--webhooks-allow", `http://127.0.0.1:${port}`]
        const { code, stderr, stdout } = yield* spawned(["dev", "--port", "0", ...flags, "--exec", submitted], { env })
        assert.deepStrictEqual([code, stdout], [0, `/hooks true ${length}\n`], stderr)
        assert.notInclude(stderr, "whsec_")
      }
    }))

  it.scopedLive("prints the secret as the key, and only with the flag", () =>
    Effect.gen(function*() {
      for (const [flags, shown] of [[["--webhooks-allow=http://[::1]:8787"], true], [[], false]] as const) {
        const command = yield* started(["dev", "--port", "0", "--no-studio", ...flags])
        let output = ""
        command.child.stdout!.on("data", (text: string) => {
          output += text
        })
        yield* command.awaitOutput(/Flows:\n/)
        command.child.kill("SIGINT")
        yield* command.ended
        assert.match(output, /export NOUKAI_API_KEY=/)
        assert.strictEqual(/\n {2}export NOUKAI_WEBHOOK_SECRET=whsec_[\da-f]{48}\n/.test(output), shown)
      }
    }))

  it.live("refuses what is no address of this machine", () =>
    Effect.gen(function*() {
      for (const origin of ["http://localhost:8787", "http://127.0.0.1", "https://me.example:443"]) {
        const { code, stderr } = yield* noukai(["dev", "--port", "0", `--webhooks-allow=${origin}`])
        assert.strictEqual(code, 2)
        assert.match(stderr, /^noukai: --webhooks-allow must /)
      }
    }))
})

describe.concurrent("noukai dev --exec", () => {
  it.live("ends with the code of the command, or that of its signal", () =>
    Effect.gen(function*() {
      const dev = (command: string) => spawned(["dev", "--port", "0", "--exec", command])
      assert.deepStrictEqual(yield* dev("exit 3"), { code: 3, stdout: "", stderr: `${portAdvice}\n` })
      assert.deepStrictEqual(yield* spawned(["dev", "--quiet", "--port", "0", "--exec", "exit 3"]), {
        code: 3,
        stdout: "",
        stderr: ""
      })
      const { code, stdout } = yield* dev("env; kill -TERM $$")
      assert.strictEqual(code, 143)
      assert.match(stdout, /NOUKAI_ENV=dev\n/)
    }))

  for (const signal of isWhole ? ["SIGINT", "SIGTERM"] as const : ["SIGTERM"] as const) {
    it.live(`leaves nothing behind that ignores to be ended by ${signal}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const command = yield* started(["dev", "--port", "0", "--exec", deaf])
        let stdout = ""
        command.child.stdout!.on("data", (text: string) => {
          stdout += text
        })
        yield* command.awaitOutput(/pids \d+ \d+/)
        command.child.kill(signal)
        assert.strictEqual((yield* command.ended).code, 130)
        yield* gone(pidsIn(stdout))
      })))
  }

  it.live("ends at once with all that it started when Ctrl-C comes twice", () =>
    Effect.scoped(Effect.gen(function*() {
      const command = yield* inTerminal(["dev", "--port", "0", "--exec", deaf])
      yield* command.awaitOutput(/pids \d+ \d+/)
      yield* command.type(ctrlC)
      // one that is typed before the process has heard of the first is the same signal
      const again = Effect.forever(Effect.delay(command.type(ctrlC), "100 millis"))
      assert.strictEqual(yield* Effect.raceFirst(command.code, again), 130)
      yield* gone(pidsIn(command.output()))
    })))

  it.live("lets a command in a terminal end in its own way", () =>
    Effect.scoped(Effect.gen(function*() {
      const command = yield* inTerminal([
        "dev",
        "--port",
        "0",
        "--exec",
        "trap 'echo cleaned; exit 9' INT; echo begun; while :; do sleep 0.1; done"
      ])
      yield* command.awaitOutput("begun")
      yield* command.type(ctrlC)
      assert.strictEqual(yield* command.code, 130)
      assert.include(command.output(), "cleaned")
    })))

  it.live("is interrupted also where it hears of Ctrl-C after the command has ended", () =>
    Effect.scoped(Effect.gen(function*() {
      const options = `${process.env.NODE_OPTIONS ?? ""} --require "${
        join(import.meta.dirname, "support/hearsLate.cjs")
      }"`
      const command = yield* inTerminal(
        ["dev", "--port", "0", "--exec", "trap 'exit 9' INT; echo begun; while :; do sleep 0.1; done"],
        { env: { NODE_OPTIONS: options } }
      )
      yield* command.awaitOutput("begun")
      yield* command.type(ctrlC)
      assert.strictEqual(yield* command.code, 130)
    })))

  it.live("passes SIGTERM on, which no terminal sends", () =>
    Effect.scoped(Effect.gen(function*() {
      const loop = "trap 'echo terminated; exit 9' TERM; echo begun; while :; do sleep 0.1; done"
      const args = ["dev", "--port", "0", "--exec", loop]
      const inWindow = yield* inTerminal(args)
      yield* inWindow.awaitOutput("begun")
      inWindow.pty.kill("SIGTERM")
      assert.strictEqual(yield* inWindow.code, 130)
      assert.include(inWindow.output(), "terminated")
      if (!isWhole) return
      const piped = yield* started(args)
      yield* piped.awaitOutput("begun")
      piped.child.kill("SIGTERM")
      const { code, stdout } = yield* piped.ended
      assert.deepStrictEqual([code, stdout], [130, "begun\nterminated\n"])
    })))
})
