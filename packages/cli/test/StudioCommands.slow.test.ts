/** The commands that the studio prints: the command reads each of them. */
import { Batch, BatchStore } from "@effect-noukai/batch"
import type { ReconcilePlan } from "@effect-noukai/studio/ReconcileApi"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import TypeScript from "typescript"
import { folder } from "../../sdk/test/support/folder.js"
import { query, start } from "../../studio/test/support/ledgerStudio.js"
import * as Real from "../../studio/test/support/realLedgers.js"
import { checked } from "../src/arguments/grammar.js"
import { grammar } from "../src/commands/grammar.js"

/** The words after `noukai`, as bash reads them. */
const words = (command: string): ReadonlyArray<string> => {
  const script = `noukai() { printf '%s\\0' "$@"; }; ${command}`
  return execFileSync("bash", ["-s"], { encoding: "utf8", input: script }).split("\0").slice(0, -1)
}

/** The mistake that the command finds in a command. */
const mistake = (command: string): string | undefined => {
  const meaning = checked(grammar, words(command))
  return meaning._tag === "wrong" ? `${command}: ${meaning.message}` : undefined
}

describe("the commands of the studio", () => {
  it.scopedLive("about a batch are read as they are meant", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const ledger = join(path, "a b", "-it's.ledger")
      mkdirSync(join(path, "a b"))
      for (const batch of ["grades", "-it's \"odd\" $HOME"]) {
        yield* Real.completed(ledger, 10, batch)
        const studio = yield* start({ folder: path })
        const of = { ledger: "a b/-it's.ledger", batch }
        const { commands } = yield* studio.batch(of)
        assert.strictEqual(commands.length, 3)
        const { command = "", settle = "" } = yield* studio.page.json<ReconcilePlan>(
          `/api/reconcile/plan?${query(of)}`
        )
        for (const one of [...commands.map(({ command }) => command), command, settle]) {
          assert.isUndefined(mistake(one))
          assert.includeMembers(words(one).flatMap((word) => [word, word.replace(/^--\w+=/, "")]), [batch, ledger])
        }
      }
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("count the attempts of a row that were sent", () =>
    Effect.gen(function*() {
      const path = yield* folder
      yield* Real.completed(join(path, "grades.ledger"), 9)
      const { rows } = yield* start({ folder: path })
      const of = { ledger: "grades.ledger", batch: "grades-2026-11" }
      const attempts = Effect.map(rows(of), ({ rows }) => rows.map(({ attempt }) => attempt))
      const before = yield* attempts
      yield* Effect.provide(
        Batch.retry(of.batch, { only: "failed" }),
        BatchStore.layerFile(join(path, "grades.ledger"))
      )
      assert.deepStrictEqual(yield* attempts, before)
    }).pipe(Effect.provide(Real.emulator)))

  it("in its texts are commands", () => {
    const found: Array<string> = []
    for (const folder of ["src", "page/src"].map((path) => new URL(`../../studio/${path}`, import.meta.url).pathname)) {
      for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
        if (!/\.tsx?$/.test(path)) continue
        const file = TypeScript.createSourceFile(path, readFileSync(join(folder, path), "utf8"), 99, true)
        const visit = (node: TypeScript.Node): void => {
          const text = TypeScript.isStringLiteralLike(node) || TypeScript.isJsxText(node)
            ? node.text
            : TypeScript.isTemplateExpression(node)
            ? [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join("x")
            : ""
          found.push(
            ...[...text.matchAll(/(?:^|`)(noukai [^`]+)/g)].map(([, command]) => command!.replaceAll("…", "x"))
          )
          TypeScript.forEachChild(node, visit)
        }
        visit(file)
      }
    }
    assert.isAbove(found.length, 15)
    assert.deepStrictEqual(found.flatMap((command) => mistake(command) ?? []), [])
  })
})
