/** The changes between two cassettes. */
import * as CassetteDiff from "@effect-noukai/report/CassetteDiff"
import { recording, session } from "@effect-noukai/report/testing"
import type { Cassette } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { layout } from "../../sdk/src/internal/cassette/layout.js"
import { size } from "../../sdk/test/support/size.js"

const a = "acme/test/a"
const b = "acme/test/b"

const words = (before: Cassette.Cassette, after: Cassette.Cassette) =>
  CassetteDiff.diff(before, after).map(CassetteDiff.differenceText)

describe("CassetteDiff.diff of recordings", () => {
  it("long texts are compared by words, without secrets", () => {
    const of = (word: string, key: string) =>
      recording({ flow: a, message: `${"a long text of words ".repeat(8)}${word} sk-ant-${key.repeat(20)}`, result: 1 })
    const [difference] = CassetteDiff.diff(of("ends", "a"), of("stops", "b"))
    assert.strictEqual(
      CassetteDiff.differenceText(difference!).split("\n")[1],
      "  $.input.message: …of words a long text of words [-ends-]{+stops+} [redacted]"
    )
  })

  it("ids are no difference", () => {
    const before = recording({ flow: a, message: "x", result: 1, executionId: "run-1" })
    const after = recording({ flow: a, message: "x", result: 1, executionId: "run-2" })
    assert.deepStrictEqual(CassetteDiff.diff(before, after), [])
  })

  it("tells what was added, removed, and changed at which places", () => {
    const before = recording(
      { flow: a, message: "x", parameters: { level: "easy" }, result: { score: 1 } },
      { flow: a, message: "same", result: { score: 8 } },
      { flow: b, message: "gone", result: null }
    )
    const after = recording(
      { flow: a, message: "x", parameters: { level: "hard" }, result: { score: 1 } },
      { flow: a, message: "same", result: { score: 9 } },
      { flow: "acme/test/c", message: "new", result: null }
    )
    assert.deepStrictEqual(words(before, after), [
      "removed: recording 3, execute acme/test/b execution ex_3",
      "changed: recording 1, execute acme/test/a execution ex_1\n  $.input.parameters.level: was \"easy\", is \"hard\"",
      "changed: recording 2, execute acme/test/a execution ex_2\n  $.answer.value.result.score: was 8, is 9",
      "added: recording 3, execute acme/test/c execution ex_3"
    ])
    assert.deepStrictEqual(CassetteDiff.diff(before, after)[1], {
      kind: "changed",
      before: { number: 1, endpoint: "execute", flow: a, version: "production", executionId: "ex_1" },
      after: { number: 1, endpoint: "execute", flow: a, version: "production", executionId: "ex_1" },
      changes: [{ path: "$.input.parameters.level", expected: "easy", actual: "hard" }]
    })
  })

  it("one recording more among others is that one alone", () => {
    const runs = ["p", "q", "r", "s"].map((message) => ({ flow: a, message, result: message }))
    const more = [...runs.slice(0, 2), { flow: a, message: "more", result: 0 }, ...runs.slice(2)]
    assert.deepStrictEqual(words(recording(...runs), recording(...more)), [
      "added: recording 3, execute acme/test/a execution ex_3"
    ])
    assert.deepStrictEqual(words(recording(...more), recording(...runs)), [
      "removed: recording 3, execute acme/test/a execution ex_3"
    ])
  })

  it("a changed call changes the id of its run, and what goes on with that run stays the same", () => {
    const poll = (message: string, id: string) =>
      layout([
        {
          endpoint: "submitJob",
          flow: a,
          version: "production",
          input: { message },
          answer: { value: { executionId: id } },
          at: undefined
        },
        {
          endpoint: "pollJob",
          flow: a,
          version: undefined,
          input: { executionId: id },
          answer: { statuses: [{ value: { status: "completed", executionId: id, result: 1 } }] },
          at: [0]
        }
      ], {})
    assert.deepStrictEqual(words(poll("x", "one"), poll("x", "two")), [])
    assert.deepStrictEqual(words(poll("x", "one"), poll("y", "two")), [
      "changed: recording 1, submitJob acme/test/a execution one\n  $.input.message: was \"x\", is \"y\""
    ])
  })

  it("tells the fewest recordings that moved", () => {
    const [p, q, r] = ["p", "q", "r"].map((message) => ({ flow: a, message, result: message, executionId: message }))
    assert.deepStrictEqual(words(recording(p!, q!, r!), recording(r!, p!, q!)), [
      "moved: recording 3, execute acme/test/a execution r is now recording 1"
    ])
  })

  it("tells settings, and of cassettes of different kinds no more than that", () => {
    const one = recording({ flow: a, message: "x", result: 1 })
    const settled = { ...one, client: { org: "acme", timeout: 5 } }
    assert.deepStrictEqual(words(one, settled), [
      "settings changed\n  $.client.org: was nothing, is \"acme\"\n  $.client.timeout: was nothing, is 5"
    ])
    assert.deepStrictEqual(words(one, session({ slug: "a", result: 1 })), [
      "settings changed\n  $.kind: was \"recording\", is \"session\""
    ])
  })

  it("masks secrets of well-known forms", () => {
    const secret = "n" + "k_test_planted8_0123456789abcdef0123456789abcdef"
    const found = JSON.stringify(CassetteDiff.diff(
      recording({ flow: a, message: "x", parameters: { note: "plain" }, result: 1 }),
      recording({ flow: a, message: secret, parameters: { note: `my ${secret}` }, result: 1 })
    ))
    assert.notInclude(found, "planted8")
    assert.include(found, "$.input.parameters.note")
    assert.include(found, "my [redacted]")
  })

  it("hundreds of changed calls of one flow are compared", () => {
    const count = size(1_500, 120)
    const many = (add: string) =>
      recording(...Array.from({ length: count }, (_, n) => ({
        flow: a,
        message: `${n}${add}`,
        steps: { one: "x".repeat(100), two: n }
      })))
    assert.lengthOf(CassetteDiff.diff(many(""), many("!")), count)
  })
})

describe("CassetteDiff.diff of sessions", () => {
  it("ids and times are no difference", () => {
    assert.deepStrictEqual(
      CassetteDiff.diff(
        session({ slug: "a", result: 1, executionId: "one" }),
        session({ slug: "a", result: 1, executionId: "two" })
      ),
      []
    )
  })

  it("tells runs that were added, removed, and changed in which step", () => {
    assert.deepStrictEqual(
      words(
        session({ slug: "a", result: 1 }, { slug: "a", result: 2 }, { slug: "b", trigger: "step", steps: { x: 1 } }),
        session({ slug: "a", result: 3 }, { slug: "a", result: 2 }, { slug: "c", result: 0 })
      ),
      [
        "removed: recording 3, step b execution ex_3",
        "changed: recording 1, execute a execution ex_1\n  $.steps[0].outputSnapshot: was 1, is 3",
        "added: recording 3, execute c execution ex_3"
      ]
    )
  })
})
