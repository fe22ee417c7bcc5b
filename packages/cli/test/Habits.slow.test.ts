/** Forms of arguments that other commands have, too, and JSON through jq. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck } from "effect"
import { existsSync } from "node:fs"
import { chmod, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { checked } from "../src/arguments/grammar.js"
import { grammar } from "../src/commands/grammar.js"
import { version } from "../src/version.js"
import { noukai, shell, started } from "./support/command.js"
import { environment, folder, requests, runs, server } from "./support/server.js"

const flow = "acme/test/echo"

const echo = server({
  flows: [
    {
      ref: flow,
      steps: [{ kind: "template", id: "a", output: { said: "{{message}}", level: "{{parameters.level}}" } }]
    },
    { ref: "acme/test/text", steps: [{ kind: "template", id: "a", output: "said {{message}}" }] },
    {
      ref: "acme/test/fails",
      steps: [{ kind: "function", id: "a", run: () => Effect.fail({ code: "BAD", message: "no" }) }]
    }
  ]
})

/** The arguments as the parser has them, or what is wrong with them. */
const read = (...args: ReadonlyArray<string>): string => {
  const asked = checked(grammar, args)
  return asked._tag === "command" ? asked.args.join(" ") : asked._tag === "wrong" ? asked.message : asked._tag
}

describe("arguments", () => {
  it("may have flags before the command, joined and combined", () => {
    const plain = read("run", flow, "hi", "--env", "dev", "-p", "a=1", "-v", "-q")
    for (
      const args of [
        ["--env", "dev", "run", flow, "hi", "-pa=1", "-vq"],
        ["--env=dev", "-p", "a=1", "-v", "run", "-q", flow, "hi"],
        ["--env=dev", "-vqpa=1", "run", flow, "hi"],
        ["run", flow, "--env=dev", "-pa=1", "hi", "-v", "-q"]
      ]
    ) {
      assert.deepStrictEqual(read(...args).split(" ").sort(), plain.split(" ").sort(), args.join(" "))
    }
    assert.strictEqual(read("-v", "job", "--json", "status", flow, "1"), `job status --verbose --json -- ${flow} 1`)
  })

  it("are refused with the command that has a flag, if it is not that of the command", () => {
    for (const name of ["--concurency", "--concurrency", "--Concurrency"]) {
      assert.match(
        read("run", flow, name, "4"),
        /: --concurrency is a flag of noukai (batch|eval) \w+( and \d+ more)? \(put/
      )
    }
    assert.match(read("run", flow, "--max-failure=3"), /: --max-failures is a flag of noukai batch run/)
    // the flag of the command comes first, and no other is guessed
    assert.match(read("run", flow, "--strem"), /--strem: did you mean --stream\? \(put/)
    for (const name of ["--frobnicate", "-z", "-zx", "--"]) {
      assert.notInclude(read("run", flow, name), "is a flag of", name)
    }
  })

  it("are refused as ever where a flag is none of the command, has no value, or is given twice", () => {
    assert.match(read("--svg", "run", flow), /^unknown flag --svg/)
    assert.match(read("--strem", "run", flow), /^unknown flag --strem: did you mean --stream\?/)
    assert.match(read("--trace", "run", flow), /^unknown flag --trace: did you mean --snapshots\?/)
    assert.match(read("-vx", "run", flow), /^unknown flag -vx/)
    assert.match(read("run", flow, "-vv"), /^-v is given twice/)
    assert.match(read("--env", "dev", "run", flow, "--env", "dev"), /^--env is given twice/)
    assert.match(read("--env"), /^--env needs a value/)
    assert.match(read("--json"), /^a command is missing after --json/)
    assert.match(read("run", flow, "-vp"), /^-p needs a value/)
  })

  it("ask for help and for the version in each usual form", () => {
    for (const args of [["help"], ["help", "run"], ["help", "batch", "run"], ["batch", "help", "run"], ["run", "-h"]]) {
      const asked = checked(grammar, args)
      assert.strictEqual(asked._tag, "help")
      assert.deepStrictEqual(asked._tag === "help" && asked.path, args.filter((arg) => !/^(-h|help)$/.test(arg)))
    }
    assert.match(read("help", "nonesuch"), /^unknown command "nonesuch"/)
    assert.deepStrictEqual([read("-V"), read("--version")], ["version", "version"])
  })

  it("suggest a command only where most of its letters are there", () => {
    assert.strictEqual(read("list"), "unknown command \"list\"")
    assert.strictEqual(read("ls"), "unknown command \"ls\"")
    assert.strictEqual(read("jobs"), "unknown command \"jobs\": did you mean job?")
    assert.strictEqual(read("doctro"), "unknown command \"doctro\": did you mean doctor?")
    assert.strictEqual(read("rnu"), "unknown command \"rnu\": did you mean run?")
    assert.strictEqual(read("version"), "unknown command \"version\": did you mean --version?")
    assert.strictEqual(read("versoin"), "unknown command \"versoin\": did you mean --version?")
    assert.strictEqual(read("sesion"), "unknown command \"sesion\": did you mean session?")
    assert.match(read("--jsno", "run", flow), /^unknown flag --jsno: did you mean --json\?/)
    assert.strictEqual(read("cassete"), "unknown command \"cassete\": did you mean cassette?")
  })

  it.prop(
    "mean the same wherever flags stand",
    [FastCheck.shuffledSubarray(["-v", "--json", "-pa=1", "--env=dev", "--stream"]), FastCheck.nat(5)],
    ([flags, before]) => {
      const args = [...flags.slice(0, before), "run", flow, ...flags.slice(before), "hi"]
      assert.strictEqual(read(...args), read("run", flow, "hi", ...flags))
    }
  )

  it.live("-V is the version, and a full disk is no success", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* noukai(["-V"]), { code: 0, stdout: `${version}\n`, stderr: "" })
      if (!existsSync("/dev/full")) return
      for (const flag of ["-V", "--version"]) {
        const [code, stderr] = yield* shell(`noukai ${flag} > /dev/full`)
        assert.strictEqual(code, 1)
        assert.match(stderr, /^noukai: stdout cannot be written: ENOSPC/)
      }
    }))
})

