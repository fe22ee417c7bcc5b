/** `noukai types`. */
import { recording, session } from "@effect-noukai/report/testing"
import { Cassette, FlowService, JobService, NoukaiRecord } from "@effect-noukai/sdk"
import * as FlowValue from "@effect-noukai/sdk/Flow"
import { assert, describe, it } from "@effect/vitest"
import { type as arktype } from "arktype"
import { Effect, FastCheck as fc, Schema, Stream } from "effect"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as valibot from "valibot"
import { size } from "../../sdk/test/support/size.js"
import { merged, ofCassette } from "../src/types/known.js"
import { libraries, type Library, moduleOf } from "../src/types/module.js"
import * as Shape from "../src/types/shape.js"
import { noukai } from "./support/command.js"
import { environment, folder, ran, requests, serverAndClient } from "./support/server.js"

const grade = "acme/spelling/grade-3"

const recorded = recording(
  { flow: grade, message: "x", parameters: { difficulty: "hard" }, result: { score: 7, notes: [{ at: 1 }] } },
  { flow: grade, message: "y", parameters: {}, result: { score: null, notes: [] } }
)

const flowsFile = {
  flows: [
    {
      ref: "acme/spelling/hello",
      steps: [
        { kind: "template", id: "a", output: { text: "Hello {{message}}", count: 1 } },
        {
          kind: "template",
          id: "b",
          output: { said: "{{steps.a.output.text}}", n: "{{input.count}}", of: "{{parameters.of}}" }
        }
      ]
    },
    {
      ref: "acme/spelling/each",
      steps: [{
        kind: "loop",
        id: "l",
        times: 2,
        steps: [{
          kind: "template",
          id: "c",
          output: { $match: "{{parameters.kind}}", cases: { a: 1 }, default: "none" }
        }]
      }],
      versions: { 1: { steps: [{ kind: "template", id: "a", output: true }] } }
    }
  ]
}

const write = (cwd: string, name: string, content: unknown) =>
  writeFileSync(join(cwd, name), typeof content === "string" ? content : JSON.stringify(content))

const withFiles = Effect.map(folder, (cwd) => {
  write(cwd, "grade.json", recorded)
  write(cwd, "flows.json", flowsFile)
  write(cwd, "session.json", session({ slug: "grade-3", result: { score: 1, extra: true } }))
  return cwd
})

