import { assert, it } from "@effect/vitest"
import { Console, Effect } from "effect"
import * as Fs from "node:fs/promises"
import { join } from "node:path"
import { temporaryFolder } from "../support/temporaryFolder.js"
import { checkRows } from "./checkRows.js"

it.scopedLive("the README's lines that are no rows", () =>
  Effect.gen(function*() {
    const path = join(yield* temporaryFolder, "answers.jsonl")
    yield* Effect.promise(() => Fs.writeFile(path, "{\"id\":1}\n\n{\"id\":2\n{\"id\":3}\n"))
    const shown: Array<unknown> = []
    const console = yield* Console.consoleWith(Effect.succeed)
    yield* checkRows(path).pipe(
      Effect.withConsole({ ...console, log: (line: unknown) => Effect.sync(() => void shown.push(line)) })
    )
    assert.deepStrictEqual(shown, ["answers.jsonl:3: it is not JSON: \"{\\\"id\\\":2\""])
  }))
