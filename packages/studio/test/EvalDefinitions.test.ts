/** The definitions of evals that the studio finds. */
import { EvalFile } from "@effect-noukai/eval"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import { folder, write } from "../../sdk/test/support/folder.js"
import * as Definitions from "../src/internal/evalDefinitions.js"

it.scoped("a found definition does not run the modules of its checks, and one that was named does", () =>
  Effect.gen(function*() {
    const path = yield* folder
    const file = join(path, "a.eval.yaml")
    yield* write(
      join(path, "lib.mjs"),
      "globalThis.ranModules = (globalThis.ranModules ?? 0) + 1\nexport default () => true\n"
    )
    yield* write(
      file,
      "name: a\nflow: acme/test/a\ncases: [{ id: a }]\nkey: id\ninput: {}\nchecks: { it: { module: lib.mjs } }\n"
    )
    const found = { ledgers: new Map<never, never>(), definitions: new Map([["a.eval.yaml", file]]), problems: [] }
    const read = (given: Parameters<typeof Definitions.make>[1]) =>
      Effect.flatten(Definitions.make({ found: Effect.succeed(found) } as never, given))
    const all = yield* read([])
    assert.deepStrictEqual(all.problems, [])
    assert.strictEqual(all.of("a", "a.ledger")?.file, "a.eval.yaml")
    assert.notProperty(globalThis, "ranModules")
    const named = yield* EvalFile.load(file)
    assert.strictEqual((yield* read([{ file, eval: named }])).of("a", "a.ledger")?.eval, named)
    assert.propertyVal(globalThis, "ranModules", 1)
    Reflect.deleteProperty(globalThis, "ranModules")
  }))
