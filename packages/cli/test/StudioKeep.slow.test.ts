/** The files that the studio saves of a session: the bytes that its printed commands write. */
import { Emulator } from "@effect-noukai/emulator"
import { FlowService } from "@effect-noukai/sdk"
import * as EmulatorSource from "@effect-noukai/studio/EmulatorSource"
import type { Kept, KeptCases } from "@effect-noukai/studio/KeepApi"
import * as Studio from "@effect-noukai/studio/Studio"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { execFile } from "node:child_process"
import { list, read, write } from "../../sdk/test/support/folder.js"
import { open } from "../../studio/test/support/client.js"
import { bin } from "./support/command.js"
import { broken, flow, options, secret, session } from "./support/keptSession.js"
import { environment, folder, ran, requests, serverAndClient } from "./support/server.js"

const key = "nk_live_abcdefgh_0123456789abcdef0123456789abcdef"

const studio = Effect.gen(function*() {
  const source = yield* Layer.build(EmulatorSource.layer(yield* Emulator))
  const { url } = yield* Effect.provide(Studio.serve({ assets: "/nowhere" }), source)
  return yield* open(url)
})

/** Runs a printed command in a folder. */
const inBash = (command: string, cwd: string, env: { readonly [name: string]: string }): Effect.Effect<string> =>
  Effect.async((resume) => {
    const script = `noukai() { ${JSON.stringify(process.execPath)} ${JSON.stringify(bin)} "$@"; }\n${command}`
    const variables = { PATH: process.env.PATH, LC_ALL: "C.UTF-8", XDG_STATE_HOME: cwd, ...env }
    execFile(
      "bash",
      ["-c", script],
      { cwd, env: variables, encoding: "utf8" },
      (error, _, stderr) => resume(error === null ? Effect.succeed(stderr) : Effect.dieMessage(`${command}\n${stderr}`))
    )
  })

const odd = "the \"fox\"'s `${1}` */\u2028\u202e, \n漢 <img src=x onerror=alert(1)>"

const begun = Effect.gen(function*() {
  const flows = yield* FlowService
  yield* flows.execute(flow, {
    message: odd,
    parameters: { level: 3, note: `mail b@example.org ${key}` },
    sessionId: session
  })
  yield* ran(broken, "hi", { sessionId: session })
})

const query = (more: { readonly [name: string]: string } = {}) => new URLSearchParams({ session, ...more }).toString()

/** Paths and patterns that a shell, a URL or a command would change. */
const removal = {
  paths: "**.email\n\n **.level \n-a",
  patterns: "[a-z]+@example\\.org\n'\"\\$&+%20\n-{9}\n in two words "
}

