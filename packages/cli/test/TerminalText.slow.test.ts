/** Text from a server in a terminal: no control character of it reaches the terminal as one. */
import { Emulator } from "@effect-noukai/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { anyText } from "../../sdk/test/support/fuzz.js"
import { masked, plain } from "../src/terminal/text.js"
import { inTerminal, noukai, watched } from "./support/command.js"
import { environment, runs, server } from "./support/server.js"

const flow = "acme/test/evil"

/** It sets the clipboard, clears the screen, changes colours, turns text around, and goes back to the start of the line. */
const evil = "a\u001b]52;c;aGk=\u0007b\u001b[2Jc\u001b[31md\u009b2Je\u202ef\u2066g\rh\u0000i\u007fj\tk\nl"

const shown = "a\\u001b]52;c;aGk=\\u0007b\\u001b[2Jc\\u001b[31md\\u009b2Je\\u202ef\\u2066g\\rh\\u0000i\\u007fj\tk\nl"

/** The same in a pipe: it turns no text around. */
const piped = evil.replace("\u202e", "\\u202e").replace("\u2066", "\\u2066")

/** The same in one line. */
const inLine = shown.replace("\t", "\\t").replace("\n", "\\n")

// eslint-disable-next-line no-control-regex
const unsafe = /[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

/** The text that a terminal was sent, without the ends of its lines and the sequences that are the command's own. */
const sent = (output: string) => output.replaceAll("\r\n", "\n").replaceAll("\r\u001b[2K", "")

const safe = (output: string) => {
  assert.notMatch(sent(output), unsafe)
  assert.notInclude(sent(output), "\u001b")
}

const evilServer = server({
  flows: [
    { ref: flow, steps: [{ kind: "template", id: "a", name: evil, output: evil }] },
    {
      ref: "acme/test/fails",
      steps: [{ kind: "function", id: "a", run: () => Effect.fail({ code: "BAD", message: evil }) }]
    }
  ]
})

const onlyRun = Effect.map(runs, (all) => all[0]!.executionId)

describe("control characters from a server", () => {
  it.scopedLive("are escaped in a real terminal, and in a pipe if they turn text around", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const command = yield* inTerminal(["run", flow, "hi", "--stream"], { env, columns: 200 })
      assert.strictEqual(yield* command.code, 0)
      assert.include(sent(command.output()), `${shown}\n`)
      safe(command.output())
      assert.strictEqual((yield* noukai(["run", flow, "hi"], { env })).stdout, `${piped}\n`)
      const json = (yield* noukai(["run", flow, "hi", "--json"], { env })).stdout
      assert.notMatch(json, /[\u202a-\u202e\u2066-\u2069]/)
      assert.strictEqual(JSON.parse(json), evil)
    }).pipe(Effect.provide(evilServer)))

  for (
    const [name, args] of [
      ["run", ["run", flow, "hi"]],
      ["run --json", ["run", flow, "hi", "--json"]],
      ["run --stream --jsonl", ["run", flow, "hi", "--stream", "--jsonl", "-v"]],
      ["job submit --wait", ["job", "submit", flow, "hi", "--wait", "-v"]]
    ] as const
  ) {
    it.live(`are escaped by noukai ${name}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const command = yield* watched([...args], { env: yield* environment, columns: 200 })
        assert.strictEqual(yield* command.code, 0)
        assert.include(command.output(), "\\u001b]52;c;aGk=\\u0007")
        safe(command.output())
      })).pipe(Effect.provide(evilServer)))
  }

  for (
    const [name, args] of [
      ["watch", (id: string) => ["watch", flow, id]],
      ["job result", (id: string) => ["job", "result", flow, id]],
      ["trace", (id: string) => ["trace", flow, id]],
      ["cost", (id: string) => ["cost", flow, id]]
    ] as const
  ) {
    it.live(`are escaped by noukai ${name}`, () =>
      Effect.gen(function*() {
        const env = yield* environment
        yield* noukai(["job", "submit", flow, "hi", "--wait"], { env })
        const id = yield* onlyRun
        yield* Effect.scoped(Effect.gen(function*() {
          const command = yield* watched(args(id), { env: { ...env, NO_COLOR: "1" }, columns: 200 })
          assert.strictEqual(yield* command.code, 0)
          assert.include(command.output(), name === "cost" ? id : "a")
          safe(command.output())
        }))
      }).pipe(Effect.provide(evilServer)))
  }

  it.live("keep a message of stderr in one line", () =>
    Effect.gen(function*() {
      const env = yield* environment
      for (const args of [["run", "acme/test/fails", "hi"], ["run", "acme/test/fails", "hi", "--stream"]]) {
        const { code, stderr } = yield* noukai(args, { env })
        assert.strictEqual(code, 1)
        const [line = ""] = stderr.split("\n")
        assert.include(line, inLine)
        safe(stderr)
      }
      const wrong = yield* noukai(["run", flow, "hi", `--${evil.replace("\u0000", "")}`], { env })
      assert.strictEqual(wrong.stderr.split("\n").length, 3, wrong.stderr)
      safe(wrong.stderr)
    }).pipe(Effect.provide(evilServer)))

  it.live("keep the colours of a trace in a terminal", () =>
    Effect.gen(function*() {
      const env = yield* environment
      yield* noukai(["run", flow, "hi"], { env })
      const id = yield* onlyRun
      yield* Effect.scoped(Effect.gen(function*() {
        const command = yield* watched(["trace", flow, id], { env })
        assert.strictEqual(yield* command.code, 0)
        assert.include(command.output(), "\u001b[1m")
        // eslint-disable-next-line no-control-regex
        safe(command.output().replace(/\u001b\[\d+m/g, ""))
      }))
    }).pipe(Effect.provide(evilServer)))

  it.prop("leave nothing in a message that a terminal would do", [anyText()], ([text]) => {
    const line = plain(`${text}\u001b[${text}`)
    assert.notMatch(line, unsafe)
    for (const control of ["\u001b", "\n", "\t"]) assert.notInclude(line, control)
    assert.strictEqual(plain(line), line)
  })
})

describe("keys", () => {
  const secret = "a1b2c3d4_0123456789abcdef0123456789abcdef"

  for (const key of [`nk_live_${secret}`, `nk_test_${secret}`, `nk_${secret}`]) {
    it(`${key.slice(0, 8)}… is masked wherever it stands`, () => {
      for (
        const text of [
          key,
          `--api-key=${key}`,
          `'${key}'`,
          `ENOENT: no such file or directory, open 'keys/${key}'`,
          `"${key}", and "${key}"`,
          `Bearer ${key}.`,
          `x%3D${key}`,
          `{"apiKey":"${key}"}`,
          JSON.stringify({ info: `401 for key:\n${key}` }),
          JSON.stringify(JSON.stringify({ info: `\u0007${key}` })),
          JSON.stringify({ info: `\u001b[31m${key}\u001b[0m` }),
          `\u001b[1;31m${key}`
        ]
      ) {
        assert.notInclude(masked(text), "0123456789", text)
        assert.include(masked(text), "nk_")
      }
    })
  }

  it("a token of a user is masked, and other words are left", () => {
    const token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
    for (const before of ["not ", "x%3D", "\\n", "\\u001B[0m", "\u001b[m"]) {
      assert.strictEqual(masked(`${before}${token}, no`), `${before}eyJ…, no`)
    }
    for (const text of ["it begins with nk_; the server", "nk_live_… or nk_test_…, as", "a bank_test_account", "nk_"]) {
      assert.strictEqual(masked(text), text)
    }
  })

  it.live("that are given in the wrong place are not printed, and nothing is sent", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const env = yield* environment
      const key = `nk_live_${secret}`
      for (
        const args of [
          ["run", flow, "hi", "--key-file", key],
          ["run", flow, "hi", `--key-file=${key}`],
          ["run", flow, "hi", key],
          ["run", flow, "hi", `--${key}`],
          ["run", flow, "hi", `--api-key=${key}`],
          ["run", flow, "hi", `-${key}`],
          ["run", flow, "hi", "--env", key],
          ["run", flow, "hi", "--port", key],
          ["run", flow, "hi", "--timeout", key],
          ["run", flow, "hi", "--session", key],
          ["run", flow, "hi", "--attach", key],
          ["run", flow, "hi", "-p", key],
          ["run", flow, "hi", "-p", `key:=${key}`],
          ["run", flow, "hi", "--params", key],
          ["run", flow, "--message-file", key],
          ["run", flow, "hi", "--flow-version", key],
          ["doctor", "--key-file", key],
          ["doctor", "--key-file", key, "--json"],
          ["session", "show", key],
          ["cassette", "check", key],
          ["batch", "status", key],
          [key]
        ]
      ) {
        const { code, stderr, stdout } = yield* noukai(args, { env })
        assert.isAbove(code, 0, args.join(" "))
        assert.notInclude(stdout + stderr, "0123456789", args.join(" "))
      }
      assert.deepStrictEqual((yield* emulator.ledger).runs, [])
    }).pipe(Effect.provide(evilServer)))
})

const commands = "::error::a\n  ::add-mask::b\r::warning::c\n##[set-output name=d]e ##vso[task.setvariable]f"

const secret = "gh" + `p_${"a1".repeat(18)}`

describe("text from a server in a log", () => {
  it.live("is no command to a server of CI, and has no keys", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const { stdout } = yield* noukai(["run", "acme/test/commands", "hi"], { env })
      assert.notMatch(stdout, /^\s*::/m)
      assert.notMatch(stdout, /##\[|##vso\[/)
      assert.include(stdout, "set-output name=d]e")
      assert.notInclude(stdout, secret)
      const json = (yield* noukai(["run", "acme/test/commands", "hi", "--json"], { env })).stdout
      assert.notMatch(json, /##\[|##vso\[/)
      assert.strictEqual(JSON.parse(json), `${commands} ${secret}`)
      const lines = yield* noukai(["run", "acme/test/commands", "hi", "--jq", "."], { env })
      assert.notMatch(lines.stdout, /^\s*::|##\[/m)
      const failed = yield* noukai(["run", "acme/test/refuses", "hi"], { env })
      assert.notMatch(failed.stderr, /^\s*::|##\[/m)
    }).pipe(Effect.provide(server({
      flows: [
        { ref: "acme/test/commands", steps: [{ kind: "template", id: "a", output: `${commands} ${secret}` }] },
        {
          ref: "acme/test/refuses",
          steps: [{ kind: "function", id: "a", run: () => Effect.fail({ code: "BAD", message: commands }) }]
        }
      ]
    }))))
})
