/** `--once` with another input than before. */
import { Emulator } from "@effect-noukai/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { noukai } from "./support/command.js"
import { environment, folder, requests, runs, server } from "./support/server.js"

const flow = "acme/test/echo"

const echo = server({
  flows: [
    { ref: flow, steps: [{ kind: "template", id: "a", output: "said {{message}}" }] },
    {
      ref: "acme/test/fails",
      steps: [{ kind: "function", id: "a", run: () => Effect.fail({ code: "BAD", message: "no" }) }]
    }
  ]
})

/** The environment of a machine that remembers nothing yet. */
const machine = Effect.gen(function*() {
  const state = yield* folder
  return { state, env: { ...yield* environment, XDG_STATE_HOME: state } }
})

const reused = "nothing ran: this is the result of an earlier call with this --once key\n"

const runOnce = ["run", flow, "--once", "a key"]

describe("--once", () => {
  for (
    const [name, command, said] of [
      ["run", runOnce, reused],
      [
        "job submit",
        ["job", "submit", flow, "--wait", "--once", "a key"],
        "nothing was submitted: this is the job of an earlier call with this --once key\n"
      ]
    ] as const
  ) {
    it.scopedLive(`of noukai ${name} says that a result is an old one, and refuses another input before it sends anything`, () =>
      Effect.gen(function*() {
        const { env, state } = yield* machine
        const first = ["secret one", "-p", "a=1", "-p", "b:={\"c\":1,\"d\":2}"]
        assert.deepStrictEqual(yield* noukai([...command, ...first], { env }), {
          code: 0,
          stdout: "said secret one\n",
          stderr: ""
        })
        const same = ["-p", "b:={\"d\":2,\"c\":1}", "-p", "a=1", "secret one"]
        assert.deepStrictEqual(yield* noukai([...command, ...same], { env }), {
          code: 0,
          stdout: "said secret one\n",
          stderr: said
        })
        const before = yield* requests
        for (
          const other of [
            ["another", ...first.slice(1)],
            ["secret one"],
            ["secret one", "-p", "a=2", "-p", "b:={\"c\":1,\"d\":2}"],
            [...first, "--version", "1"]
          ]
        ) {
          const { code, stderr, stdout } = yield* noukai([...command, ...other], { env })
          assert.deepStrictEqual([other, code, stdout], [other, 2, ""])
          assert.include(stderr, "--once \"a key\" was used before with another input")
        }
        assert.deepStrictEqual(yield* requests, before)
        assert.strictEqual((yield* runs).length, 1)
        // hashes alone are kept
        const kept = readdirSync(join(state, "noukai")).map((file) => readFileSync(join(state, "noukai", file), "utf8"))
        assert.notMatch(kept.join(), /secret|a key/)
      }).pipe(Effect.provide(echo)))
  }

  it.scopedLive("keeps nothing of a call after which nothing stands under its key", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const { env } = yield* machine
      yield* emulator.addFaults({ script: ["401"], repeat: true })
      assert.strictEqual((yield* noukai([...runOnce, "typo"], { env })).code, 3)
      yield* emulator.clearFaults
      assert.strictEqual((yield* noukai([...runOnce, "mended"], { env })).stdout, "said mended\n")
      const fails = ["run", "acme/test/fails", "--once", "k", "--rerun-failed"]
      for (const input of ["one", "two"]) assert.strictEqual((yield* noukai([...fails, input], { env })).code, 1)
      assert.strictEqual((yield* runs).length, 3)
    }).pipe(Effect.provide(echo)))

  it.scopedLive("knows nothing of another machine, and with --no-history nothing of this one", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* machine, yield* machine]
      assert.strictEqual((yield* noukai([...runOnce, "hi"], { env: one.env })).code, 0)
      for (const input of ["ho", "hi"]) {
        assert.deepStrictEqual(yield* noukai([...runOnce, input], { env: other.env }), {
          code: 0,
          stdout: "said hi\n",
          stderr: reused
        })
      }
      assert.strictEqual((yield* noukai([...runOnce, "ho"], { env: one.env })).code, 2)
      assert.deepStrictEqual(yield* noukai([...runOnce, "ho", "--no-history"], { env: one.env }), {
        code: 0,
        stdout: "said hi\n",
        stderr: reused
      })
    }).pipe(Effect.provide(echo)))
})
