/** `noukai eval`: plans, runs, reports and baselines over an emulator, and the exit codes of a gate. */
import { BatchStore } from "@effect-noukai/batch/BatchStore"
import { EvalFileError, InvalidEvalError } from "@effect-noukai/eval"
import type { EvalReport } from "@effect-noukai/eval/EvalReport"
import { CassetteError } from "@effect-noukai/sdk/NoukaiError"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Stream } from "effect"
import { mkdir, rm } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { folder, list, read, write } from "../../sdk/test/support/folder.js"
import { definition as definitionOf, ending } from "../src/commands/eval/evaluation.js"
import { continuing } from "../src/commands/eval/run.js"
import { told } from "../src/commands/eval/told.js"
import { CommandError } from "../src/exit/CommandError.js"
import { exitCodes } from "../src/exit/exitCode.js"
import * as Terminal from "../src/terminal/Terminal.js"
import { ctrlC, inTerminal, noukai } from "./support/command.js"
import { environment, requests, runs, server } from "./support/server.js"

/** Says a word for each letter. */
const says = (words: { readonly [letter: string]: string }, costUsd: string) =>
  [{
    kind: "template",
    id: "say",
    output: { word: { $match: "{{message}}", cases: words, default: "?" } },
    costUsd
  }] as const

const flows = [
  {
    ref: "acme/test/word",
    // the draft
    steps: says({ a: "A", b: "B", c: "x", d: "x" }, "0.002"),
    versions: { 1: { steps: says({ a: "A", b: "x", c: "C", d: "x" }, "0.001") } }
  },
  { ref: "acme/test/judge", steps: [{ kind: "fail", id: "judge", code: "NO_JUDGE", message: "on holiday" }] }
] as const

const letters = ["a", "b", "c", "d"]

const definition = (more = "", cases = "cases.jsonl") =>
  `name: word
flow: acme/test/word
cases: ${cases}
key: id
input: { message: { $case: letter } }
checks:
  word: { equals: { $case: expected }, at: word }
${more}`

/** A folder with a definition and four cases. */
const evaluation = (text = definition()) =>
  Effect.gen(function*() {
    const cwd = yield* folder
    const lines = letters.map((letter) => JSON.stringify({ id: letter, letter, expected: letter.toUpperCase() }))
    yield* write(join(cwd, "cases.jsonl"), `${lines.join("\n")}\n`)
    yield* write(join(cwd, "word.eval.yaml"), text)
    return { cwd, env: yield* environment }
  })

const noCounts = { pass: 0, fail: 0, regressed: 0, fixed: 0, error: 0, "not comparable": 0 }
const nothing = { verdicts: noCounts, candidate: { passed: 0, of: 0 } }

/** A report without cases. */
const empty: EvalReport = {
  eval: "word",
  run: "1",
  startedAt: 0,
  candidate: { flow: "acme/test/word", version: "draft" },
  repeat: 1,
  hashes: { parameters: "", checks: {} },
  cases: 0,
  overall: nothing,
  checks: {},
  cost: { candidate: { runs: 0, usd: "0", unknown: 0 }, judges: { runs: 0, usd: "0", unknown: 0 } },
  stale: [],
  broken: [],
  errors: 0,
  gate: "passed",
  verdict: "no baseline",
  sentence: "nothing"
}

const call = (command: string, ...flags: ReadonlyArray<string>) => ["eval", command, "word.eval.yaml", ...flags]

const allowed = "thresholds: { maxRegressed: 1 }\n"

