/** Flow addresses on the wire (docs/wire.md#addresses): encoded as one segment each, or refused before anything is sent. */
import * as Testing from "@effect-noukai/report/testing"
import { FlowService } from "@effect-noukai/sdk"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import * as Scripted from "@effect-noukai/sdk/testing"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck } from "effect"
import { clientFor } from "./support/client.js"
import { anyText } from "./support/fuzz.js"
import * as Wire from "./support/WireServer.js"

const ok = Wire.json(200, { status: "completed", result: null, flowId: "f", blockCount: 0 })

describe("one encoded segment each", () => {
  const rows: ReadonlyArray<readonly [string, string]> = [
    ["a/b/c", "a/b/c"],
    ["a/b/c d", "a/b/c%20d"],
    ["a/b/c?x=1", "a/b/c%3Fx%3D1"],
    ["a/b/c#x", "a/b/c%23x"],
    ["a/b/%2e%2e", "a/b/%252e%252e"],
    ["a/b/%2F", "a/b/%252F"],
    ["a/b/..c", "a/b/..c"],
    ["a/b/\\..\\c", "a/b/%5C..%5Cc"],
    ["a/b/🦆", "a/b/%F0%9F%A6%86"],
    ["a/b/;v=1", "a/b/%3Bv%3D1"],
    [`a/b/${"x".repeat(255)}`, `a/b/${"x".repeat(255)}`]
  ]
  for (const [ref, path] of rows) {
    it.scopedLive(ref.slice(0, 40), () =>
      Effect.gen(function*() {
        const server = yield* Wire.serve(ok)
        const flows = yield* clientFor(server)
        yield* flows.execute(ref, {})
        assert.strictEqual(server.requests[0]!.path, `/api/v1/seq/${path}/execute`)
      }))
  }

  it.scopedLive("defaults fill in org and project; a full address overrides them", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(ok, ok, ok)
      const flows = yield* clientFor(server, { org: "acme", project: "support" })
      yield* flows.execute("greet", {})
      yield* flows.execute("other/team/greet", {})
      yield* flows.execute({ org: "x", project: "y", slug: "z" }, {})
      assert.deepStrictEqual(server.requests.map((request) => request.path), [
        "/api/v1/seq/acme/support/greet/execute",
        "/api/v1/seq/other/team/greet/execute",
        "/api/v1/seq/x/y/z/execute"
      ])
    }))
})

const scripted = layerScripted()

const refused = (flow: unknown) =>
  Effect.gen(function*() {
    const flows = yield* FlowService
    const script = yield* Scripted.ScriptedHttp
    const error = yield* Effect.flip(flows.execute(flow as string, {}))
    assert.strictEqual(error._tag, "InvalidRequestError")
    assert.match(error._tag === "InvalidRequestError" ? error.field : "", /^flow/)
    assert.lengthOf(yield* script.calls, 0)
  }).pipe(Effect.provide(scripted))

describe("refused before anything is sent", () => {
  const rows: ReadonlyArray<readonly [string, unknown]> = [
    ["a bare slug without defaults", "greet"],
    ["nothing", ""],
    ["two segments", "a/b"],
    ["four segments", "a/b/c/d"],
    ["an empty segment", "a//c"],
    ["a leading slash", "/a/b"],
    ["traversal", "../../../../keys?x=1#"],
    ["a dot-dot segment", "a/../c"],
    ["a dot segment", "a/b/."],
    ["a control character", "a/b/c\n"],
    ["NUL", "a/b/c\u0000"],
    ["a lone surrogate", "a/b/\ud83e"],
    ["10 kB", `a/b/${"x".repeat(10_000)}`],
    ["256 bytes of UTF-8", `a/b/${"é".repeat(128)}`],
    ["an address with only some parts", { org: "a", slug: "c" }],
    ["a slug with a slash in an address", { org: "a", project: "b", slug: "c/d" }],
    ["a number", 7],
    ["null", null]
  ]
  for (const [name, flow] of rows) it.effect(name, () => refused(flow))
})

it.effect.prop(
  "any text either fails typed or arrives as exactly three segments that decode to it",
  { ref: FastCheck.oneof(anyText(), FastCheck.webPath()) },
  ({ ref }) =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const script = yield* Scripted.ScriptedHttp
      const outcome = yield* Effect.either(flows.execute(`o/p/${ref}`, {}))
      const calls = yield* script.requests("execute")
      if (outcome._tag === "Left") {
        assert.strictEqual(outcome.left._tag, "InvalidRequestError")
        assert.lengthOf(calls, 0)
      } else {
        assert.deepStrictEqual(calls[0]!.flow, { org: "o", project: "p", slug: ref })
      }
    }).pipe(Effect.provide(
      layerScripted({ execute: [Testing.completed(null)] })
    ))
)
