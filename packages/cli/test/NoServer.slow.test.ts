/** Commands that wait, where no server can be reached. */
import { Emulator } from "@effect-noukai/emulator"
import type { LogEvent } from "@effect-noukai/sdk/Telemetry"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type AddressInfo, createServer } from "node:net"
import { join } from "node:path"
import { folder, write } from "../../sdk/test/support/folder.js"
import { outages } from "../src/settings/services.js"
import { noukai, started } from "./support/command.js"
import { flows, obeys } from "./support/flows.js"
import { environment, runs, server } from "./support/server.js"

/** An environment with a server that has gone. */
const gone = Effect.async<Record<string, string>>((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo
    server.close(() =>
      resume(Effect.succeed({ NOUKAI_API_KEY: "nk_test_x", NOUKAI_ENV: "dev", NOUKAI_PORT: String(port) }))
    )
  })
})

const id = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

const lost = (how: string) => new RegExp(`^the server cannot be reached \\(.*ECONNREFUSED.*\\); retrying ${how}$`, "m")

describe("without a server", () => {
  it.scopedLive("noukai job wait says at once for how long it tries, also off a terminal", () =>
    Effect.gen(function*() {
      const env = yield* gone
      const waiting = yield* started(["job", "wait", obeys, id, "--timeout", "10m"], { env })
      yield* waiting.awaitOutput(lost("for up to 5 minutes"))
      const limited = yield* noukai(["job", "wait", obeys, id, "--timeout", "1s"], { env })
      assert.strictEqual(limited.code, 124)
      assert.match(limited.stderr, lost("for up to 1\\.0 s"))
      const { code, stderr } = yield* noukai(["job", "wait", obeys, id], { env })
      assert.strictEqual(code, 7)
      assert.match(stderr, lost("a few times, for about a second"))
      assert.lengthOf(stderr.match(/cannot be reached/g)!, 1)
      const result = yield* noukai(["job", "result", obeys, id, "--quiet"], { env })
      assert.deepStrictEqual([result.code, result.stderr.includes("cannot be reached")], [7, false])
    }))

  it.scopedLive("noukai batch run says so, too, and begins no row", () =>
    Effect.gen(function*() {
      const env = yield* gone
      const cwd = yield* folder
      yield* write(join(cwd, "rows.jsonl"), "{\"id\":1}\n{\"id\":2}\n")
      const running = yield* started(["batch", "run", "b", obeys, "--input", "rows.jsonl", "--key", "id"], { env, cwd })
      yield* running.awaitOutput(lost("for up to 5 minutes; no row is lost"))
      running.child.kill("SIGINT")
      const { code, stderr } = yield* running.ended
      assert.strictEqual(code, 130)
      assert.lengthOf(stderr.match(/cannot be reached/g)!, 1)
    }))

  it.scopedLive("noukai job wait is silent about single resets", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const env = yield* environment
      yield* noukai(["job", "submit", obeys, "hi"], { env })
      yield* emulator.addFaults({ match: { endpoint: "pollJob" }, script: ["ok", "reset", "reset"] })
      const [{ executionId } = { executionId: "" }] = yield* runs
      const ended = yield* noukai(["job", "wait", obeys, executionId], { env, hurries: true })
      assert.deepStrictEqual(ended, { code: 0, stdout: `${executionId}  completed\n`, stderr: "" })
    }).pipe(Effect.provide(server({ flows }))))

  it("an outage of 5 s is told once, with its end", () => {
    let now = 0
    const told: Array<string> = []
    const note = (text: string) => Effect.sync(() => void told.push(text))
    const log = outages({ note }, (hasAnswered) => `for ${hasAnswered ? "long" : "a moment"}`, () => now)
    const answers = () => log({ phase: "response" } as LogEvent)
    const fails = (at: number) => {
      now = at
      log({ phase: "error", error: "APIConnectionError", method: "GET", message: "job.poll: reset" } as LogEvent)
    }
    answers()
    for (const at of [0, 4999]) fails(at)
    answers()
    for (const at of [5000, 9999]) fails(at)
    assert.deepStrictEqual(told, [])
    for (const at of [10_000, 20_000]) fails(at)
    answers()
    assert.deepStrictEqual(told, [
      "the server cannot be reached (reset); retrying for long",
      "the server answers again"
    ])
  })
})
