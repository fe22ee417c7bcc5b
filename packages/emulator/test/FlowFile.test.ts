import { EmulatorError, startEmulator } from "@effect-noukai/emulator"
import { make } from "@effect-noukai/emulator/Emulator"
import { decode, decodeText, jsonSchema } from "@effect-noukai/emulator/FlowFile"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Parsed } from "./client.js"

const template = { kind: "template", id: "a", output: "x" }

const file = (flow: object, rest: object = {}) => ({
  flows: [{ ref: "acme/test/one", steps: [template], ...flow }],
  ...rest
})

const errorOf = (value: unknown): EmulatorError => {
  const decoded = decode(value, "flows.json")
  assert.isTrue(Either.isLeft(decoded), "the file must be refused")
  return (decoded as Either.Left<EmulatorError, never>).left
}

describe("FlowFile", () => {
  it("a whole file is read", () => {
    const decoded = decode(file({
      steps: [
        {
          ...template,
          duration: "2 seconds",
          tokens: { prompt: 1, completion: 2 },
          costUsd: "0.5",
          failsFirst: { times: 1 }
        },
        { kind: "fail", id: "b", code: "X", status: 502 },
        { kind: "tool", id: "c", rounds: [[{ name: "t", arguments: { q: "{{message}}" } }]], output: "{{tools.t}}" },
        { kind: "loop", id: "d", times: 3, steps: [{ ...template, id: "e", output: "{{loop.index}}" }] },
        { ...template, id: "f", output: { all: "{{steps.d.output}}", n: 1, b: true, z: null } }
      ],
      versions: { 1: { steps: [template] } },
      production: 1
    }, {
      $schema: "./flows.schema.json",
      keys: [{ key: "nk_test_a", org: "acme", project: "test" }],
      organisations: { acme: { credits: "1.5", capture: "full" } },
      faults: [{ match: { endpoint: "execute" }, script: ["ok", "503", "cut:e3"] }]
    }))
    assert.isTrue(Either.isRight(decoded))
  })

  const wrong: ReadonlyArray<[name: string, value: unknown, path: string, message: RegExp]> = [
    ["no flows", {}, "flows", /missing/],
    ["an unknown key", file({}, { flow: [] }), "flow", /did you mean flows?/],
    ["a ref of two segments", file({ ref: "a/b" }), "flows[0].ref", /org\/project\/flow/],
    ["two flows of one ref", { flows: [file({}).flows[0], file({}).flows[0]] }, "flows[1].ref", /two flows/],
    [
      "an unknown kind",
      file({ steps: [template, { kind: "magic", id: "b" }] }),
      "flows[0].steps[1].kind",
      /"template"/
    ],
    [
      "a cost that is a number",
      file({ steps: [{ ...template, costUsd: 0.1 }] }),
      "flows[0].steps[0].costUsd",
      /string/
    ],
    [
      "a cost that is no decimal",
      file({ steps: [{ ...template, costUsd: "1e3" }] }),
      "flows[0].steps[0].costUsd",
      /decimal/
    ],
    [
      "a duration that is none",
      file({ steps: [{ ...template, duration: "soon" }] }),
      "flows[0].steps[0].duration",
      /duration/
    ],
    [
      "a status that is no error",
      file({ steps: [{ kind: "fail", id: "a", code: "X", status: 200 }] }),
      "flows[0].steps[0].status",
      /400/
    ],
    ["two steps of one id", file({ steps: [template, template] }), "flows[0].steps[1].id", /two steps/],
    [
      "a placeholder of nothing",
      file({ steps: [{ ...template, output: "{{msg}}" }] }),
      "flows[0].steps[0].output",
      /refers to nothing/
    ],
    [
      "a later step",
      file({ steps: [{ ...template, output: "{{steps.b.output}}" }, { ...template, id: "b" }] }),
      "flows[0].steps[0].output",
      /does not run before/
    ],
    [
      "a half reference",
      file({ steps: [template, { ...template, id: "b", output: "{{steps.a}}" }] }),
      "flows[0].steps[1].output",
      /must read/
    ],
    ["a loop without times", file({ steps: [{ kind: "loop", id: "a", steps: [] }] }), "flows[0].steps[0]", /either/],
    [
      "a loop in a loop",
      file({ steps: [{ kind: "loop", id: "a", times: 1, steps: [{ kind: "loop", id: "b", times: 1, steps: [] }] }] }),
      "flows[0].steps[0].steps[0]",
      /inside a loop/
    ],
    ["a missing production version", file({ production: 2 }), "flows[0].production", /no version 2/],
    [
      "a version that is no number",
      file({ versions: { one: { steps: [] } } }),
      "flows[0].versions.one",
      /one: expected: a version number from 1$/
    ],
    [
      "a name of an organisation that is none",
      file({}, { organisations: { "Acme Ltd": {} } }),
      "organisations.Acme Ltd",
      /Ltd: expected: an organisation of lower-case letters/
    ],
    ["a key of another kind", file({}, { keys: [{ key: "sk_1", org: "a", project: "b" }] }), "keys[0].key", /nk_/],
    [
      "a fault that is none",
      file({}, { faults: [{ script: ["ok", "explode"] }] }),
      "faults[0].script[1]",
      /"explode" is not a fault/
    ]
  ]
  for (const [name, value, path, message] of wrong) {
    it(`${name} is refused at ${path}`, () => {
      const error = errorOf(value)
      assert.strictEqual(error.reason, "InvalidFlow")
      assert.strictEqual(error.path, path)
      assert.match(error.message, message)
      assert.include(error.message, "flows.json")
      assert.include(error.message, path)
    })
  }

  it("flows.schema.json is the schema of the flow language; make it anew with noukai-emulator --schema", async () => {
    const committed = await readFile(new URL("../flows.schema.json", import.meta.url), "utf8")
    assert.strictEqual(committed, `${JSON.stringify(jsonSchema(), undefined, 2)}\n`)
  })

  it("text that is no JSON is refused by name", () => {
    const decoded = decodeText("{ flows: ", "flows.json")
    assert.isTrue(Either.isLeft(decoded))
    assert.match((decoded as Either.Left<EmulatorError, never>).left.message, /flows\.json: not JSON/)
  })

  it.scoped("an emulator reads its file, and says which place is wrong", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "flows-"))),
        (path) => Effect.promise(() => rm(path, { recursive: true }))
      )
      const path = join(folder, "flows.json")
      yield* Effect.promise(() => writeFile(path, JSON.stringify(file({}))))
      const emulator = yield* make({ file: path })
      const response = yield* Effect.promise(() =>
        fetch(`${emulator.baseUrl}/seq/acme/test/one/execute`, {
          method: "POST",
          headers: { authorization: "Bearer nk_any" },
          body: "{}"
        }).then((answer) => answer.json() as Promise<Parsed>)
      )
      assert.strictEqual(response.result, "x")

      yield* Effect.promise(() => writeFile(path, JSON.stringify(file({ steps: [{ kind: "fail", id: "a" }] }))))
      const wrong = yield* Effect.flip(make({ file: path }))
      assert.strictEqual(wrong.path, "flows[0].steps[0].code")
      const missing = yield* Effect.flip(make({ file: join(folder, "none.json") }))
      assert.strictEqual(missing.reason, "File")
    }))

  it("startEmulator rejects with the same error", async () => {
    const error = await startEmulator({ flows: [{ ref: "a/b/c", steps: [], production: 1 }] }).then(
      () => undefined,
      (reason: unknown) => reason
    )
    assert.instanceOf(error, EmulatorError)
    assert.strictEqual((error as EmulatorError).path, "flows[0].production")
  })
})