describe("noukai types", () => {
  it.scopedLive("writes the flows of a cassette as Effect schemas, with what is missing in one as optional", () =>
    Effect.gen(function*() {
      const cwd = yield* withFiles
      assert.deepStrictEqual(yield* noukai(["types", "--cassette", "grade.json"], { cwd }), {
        code: 0,
        stdout: `/** Written by \`noukai types\`. Run it again instead of changing this file. */
import * as Flow from "@effect-noukai/sdk/Flow"
import * as Schema from "effect/Schema"

export const grade3 = Flow.make("acme/spelling/grade-3", {
  parameters: Schema.Struct({
    difficulty: Schema.optional(Schema.String)
  }),
  result: Schema.Struct({
    notes: Schema.Array(Schema.Struct({
      at: Schema.Number
    })),
    score: Schema.Union(Schema.Number, Schema.Null)
  })
})
`,
        stderr: ""
      })
    }))

  it.scopedLive("reads the names of parameters and the last output in a flows file", () =>
    Effect.gen(function*() {
      const cwd = yield* withFiles
      const { code, stdout } = yield* noukai(["types", "--flows", "flows.json", "--schema", "none"], { cwd })
      assert.strictEqual(code, 0)
      assert.strictEqual(
        stdout,
        `/** Written by \`noukai types\`. Run it again instead of changing this file. */

export type EachParameters = unknown

export type EachResult = boolean

export const each = "acme/spelling/each"

export type HelloParameters = {
  readonly of?: unknown
}

export type HelloResult = {
  readonly n: number,
  readonly of: unknown,
  readonly said: string
}

export const hello = "acme/spelling/hello"
`
      )
    }))

  it.scopedLive("adds what a session and the server know, and reads stored runs of the emulator", () =>
    Effect.gen(function*() {
      const cwd = yield* withFiles
      const { stdout } = yield* noukai(["types", grade, "--cassette", "session.json", "--cassette", "grade.json"], {
        cwd
      })
      assert.include(stdout, "extra: Schema.optional(Schema.Boolean)")
      const env = yield* environment
      yield* ran("acme/spelling/hello", "you")
      const args = ["types", "acme/spelling/hello", "--schema", "none"]
      const unseen = yield* noukai(args, { cwd, env: { ...env, XDG_STATE_HOME: cwd } })
      assert.strictEqual(unseen.code, 2)
      const state = { ...env, XDG_STATE_HOME: cwd }
      const run = yield* noukai(["run", "acme/spelling/hello", "-p", "of=3", "you"], { cwd, env: state })
      assert.strictEqual(run.code, 0, run.stderr)
      const { code, stderr, stdout: stored } = yield* noukai(args, { cwd, env: state })
      assert.strictEqual(code, 0, stderr)
      assert.include(stored, "export type HelloParameters = {\n  readonly of?: string\n}")
      assert.include(stored, "  readonly n: number,\n  readonly of: string | null,\n  readonly said: string\n")
      const sent = (yield* requests).filter((request) => request.startsWith("POST"))
      assert.lengthOf(sent, 2)
    }).pipe(Effect.provide(serverAndClient({ flows: flowsFile.flows as never }))))

  it.scopedLive("--check fails when the file would change, and writes nothing", () =>
    Effect.gen(function*() {
      const cwd = yield* withFiles
      const args = ["types", "--cassette", "grade.json", "--schema", "zod", "--out", "flows.ts"]
      const missing = yield* noukai([...args, "--check"], { cwd })
      assert.deepStrictEqual([missing.code, missing.stderr.split("\n")[0]], [1, "noukai: flows.ts is out of date"])
      assert.deepInclude(yield* noukai(args, { cwd }), { code: 0, stdout: "", stderr: "flows.ts written\n" })
      assert.include(readFileSync(join(cwd, "flows.ts"), "utf8"), "noukai.flow(\"acme/spelling/grade-3\", {")
      assert.deepStrictEqual(yield* noukai([...args, "--check"], { cwd }), { code: 0, stdout: "", stderr: "" })
      write(cwd, "grade.json", recording({ flow: grade, message: "x", result: 1 }))
      assert.strictEqual((yield* noukai([...args, "--check"], { cwd })).code, 1)
    }))

  const refused: ReadonlyArray<readonly [ReadonlyArray<string>, number, RegExp]> = [
    [[], 2, /name a flow, or give --flows or --cassette/],
    [["--check", "--cassette", "grade.json"], 2, /--check requires --out/],
    [["a/b/c", "--cassette", "grade.json"], 1, /nothing is known of a\/b\/c/],
    [["--cassette", "session.json"], 2, /the organisation and project of grade-3 are not known/],
    [["--cassette", "none.json"], 2, /--cassette: the cassette none\.json/],
    [["--flows", "grade.json"], 2, /grade\.json/],
    [["--runs", "101", "a/b/c"], 2, /--runs must be from 0 to 100, not 101/]
  ]

  it.scopedLive.each(refused)("refuses %s", ([args, code, message]) =>
    Effect.gen(function*() {
      const cwd = yield* withFiles
      const ended = yield* noukai(["types", ...args], { cwd })
      assert.match(ended.stderr, message)
      assert.deepStrictEqual([ended.code, ended.stdout], [code, ""])
    }))
})

/** A folder in which modules find the packages of this repository. */
const cache = fileURLToPath(new URL("../../../node_modules/.cache/types", import.meta.url))

interface Written {
  readonly parameters: unknown
  readonly result: unknown
}

/** Reads a generated module. */
const imported = (library: Library, text: string) =>
  Effect.promise(async (): Promise<Record<string, unknown>> => {
    mkdirSync(cache, { recursive: true })
    const path = join(cache, `${library}-${process.pid}.ts`)
    writeFileSync(path, text)
    return import(`${path}?${Date.now()}`)
  })

const client = { flow: (_: string, schemas: Written) => schemas }

const accepts: { readonly [L in Exclude<Library, "none">]: (schema: never, value: unknown) => boolean } = {
  effect: (schema: Schema.Schema<unknown>, value) => Schema.is(schema)(value),
  zod: (schema: { readonly safeParse: (value: unknown) => { readonly success: boolean } }, value) =>
    schema.safeParse(value).success,
  valibot: (schema: valibot.GenericSchema, value) => valibot.safeParse(schema, value).success,
  arktype: (schema: (value: unknown) => unknown, value) => !(schema(value) instanceof arktype.errors)
}