describe("noukai eval plan", () => {
  it.scopedLive("counts cases and runs, and leaves no trace", () =>
    Effect.gen(function*() {
      const options = yield* evaluation()
      assert.deepStrictEqual(yield* noukai(call("plan", "--repeat", "2"), options), {
        code: 0,
        stdout: "cases           4\ncandidate       acme/test/word@draft\nbaseline        acme/test/word@production\n" +
          "trials of each  2\nruns            16\n",
        stderr: ""
      })
      const plan = JSON.parse((yield* noukai(call("plan", "--json", "--baseline", "none"), options)).stdout)
      assert.deepStrictEqual([plan.cases, plan.runs, plan.baseline], [4, 4, undefined])
      assert.deepStrictEqual([yield* requests, yield* list(options.cwd)], [[], ["cases.jsonl", "word.eval.yaml"]])
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("counts the results of earlier runs on the same server, and needs no key", () =>
    Effect.gen(function*() {
      const { cwd, env } = yield* evaluation(definition(allowed))
      const sides = ["--candidate", "1", "--baseline", "none"]
      yield* noukai(call("run", "--quiet", ...sides), { cwd, env })
      const keyless = { NOUKAI_BASE_URL: env.NOUKAI_BASE_URL }
      const here = yield* noukai(call("plan", ...sides), { cwd, env: keyless })
      assert.match(here.stdout, /\nruns +0\nreused +4\n$/)
      const other = yield* noukai(call("plan", ...sides), { cwd, env: { NOUKAI_ENV: "dev" } })
      assert.match(other.stdout, /\nruns +4\n$/)
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("says that a baseline is stale, and refuses a count of errors below 0, before anything is paid", () =>
    Effect.gen(function*() {
      const options = yield* evaluation(definition(allowed))
      yield* noukai(call("run", "--quiet", "--candidate", "1", "--baseline", "none"), options)
      yield* noukai(call("bless"), options)
      const paid = (yield* runs).length
      const path = join(options.cwd, "cases.jsonl")
      yield* write(path, `${yield* read(path)}{"id":"e","letter":"e","expected":"E"}\n`)
      const planned = yield* noukai(call("plan", "--baseline", "word.baseline.json"), options)
      assert.deepStrictEqual([planned.code, planned.stderr], [0, "stale baseline: 1 case is new: e\n"])
      const refused = yield* noukai(call("run", "--allow-errors=-1"), options)
      assert.deepStrictEqual([refused.code, (yield* runs).length], [2, paid])
      assert.include(refused.stderr, "--allow-errors must be a whole number of at least 0, not -1")
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("reads JSON Schemas of both drafts, and refuses the line of a mistake", () =>
    Effect.gen(function*() {
      const schemas = `  new: { schema: { $ref: "#/$defs/a", $defs: { a: { format: email } } } }
  old: { schema: { $schema: "http://json-schema.org/draft-07/schema#", items: [{ type: number }] } }
`
      const planned = yield* noukai(call("plan"), yield* evaluation(definition(schemas)))
      assert.deepStrictEqual([planned.code, planned.stderr], [0, ""])
      const wrong = yield* noukai(call("plan"), yield* evaluation(definition(schemas.replace("items", "itmes"))))
      const said =
        "noukai: word.eval.yaml:9: checks.old.schema.itmes is not a keyword of JSON Schema: did you mean items?"
      assert.deepStrictEqual([wrong.code, wrong.stderr.trim()], [2, said])
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("runs the code of a module that a check names, and refuses the line of a wrong one", () =>
    Effect.gen(function*() {
      const options = yield* evaluation(
        definition("  short: { module: ./checks.mjs, export: short, with: { most: 1 } }\n")
      )
      const file = join(options.cwd, "checks.mjs")
      yield* write(file, "export const short = async (value, run, { most }) => run.result.word.length <= most\n")
      const ran = yield* noukai(call("run", "--baseline", "none", "--json"), options)
      assert.strictEqual(JSON.parse(ran.stdout).checks.short.candidate.passed, 4)
      yield* write(file, "export const long = 1\n")
      const wrong = yield* noukai(call("plan"), options)
      const said = "noukai: word.eval.yaml:8: checks.short.export \"short\" is not in ./checks.mjs: it exports long"
      assert.deepStrictEqual([wrong.code, wrong.stderr.trim()], [2, said])
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("names checks whose data nobody captures", () =>
    Effect.gen(function*() {
      const { code, stderr } = yield* noukai(call("plan"), yield* evaluation(definition("  calls: { calls: find }\n")))
      assert.deepStrictEqual([code, stderr.split(":")[0]], [2, "calls"])
    }).pipe(Effect.provide(server({ flows }))))
})

describe("noukai eval run", () => {
  it.scopedLive("compares both sides, writes every report, and ends with 1 if a case regressed", () =>
    Effect.gen(function*() {
      const options = yield* evaluation()
      const files = ["--html", "out.html", "--junit", "out.xml", "--summary", "out.md"]
      const { code, stderr, stdout } = yield* noukai(call("run", ...files), options)
      assert.deepStrictEqual([code, stderr], [1, ""])
      assert.match(stdout, /^word: draft against production of acme\/test\/word, 4 cases\n/)
      assert.include(stdout, "\nregressed (1)\n  c\n    input: c\n    word: word: got \"x\", expected \"C\"\n")
      assert.include(stdout, "\ncost    draft $0.008, production $0.004\n")
      const sentence = "1 case regressed, allowed are 0; no difference that 4 cases could show"
      assert.include(stdout, `\nfailed: ${sentence}`)
      assert.strictEqual((yield* runs).length, 8)
      const text = (name: string) => read(join(options.cwd, name))
      assert.match(yield* text("out.html"), /^<!DOCTYPE html>/)
      assert.include(yield* text("out.xml"), "tests=\"4\" failures=\"1\" errors=\"0\" skipped=\"1\"")
      assert.match(yield* text("out.md"), /^## ❌ word: draft/)
      assert.deepStrictEqual(
        (yield* list(options.cwd)).filter((name) => name.endsWith(".part")),
        []
      )

      // the stored run again: nothing is sent, and a summary is appended
      const before = (yield* requests).length
      const report = yield* noukai(call("report", "--json", "--summary", "out.md"), options)
      assert.deepStrictEqual([report.code, JSON.parse(report.stdout).gate], [1, "failed"])
      assert.lengthOf((yield* text("out.md")).match(/^## /gm)!, 2)
      const lines = (yield* noukai(call("report", "--jsonl", "--quiet"), options)).stdout.trim().split("\n")
      assert.deepStrictEqual(lines.map((line) => JSON.parse(line).verdict), ["pass", "fixed", "regressed", "fail"])
      const scored = yield* noukai(call("score"), options)
      assert.deepStrictEqual([scored.code, scored.stdout], [1, stdout])
      const listed = JSON.parse((yield* noukai(call("runs", "--json"), options)).stdout)
      assert.deepStrictEqual(
        listed.map(({ cases, isComplete }: { cases: number; isComplete: boolean }) => [cases, isComplete]),
        [[4, true]]
      )
      const blessed = yield* noukai(call("bless"), options)
      assert.deepStrictEqual([blessed.code, blessed.stderr.includes(` failed its gate: ${sentence}`)], [0, true])
      assert.strictEqual((yield* requests).length, before)
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("ends with 0 within the thresholds, and compares with a blessed baseline", () =>
    Effect.gen(function*() {
      const options = yield* evaluation(definition(allowed))
      assert.strictEqual((yield* noukai(call("run", "--quiet"), options)).code, 0)
      const blessed = yield* noukai(call("bless"), options)
      assert.deepStrictEqual([blessed.code, blessed.stdout], [0, ""])
      assert.match(blessed.stderr, /^word\.baseline\.json: the candidate of run /)
      const count = (yield* runs).length
      const again = yield* noukai(call("run", "--baseline", "word.baseline.json"), options)
      assert.deepStrictEqual([again.code, (yield* runs).length - count], [0, 4])
      assert.match(again.stdout, /^word: draft against draft \(stored\)/)
      // the next baseline is the run that was compared with the last one
      const next = yield* noukai(call("bless", "--out", "next.json"), options)
      assert.deepStrictEqual([next.code, next.stderr.split(":")[0]], [0, "next.json"])
      assert.strictEqual((yield* noukai(call("report", "--quiet"), options)).code, 4)
      const other = yield* noukai(call("run", "--candidate", "1", "--baseline", "word.baseline.json"), options)
      assert.deepStrictEqual([other.code, other.stdout.includes("regressed (1)\n  b\n")], [0, true])
      // a change of a case is named
      const cases = yield* read(join(options.cwd, "cases.jsonl"))
      yield* write(join(options.cwd, "cases.jsonl"), cases.replace("\"A\"", "\"a\""))
      const stale = yield* noukai(call("run", "--baseline", "word.baseline.json"), options)
      assert.match(stale.stdout, /\nstale baseline +.*\ba\b/)
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("runs a selection of the cases, which it plans, lists and resumes, and does not bless", () =>
    Effect.gen(function*() {
      const options = yield* evaluation(definition(allowed))
      const none = yield* noukai(call("run", "--select", "x*"), options)
      assert.deepStrictEqual([none.code, none.stderr.trim()], [
        2,
        "noukai: --select matches none of the 4 cases: \"x*\""
      ])
      const first = ["--baseline", "none", "--first", "3"]
      assert.match((yield* noukai(call("plan", ...first), options)).stdout, /^cases +3 of 4\n(.|\n)*\nruns +3\n/)
      const ran = yield* noukai(call("run", ...first), options)
      assert.deepStrictEqual([ran.code, (yield* runs).length], [4, 3])
      assert.match(ran.stdout, /^word: draft of acme\/test\/word, 3 of 4 cases\n/)
      assert.include(ran.stdout.replace(/\s+/g, " "), "incomplete: of a selection, 3 of 4 cases: 2 of 3 cases pass")
      const blessed = yield* noukai(call("bless"), options)
      assert.deepStrictEqual([blessed.code, blessed.stderr.includes("has only 3 of 4 cases")], [2, true])
      const failing = yield* noukai(call("run", "--failing", "--baseline", "none"), options)
      assert.deepStrictEqual([failing.code, (yield* runs).length], [4, 4])
      assert.include(failing.stdout, "1 of 4 cases")
      const listed = (yield* noukai(call("runs"), options)).stdout
      assert.match(listed, / 3 of 4 +1 +67 % +\$0\.006 +complete\n.* 1 of 4 +1 +0 % +\$0\.002 +complete\n/)
      const id = /^(\d{8}-\S+)/m.exec(listed)![1]!
      const again = yield* noukai(["eval", "plan", "word.eval.yaml", id, "--failing", "--json"], options)
      assert.deepInclude(JSON.parse(again.stdout), { cases: 1, selection: { of: 4, failing: id } })
      const wrong = yield* noukai(["eval", "plan", "word.eval.yaml", id], options)
      assert.deepStrictEqual([wrong.code, wrong.stderr.split("\n")[0]], [
        2,
        "noukai: the id of a run requires --failing"
      ])
      assert.strictEqual((yield* noukai(call("report"), options)).code, 4)
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("blesses an incomplete run with a note, and no run whose cases are gone", () =>
    Effect.gen(function*() {
      const options = yield* evaluation(definition("  calls: { calls: find }\n"))
      assert.strictEqual((yield* noukai(call("run", "--quiet", "--baseline", "none"), options)).code, 4)
      const blessed = yield* noukai(call("bless"), options)
      assert.strictEqual(blessed.code, 0)
      assert.match(
        blessed.stderr,
        /^the run \S+ is incomplete: 4 verdicts of checks on cases are errors\nword\.baseline\.json: the candidate of/
      )
      // also where it was compared with a stored baseline, which bless does not need
      yield* noukai(call("run", "--quiet", "--baseline", "word.baseline.json"), options)
      assert.include((yield* noukai(call("bless"), options)).stderr, "is incomplete: 4 verdicts of checks")
      const cases = yield* read(join(options.cwd, "cases.jsonl"))
      yield* write(join(options.cwd, "cases.jsonl"), cases.replace(/.*\n/, ""))
      const { code, stderr } = yield* noukai(call("bless", "--out", "fewer.json"), options)
      assert.match(stderr, /^noukai: the run \S+ has 4 cases, and the definition 3 of them: begin a new run\n$/)
      assert.deepStrictEqual([code, (yield* list(options.cwd)).includes("fewer.json")], [2, false])
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("takes a baseline for a file only if it ends with .json", () =>
    Effect.gen(function*() {
      const options = yield* evaluation(definition(allowed))
      yield* write(join(options.cwd, "production"), "a file of that name")
      assert.strictEqual((yield* noukai(call("run", "--quiet"), options)).code, 0)
      const blessed = yield* noukai(call("bless", "--out", "blessed"), options)
      assert.deepStrictEqual([blessed.code, blessed.stderr], [2, "noukai: --out blessed: must end with .json\n"])
      const nowhere = yield* noukai(call("bless", "--out", "no/where.json"), options)
      assert.deepStrictEqual([nowhere.code, nowhere.stderr.startsWith("noukai: cannot write no/where.json: ")], [
        3,
        true
      ])
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("refuses the file of a report that it cannot write, before anything is sent", () =>
    Effect.gen(function*() {
      const options = yield* evaluation()
      yield* Effect.promise(() => mkdir(join(options.cwd, "d")))
      const before = yield* list(options.cwd)
      for (const flag of ["--html", "--junit", "--summary"]) {
        const { code, stderr } = yield* noukai(call("run", flag, "d"), options)
        assert.deepStrictEqual([code, stderr], [2, `noukai: ${flag} d: it is a folder, not a file\n`])
        // nobody can write there
        const unwritable = yield* noukai(call("run", flag, "/proc/report"), options)
        assert.deepStrictEqual(
          [unwritable.code, unwritable.stderr.startsWith("noukai: cannot write /proc/report: ")],
          [3, true]
        )
        const beside = yield* noukai(call("run", flag, "word.eval.yaml/report"), options)
        assert.deepStrictEqual(
          [beside.code, beside.stderr],
          [2, `noukai: ${flag} word.eval.yaml/report: there is no such folder\n`]
        )
      }
      assert.deepStrictEqual([yield* requests, yield* list(options.cwd)], [[], before])
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("leaves nothing beside a report that could not be written", () =>
    Effect.gen(function*() {
      const cwd = yield* folder
      const path = join(cwd, "late")
      const input = {
        html: Option.some(path),
        csv: Option.none(),
        junit: Option.none(),
        summary: Option.none(),
        json: true,
        jsonl: false
      }
      const appears = Stream.drain(Stream.fromEffect(Effect.promise(() => mkdir(path))))
      const failed = yield* Effect.flip(
        told({ ...input, allowErrors: Option.none() }, { ...empty, reports: [empty] }, () => appears).pipe(
          Effect.provide(
            Layer.merge(
              Terminal.layer({ quiet: true, verbose: false }),
              BatchStore.layerFile(join(yield* folder, "a.ledger"))
            )
          )
        )
      )
      assert.deepStrictEqual([failed.message.startsWith(`cannot write ${path}: `), yield* list(cwd)], [true, ["late"]])
    }))

  it.scopedLive("prints no key in the report as JSON, also where it is glued to a word", () =>
    Effect.gen(function*() {
      const printed: Array<string> = []
      const caught = Layer.effect(
        Terminal.Terminal,
        Effect.map(Terminal.Terminal, (terminal) => ({
          ...terminal,
          write: (text: string) => Effect.sync(() => void printed.push(text))
        }))
      )
      const key = "nk_live_planted0_0123456789abcdef0123456789abcdef"
      const secret = "whsec" + "_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
      const report: EvalReport = {
        ...empty,
        gate: "passed",
        sentence: `token${key}`,
        stale: [`x ${secret}`],
        stop: key
      }
      const none = Option.none()
      yield* told(
        { csv: none, html: none, junit: none, summary: none, allowErrors: none, json: true, jsonl: false },
        { ...report, reports: [report] },
        () => Stream.empty
      ).pipe(
        Effect.ignore,
        Effect.provide(
          Layer.merge(
            Layer.provide(caught, Terminal.layer({ quiet: true, verbose: false })),
            BatchStore.layerFile(join(yield* folder, "a.ledger"))
          )
        )
      )
      assert.deepInclude(JSON.parse(printed.join("")), { eval: "word", cases: 0 })
      assert.notMatch(printed.join(""), /planted0|MfKQ9r8G/)
    }))

  it.scopedLive("ends with 4 for errors, unless they are allowed, and for a spent budget", () =>
    Effect.gen(function*() {
      const judge = "  polite: { judge: acme/test/judge, input: { message: x } }\n"
      const options = yield* evaluation(definition(`${judge}${allowed}`))
      const { code, stdout, stderr } = yield* noukai(call("run"), options)
      assert.strictEqual(code, 4, stderr)
      assert.include(stdout, "on holiday")
      assert.strictEqual((yield* noukai(call("report", "--allow-errors", "4", "--quiet"), options)).code, 0)
      const limited = yield* evaluation()
      const budget = ["--budget", "0.004", "--max-cost-per-row", "0.002", "--concurrency", "1"]
      const stopped = yield* noukai(call("run", ...budget), limited)
      assert.deepStrictEqual([stopped.code, /\nstopped +the runs .*budget/.test(stopped.stdout)], [4, true])
      const advised = /^ {2}to continue with a larger --budget: noukai (.* --budget USD --max-cost-per-row 0\.002)\n$/
      const [, again = ""] = advised.exec(stopped.stderr) ?? assert.fail(stopped.stderr)
      const count = (yield* runs).length
      for (const baseline of ["none", "2"]) {
        const other = yield* noukai(call("run", "--resume", "--baseline", baseline), limited)
        assert.match(
          other.stderr,
          /^noukai: --baseline is not that of the run( \S+)?: leave it out, or begin a new run\n$/
        )
        assert.strictEqual(other.code, 2)
      }
      assert.strictEqual((yield* noukai(call("run", "--resume", "--quiet"), limited)).code, 4)
      assert.strictEqual((yield* runs).length, count)
      const resumed = yield* noukai(again.replace("USD", "1").split(" "), limited)
      assert.deepStrictEqual([resumed.code, (yield* runs).length - count < 8], [1, true])
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("shows its progress, stops at Ctrl-C, and is resumed without a run twice", () =>
    Effect.gen(function*() {
      const gate = yield* Effect.makeLatch()
      const waits = { kind: "function", id: "say", run: () => Effect.as(gate.await, { word: "A" }) } as const
      const patient = [{ ref: "acme/test/word", steps: [waits], versions: { 1: { steps: [waits] } } }]
      yield* Effect.gen(function*() {
        const options = yield* evaluation()
        const kept = ["--ledger", "my.ledger", "--budget", "5", "--max-cost-per-row", "0.1", "--rate", "1000"]
        const command = yield* inTerminal(call("run", "--concurrency", "2", ...kept, "--html", "a b.html"), {
          ...options,
          columns: 120
        })
        yield* command.awaitOutput("2 running")
        yield* command.type(ctrlC)
        yield* command.awaitOutput("a second Ctrl-C stops at once")
        yield* gate.open
        assert.strictEqual(yield* command.code, 130)
        assert.include(
          command.output(),
          "to continue: noukai eval run word.eval.yaml --resume --ledger my.ledger --concurrency 2 --rate 1000 " +
            "--budget 5 --max-cost-per-row 0.1 --html 'a b.html'"
        )
        const resumed = yield* noukai(call("run", "--resume", ...kept), options)
        assert.deepStrictEqual([resumed.code, (yield* runs).length], [0, 8])
        const again = yield* noukai(call("run", "--resume", ...kept), options)
        assert.deepStrictEqual([again.code, (yield* runs).length], [2, 8])
      }).pipe(Effect.provide(server({ flows: patient })))
    }))

  it("names the command that continues it, quoted for a shell", () => {
    const none = Option.none()
    const input = {
      file: "my eval.yaml",
      run: none,
      baseline: none,
      ledger: none,
      concurrency: none,
      rate: none,
      budget: none,
      maxCostPerRow: none,
      allowErrors: none,
      csv: none,
      html: none,
      junit: none,
      summary: none,
      record: none,
      replay: none,
      json: false,
      jsonl: false,
      failing: false
    }
    const command = "noukai eval run 'my eval.yaml'"
    assert.strictEqual(continuing(input), `to continue: ${command} --resume`)
    assert.strictEqual(
      continuing({
        ...input,
        run: Option.some("20260301-1"),
        baseline: Option.some("$HOME/a b.json"),
        allowErrors: Option.some(2),
        junit: Option.some("-x.xml"),
        json: true,
        org: Option.some("it's")
      }),
      `to continue: ${command} 20260301-1 --resume --baseline '$HOME/a b.json' --allow-errors 2 ` +
        "--junit=-x.xml --json --org 'it'\\''s'"
    )
    // the id is of the run in which cases failed
    assert.strictEqual(
      continuing({ ...input, run: Option.some("20260301-1"), failing: true }),
      `to continue: ${command} --resume`
    )
    assert.strictEqual(
      continuing({ ...input, record: Option.some("tapes") }),
      `to continue, without a recording: ${command} --resume`
    )
    assert.strictEqual(
      continuing({ ...input, concurrency: Option.some(2) }, true),
      `to continue with a larger --budget: ${command} --resume --concurrency 2 --budget USD --max-cost-per-row USD`
    )
    assert.notInclude(continuing({ ...input, replay: Option.some("tapes") }), "--resume")
  })

  it.scopedLive("records into cassettes, and replays them without a server or a key", () =>
    Effect.gen(function*() {
      const options = yield* evaluation()
      const recorded = yield* noukai(call("run", "--record", "tapes"), options)
      assert.strictEqual(recorded.code, 1)
      const count = (yield* requests).length
      const files = yield* list(options.cwd)
      const nowhere = { cwd: options.cwd, env: { NOUKAI_ENV: "dev", NOUKAI_PORT: "1" } }
      const replayed = yield* noukai(call("run", "--replay", "tapes"), nowhere)
      const again = yield* noukai(call("run", "--replay", "tapes"), nowhere)
      assert.deepStrictEqual([again.code, yield* list(options.cwd)], [replayed.code, files])
      yield* noukai(call("run", "--replay", "tapes", "--ledger", "new.ledger"), nowhere)
      const old = yield* noukai(call("run", "--replay", "tapes", "--ledger", "new.ledger"), nowhere)
      assert.deepStrictEqual([old.code, old.stderr.includes("--replay requires a new ledger")], [2, true])
      const words = (text: string) => text.replace(/\ntime .*/, "")
      assert.deepStrictEqual([replayed.code, replayed.stderr, words(replayed.stdout)], [1, "", words(recorded.stdout)])
      // the input of a case has changed
      const cases = yield* read(join(options.cwd, "cases.jsonl"))
      yield* write(join(options.cwd, "cases.jsonl"), cases.replace("\"letter\":\"a\"", "\"letter\":\"e\""))
      const changed = yield* noukai(call("run", "--replay", "tapes"), nowhere)
      assert.deepStrictEqual([changed.code, /recorded \\?"a\\?", called with/.test(changed.stdout)], [4, true])
      assert.include(changed.stdout.replace(/\s+/g, " "), "to record it, run the eval with `record` (--record)")
      // a cassette that is cut off, or gone
      const calls = join(options.cwd, "tapes", "calls.json")
      yield* write(calls, (yield* read(calls)).slice(0, 500))
      const cut = yield* noukai(call("run", "--replay", "tapes"), nowhere)
      assert.deepStrictEqual([cut.code, cut.stdout], [2, ""])
      assert.include(cut.stderr, "calls.json is not valid")
      yield* Effect.promise(() => rm(calls))
      const gone = yield* noukai(call("run", "--replay", "tapes"), nowhere)
      assert.deepStrictEqual([gone.code, gone.stderr.includes("calls.json does not exist")], [2, true])
      assert.strictEqual((yield* requests).length, count)
    }).pipe(Effect.provide(server({ flows }))))
})

describe("an eval whose flow has a short name", () => {
  it.scopedLive("has the organisation and the project of its command", () =>
    Effect.gen(function*() {
      const { cwd, env } = yield* evaluation(definition(allowed).replace("acme/test/word", "word"))
      const flags = ["--org", "acme", "--project", "test"]
      const { NOUKAI_API_KEY: _, ...keyless } = { ...env, NOUKAI_ORG: "acme", NOUKAI_PROJECT: "test" }
      const options = { cwd, env }
      const plan = yield* noukai(call("plan", "--baseline", "word@1", ...flags), options)
      assert.include(plan.stdout, "candidate  acme/test/word@draft\nbaseline   acme/test/word@1\n")
      assert.strictEqual((yield* noukai(call("run", "--quiet", ...flags), options)).code, 0)
      for (const command of ["score", "report", "bless"]) {
        const { code, stderr } = yield* noukai(call(command, ...flags), options)
        assert.deepStrictEqual([command, code, stderr.includes("missing")], [command, 0, false])
      }
      for (const command of ["plan", "report", "bless", "runs"]) {
        assert.strictEqual((yield* noukai(call(command), { cwd, env: keyless })).code, 0, command)
      }
      const without = yield* noukai(call("report"), options)
      assert.deepStrictEqual(
        [without.code, without.stderr.split(": use")[0]],
        [2, "noukai: word.eval.yaml: flow org and project are missing"]
      )
    }).pipe(Effect.provide(server({ flows }))))
})

describe("an eval in a module", () => {
  const load = (file: string) => definitionOf({ file, ledger: Option.none() })

  it.effect("is its default export, or its only one", () =>
    Effect.gen(function*() {
      const module = fileURLToPath(new URL("../../../scratchpad/eval/spelling.ts", import.meta.url))
      assert.strictEqual((yield* load(module)).name, "spelling")
    }))

  it.scopedLive("is refused in one line if there is none, or its module cannot be loaded", () =>
    Effect.gen(function*() {
      const cwd = yield* folder
      const one = "{ [Symbol.for('@effect-noukai/eval/Eval')]: {}, name: 'a' }"
      for (
        const [text, said] of [
          ["export const a = 1", /exports no eval: make one with Eval\.make/],
          ["throw new Error('boom\\nat line 2')", /cannot be loaded: boom$/],
          [`export const a = ${one}, b = ${one}`, /exports 2 evals: make one of them the default export/],
          ["export const = 1", /cannot be loaded: /]
        ] as const
      ) {
        const file = join(cwd, `${said.source.length}.eval.mjs`)
        yield* write(file, text)
        assert.match((yield* Effect.flip(load(file))).message, said)
      }
      const file = join(cwd, "two.eval.mjs")
      yield* write(file, `export const a = ${one}\nexport default ${one.replace("'a'", "'b'")}`)
      assert.strictEqual((yield* load(file)).name, "b")
      assert.match((yield* Effect.flip(load(join(cwd, "none.mjs")))).message, /cannot be loaded: /)
    }))
})

describe("a wrong eval", () => {
  it.effect("names flags, and places of the definition by its file", () =>
    Effect.gen(function*() {
      const said = (at: string, field: string) =>
        Effect.map(
          Effect.flip(ending({ file: "a.mts" })(Effect.fail(new InvalidEvalError({ at, field, reason: "is wrong" })))),
          ({ message }) => message
        )
      assert.strictEqual(yield* said("Eval.run", "repeat"), "--repeat is wrong")
      assert.strictEqual(yield* said("Eval.plan", "checks.word.att"), "a.mts: checks.word.att is wrong")
      assert.strictEqual(yield* said("Eval.word.yaml:8", "repeat"), "Eval.word.yaml:8: repeat is wrong")
      assert.strictEqual(yield* said("Eval.word", "the run 1"), "Eval.word: the run 1 is wrong")
    }))

  it.effect("ends with 3 and the reason if nothing was run, or a cassette could not be written", () =>
    Effect.gen(function*() {
      const errors = [
        new CommandError({ code: exitCodes.refused, message: "nothing was run" }),
        new CassetteError({ method: "save", reason: "Files", path: "a.json", isRetryable: false })
      ]
      const said = yield* Effect.forEach(errors, (error) => Effect.flip(ending({ file: "a" })(Effect.fail(error))))
      assert.deepStrictEqual(said.map(({ code, message }) => [code, message]), [
        [3, "nothing was run"],
        [3, "the cassette a.json could not be read or written"]
      ])
    }))

  it.effect("ends with 3 if the disk is full or read-only, and with 2 for a file that is missing", () =>
    Effect.gen(function*() {
      const codes = yield* Effect.forEach(["ENOSPC", "EROFS", "ENOENT"], (code) =>
        Effect.map(
          Effect.flip(
            ending({ file: "a" })(Effect.fail(new EvalFileError({ path: "a", reason: "b", cause: { code } })))
          ),
          ({ code }) => code
        ))
      assert.deepStrictEqual(codes, [3, 3, 2])
    }))

  it.scopedLive("is refused in one line with its place, and nothing is sent", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [text: string, flags: ReadonlyArray<string>, said: RegExp]> = [
        [definition("  again: { equal: 1 }\n"), [], /word\.eval\.yaml:8: checks\.again must have one of/],
        [definition("", "none.jsonl"), [], /none\.jsonl/],
        ["name: [", [], /word\.eval\.yaml:1: the file is not whole/],
        [definition(), ["--candidate", "newest"], /--candidate takes production, draft or a number/],
        [definition(), ["--baseline", "draft"], /--baseline is the candidate/],
        [definition(), ["--baseline", "no.json"], /no\.json: there is no such file/],
        [definition(), ["--repeat", "0"], /--repeat must be a whole number from 1 to 100/],
        [definition(), ["--html", "no/where.html"], /--html no\/where\.html: there is no such folder/],
        [definition(), ["--json", "--jsonl"], /give --json or --jsonl, not both/],
        [definition(), ["an-id"], /the id of a run requires --resume/],
        [definition(), ["--record", "a", "--replay", "b"], /give --record or --replay, not both/],
        [definition(), ["--budget", "1"], /--budget requires --max-cost-per-row/],
        [definition(), ["--resume"], /the ledger has no incomplete run/]
      ]
      for (const [text, flags, said] of wrong) {
        const { code, stderr, stdout } = yield* noukai(call("run", ...flags), yield* evaluation(text))
        assert.deepStrictEqual([flags, code, stdout], [flags, 2, ""])
        assert.match(stderr, said)
        assert.lengthOf(stderr.replace(/"$/, "").trim().split("\n").filter((line) => !line.startsWith("  ")), 1)
      }
      const twice = yield* evaluation()
      yield* write(join(twice.cwd, "cases.jsonl"), "{\"id\":1,\"letter\":\"a\",\"expected\":\"A\"}\n".repeat(2))
      const { code, stderr } = yield* noukai(call("run"), twice)
      assert.strictEqual(code, 2)
      assert.match(stderr, /cases\.jsonl:2/)
      assert.deepStrictEqual(yield* requests, [])
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("ends with 3 if the environment is wrong", () =>
    Effect.gen(function*() {
      const { cwd, env } = yield* evaluation()
      const keyless = yield* noukai(call("run"), { cwd, env: { NOUKAI_BASE_URL: env.NOUKAI_BASE_URL } })
      assert.strictEqual(keyless.code, 3)
      // a mistake of the definition is told first
      assert.strictEqual((yield* noukai(call("run", "--baseline", "none.json"), { cwd })).code, 2)
      const refused = yield* noukai(call("run"), { cwd, env: { ...env, NOUKAI_API_KEY: "nk_another" } })
      assert.strictEqual(refused.code, 3)
      assert.match(refused.stdout, /\nincomplete: .*key/)
      const none = yield* noukai(call("report", "--ledger", "none.ledger"), { cwd })
      assert.strictEqual(none.code, 2)
    }).pipe(Effect.provide(server({ flows, keys: [{ key: "nk_only", org: "acme", project: "test" }] }))))
})
