/** Commands that the command prints for the user to paste. */
import { Emulator } from "@effect-noukai/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Option, Redacted, Schedule } from "effect"
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { stripVTControlCharacters } from "node:util"
import * as TypeScript from "typescript"
import { anyText } from "../../sdk/test/support/fuzz.js"
import { isWhole } from "../../sdk/test/support/size.js"
import { connection } from "../src/arguments/flags.js"
import { checked, type Grammar, type Meaning } from "../src/arguments/grammar.js"
import { grammar } from "../src/commands/grammar.js"
import { hint, type ServerFlags } from "../src/terminal/shell.js"
import { ctrlC, noukai, watched } from "./support/command.js"
import { folder, runs, server } from "./support/server.js"

const source = new URL("../src", import.meta.url).pathname

const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"))

/** The words of lines, as bash reads them. */
const words = (lines: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> => {
  const script = lines.map((line) => `printf '%s\\0' ${line}; printf '\\0'`).join("\n")
  const text = execFileSync("bash", ["-s"], { encoding: "utf8", input: script, maxBuffer: 1 << 26 })
  return text.split("\0\0").slice(0, -1).map((line) => line.split("\0"))
}

const asked = (args: ReadonlyArray<string>): Meaning => {
  const asked = checked(grammar, args)
  return asked._tag === "wrong" ? assert.fail(`${args.join(" ")}: ${asked.message}`) : asked
}

/** The commands of a grammar that do something, without what is above them. */
const leaves = (at: Grammar, path: ReadonlyArray<string> = []): ReadonlyArray<string> =>
  at.commands === undefined
    ? [path.join(" ")]
    : Object.entries(at.commands).flatMap(([name, below]) => leaves(below, [...path, name]))

const command = "acme/test/two"

const flows = server({
  flows: [
    { ref: command, steps: ["a", "b"].map((id) => ({ kind: "template", id, output: id, costUsd: "0.02" })) },
    { ref: "acme/test/slow", steps: [{ kind: "template", id: "a", output: "x", duration: "1 minute" }] }
  ]
})

/** Flags that lead to the emulator, and no environment that does. */
const given = Effect.gen(function*() {
  const emulator = yield* Emulator
  const keyFile = join(yield* folder, "the key")
  yield* Effect.sync(() => writeFileSync(keyFile, Redacted.value(emulator.apiKey)))
  return ["--base-url", emulator.baseUrl, "--org", "acme", "--project", "test", "--key-file", keyFile]
})

/** The commands in what was printed. */
const hints = (text: string): ReadonlyArray<ReadonlyArray<string>> =>
  words([...stripVTControlCharacters(text).replaceAll("\r", "").matchAll(/noukai [a-z].*$/gm)].map(([line]) => line))

describe("hints", () => {
  it("are made by one function, which repeats the flags that chose the server", () => {
    const name = new RegExp(`\\bnoukai (${Object.keys(grammar.commands ?? {}).join("|")})\\b`)
    const found: Array<string> = []
    // the help of flags and arguments may name commands
    for (const path of files) {
      if (/(^|\/)(flags|completions)\.ts$/.test(path)) continue
      const file = TypeScript.createSourceFile(path, readFileSync(join(source, path), "utf8"), 99, true)
      const visit = (node: TypeScript.Node): void => {
        const isHelp = TypeScript.isCallExpression(node.parent) &&
          /^(argument|flag|leaf|oneOf|optional|repeated|whole)$/.test(node.parent.expression.getText())
        if (
          (TypeScript.isStringLiteralLike(node) || TypeScript.isTemplateHead(node) ||
            TypeScript.isTemplateMiddleOrTemplateTail(node)) && !isHelp && name.test(node.text)
        ) found.push(`${path}: ${node.text}`)
        TypeScript.forEachChild(node, visit)
      }
      TypeScript.forEachChild(file, visit)
    }
    assert.deepStrictEqual(found, [])
  })

  it("are read by a shell and by the command as they are meant, with every flag", () => {
    const text = anyText({ minLength: 1 }).filter((text) => !text.includes("\0"))
    const flag = FastCheck.option(text).map(Option.fromNullable)
    const samples = FastCheck.sample(
      FastCheck.record({
        flow: text,
        id: text,
        flags: FastCheck.record({
          env: flag,
          port: FastCheck.option(FastCheck.nat(65_535)).map(Option.fromNullable),
          baseUrl: flag,
          org: flag,
          project: flag,
          keyFile: flag,
          profile: flag,
          envFile: flag
        })
      }),
      { numRuns: isWhole ? 500 : 15, seed: 7 }
    )
    const names = {
      env: "env",
      port: "port",
      baseUrl: "base-url",
      org: "org",
      project: "project",
      keyFile: "key-file",
      profile: "profile",
      envFile: "env-file"
    }
    assert.sameMembers(Object.keys(names), Object.keys(connection))
    const read = words(samples.map(({ flags, flow, id }) => hint(flags, "watch", [flow, id])))
    for (const [at, { flags, flow, id }] of samples.entries()) {
      const expected = Object.entries(names).flatMap(([field, name]) =>
        Option.match<string | number, ReadonlyArray<string>>(flags[field as keyof ServerFlags] ?? Option.none(), {
          onNone: () => [],
          onSome: (value) => [`--${name}`, String(value)]
        })
      )
      assert.deepStrictEqual(asked(read[at]!.slice(1)), {
        _tag: "command",
        args: ["watch", ...expected, "--", flow, id]
      })
    }
  })

  it("name commands that there are", () => {
    const names = leaves(grammar)
    for (const path of files) {
      for (const [, name] of readFileSync(join(source, path), "utf8").matchAll(/\bhint\([^"(]*, "([a-z ]+)"/g)) {
        assert.include(names, name)
      }
    }
  })

  it.scopedLive("of runs that failed, paused between steps, were refused or may exist ask the same server", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const flags = yield* given
      const printed = Effect.fnUntraced(function*(fault: string, args: ReadonlyArray<string>) {
        yield* emulator.clearFaults
        yield* emulator.addFaults({ script: [fault] })
        const { stderr } = yield* noukai([...args, ...flags], { hurries: true })
        const found = hints(stderr)
        assert.isNotEmpty(found, stderr)
        for (const one of found) {
          assert.deepStrictEqual(one.slice(-flags.length), flags)
          assert.strictEqual(asked(one.slice(1))._tag, "command")
        }
        return found[0]!.slice(1, -flags.length).join(" ")
      })
      assert.strictEqual(yield* printed("401", ["run", "two", "x"]), "doctor")
      assert.match(yield* printed("500", ["run", "two", "x"]), /^session show [\da-f-]{36}$/)
      assert.match(yield* printed("500", ["job", "submit", "two", "x"]), /^session show [\da-f-]{36}$/)
      assert.match(yield* printed("cut:e2", ["run", "two", "x", "--stream"]), /^trace two [\da-f-]{36}$/)
      assert.match(yield* printed("ok", ["run", "two", "x", "--max-cost", "0.01"]), /^trace two [\da-f-]{36}$/)
      assert.strictEqual(yield* printed("ok", ["runs", "unseen"]), "trace unseen ID")
    }).pipe(Effect.provide(flows)))

  it.scopedLive("of commands that are interrupted ask the same server, and can be pasted", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const flags = yield* given
      const once = yield* noukai(["run", "slow", "x", "--once", "k", "--timeout", "1s", ...flags])
      assert.strictEqual(once.code, 5)
      const { stderr } = yield* noukai(["run", "slow", "x", "--once", "k", ...flags])
      const [watch = []] = hints(stderr)
      const [{ executionId } = { executionId: "" }] = yield* runs
      assert.deepStrictEqual(watch.slice(1), ["watch", "slow", executionId, ...flags])
      const count = Effect.map(emulator.ledger, ({ requests }) => requests.length)
      const wait = ["job", "submit", "slow", "x", "--wait", ...flags]
      for (const args of [["run", "slow", "x", ...flags], watch.slice(1), wait]) {
        const before = yield* count
        yield* Effect.scoped(Effect.gen(function*() {
          const running = yield* watched(args)
          yield* Effect.repeat(count, { until: (count) => count > before, schedule: Schedule.spaced(5) })
          if (args === wait) yield* running.awaitOutput("waiting for")
          yield* running.type(ctrlC)
          assert.strictEqual(yield* running.code, 130)
          assert.deepStrictEqual(hints(running.output()).at(-1)!.slice(-flags.length), flags, running.output())
        }))
      }
    }).pipe(Effect.provide(flows)))

  it.scopedLive("of noukai dev lead to the server that it started", () =>
    Effect.gen(function*() {
      const running = yield* watched(["dev", "--port", "0"])
      yield* running.awaitOutput("hello-world")
      const [found = []] = hints(running.output())
      const [, port = ""] = /127\.0\.0\.1:(\d+)/.exec(running.output()) ?? []
      assert.deepStrictEqual(found, [
        "noukai",
        "run",
        "noukai/samples/hello-world",
        "Hello",
        "--env",
        "dev",
        "--port",
        port
      ])
      yield* running.type(ctrlC)
      yield* running.code
    }))
})