const anyKey = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom("__proto__", "a?", "b=", "...", "+", "[c]", "constructor", "type", "\\", "a-b", "\"")
)

const anyValue: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, 1, 2.5, "", "a"),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.array(fc.tuple(anyKey, tie("value")), { maxLength: 4 }).map((entries) =>
      JSON.parse(JSON.stringify(Object.fromEntries(entries)))
    )
  )
})).value

describe("generated schemas", () => {
  const samples = fc.sample(fc.array(anyValue, { minLength: 1, maxLength: 4 }), { numRuns: size(300, 40), seed: 7 })
  const known = samples.map((values, n) => ({
    flow: `acme/test/f-${n}`,
    parameters: Shape.unknown,
    result: Shape.unionAll(values.map(Shape.shapeOf))
  }))

  it.effect.each(libraries.filter((library) => library !== "none"))(
    "of %s accept each value that was seen",
    (library) =>
      Effect.gen(function*() {
        const values = yield* imported(library, moduleOf(library, known))
        for (const [n, seen] of samples.entries()) {
          const value = values[`f${n}`]
          const { result } =
            (typeof value === "function" && !FlowValue.isFlow(value) ? value(client) : value) as Written
          for (const one of seen) {
            assert.isTrue(
              result === undefined || accepts[library as "effect"](result as never, one),
              `${JSON.stringify(one)} of ${moduleOf(library, [known[n]!])}`
            )
          }
        }
      })
  )

  it("are the same text for the same facts in any order", () => {
    fc.assert(
      fc.property(fc.array(anyValue, { minLength: 1, maxLength: 5 }), fc.array(fc.nat()), (values, order) => {
        const facts = values.map((value) => ({ flow: grade, parameters: Shape.unknown, result: Shape.shapeOf(value) }))
        const shuffled = facts.map((fact, n) => [order[n] ?? 0, fact] as const).sort(([a], [b]) => a - b).map((
          [, fact]
        ) => fact)
        assert.strictEqual(moduleOf("zod", [merged(grade, shuffled)]), moduleOf("zod", [merged(grade, facts)]))
      }),
      { numRuns: size(200, 30) }
    )
  })

  it("have names that are unique, whatever the addresses", () => {
    const flows = ["a/b/grade", "a/c/grade", "a/b/delete", "a/b/3", "a-1/x/a1", "a1/x/a1", "a/b/z"]
    const text = moduleOf(
      "effect",
      flows.map((flow) => ({ flow, parameters: Shape.unknown, result: Shape.simple("null") }))
    )
    const names = [...text.matchAll(/export const (\w+) =/g)].map(([, name]) => name)
    assert.lengthOf(new Set(names), flows.length)
    assert.includeMembers(names, ["bGrade", "cGrade", "deleteFlow", "flow3", "zFlow"])
  })

  it.scoped("take the parameters and results of runs, streams and jobs from a cassette", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "c.json")
      const live = serverAndClient({ flows: flowsFile.flows as never })
      const message = "you"
      yield* Effect.gen(function*() {
        const service = yield* FlowService
        yield* service.execute("acme/spelling/hello", { message, parameters: { run: 1 } })
        yield* Stream.runDrain(service.events("acme/spelling/hello", { message, parameters: { stream: 1 } }))
        const job = yield* (yield* JobService).submit("acme/spelling/hello", { message, parameters: { job: 1 } })
        yield* job.result()
      }).pipe(Effect.provide(NoukaiRecord.toFile(path, { mode: "all", live })))
      const facts = ofCassette(yield* Cassette.load(path))
      const { object } = merged("acme/spelling/hello", facts).parameters
      assert.deepStrictEqual([object?.count, [...object!.properties.keys()].sort()], [3, ["job", "run", "stream"]])
      const results = facts.filter(({ result }) => !Shape.isUnknown(result))
      assert.deepStrictEqual(results.map(({ result }) => [...result.object!.properties.keys()]), [
        ["n", "of", "said"],
        ["n", "of", "said"],
        ["n", "of", "said"]
      ])
    }))
})