describe("--jq", () => {
  it.live("prints what jq makes of the JSON, and texts without quotes", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const run = ["run", flow, "hi", "-p", "level=3"]
      assert.deepStrictEqual(yield* noukai([...run, "--jq", ".said"], { env }), {
        code: 0,
        stdout: "hi\n",
        stderr: ""
      })
      const { stdout } = yield* noukai([
        ...run,
        "--stream",
        "--jsonl",
        "--jq",
        "select(.type == \"step_started\") | .stepId"
      ], {
        env
      })
      assert.strictEqual(stdout, "a\n")
      const wrong = yield* noukai([...run, "--jq", ".said | error"], { env })
      assert.strictEqual(wrong.code, 1)
      assert.match(wrong.stderr, /--jq: .*hi/)
      const failed = yield* noukai(["run", "acme/test/fails", "hi", "--jq", "."], { env })
      assert.deepStrictEqual([failed.code, JSON.parse(failed.stderr).error.code], [1, 1])
    }).pipe(Effect.provide(echo)))

  it.scopedLive("that is wrong, or has no jq, sends nothing", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const wrong = yield* noukai(["run", flow, "hi", "--jq", ".said |"], { env })
      assert.strictEqual(wrong.code, 2)
      assert.match(JSON.parse(wrong.stderr).error.message, /^--jq: .*syntax error/)
      const none = yield* noukai(["run", flow, "hi", "--jq", "."], { env: { ...env, PATH: yield* folder } })
      assert.strictEqual(none.code, 2)
      assert.match(JSON.parse(none.stderr).error.message, /^--jq needs the program jq/)
      assert.match((yield* noukai(["dev", "--jq", "."])).stderr, /unknown flag --jq/)
      assert.deepStrictEqual(yield* requests, [])
    }).pipe(Effect.provide(echo)))
})

describe("errors with --json", () => {
  it.live("are JSON on stderr, in one line", () =>
    Effect.gen(function*() {
      const env = yield* environment
      for (
        const [args, code, kind, message] of [
          [["run", "acme/test/none", "hi"], 7, "FlowNotFoundError", /acme\/test\/none/],
          [["run", "--strem"], 2, "UsageError", /unknown flag --strem/],
          [["run", flow, "hi", "--timeout", "x"], 2, "UsageError", /--timeout takes a time/],
          [["run", "--quiet"], 2, "UsageError", /Missing argument <flow>/],
          [["run", flow, "hi", "--key-file", "/none"], 3, undefined, /cannot read/]
        ] as const
      ) {
        const { stderr, ...ended } = yield* noukai([...args, "--json"], { env })
        assert.deepStrictEqual([args, ended], [args, { code, stdout: "" }])
        assert.strictEqual(stderr.split("\n").length, 2, stderr)
        const { error } = JSON.parse(stderr)
        assert.deepStrictEqual([error.code, error.kind], [code, kind])
        assert.match(error.message, message)
        assert.isArray(error.advice)
      }
    }).pipe(Effect.provide(echo)))
})

describe("a message on stdin", () => {
  it.live("is read without -, where no other input is given", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const run = (input: string, ...args: ReadonlyArray<string>) =>
        Effect.map(noukai([...args, "acme/test/text"], { env, input }), ({ stdout }) => stdout)
      assert.strictEqual(yield* run("from a pipe", "run"), "said from a pipe\n")
      assert.strictEqual(yield* run("from a pipe", "job", "submit", "--wait"), "said from a pipe\n")
      // a loop of a shell reads its lines from there
      assert.strictEqual(yield* run("from a pipe", "run", "-p", "message=hi"), "said hi\n")
      assert.strictEqual((yield* runs).length, 3)
    }).pipe(Effect.provide(echo)))

  it.scopedLive("that does not come is said", () =>
    Effect.gen(function*() {
      const command = yield* started(["run", "acme/test/text"], { env: yield* environment, keepsStdin: true })
      yield* command.awaitOutput("waiting for the message on stdin")
      assert.deepStrictEqual(yield* requests, [])
      command.child.stdin!.end("late")
      assert.strictEqual((yield* command.ended).stdout, "said late\n")
    }).pipe(Effect.provide(echo)))
})

describe("a key file", () => {
  it.scopedLive("that is missing, is empty or cannot be read is no key", () =>
    Effect.gen(function*() {
      const { NOUKAI_BASE_URL } = yield* environment
      const cwd = yield* folder
      yield* Effect.promise(() => writeFile(join(cwd, "empty"), " \n"))
      yield* Effect.promise(() => chmod(cwd, 0o700))
      for (const file of ["empty", "none", "."]) {
        const run = yield* noukai(["run", flow, "hi", "--key-file", file], { cwd, env: { NOUKAI_BASE_URL } })
        assert.deepStrictEqual([file, run.code], [file, 3])
        assert.include(run.stderr, "set NOUKAI_API_KEY to the key")
        const doctor = yield* noukai(["doctor", "--key-file", file], { cwd, env: { NOUKAI_BASE_URL } })
        assert.strictEqual(doctor.code, 3)
        assert.include(doctor.stdout, "✗ key")
      }
      assert.deepStrictEqual(yield* requests, [])
    }).pipe(Effect.provide(echo)))
})
