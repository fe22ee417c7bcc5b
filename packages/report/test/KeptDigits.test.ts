/** Numbers that JavaScript cannot hold in the files that keep a session, and in reports in HTML. */
import * as HtmlReport from "@effect-noukai/report/HtmlReport"
import { keepSession } from "@effect-noukai/report/KeptSession"
import { Cassette, FlowService, NoukaiReplay } from "@effect-noukai/sdk"
import { digitsAt, digitsOf, parseJson, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import * as ValueDiff from "@effect-noukai/sdk/ValueDiff"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"

const [big, other] = ["12345678901234567890", "12345678901234567891"]
const values = `{"a":${big},"list":[-0,{"deep":-${big}.50}]}`

const session = (output: string) => ({
  format: "noukai-cassette/1",
  kind: "session",
  client: { org: "acme", project: "test" },
  session: {
    sessionId: "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01",
    executions: [{
      executionId: "ex-1",
      slug: "echo",
      status: "completed",
      triggerType: "execute",
      snapshotsAvailable: true,
      steps: [{
        stepId: "a",
        attempt: 1,
        status: "completed",
        inputSnapshot: { message: "hi", ...JSON.parse(values) as object },
        outputSnapshot: JSON.parse(output) as unknown,
        digits: {
          inputSnapshot: digitsOf(parseJson(values)),
          outputSnapshot: digitsAt(digitsOf(parseJson(`{"x":${output}}`)), "x")
        },
        truncated: false
      }]
    }]
  }
})

describe("numbers that JavaScript cannot hold", () => {
  for (const output of [values, big]) {
    it.effect(`are in the test, the cases and the cassette of a session: ${output}`, () =>
      Effect.gen(function*() {
        const cassette = Either.getOrThrow(Cassette.decode(session(output)))
        if (cassette.kind !== "session") return assert.fail("it is a recording")
        const kept = Either.getOrThrow(keepSession(cassette))
        const source = kept.test("./a.json")
        assert.include(source, `"parameters":${values}`)
        assert.include(source, `expect(results).toEqual([\n    ${output}\n`)
        const lines = Either.getOrThrow(kept.addCases("", { isCsv: false, fields: { a: "b" } }))
        assert.include(lines, `"b":${big},"list":[-0,{"deep":-${big}.50}]`)
        assert.include(lines, `"expected":${output}`)
        const csv = Either.getOrThrow(kept.addCases("id,message,a,list,expected\n", { isCsv: true }))
        assert.include(csv, `ex-1,hi,${big},`)
        const text = Cassette.encode(kept.cassette)
        assert.include(text, `"digits"`)
        const read = Either.getOrThrow(Cassette.decode(JSON.parse(text)))
        assert.strictEqual(Cassette.encode(read), text)
        const parameters = parseJson(values) as { readonly a: number; readonly list: unknown }
        const result = yield* FlowService.pipe(
          Effect.flatMap((flows) => flows.execute("acme/test/echo", { message: "hi", parameters })),
          Effect.provide(NoukaiReplay.fromCassette(read, { match: "input" }))
        )
        assert.include(stringifyJson(result), `"result":${output}`)
      }))
  }

  it("are shown in HTML, and differences are of all digits", () => {
    assert.include(JSON.stringify(HtmlReport.shown({ title: "t", value: parseJson(values) })), big)
    const [before, after] = [big, other].map((id) => parseJson(`{"id":${id},"of":[{"id":${id}}],"x":{"y":1}}`))
    const changes = ValueDiff.changes(before, after)
    assert.deepStrictEqual(changes.map((change) => ValueDiff.toText(change)), [
      `$.id: was ${big}, is ${other}`,
      `$.of[0].id: was ${big}, is ${other}`
    ])
    assert.deepStrictEqual(ValueDiff.changes(before, parseJson(stringifyJson(before))), [])
  })
})
