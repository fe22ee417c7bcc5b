/** `noukai session`. */
import { Emulator, type EmulatorOptions } from "@effect-noukai/emulator"
import { Cassette, SessionService } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { existsSync } from "node:fs"
import { readFile, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { ctrlC, noukai, watched } from "./support/command.js"
import { environment, folder, ran, requests, serverAndClient } from "./support/server.js"

const flow = "acme/test/echo"

const options: EmulatorOptions = {
  capture: "full",
  flows: [
    { ref: flow, steps: [{ kind: "template", id: "say", output: { text: "{{message}}", email: "a@example.org" } }] },
    { ref: "acme/test/broken", steps: [{ kind: "fail", id: "draft", code: "UNAVAILABLE", message: "no" }] },
    {
      ref: "acme/test/wordy",
      steps: [{ kind: "fail", id: "draft", code: "WORDY", message: `first\nsecond ${"x".repeat(500)}` }]
    },
    { ref: "acme/test/dark", capture: "metadata_only", steps: [{ kind: "template", id: "say", output: "x" }] }
  ]
}

const layer = serverAndClient(options)

/** A key of another service, in two parts, so that nobody takes it for one. */
const secret = "gh" + "p_0123456789abcdefghijABCDEFGHIJ012345"

const read = (path: string) => Effect.promise(() => readFile(path, "utf8"))

describe("noukai session show", () => {
  it.live("lists what ran, with flow, trigger, status, times, and whether payloads are there", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const sessionId = randomUUID()
      const [a, b] = [yield* ran(flow, "hi", { sessionId }), yield* ran("acme/test/broken", "hi", { sessionId })]
      const dark = randomUUID()
      yield* ran("acme/test/dark", "hi", { sessionId: dark })
      const { code, stderr, stdout } = yield* noukai(["session", "show", sessionId], { env })
      assert.deepStrictEqual([code, stderr], [0, ""])
      const lines = stdout.split("\n")
      assert.strictEqual(lines[0], `session ${sessionId}: 2 runs`)
      assert.match(lines[2]!, /^echo {4}execute {2}completed {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}\d+ ms$/)
      assert.strictEqual(lines[3], `  ${a}  1 step, payloads kept (full)`)
      assert.match(lines[5]!, /^broken {2}execute {2}failed /)
      assert.strictEqual(lines[6], `  ${b}  1 step, failed at draft, payloads kept (full)`)
      assert.deepStrictEqual(lines.slice(7), ["    UNAVAILABLE: no", "    input: {\"message\":\"hi\"}", ""])
      assert.include((yield* noukai(["session", "show", dark], { env })).stdout, "no payloads (metadata_only)")
      const json = yield* noukai(["session", "show", sessionId, "--json"], { env })
      const session = yield* Effect.flatMap(SessionService, (sessions) => sessions.get(sessionId))
      assert.deepStrictEqual(JSON.parse(json.stdout), session.raw)
    }).pipe(Effect.provide(layer)))

  it.live("cuts the error and the input of a failed run at the width, and lets them control no terminal", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const sessionId = randomUUID()
      yield* ran("acme/test/wordy", `\u001b[2J${"x".repeat(500)}`, { sessionId })
      const { stdout } = yield* noukai(["session", "show", sessionId], { env })
      const lines = stdout.split("\n")
      assert.match(lines[4]!, /^ {4}WORDY: first second.*…$/)
      assert.match(lines[5]!, /^ {4}input: \{"message":"/)
      for (const line of lines.slice(4)) assert.isAtMost([...line].length, 80)
      assert.notInclude(stdout, "\u001b")
    }).pipe(Effect.provide(layer)))

  it.live("a session that nothing ran in is 7; an id that is none sends nothing", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const wrong = yield* noukai(["session", "show", "mine"], { env })
      assert.deepStrictEqual([wrong.code, wrong.stdout], [2, ""])
      assert.match(wrong.stderr, /takes a UUID, not "mine"/)
      assert.deepStrictEqual(yield* requests, [])
      assert.strictEqual((yield* noukai(["session", "show", randomUUID()], { env })).code, 7)
    }).pipe(Effect.provide(layer)))

  it.live("ends with 130 when it is interrupted", () =>
    Effect.scoped(Effect.gen(function*() {
      const emulator = yield* Emulator
      const env = yield* environment
      yield* emulator.addFaults({ match: { endpoint: "session" }, script: ["delay:60000"] })
      const command = yield* watched(["session", "show", randomUUID()], { env })
      yield* emulator.awaitEvent((event) => event.type === "Waiting" && event.ms === 60_000)
      yield* command.type(ctrlC)
      assert.strictEqual(yield* command.code, 130)
    })).pipe(Effect.provide(layer)))
})

