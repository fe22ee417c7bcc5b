/** The runs that the machine remembers. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { isWhole } from "../../sdk/test/support/size.js"
import { noukai, spawned } from "./support/command.js"
import { flows, obeys } from "./support/flows.js"
import { environment, folder, runs, server } from "./support/server.js"

/** An environment with a state folder of its own, and its files. */
const remembering = Effect.gen(function*() {
  const state = join(yield* folder, "state")
  const file = join(state, "noukai", "history.jsonl")
  const env = { ...yield* environment, XDG_STATE_HOME: state }
  return {
    env,
    state,
    file,
    seen: () =>
      readFileSync(file, "utf8").split("\n").filter((line) => line !== "").map((line): Record<string, unknown> =>
        JSON.parse(line)
      )
  }
})

const withServer = Effect.provide(server({ flows }))

describe("the history", () => {
  it.scopedLive("has runs and flow ids, and neither the key nor a payload; it is for its user alone", () =>
    Effect.gen(function*() {
      const { env, file, seen } = yield* remembering
      const { NOUKAI_API_KEY, NOUKAI_BASE_URL } = env
      for (const args of [["run"], ["run", "--stream"], ["job", "submit"], ["run", "--once", "a key"]]) {
        const { code } = yield* noukai([...args, obeys, "a message", "-p", "a=parameter"], { env })
        assert.strictEqual(code, 0)
      }
      assert.strictEqual((yield* noukai(["run", obeys, "fail"], { env })).code, 1)
      const all = yield* runs
      assert.deepStrictEqual(
        seen().map(({ at: _, ...rest }) => rest),
        all.map(({ executionId, flowId, sessionId }, n) => ({
          server: NOUKAI_BASE_URL.replace("127.0.0.1", "localhost"),
          flow: obeys,
          // an error names neither a flow id nor a session
          ...n < 4 ? { flowId, sessionId } : {},
          run: executionId,
          version: "production"
        }))
      )
      const text = readFileSync(file, "utf8")
      for (const secret of [NOUKAI_API_KEY, "a message", "parameter", "a key"]) assert.notInclude(text, secret)
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      assert.strictEqual(statSync(join(file, "..")).mode & 0o777, 0o700)
    }).pipe(withServer))

  it.scopedLive("is neither written nor read with --no-history", () =>
    Effect.gen(function*() {
      const { env, state } = yield* remembering
      assert.strictEqual((yield* noukai(["run", obeys, "x", "--no-history"], { env })).code, 0)
      assert.isFalse(existsSync(state))
    }).pipe(withServer))

  it.scopedLive("that cannot be written fails no command", () =>
    Effect.gen(function*() {
      const { env, state } = yield* remembering
      writeFileSync(state, "a file")
      assert.deepStrictEqual(yield* noukai(["run", obeys, "x"], { env }), { code: 0, stdout: "said x\n", stderr: "" })
    }).pipe(withServer))

  it.scopedLive("loses nothing to processes that write at once, or to a line that was cut", () =>
    Effect.gen(function*() {
      const { env, file, seen } = yield* remembering
      mkdirSync(join(file, ".."), { recursive: true })
      writeFileSync(file, "not JSON\n{\"server\":1}\n{\"server\":\"htt")
      const many = Array.from({ length: isWhole ? 12 : 2 })
      yield* Effect.forEach(many, () => spawned(["run", obeys, "x"], { env }), { concurrency: "unbounded" })
      const lines = readFileSync(file, "utf8").split("\n").filter((line) => line.endsWith("}")).slice(1)
      assert.sameMembers(lines.map((line) => JSON.parse(line).run), (yield* runs).map(({ executionId }) => executionId))
      assert.throws(seen)
    }).pipe(withServer))

  it.scopedLive("is bounded", () =>
    Effect.gen(function*() {
      const { env, file } = yield* remembering
      const before = file.replace(".jsonl", ".1.jsonl")
      mkdirSync(join(file, ".."), { recursive: true })
      writeFileSync(before, "older")
      writeFileSync(file, "{}\n".repeat(90_000))
      assert.strictEqual((yield* noukai(["run", obeys, "x"], { env })).code, 0)
      assert.isFalse(existsSync(file))
      assert.include(readFileSync(before, "utf8"), (yield* runs)[0]!.executionId)
      assert.strictEqual((yield* noukai(["run", obeys, "x"], { env })).code, 0)
      assert.isBelow(statSync(file).size, 1000)
    }).pipe(withServer))
})
