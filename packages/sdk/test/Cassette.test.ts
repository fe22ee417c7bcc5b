/** Cassettes as values and as files. */
import * as Scripted from "@effect-noukai/report/testing"
import { Cassette, CassetteError, FlowService, NoukaiReplay, TraceScope } from "@effect-noukai/sdk"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"
import { files as noFiles } from "../src/internal/cassette/noFiles.js"
import { cassette, execution, session, sessionId, step } from "./support/sessions.js"

/** A folder of its own, removed afterwards. */
const folder = Effect.acquireRelease(
  Effect.promise(() => Fs.mkdtemp(Path.join(Os.tmpdir(), "noukai-cassette-"))),
  (path) => Effect.promise(() => Fs.rm(path, { recursive: true, force: true }))
)

const read = (path: string) => Effect.promise(() => Fs.readFile(path, "utf8"))

const write = (path: string, text: string) => Effect.promise(() => Fs.writeFile(path, text))

const example = cassette(
  execution("a", "execute", null, {
    executionId: "ex-1",
    flowId: null,
    startedAt: "2026-06-07T09:00:00Z",
    steps: [
      step("one", { z: 1, a: { y: null, b: [{ d: 1, c: 2 }] }, __rendered_prompt__: "p" }, {
        inputSnapshot: { b: 1, a: 2 }
      })
    ]
  }),
  execution("b", "job", 1, { status: "failed", errorAtStep: "only", snapshotsAvailable: true })
)

describe("fromSession", () => {
  const http = (one: ReturnType<typeof session>) =>
    layerScripted({ session: [Effect.succeed(one)], defaults: { org: "acme", project: "test" } })

  it.effect("holds the session and where bare slugs belong", () =>
    Effect.gen(function*() {
      const made = yield* Effect.provide(Cassette.fromSession(sessionId), http(example.session))
      assert.deepStrictEqual(made, {
        format: "noukai-cassette/1",
        kind: "session",
        client: { org: "acme", project: "test" },
        session: example.session
      })
    }))

  it.effect("needs payloads", () =>
    Effect.gen(function*() {
      const without = session(execution("a", "execute", 1, { snapshotsAvailable: false }))
      const error = yield* Effect.flip(Effect.provide(Cassette.fromSession(sessionId), http(without)))
      assert.strictEqual(error._tag, "ReplayNoSnapshotsError")
    }))
})

