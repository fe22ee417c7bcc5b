/** Commands whose stdout or stderr takes nothing. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync } from "node:fs"
import { shell } from "./support/command.js"
import { environment, server } from "./support/server.js"

const echo = server({
  flows: [{ ref: "acme/test/echo", steps: [{ kind: "template", id: "a", output: "{{message}}" }] }]
})

describe("streams that take nothing", () => {
  it.live("nobody reads the version or the help", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* shell("noukai --version | true"), [0, ""])
      assert.deepStrictEqual(yield* shell("(sleep 0.2; noukai --version) | true"), [0, ""])
      assert.deepStrictEqual(yield* shell("(sleep 0.2; noukai run --help) | true"), [0, ""])
    }))

  it.live("nobody reads what is wrong", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* shell("(sleep 0.2; noukai run --bogus) 2>&1 >/dev/null | true"), [2, ""])
    }))

  it.live("a disk that is full is no reader that has gone: the result is lost", () =>
    Effect.gen(function*() {
      if (!existsSync("/dev/full")) return
      const env = yield* environment
      const [code, stderr] = yield* shell("noukai run acme/test/echo hi > /dev/full", env)
      assert.strictEqual(code, 1)
      assert.match(stderr, /stdout cannot be written: ENOSPC/)
      assert.deepStrictEqual(yield* shell("noukai --help > /dev/full; [ $? = 1 ]"), [
        0,
        "noukai: stdout cannot be written: ENOSPC: no space left on device, write\n"
      ])
    }).pipe(Effect.provide(echo)))
})
