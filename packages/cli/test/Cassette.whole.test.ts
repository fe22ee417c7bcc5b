/** `noukai cassette`. */
import * as CassetteDiff from "@effect-noukai/report/CassetteDiff"
import { recording, session } from "@effect-noukai/report/testing"
import type { Cassette } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { noukai } from "./support/command.js"
import { folder } from "./support/server.js"

const flow = "acme/test/a"

const secret = "gh" + "p_0123456789abcdefghijABCDEFGHIJ012345"

/** Files of cassettes in a folder of their own; what is none is written as it is. */
const files = (content: { readonly [name: string]: Cassette.Cassette | string }) =>
  Effect.gen(function*() {
    const cwd = yield* folder
    for (const [name, one] of Object.entries(content)) {
      yield* Effect.promise(() => writeFile(join(cwd, name), typeof one === "string" ? one : JSON.stringify(one)))
    }
    return cwd
  })

const two = recording(
  { flow, message: "x", parameters: { level: "easy" }, result: 1 },
  { flow: "acme/test/b", message: "y", result: 2 }
)

describe("noukai cassette check", () => {
  it.scopedLive("tells what is in files that hold", () =>
    Effect.gen(function*() {
      const cwd = yield* files({ "a.json": two, "b.json": session({ slug: "a", result: 1 }) })
      assert.deepStrictEqual(yield* noukai(["cassette", "check", "a.json", "b.json"], { cwd }), {
        code: 0,
        stdout: "ok  a.json: recording, noukai-cassette/1, 2 recordings of acme/test/a, acme/test/b\n" +
          "ok  b.json: session, noukai-cassette/1, 1 recording of a\n",
        stderr: ""
      })
    }))

  it.scopedLive("is 1 if one does not hold, and looks at the rest all the same", () =>
    Effect.gen(function*() {
      const cwd = yield* files({
        "secret.json": recording({ flow, message: secret, result: 1 }),
        "broken.json": "{",
        "newer.json": JSON.stringify({ ...two, format: "noukai-cassette/2" }),
        "a.json": two
      })
      const names = ["secret.json", "broken.json", "newer.json", "none.json", "a.json"]
      const { code, stderr, stdout } = yield* noukai(["cassette", "check", ...names], { cwd })
      assert.deepStrictEqual([code, stderr], [1, "noukai: 4 of 5 cassettes do not hold\n"])
      assert.match(
        stdout,
        /^✕ {3}secret\.json: recording.*\n {4}looks like a credential: \$\.entries\[0\]\.input\.message$/m
      )
      assert.match(stdout, /^✕ {3}broken\.json: .*not JSON/m)
      assert.match(stdout, /^✕ {3}newer\.json: .*newer/m)
      assert.match(stdout, /^✕ {3}none\.json: .*does not exist/m)
      assert.match(stdout, /^ok {2}a\.json: /m)
      assert.notInclude(stdout, secret)
      const json = yield* noukai(["cassette", "check", ...names, "--json"], { cwd })
      assert.strictEqual(json.code, 1)
      const checked = JSON.parse(json.stdout)
      assert.deepStrictEqual(checked.map(({ ok }: { ok: boolean }) => ok), [false, false, false, false, true])
      assert.deepStrictEqual(checked[0].credentials, ["$.entries[0].input.message"])
      assert.strictEqual(checked[3].reason, "NotFound")
      assert.deepStrictEqual(checked[4], {
        path: "a.json",
        ok: true,
        format: "noukai-cassette/1",
        kind: "recording",
        recordings: 2,
        flows: ["acme/test/a", "acme/test/b"],
        credentials: []
      })
    }))

  it.scopedLive("holds for a recording that was interrupted, and says so", () =>
    Effect.gen(function*() {
      const cwd = yield* files({ "partly.json": { ...two, incomplete: true } })
      const { code, stdout } = yield* noukai(["cassette", "check", "partly.json"], { cwd })
      assert.strictEqual(code, 0)
      assert.match(stdout, /^ok {2}partly\.json: .*\n {4}the recording was interrupted/m)
    }))

  it.scopedLive("names each place of a secret: in decoded texts, in names of keys, in fields that no cassette has", () =>
    Effect.gen(function*() {
      const pem = "-----BEGIN RSA PRIVATE" +
        ` KEY-----\n${"MIIEpAIBAAKCAQEA0123456789abcdef\n".repeat(4)}-----END RSA PRIVATE KEY-----`
      const found = recording({
        flow,
        message: `two lines\n${secret}`,
        parameters: {
          "a b": ["fine", "secretlint-disable", pem],
          aws: "AK" + "IAIOSFODNN7ABCDEFG",
          database: "postgres://ada:" + "Zq83hfTTwq1@db.acme.dev/app",
          [secret]: { inner: 1 }
        },
        result: "n" + "k_test_planted8_0123456789abcdef0123456789abcdef"
      })
      const cwd = yield* files({ "a.json": JSON.stringify({ ...found, note: { later: [secret] } }) })
      const { code, stdout } = yield* noukai(["cassette", "check", "a.json", "--json"], { cwd })
      assert.strictEqual(code, 1)
      assert.sameMembers(JSON.parse(stdout)[0].credentials, [
        "$.note.later[0]",
        "$.entries[0].input.message",
        "$.entries[0].input.parameters",
        "$.entries[0].input.parameters[\"a b\"][2]",
        "$.entries[0].input.parameters.aws",
        "$.entries[0].input.parameters.database",
        "$.entries[0].answer.value.result"
      ])
      assert.notInclude(stdout, secret)
    }))

  it.live("without files is wrong usage", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* noukai(["cassette", "check"])).code, 2)
    }))
})

describe("noukai cassette diff", () => {
  it.scopedLive("tells what changed, and is 1; nothing of what did not, and is 0", () =>
    Effect.gen(function*() {
      const after = recording(
        { flow, message: "x", parameters: { level: "hard" }, result: 1 },
        { flow: "acme/test/c", message: "z\u001b[2J", result: 2 }
      )
      const cwd = yield* files({ "a.json": two, "same.json": two, "b.json": after })
      const diff = (...args: ReadonlyArray<string>) => noukai(["cassette", "diff", ...args], { cwd })
      assert.deepStrictEqual(yield* diff("a.json", "same.json"), { code: 0, stdout: "", stderr: "" })
      assert.deepStrictEqual(yield* diff("a.json", "same.json", "--json"), { code: 0, stdout: "[]\n", stderr: "" })
      assert.deepStrictEqual(yield* diff("a.json", "b.json"), {
        code: 1,
        stdout: "removed: recording 2, execute acme/test/b execution ex_2\n" +
          "changed: recording 1, execute acme/test/a execution ex_1\n" +
          "  $.input.parameters.level: was \"easy\", is \"hard\"\n" +
          "added: recording 2, execute acme/test/c execution ex_2\n",
        stderr: ""
      })
      const json = yield* diff("a.json", "b.json", "--json")
      assert.strictEqual(json.code, 1)
      assert.deepStrictEqual(JSON.parse(json.stdout), CassetteDiff.diff(two, after))
    }))

  it.scopedLive("what cannot be read is 2, which is no difference", () =>
    Effect.gen(function*() {
      const cwd = yield* files({ "a.json": two })
      const { code, stderr, stdout } = yield* noukai(["cassette", "diff", "a.json", "none.json"], { cwd })
      assert.deepStrictEqual([code, stdout], [2, ""])
      assert.match(stderr, /none\.json does not exist/)
      assert.strictEqual((yield* noukai(["cassette", "diff", "a.json"], { cwd })).code, 2)
    }))
})
