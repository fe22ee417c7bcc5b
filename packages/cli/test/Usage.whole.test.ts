/** Flags and commands that are written wrong, in every command: nothing is sent. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import { folder, write } from "../../sdk/test/support/folder.js"
import { checked, type Grammar } from "../src/arguments/grammar.js"
import { grammar } from "../src/commands/grammar.js"
import { noukai } from "./support/command.js"
import { environment, requests, runs, server } from "./support/server.js"

interface Leaf {
  readonly path: ReadonlyArray<string>
  readonly grammar: Grammar
}

/** All commands, and those above others. */
const commands = (grammar: Grammar, path: ReadonlyArray<string> = []): ReadonlyArray<Leaf> => [
  { path, grammar },
  ...Object.entries(grammar.commands ?? {}).flatMap(([name, below]) => commands(below, [...path, name]))
]

const all = commands(grammar)
const leaves = all.filter(({ grammar }) => grammar.commands === undefined)

/** Arguments that a command could be called with. */
const some = ["acme/test/echo", "00000000-0000-4000-8000-000000000000"]

const echo = server({
  flows: [{ ref: "acme/test/echo", steps: [{ kind: "template", id: "a", output: "{{message}}" }] }]
})

const nothingSent = Effect.gen(function*() {
  assert.deepStrictEqual(yield* requests, [])
  assert.deepStrictEqual(yield* runs, [])
})

/** Each command in each of several wrong ways, a few at a time. */
const each = <A>(over: ReadonlyArray<A>, check: (one: A) => Effect.Effect<void>) =>
  Effect.forEach(over, check, { concurrency: 3, discard: true })

it("help describes each command, argument and flag in at most 60 characters of plain English", () => {
  const described = all.flatMap(({ grammar, path }) =>
    [grammar, ...grammar.arguments, ...grammar.flags].map(({ does }) => `${["noukai", ...path].join(" ")}: ${does}`)
  )
  assert.deepStrictEqual(
    described.filter((line) =>
      !/: .{1,60}$/.test(line.replace(/^noukai[^:]*/, "")) || /\b(whatever|whoever|unless given)\b|\bis no /i.test(line)
    ),
    []
  )
})

