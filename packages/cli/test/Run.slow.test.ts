/** `noukai run`. */
import { Emulator } from "@effect-noukai/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ctrlC, inTerminal, noukai, started, watched } from "./support/command.js"
import { environment, requests, runs, server } from "./support/server.js"

const flow = "acme/test/echo"

const echo = (duration = "0 millis") => ({
  flows: [{
    ref: flow,
    steps: [{ kind: "template" as const, id: "a", name: "Echo", output: "said {{message}}", duration }]
  }]
})

describe("noukai run", () => {
  it.live("writes the result alone to stdout, and nothing to stderr", () =>
    Effect.gen(function*() {
      const env = yield* environment
      assert.deepStrictEqual(yield* noukai(["run", flow, "hi"], { env }), { code: 0, stdout: "said hi\n", stderr: "" })
      assert.deepStrictEqual(yield* noukai(["run", flow, "hi", "--json"], { env }), {
        code: 0,
        stdout: "\"said hi\"\n",
        stderr: ""
      })
      assert.strictEqual((yield* runs).length, 2)
    }).pipe(Effect.provide(server(echo()))))

  it.live("says nothing more where it is to be quiet, too", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const run = (...flags: ReadonlyArray<string>) => noukai(["run", flow, "hi", ...flags], { env })
      assert.match((yield* run("--verbose")).stderr, /^run .+\n$/)
      for (const flags of [["--quiet", "--verbose"], ["-v", "--stream", "-q"]]) {
        assert.deepStrictEqual(yield* run(...flags), { code: 0, stdout: "said hi\n", stderr: "" })
      }
    }).pipe(Effect.provide(server(echo()))))

  it.live("asks for snapshots with --snapshots, alone and with --no-steps", () =>
    Effect.gen(function*() {
      const env = yield* environment
      yield* noukai(["run", flow, "hi"], { env })
      yield* noukai(["run", flow, "hi", "--snapshots"], { env })
      yield* noukai(["run", flow, "hi", "--snapshots", "--no-steps"], { env })
      const bodies = (yield* (yield* Emulator).ledger).requests.map(({ body }) => JSON.parse(body!))
      assert.deepStrictEqual(bodies.map(({ trace }) => trace), [false, true, true])
    }).pipe(Effect.provide(server(echo()))))

  it.live("takes the message from stdin", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const { stdout } = yield* noukai(["run", flow, "-"], { env, input: "from stdin" })
      assert.strictEqual(stdout, "said from stdin\n")
    }).pipe(Effect.provide(server(echo()))))

  it.live("takes what begins with - after --, and nothing of it elsewhere", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const wrong = yield* noukai(["run", flow, "--strem"], { env })
      assert.strictEqual(wrong.code, 2)
      assert.match(wrong.stderr, /unknown flag --strem: did you mean --stream\?/)
      assert.deepStrictEqual(yield* requests, [])
      const { stdout } = yield* noukai(["run", flow, "--", "--strem"], { env })
      assert.strictEqual(stdout, "said --strem\n")
    }).pipe(Effect.provide(server(echo()))))

  it.live("takes no second message that the first one would hide", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const { code, stderr } = yield* noukai(["run", flow, "hi", "-p", "message=ho"], { env })
      assert.strictEqual(code, 2)
      assert.match(stderr, /give the message once/)
      assert.deepStrictEqual(yield* requests, [])
      assert.strictEqual((yield* noukai(["run", flow, "-p", "message=ho"], { env })).stdout, "said ho\n")
    }).pipe(Effect.provide(server(echo()))))

  it.live("goes on to its end though nobody reads its output any more", () =>
    Effect.scoped(Effect.gen(function*() {
      const env = yield* environment
      const command = yield* started(["run", flow, "hi", "--stream", "--jsonl"], { env })
      yield* Effect.async<void>((resume) => {
        command.child.stdout!.once("data", () => {
          command.child.stdout!.destroy()
          resume(Effect.void)
        })
      })
      assert.strictEqual((yield* command.ended).code, 0)
      assert.deepStrictEqual((yield* runs).map(({ status }) => status), ["completed"])
    })).pipe(Effect.provide(server(echo("500 millis")))))

  it.live("shows steps as they come in a terminal, and ends with 130 when it is interrupted", () =>
    Effect.scoped(Effect.gen(function*() {
      const emulator = yield* Emulator
      const env = yield* environment
      const command = yield* watched(["run", flow, "hi", "--stream"], { env })
      yield* command.awaitOutput("… 1/1 Echo")
      yield* command.type(ctrlC)
      assert.strictEqual(yield* command.code, 130)
      assert.match(command.output(), /noukai session show [0-9a-f-]{36}/)
      assert.strictEqual((yield* emulator.ledger).runs.length, 1)
    })).pipe(Effect.provide(server(echo("1 minute")))))

  it.live("keeps what it shows to one line when the terminal becomes narrower", () =>
    Effect.scoped(Effect.gen(function*() {
      const env = yield* environment
      const command = yield* inTerminal(["run", flow, "hi", "--stream"], { env })
      yield* command.awaitOutput("… 1/2 A")
      yield* command.resize(30)
      yield* command.awaitOutput("… 2/2 B")
      assert.strictEqual(yield* command.code, 0)
      const [, shown] = /(… 2\/2 B+)/.exec(command.output())!
      assert.isBelow(shown!.length, 30)
    })).pipe(Effect.provide(server({
      flows: [{
        ref: flow,
        steps: [
          { kind: "template", id: "a", name: "A".repeat(100), output: 1, duration: "1 second" },
          { kind: "template", id: "b", name: "B".repeat(100), output: 2, duration: "200 millis" }
        ]
      }]
    }))))
})