describe("files", () => {
  it.scoped("what is saved is loaded, and replays", () =>
    Effect.gen(function*() {
      const path = Path.join(yield* folder, "not", "there", "yet.json")
      yield* Effect.succeed(example).pipe(Effect.flatMap(Cassette.save(path)))
      assert.deepStrictEqual(yield* Cassette.load(path), example)
      const program = Effect.flatMap(FlowService, (flows) => flows.execute("acme/test/a", {}))
      const done = yield* Effect.provide(program, NoukaiReplay.fromFile(path))
      assert.deepStrictEqual(done.result, { z: 1, a: { y: null, b: [{ d: 1, c: 2 }] } })
    }))

  it.scoped("text that people review: pretty, keys in one order, a line break at the end", () =>
    Effect.gen(function*() {
      const path = Path.join(yield* folder, "c.json")
      yield* Cassette.save(example, path)
      const text = yield* read(path)
      assert.strictEqual(text, Cassette.encode(example))
      assert.match(text, /^\{\n {2}"format": "noukai-cassette\/1",\n {2}"kind": "session",\n/)
      assert.isTrue(text.endsWith("}\n"))
      assert.isBelow(text.indexOf("\"a\": {"), text.indexOf("\"z\": 1"))
      const reordered = Cassette.encode({
        ...example,
        session: JSON.parse(
          JSON.stringify(
            example.session,
            (_key, value) =>
              typeof value === "object" && value !== null && !Array.isArray(value)
                ? Object.fromEntries(Object.entries(value).reverse())
                : value
          )
        )
      })
      assert.strictEqual(reordered, text)
    }))

  it.scoped("a file that is replaced is replaced as a whole, and leaves nothing beside it", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      const path = Path.join(dir, "c.json")
      yield* write(path, "old")
      yield* Cassette.save(example, path)
      assert.deepStrictEqual(yield* Effect.promise(() => Fs.readdir(dir)), ["c.json"])
      yield* Cassette.load(path)
    }))

  it.scoped("a link is followed, not replaced", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      yield* write(Path.join(dir, "target.json"), "old")
      yield* Effect.promise(() => Fs.symlink("target.json", Path.join(dir, "link.json")))
      yield* Cassette.save(example, Path.join(dir, "link.json"))
      assert.isTrue((yield* Effect.promise(() => Fs.lstat(Path.join(dir, "link.json")))).isSymbolicLink())
      yield* Cassette.load(Path.join(dir, "target.json"))
    }))

  it.scoped("nor is one that leads nowhere yet", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      yield* Effect.promise(() => Fs.symlink("target.json", Path.join(dir, "link.json")))
      yield* Cassette.save(example, Path.join(dir, "link.json"))
      assert.isTrue((yield* Effect.promise(() => Fs.lstat(Path.join(dir, "link.json")))).isSymbolicLink())
      yield* Cassette.load(Path.join(dir, "target.json"))
    }))

  it.scoped("who may read a file may read it still, and nobody else", () =>
    Effect.gen(function*() {
      const path = Path.join(yield* folder, "c.json")
      yield* write(path, "old")
      yield* Effect.promise(() => Fs.chmod(path, 0o600))
      yield* Cassette.save(example, path)
      assert.strictEqual((yield* Effect.promise(() => Fs.stat(path))).mode & 0o777, 0o600)
    }))

  it.scoped("a byte order mark, as some editors put, is no part of it", () =>
    Effect.gen(function*() {
      const path = Path.join(yield* folder, "c.json")
      yield* write(path, `\uFEFF${Cassette.encode(example)}`)
      assert.deepStrictEqual(yield* Cassette.load(path), example)
    }))

  it.scoped("what is no JSON is not written, and that is typed", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      const cycle: { [key: string]: unknown } = {}
      cycle.again = cycle
      for (const output of [1n, cycle]) {
        const made = Scripted.session({ slug: "a", result: output })
        const error = yield* Effect.flip(Cassette.save(made, Path.join(dir, "c.json")))
        assert.deepInclude(error, { _tag: "CassetteError", reason: "Invalid" })
      }
      assert.deepStrictEqual(yield* Effect.promise(() => Fs.readdir(dir)), [])
    }))

  const loading = (text: string) =>
    Effect.gen(function*() {
      const path = Path.join(yield* folder, "c.json")
      yield* write(path, text)
      const error = yield* Effect.flip(Cassette.load(path))
      assert.strictEqual(error.path, path)
      return error
    })

  it.scoped("missing: NotFound, which names it", () =>
    Effect.gen(function*() {
      const path = Path.join(yield* folder, "gone.json")
      const error = yield* Effect.flip(Effect.provide(Effect.void, NoukaiReplay.fromFile(path)))
      assert.strictEqual(error._tag, "CassetteError")
      assert.strictEqual(error._tag === "CassetteError" && error.reason, "NotFound")
      assert.include(error.message, path)
    }))

  it.scoped("spoiled: Invalid", () =>
    Effect.gen(function*() {
      for (
        const text of ["", "{", "null", "[]", "{}", `{"format":"vcr/1"}`, `{"format":"noukai-cassette/1"}`, "\"x\""]
      ) {
        const error = yield* loading(text)
        assert.strictEqual(error.reason, "Invalid", text)
      }
      const spoiled = Cassette.encode(example).replace("\"status\": \"failed\"", "\"status\": 1")
      assert.match((yield* loading(spoiled)).message, /status/)
    }))

  it.scoped("of a newer format: NewerFormat", () =>
    Effect.gen(function*() {
      const error = yield* loading(`{"format":"noukai-cassette/2","unheard":"of"}`)
      assert.strictEqual(error.reason, "NewerFormat")
      assert.match(error.message, /update/)
    }))

  it.scoped("over 64 MiB: TooLarge, before it is read", () =>
    Effect.gen(function*() {
      const path = Path.join(yield* folder, "c.json")
      yield* write(path, "")
      yield* Effect.promise(() => Fs.truncate(path, Cassette.maxBytes + 1))
      const error = yield* Effect.flip(Cassette.load(path))
      assert.strictEqual(error.reason, "TooLarge")
    }))

  it.scoped("over 64 MiB: TooLarge, and nothing is written", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      const large = cassette(execution("a", "execute", "x".repeat(Cassette.maxBytes)))
      const error = yield* Effect.flip(Cassette.save(large, Path.join(dir, "c.json")))
      assert.strictEqual(error.reason, "TooLarge")
      assert.deepStrictEqual(yield* Effect.promise(() => Fs.readdir(dir)), [])
    }))

  it.scoped("a folder in the way: Files", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      for (const call of [Cassette.save(example, dir), Effect.asVoid(Cassette.load(dir))]) {
        const error = yield* Effect.flip(call)
        assert.instanceOf(error, CassetteError)
        assert.strictEqual(error.reason, "Files")
      }
      assert.deepStrictEqual(yield* Effect.promise(() => Fs.readdir(dir)), [])
    }))

  it.effect("where there are no files, that is what it says", () =>
    Effect.gen(function*() {
      for (
        const call of [noFiles.read("x", 1), noFiles.write("x", "")] as ReadonlyArray<Effect.Effect<unknown, unknown>>
      ) {
        assert.deepInclude(yield* Effect.flip(call), { reason: "Files", detail: "there are no files on this platform" })
      }
    }))
})

it("decode reads an imported JSON value", () => {
  assert.deepStrictEqual(Cassette.decode(JSON.parse(Cassette.encode(example))), Either.right(example))
  const error = Either.flip(Cassette.decode({ format: "noukai-cassette/9" }))
  assert.strictEqual(Either.isRight(error) && error.right.reason, "NewerFormat")
})

it.effect("a program that captures gets the recorded id when it is replayed", () =>
  Effect.gen(function*() {
    const program = TraceScope.capture(Effect.gen(function*() {
      const flows = yield* FlowService
      const done = yield* flows.execute("acme/test/a", {})
      return [done.sessionId, yield* TraceScope.currentSessionId]
    }))
    const ids = yield* Effect.provide(program, NoukaiReplay.fromCassette(example))
    assert.deepStrictEqual(ids, [sessionId, sessionId])
  }))

it.effect("also where only FlowService is left of the layer", () =>
  Effect.gen(function*() {
    const flows = yield* Effect.provide(FlowService, NoukaiReplay.fromCassette(example))
    const done = yield* TraceScope.capture(flows.execute("acme/test/a", {}))
    assert.strictEqual(done.sessionId, sessionId)
  }))