describe("noukai session save", () => {
  it.scopedLive("keeps a session as a cassette, without what is to be removed", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const path = join(yield* folder, "new", "echo.json")
      const sessionId = randomUUID()
      yield* ran(flow, "card 1234", { sessionId })
      const save = ["session", "save", sessionId, path, "--redact-path", "**.email", "--redact-pattern", "\\d{4}"]
      assert.deepStrictEqual(yield* noukai(save, { env }), {
        code: 0,
        stdout: "",
        stderr: `created the folder ${dirname(path)}\n1 run saved in ${path}\n`
      })
      const text = yield* read(path)
      assert.notMatch(text, /1234|a@example/)
      assert.include(text, "card [redacted]")
      assert.strictEqual((yield* Cassette.load(path)).kind, "session")
      assert.deepStrictEqual(yield* noukai(["cassette", "check", path], { env }), {
        code: 0,
        stdout: `ok  ${path}: session, noukai-cassette/1, 1 recording of echo\n`,
        stderr: ""
      })
    }).pipe(Effect.provide(layer)))

  it.scopedLive("replaces no file unless it is told to, and asks for nothing before", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const path = join(yield* folder, "a.json")
      const sessionId = randomUUID()
      yield* ran(flow, "hi", { sessionId })
      const before = yield* requests
      yield* Effect.promise(() => writeFile(path, "mine"))
      const kept = yield* noukai(["session", "save", sessionId, path], { env })
      assert.deepStrictEqual([kept.code, kept.stderr.includes("use --force to replace it")], [2, true])
      assert.strictEqual(yield* read(path), "mine")
      const wrong = [["--redact-pattern", "("], ["--redact-path", "a..b"]]
      for (const args of wrong) {
        const { code } = yield* noukai(["session", "save", sessionId, `${path}.new`, ...args], { env })
        assert.strictEqual(code, 2, args.join(" "))
      }
      assert.deepStrictEqual(yield* requests, before)
      assert.strictEqual((yield* noukai(["session", "save", sessionId, path, "--force"], { env })).code, 0)
      assert.strictEqual((yield* Cassette.load(path)).kind, "session")
    }).pipe(Effect.provide(layer)))

  it.scopedLive("a pattern that has no end is an error of the command", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const path = join(yield* folder, "a.json")
      const sessionId = randomUUID()
      yield* ran(flow, `${"a".repeat(40)}!`, { sessionId })
      const save = (pattern: string) =>
        noukai(["session", "save", sessionId, path, "--redact-pattern", pattern], { env })
      const { code, stderr } = yield* save("(?=(a+)+$)a")
      assert.strictEqual(code, 1)
      assert.include(stderr, "the pattern /(?=(a+)+$)a/u was stopped: it takes longer than 1s")
      assert.isFalse(existsSync(path))
      assert.strictEqual((yield* save("(a+)+$|(a+)+!")).code, 0)
      assert.notInclude(yield* Effect.promise(() => readFile(path, "utf8")), "aaaa")
    }).pipe(Effect.provide(layer)))

  it.scopedLive("masks secrets of well-known forms; needs payloads", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const path = join(yield* folder, "a.json")
      const [sessionId, dark] = [randomUUID(), randomUUID()]
      yield* ran(flow, secret, { sessionId })
      yield* ran("acme/test/dark", "hi", { sessionId: dark })
      const without = yield* noukai(["session", "save", dark, path], { env })
      assert.strictEqual(without.code, 1)
      assert.isTrue(yield* Effect.promise(() => readFile(path).then(() => false, () => true)))
      const saved = yield* noukai(["session", "save", sessionId, path], { env })
      assert.strictEqual(saved.code, 0, saved.stderr)
      const text = yield* read(path)
      assert.notInclude(text, secret)
      assert.include(text, "[redacted]")
      assert.strictEqual((yield* noukai(["cassette", "check", path])).code, 0)
    }).pipe(Effect.provide(layer)))
})
