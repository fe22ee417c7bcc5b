/** A key is in no output of any command, whatever goes wrong and wherever it is from. */
import { Emulator } from "@effect-noukai/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Grammar } from "../src/arguments/grammar.js"
import { grammar } from "../src/commands/grammar.js"
import { noukai } from "./support/command.js"
import { environment, folder, server } from "./support/server.js"

const key = "nk_test_planted+key/with=odd~characters%and'quotes<>&"

/** The texts that would give a key away: the key, it as a URL would write it, and a part of it. */
const traces = [key, encodeURIComponent(key), "planted"]

const paths = (grammar: Grammar, path: ReadonlyArray<string> = []): ReadonlyArray<ReadonlyArray<string>> =>
  grammar.commands === undefined
    ? [path]
    : Object.entries(grammar.commands).flatMap(([name, below]) => paths(below, [...path, name]))

const hides = (args: ReadonlyArray<string>, output: string) => {
  for (const trace of traces) assert.notInclude(output, trace, args.join(" "))
}

const some = ["acme/test/echo", "00000000-0000-4000-8000-000000000000"]

/** How a server can answer so that a client might say what it sent. */
const faults = ["ok", "401", "500", "502:html", "reset", "html"]

const echo = server({
  keys: [{ key, org: "acme", project: "test" }],
  flows: [{ ref: "acme/test/echo", steps: [{ kind: "template", id: "a", output: "{{message}}" }] }]
})

const tell = (args: ReadonlyArray<string>, options: Parameters<typeof noukai>[1]) =>
  Effect.map(noukai(args, { ...options, hurries: true }), ({ stderr, stdout }) => hides(args, stdout + stderr))

describe("the key", () => {
  it.live("is shown by no command, whatever the server answers", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const env = { ...yield* environment, NOUKAI_API_KEY: key }
      yield* Effect.forEach(
        // the emulator of dev has a key of its own, auth is told its key below, and studio does not end: it has its own test
        paths(grammar).filter(([first]) => first !== "dev" && first !== "auth" && first !== "studio"),
        (path, index) =>
          Effect.gen(function*() {
            yield* emulator.clearFaults
            yield* emulator.addFaults({ script: [faults[index % faults.length]!], repeat: true })
            // a wait without a limit goes on while the server is in trouble
            const limit = /^job (wait|result)$/.test(path.join(" ")) ? ["--timeout", "5s"] : []
            yield* tell([...path, ...some, "--verbose", ...limit], { env })
            // some take no arguments
            yield* tell([...path, "--verbose"], { env })
            yield* tell([...path, "--help"], { env })
          }),
        { discard: true }
      )
      yield* emulator.clearFaults
      for (const fault of faults) {
        yield* emulator.clearFaults
        yield* emulator.addFaults({ script: [fault], repeat: true })
        yield* tell(["run", "acme/test/echo", "x", "--verbose"], { env })
        yield* tell(["auth", "--verbose"], { env, input: key })
      }
      yield* tell(["auth", "--remove"], { env })
    }).pipe(Effect.provide(echo)), 400_000)

  it.live(
    "is not shown from a file, or from a noukai.json where it does not belong",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { NOUKAI_BASE_URL } = yield* environment
        const cwd = yield* folder
        const write = (name: string, text: string) => Effect.promise(() => writeFile(join(cwd, name), text))
        const run = ["run", "acme/test/echo", "x", "--verbose"]
        yield* write("key.txt", `${key}\nsecond line\n`)
        yield* tell([...run, "--key-file", "key.txt"], { cwd, env: { NOUKAI_BASE_URL } })
        for (
          const text of [
            JSON.stringify({ apiKey: key }),
            JSON.stringify({ key }),
            JSON.stringify({ org: { key } }),
            JSON.stringify({ env: key }),
            JSON.stringify(key),
            JSON.stringify([key]),
            `{"apiKey": ${JSON.stringify(key)}`
          ]
        ) {
          yield* write("noukai.json", text)
          const { code, stderr, stdout } = yield* noukai(run, { cwd, env: { NOUKAI_BASE_URL } })
          assert.deepStrictEqual([text, code], [text, 2])
          hides([text], stdout + stderr)
        }
      })).pipe(Effect.provide(echo))
  )

  it.live("is not taken from an argument", () =>
    Effect.gen(function*() {
      const env = yield* environment
      for (const flag of ["--key", "--api-key", "--apiKey"]) {
        for (const args of [[flag, key], [`${flag}=${key}`]]) {
          const { code, stderr } = yield* noukai(["run", "acme/test/echo", "x", ...args], { env })
          assert.strictEqual(code, 2)
          hides(args, stderr)
        }
      }
    }).pipe(Effect.provide(echo)), 120_000)
})