describe("the files of a session in the studio", () => {
  for (const [name, redact] of [["as they are", {}], ["with more redaction", removal]] as const) {
    it.scopedLive(`are those of the printed command, ${name}`, () =>
      Effect.gen(function*() {
        yield* begun
        const page = yield* studio
        const before = (yield* requests).length
        const kept = yield* page.json<Kept>(`/api/keep?${query(redact)}`)
        assert.deepStrictEqual(
          [kept.runs, kept.redactedTotal, kept.fields],
          [2, kept.redacted.length, ["id", "message", "level", "note", "expected"]]
        )
        assert.include(kept.redacted, "$.executions[0].steps[0].outputSnapshot.key")
        const names = [kept.files.cassette, kept.files.test]
        const files = yield* Effect.forEach(["cassette", "test"], (file) =>
          page.get(`/api/keep/file?${query({ ...redact, file })}`))
        assert.deepStrictEqual(
          files.map(({ headers }) =>
            headers["content-disposition"]
          ),
          names.map((one) => `attachment; filename="${one}"`)
        )
        // reading the studio is free
        assert.strictEqual((yield* requests).length, before)
        const cwd = yield* folder
        const told = yield* inBash(kept.command, cwd, yield* environment)
        assert.deepStrictEqual(
          told.split("\n").filter((line) => line.startsWith("redacted: ")),
          kept.redacted.map((path) => `redacted: ${path}`)
        )
        assert.deepStrictEqual((yield* list(cwd)).filter((file) => file.startsWith("session-")), names)
        for (const [nth, file] of names.entries()) {
          const text = yield* read(`${cwd}/${file}`)
          assert.strictEqual(files[nth]!.text, text)
          for (const hidden of [secret, key, ...redact === removal ? ["@example.org"] : []]) {
            assert.notInclude(text, hidden)
            assert.notInclude(JSON.stringify(kept), hidden)
          }
        }
      }).pipe(Effect.provide(serverAndClient(options))))
  }

  it.scopedLive("are rows of a file of cases, as JSON lines and as CSV, with other names", () =>
    Effect.gen(function*() {
      yield* begun
      const page = yield* studio
      const env = yield* environment
      const fields = "message=text\nid = key"
      const cases = (more: { readonly [name: string]: string }) =>
        page.json<KeptCases>(`/api/keep/cases?${query({ fields, ...more })}`)
      const json = yield* cases({ format: "json" })
      const cwd = yield* folder
      yield* inBash(json.command, cwd, env)
      assert.strictEqual(yield* read(`${cwd}/${json.fileName}`), json.file)
      assert.strictEqual(json.rows, json.file)
      const rows = json.rows.trim().split("\n").map((row) => JSON.parse(row))
      assert.deepStrictEqual(Object.keys(rows[0]!), ["level", "note", "key", "text", "expected"])
      const csv = yield* cases({ format: "csv" })
      const [names] = csv.file.split("\n")
      assert.strictEqual(names, "key,text,level,note,expected")
      const other = yield* folder
      yield* write(`${other}/${csv.fileName}`, `${names}\n`)
      yield* inBash(csv.command, other, env)
      assert.strictEqual(yield* read(`${other}/${csv.fileName}`), csv.file)
      assert.strictEqual(`${names}\n${csv.rows}`, csv.file)
      const semicolons = yield* cases({ format: "csv", header: "expected;key;level;note;text;more" })
      assert.match(semicolons.rows, /;3;/)
      const lacks = yield* page.get(`/api/keep/cases?${query({ format: "csv", fields, header: "text,key" })}`)
      assert.deepStrictEqual([lacks.status, JSON.parse(lacks.text)._tag], [400, "CannotKeep"])
      assert.include(lacks.text, "it has no column")
    }).pipe(Effect.provide(serverAndClient(options))))

  it.scopedLive("are refused with the reason", () =>
    Effect.gen(function*() {
      const page = yield* studio
      const other = session.replace("5", "6")
      const answer = (id: string, more: { readonly [name: string]: string } = {}) =>
        Effect.map(page.get(`/api/keep?${query({ ...more, session: id })}`), ({ status, text }) =>
          [status, JSON.parse(text).message, JSON.parse(text).advice] as const)
      assert.deepStrictEqual((yield* answer(other))[0], 404)
      yield* begun
      const [status, message] = yield* answer(session, { patterns: "(" })
      assert.deepStrictEqual([status, message], [400, "( is not a regular expression."])
      assert.match((yield* answer(session, { paths: "a..b[" })).join(" "), /^400 A path is not valid/)
      const fields = yield* page.get(`/api/keep/cases?${query({ format: "json", fields: "message" })}`)
      assert.match(fields.text, /has no new name/)
      yield* ran("acme/test/off", "hi", { sessionId: other })
      const [off, reason, advice] = yield* answer(other)
      assert.deepStrictEqual([off, advice !== undefined], [400, true])
      assert.match(reason, /^The run .* has no stored input\.$/)
    }).pipe(Effect.provide(serverAndClient(options))))

  it.scopedLive("a pattern that has no end is refused, and other requests are answered meanwhile", () =>
    Effect.gen(function*() {
      const page = yield* studio
      const flows = yield* FlowService
      yield* flows.execute(flow, {
        message: `${"a".repeat(40)}!`,
        parameters: { level: 3, note: "" },
        sessionId: session
      })
      const kept = (patterns: string) => page.get(`/api/keep?${query({ patterns })}`)
      assert.strictEqual((yield* kept("(a+)+$")).status, 200)
      const slow = yield* Effect.fork(kept("(?=(a+)+$)a"))
      let answered = 0
      // the studio and the emulator, in the process of the pattern
      while ((yield* Fiber.poll(slow))._tag === "None") {
        assert.strictEqual((yield* page.get("/api/source")).status, 200)
        yield* ran(broken, "hi")
        answered++
      }
      assert.isAbove(answered, 0)
      const { status, text } = yield* Fiber.join(slow)
      const { message } = JSON.parse(text)
      assert.deepStrictEqual([status, message], [
        400,
        "The pattern /(?=(a+)+$)a/u was stopped: it takes longer than 1s."
      ])
    }).pipe(Effect.provide(serverAndClient(options))))
})