describe("wrong usage", () => {
  it.live("a misspelt flag of any command is said, and sends nothing", () =>
    Effect.gen(function*() {
      const env = yield* environment
      yield* each(leaves, ({ path }) =>
        Effect.gen(function*() {
          const { code, stderr, stdout } = yield* noukai([...path, ...some, "--strem"], { env })
          assert.deepStrictEqual([path, code, stdout], [path, 2, ""])
          assert.include(stderr, "unknown flag --strem")
          assert.include(stderr, `noukai ${path.join(" ")} --help`)
        }))
      yield* nothingSent
    }).pipe(Effect.provide(echo)))

  for (const { path, grammar: { commands } } of all) {
    const name = ["noukai", ...path].join(" ")
    const isWrong = (...args: ReadonlyArray<string>) => {
      const asked = checked(grammar, [...path, ...args])
      assert.strictEqual(asked._tag, "wrong", `${name} ${args.join(" ")}`)
      assert.strictEqual(asked._tag === "wrong" && asked.command, name)
    }

    it(`${name} takes nothing for a flag that is none`, () => {
      for (const flag of ["--nonesuch", "-Z", "-quiet", "--quiet=yes", "--quite", "---", "--=x", "-="]) {
        isWrong(flag)
        if (commands === undefined) isWrong(...some, flag)
      }
    })

    if (commands !== undefined) {
      it(`${name} takes nothing for a command that is none`, () => {
        for (const word of ["nonesuch", "", "constructor", "__proto__", "-", "--", "Help"]) isWrong(word)
      })
      continue
    }

    it(`${name} gives its help wherever it is asked for, and only before --`, () => {
      for (const help of ["--help", "-h"]) {
        for (const args of [[help], [...some, help], [help, "--nonesuch"]]) {
          const asked = checked(grammar, [...path, ...args])
          assert.strictEqual(asked._tag, "help")
        }
        const rest = checked(grammar, [...path, "--", help])
        assert.strictEqual(rest._tag, "command")
      }
    })
  }

  it.live("each missing flag is named, and help is where its values are listed", () =>
    Effect.gen(function*() {
      const values = "--only is required: --help lists its values"
      const missing: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
        [["batch", "run"], "--input is required; --key is required"],
        [["batch", "run", "--input", "x", "--", "-x", "a/b/c"], "--key is required"],
        [["batch", "retry", "b"], values]
      ]
      yield* each(missing, ([args, said]) =>
        Effect.gen(function*() {
          const wrong = yield* noukai(args)
          assert.deepStrictEqual(wrong, { code: 2, stdout: "", stderr: `noukai: ${said}\n` })
        }))
      const { stderr } = yield* noukai(["batch", "retry", "b", "--json"])
      assert.deepStrictEqual(JSON.parse(stderr), {
        error: { kind: "UsageError", code: 2, message: values, advice: [] }
      })
    }))

  it.scopedLive("a number of a parameter that would be sent as another one is refused, and sends nothing", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const digits = "a number with too many digits: make it a text"
      const run = ["acme/test/echo", "x"]
      const batch = ["batch", "run", "b", "acme/test/echo", "--input", "rows.jsonl", "--key", "id"]
      const wrong: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
        [["run", ...run, "-p", "n:=12345678901234567890"], `-p n is ${digits}`],
        [["run", ...run, "-p", "n:={\"a\":[-9007199254740993]}"], `-p n has ${digits}`],
        [["run", ...run, "--params", "big.json"], `--params has ${digits}`],
        [["run", ...run, "--like", "a", "--input-override", "n:=1e400"], `--input-override n is ${digits}`],
        [["job", "submit", ...run, "-p", "n:=9007199254740993"], `-p n is ${digits}`],
        [[...batch, "-p", "n:=9007199254740993"], `-p n is ${digits}`]
      ]
      const cwd = yield* folder
      yield* write(join(cwd, "big.json"), "{\"n\":[9007199254740993]}")
      yield* each(wrong, ([args, said]) =>
        Effect.gen(function*() {
          const { code, stderr } = yield* noukai(args, { env, cwd })
          assert.deepStrictEqual([args, code, stderr], [args, 2, `noukai: ${said}\n`])
        }))
      yield* nothingSent
    }).pipe(Effect.provide(echo)))

  it.live(
    "a value that a flag cannot have is said with the name of the flag, and sends nothing",
    () =>
      Effect.gen(function*() {
        const env = yield* environment
        const batch = ["batch", "run", "b", "acme/test/echo", "--input", "rows.jsonl", "--key", "id"]
        const wrong = [
          ["runs", "acme/test/echo", "--limit", "x"],
          ["runs", "acme/test/echo", "--status", "gone"],
          ["run", "acme/test/echo", "x", "--port", "1.5"],
          ["run", "acme/test/echo", "x", "--timeout", "soon"],
          ...["abc", "1,5", "Infinity", "NaN", "0x10"].map((rate) => [...batch, "--rate", rate]),
          ["run", "acme/test/echo", "x", "--timeout", "--json"],
          ["run", "acme/test/echo", "x", "--json", "--json"],
          ["run", "acme/test/echo", "x", "--json=1"]
        ]
        yield* each(wrong, (args) =>
          Effect.gen(function*() {
            const { code, stderr, stdout } = yield* noukai(args, { env })
            assert.deepStrictEqual([args, code, stdout], [args, 2, ""])
            assert.match(stderr, /--(limit|status|port|timeout|json|rate) /)
          }))
        yield* nothingSent
      }).pipe(Effect.provide(echo))
  )
})
