/** `noukai batch`. */
import type { BatchStop } from "@effect-noukai/batch/BatchStatus"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { execFileSync } from "node:child_process"
import { chmodSync, linkSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { folder, list, read, write } from "../../sdk/test/support/folder.js"
import { isWhole, size } from "../../sdk/test/support/size.js"
import { line } from "../src/commands/batch/run.js"
import { exitCodeOfBatch, retrying } from "../src/commands/batch/told.js"
import { ctrlC, inTerminal, noukai, shell, started, watched } from "./support/command.js"
import { flows, obeying, obeys } from "./support/flows.js"
import { environment, requests, runs, server } from "./support/server.js"

/** A folder with rows, each of a key and a message. */
const rowsOf = (...messages: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const cwd = yield* folder
    const lines = messages.map((text, n) => `${JSON.stringify({ id: `row ${n + 1}`, text })}\n`)
    yield* write(join(cwd, "rows.jsonl"), lines.join(""))
    return cwd
  })

const many = (count: number, text: string) => Array.from({ length: count }, () => text)

const mapped = ["--input", "rows.jsonl", "--key", "id", "--message-field", "text"]

const run = (...flags: ReadonlyArray<string>) => ["batch", "run", "b", obeys, ...mapped, ...flags]

const json = (text: string) => text.trim().split("\n").map((line) => JSON.parse(line))

describe("noukai batch plan", () => {
  it.scopedLive("says what a run would do, and leaves no trace", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rowsOf("a", "b")
      const rows = yield* read(join(cwd, "rows.jsonl"))
      yield* write(join(cwd, "rows.jsonl"), `${rows}{"id":"row 3"}\n{"id":"row 1","text":"again"}\nno JSON\n`)
      const plan = (...flags: ReadonlyArray<string>) =>
        noukai(["batch", "plan", "b", obeys, ...mapped, ...flags], { env, cwd })
      const told = yield* plan()
      assert.strictEqual(told.code, 1)
      assert.strictEqual(told.stdout, "new      3\ninvalid  1\nrefused  2\nto run   2\n")
      assert.strictEqual(
        told.stderr,
        "rows.jsonl:3: it has no input: it has no field \"text\"; its fields are \"id\"\n" +
          "rows.jsonl:4: the key \"row 1\" is already used by rows.jsonl:1\n" +
          "rows.jsonl:5: it is not JSON: \"no JSON\"\n"
      )
      const { added, invalid, invalidRows, toRun } = JSON.parse((yield* plan("--json")).stdout)
      assert.deepStrictEqual([added, invalid, invalidRows[0].at, toRun], [3, 1, "rows.jsonl:3", 2])
      assert.deepStrictEqual(yield* requests, [])
      assert.deepStrictEqual(yield* list(cwd), ["rows.jsonl"])
    }).pipe(Effect.provide(server({ flows }))))
})

describe("noukai batch run", () => {
  it.scopedLive("runs each row once, and says how it ended on stderr alone", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rowsOf("a", "b", "c")
      assert.deepStrictEqual(yield* noukai(run(), { env, cwd }), {
        code: 0,
        stdout: "",
        stderr: "b: completed; 3 done\n"
      })
      const again = yield* noukai(run("--json", "--quiet"), { env, cwd })
      const { plan, states, status } = JSON.parse(again.stdout)
      assert.deepStrictEqual([again.code, again.stderr], [0, ""])
      assert.deepStrictEqual([status, states.done, plan.known], ["completed", 3, { done: 3 }])
      assert.strictEqual((yield* runs).length, 3)
      const results = yield* noukai(["batch", "results", "b"], { cwd })
      assert.deepStrictEqual(json(results.stdout).map(({ key, result }) => [key, result]), [
        ["row 1", "said a"],
        ["row 2", "said b"],
        ["row 3", "said c"]
      ])
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("prints results in which a server of CI reads no command", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const said = "##[add-mask]x ##vso[task.setvariable]y \u202ez"
      const cwd = yield* rowsOf(said)
      yield* noukai(run(), { env, cwd })
      const { stdout } = yield* noukai(["batch", "results", "b", "--with-input"], { cwd })
      assert.notMatch(stdout, /##|[\u202a-\u202e]/)
      assert.deepInclude(json(stdout)[0], { result: `said ${said}` })
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("says that rows have results of runs that another ledger began", () =>
    Effect.gen(function*() {
      const env = yield* environment
      yield* noukai(run(), { env, cwd: yield* rowsOf("a", "b") })
      const cwd = yield* rowsOf("changed", "b", "c")
      const { code, stderr } = yield* noukai(run(), { env, cwd })
      const [summary, adopted, ...rest] = stderr.trimEnd().split("\n")
      assert.deepStrictEqual([code, summary, rest], [0, "b: completed; 3 done, 2 adopted", []])
      assert.match(adopted!, /^2 results of earlier runs, found at the server under this batch id .* another id$/)
      assert.strictEqual((yield* runs).length, 3)
      assert.match((yield* noukai(["batch", "status", "b"], { cwd })).stdout, /^done +3\nadopted +2$/m)
      // a later run adopts nothing
      assert.strictEqual((yield* noukai(run(), { env, cwd })).stderr, `${summary}\n`)
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("takes rows of CSV from stdin, in requests of their own", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* folder
      const flags = ["--input", "-", "--format", "csv", "--delimiter", ";", "--operation", "execute", "--ledger", "l"]
      const mapping = ["--key", "no", "--message-template", "{{name}}!", "-p", "level={{no}}", "-p", "deep:=[1]"]
      const { code, stderr } = yield* noukai(["batch", "run", "a/b", obeys, ...flags, ...mapping], {
        env,
        cwd,
        input: "no;name\n1;\"x;y\"\n"
      })
      assert.deepStrictEqual([code, stderr], [0, "a/b: completed; 1 done\n"])
      const results = yield* noukai(["batch", "results", "a/b", "--ledger", "l"], { cwd })
      assert.deepStrictEqual(json(results.stdout)[0].result, {
        message: "x;y!",
        parameters: { deep: [1], level: "1" }
      })
      assert.include(yield* requests, `POST /api/v1/seq/${obeys}/execute`)
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("ends with 1 when rows failed, which run again when they are asked for", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rowsOf("a", "fail")
      const failed = yield* noukai(run(), { env, cwd })
      assert.deepStrictEqual([failed.code, failed.stdout], [1, ""])
      assert.match(
        failed.stderr,
        /^b: completed; 1 done, 1 failed\n.*noukai batch results b\n.*batch retry b --only failed\n$/
      )
      assert.strictEqual((yield* noukai(["batch", "retry", "b", "--only", "failed", "-q"], { cwd })).stdout, "1\n")
      const planned = yield* noukai(["batch", "plan", "b", obeys, ...mapped], { env, cwd })
      assert.strictEqual(planned.stdout, "new      0\ndone     1\npending  1\ninvalid  0\nrefused  0\nto run   1\n")
      assert.strictEqual((yield* noukai(run(), { env, cwd })).code, 1)
      assert.strictEqual((yield* runs).length, 3)
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("reads CSV with the delimiter of its header, and fails where no row can be run", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* folder
      yield* write(join(cwd, "rows.csv"), "id;the text\n1;a, b\n2;c\n")
      const args = ["b", obeys, "--input", "rows.csv", "--key", "id", "--message-field", "the text"]
      const comma = yield* noukai(["batch", "run", ...args, "--delimiter", ",", "--ledger", "comma"], { env, cwd })
      assert.deepStrictEqual([comma.code, comma.stdout], [2, ""])
      assert.include(comma.stderr, "rows.csv:2: ")
      assert.include(comma.stderr, "no other row of the source can be run either")
      const planned = yield* noukai(["batch", "plan", ...args, "--delimiter", ","], { env, cwd })
      assert.deepStrictEqual([planned.code, planned.stdout, planned.stderr.match(/\n/g)?.length], [
        2,
        "new      0\ninvalid  0\nrefused  2\nto run   0\n",
        1
      ])
      assert.match(planned.stderr, /^noukai: no row of rows\.csv can be run: rows\.csv:2: /)
      for (const does of ["plan", "run"]) {
        const nope = yield* noukai(["batch", does, ...args.slice(0, 5), "nope", "--ledger", "n"], { env, cwd })
        assert.deepStrictEqual([nope.code, nope.stderr.match(/\n/g)?.length], [2, 1])
        assert.match(nope.stderr, /^noukai: .*rows\.csv:2: it has no key: it has no field "nope"/)
      }
      assert.deepStrictEqual(yield* runs, [])
      const told = yield* noukai(["batch", "run", ...args, "--json"], { env, cwd })
      const { isClean, states, status } = JSON.parse(told.stdout)
      assert.deepStrictEqual([told.code, status, isClean, states.done], [0, "completed", true, 2])
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("ends with 124 when rows time out, and tells what became of edited and absent rows", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rowsOf("a", "b", "c")
      const timed = [
        "batch",
        "run",
        "t",
        "acme/test/endless",
        ...mapped,
        "--row-timeout",
        "100ms",
        "--concurrency",
        "1"
      ]
      const late = yield* noukai(timed, { env, cwd })
      assert.strictEqual(late.code, 124)
      assert.match(late.stderr, /^t: incomplete; 3 timed out\nnoukai: the batch stopped: 3 rows timed out\. /)
      assert.match((yield* noukai(["batch", "status", "t"], { cwd })).stdout, /^timed out +3$/m)
      assert.strictEqual((yield* runs).length, 3)
      const money = ["--budget", "0", "--max-cost-per-row", "1"]
      assert.strictEqual((yield* noukai(run(...money), { env, cwd })).code, 6)
      yield* write(join(cwd, "rows.jsonl"), "{\"id\":\"row 1\",\"text\":\"new\"}\n{\"id\":\"row 2\",\"text\":\"b\"}\n")
      const planned = yield* noukai(["batch", "plan", "b", obeys, ...mapped], { env, cwd })
      assert.strictEqual(
        planned.stdout,
        "new      0\npending  2\nupdated  1\nabsent   1\ninvalid  0\nrefused  0\nto run   2\n"
      )
      assert.strictEqual((yield* noukai(run(), { env, cwd })).stderr, "b: completed; 2 done, 1 absent\n")
      assert.match((yield* noukai(["batch", "status", "b"], { cwd })).stdout, /^changed +\d{4}-.* UTC$/m)
    }).pipe(Effect.provide(server({
      flows: [
        ...flows!,
        { ref: "acme/test/endless", steps: [{ kind: "template", id: "a", output: 1, duration: "1 hour" }] }
      ]
    }))))

  it.scopedLive("says which rows it refuses, and why", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rowsOf("a")
      const rows = yield* read(join(cwd, "rows.jsonl"))
      yield* write(join(cwd, "rows.jsonl"), `${rows}${rows}{"id":9007199254740993,"text":"a"}\n{"id":"torn","te`)
      const { code, stderr } = yield* noukai(run(), { env, cwd })
      assert.deepStrictEqual([code, stderr], [
        1,
        "rows.jsonl:2: the key \"row 1\" is already used by rows.jsonl:1\n" +
        "rows.jsonl:3: it has no key: its field \"id\" is a number with too many digits: make it a text\n" +
        "rows.jsonl:4: it is not JSON: \"{\\\"id\\\":\\\"torn\\\",\\\"te\"\n" +
        "b: completed; 1 done, 3 refused\n"
      ])
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive(
    "ends at once when its ledger cannot be written any more, and goes on when it can",
    () =>
      Effect.gen(function*() {
        const gate = yield* Effect.makeLatch()
        yield* Effect.gen(function*() {
          const env = yield* environment
          const cwd = yield* rowsOf("a", "b", "hang", ...many(300, "c"))
          // the log of the ledger becomes longer than a file may be
          const command = `cd "${cwd}" && ulimit -f 800 && noukai ${
            run("--concurrency", "8", "--grace", "300ms").join(" ")
          }`
          const [code, stderr] = yield* shell(command, env)
          assert.match(
            stderr,
            /^noukai: the ledger failed while it [^:]+: disk I\/O error\n {2}run the same command to continue\n$/
          )
          assert.strictEqual(code, 5)
          assert.isBelow((yield* runs).length, 303)
          yield* gate.open
          assert.strictEqual((yield* noukai(run("--grace", "300ms"), { env, cwd })).stderr, "b: completed; 303 done\n")
          assert.lengthOf(yield* runs, 303)
        }).pipe(Effect.provide(server({ flows: obeying(gate.await) })))
      })
  )

  it.scopedLive("is refused when its ledger cannot be opened, before anything is sent", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rowsOf("a")
      execFileSync("mkdir", [join(cwd, "b.ledger.lock")])
      const { code, stderr } = yield* noukai(run(), { env, cwd })
      assert.deepStrictEqual([code, stderr], [
        7,
        "noukai: the ledger failed while it opened b.ledger: it is a folder, not a plain file\n" +
        "  run the same command to continue\n"
      ])
      for (const command of ["status", "results", "cancel"]) {
        yield* write(join(cwd, "linked.ledger"), "")
        linkSync(join(cwd, "linked.ledger"), join(cwd, command))
        const { code, stderr } = yield* noukai(["batch", command, "b", "--ledger", "linked.ledger"], { env, cwd })
        assert.strictEqual(code, 7)
        assert.include(stderr, "hard links: remove the others, or copy it")
      }
      assert.deepStrictEqual(yield* requests, [])
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("says how rows that were invalid are taken again, and counts them before", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* folder
      yield* write(join(cwd, "rows.jsonl"), "{\"id\":\"1\"}\n")
      const first = yield* noukai(run(), { env, cwd })
      assert.deepStrictEqual([first.code, first.stdout], [2, ""])
      assert.match(
        first.stderr,
        /^noukai: rows\.jsonl:1: it has no input: .*no other row of the source can be run either\n$/
      )
      const plan = Effect.map(noukai(["batch", "plan", "b", obeys, ...mapped], { env, cwd }), ({ stdout }) => stdout)
      assert.strictEqual(yield* plan, "new      0\ninvalid  1\nrefused  0\nto run   0\n")
      yield* write(join(cwd, "rows.jsonl"), "{\"id\":\"1\",\"text\":\"a\"}\n")
      assert.strictEqual(yield* plan, "new      0\nmended   1\ninvalid  0\nrefused  0\nto run   1\n")
      assert.strictEqual((yield* noukai(run(), { env, cwd })).stderr, "b: completed; 1 done\n")
      yield* write(join(cwd, "rows.jsonl"), "{\"id\":\"1\",\"text\":\"a\"}\n{\"id\":\"2\"}\n")
      const other = yield* noukai(["batch", "run", "c", obeys, ...mapped], { env, cwd })
      assert.match(
        other.stderr,
        /^rows\.jsonl:2: it has no input: .*\nc: completed; 1 done, 1 invalid\n.*batch results c\n.*correct invalid rows in the file, and run the same command again\n$/
      )
      assert.strictEqual(yield* plan, "new      1\ndone     1\ninvalid  1\nrefused  0\nto run   0\n")
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("gives commands that a shell reads as they are meant", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rowsOf("fail")
      const args = ["batch", "run", "it's b", obeys, ...mapped, "--ledger", "my ledger"]
      const { stderr } = yield* noukai(args, { env, cwd })
      assert.include(stderr, "noukai batch results 'it'\\''s b' --ledger 'my ledger'\n")
      const another = yield* noukai(["batch", "run", "it's b", "acme/test/another", ...args.slice(4)], { env, cwd })
      assert.deepStrictEqual([another.code, another.stderr], [
        2,
        `noukai: batch "it's b" has the flow ${obeys} in its ledger, not acme/test/another: ` +
        "use another id, or another --ledger\n"
      ])
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("ends with 6 before it costs more than the budget, and goes on with another one", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rowsOf(...many(5, "a"))
      const limited = (budget: string) =>
        noukai(run("--budget", budget, "--max-cost-per-row", "0.01", "--concurrency", "1", "--json"), { env, cwd })
      const stopped = yield* limited("0.025")
      assert.strictEqual(stopped.code, 6)
      assert.match(stopped.stderr, /budget/)
      const { costUsd, states, stop } = JSON.parse(stopped.stdout)
      assert.deepStrictEqual([Number(costUsd), states.done, states.pending, stop.reason], [0.02, 2, 3, "budget"])
      assert.strictEqual((yield* runs).length, 2)
      assert.strictEqual((yield* limited("1")).code, 0)
      assert.strictEqual((yield* runs).length, 5)
    }).pipe(Effect.provide(server({
      flows: [{ ref: obeys, steps: [{ kind: "template", id: "a", output: "done", costUsd: "0.01" }] }]
    }))))

  it.scopedLive("ends with 6 after too many failures, and with 3 and 7 where nothing may run", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rowsOf("fail", "fail", "a")
      const stopped = yield* noukai(run("--max-failures", "0", "--concurrency", "1"), { env, cwd })
      assert.strictEqual(stopped.code, 6)
      assert.match(
        stopped.stderr,
        /the batch stopped: 1 rows failed; at most 0 may fail\n {2}run the same command to continue/
      )
      const key = { ...env, NOUKAI_API_KEY: "nk_another" }
      assert.strictEqual((yield* noukai(run("--ledger", "2"), { env: key, cwd })).code, 3)
      const nowhere = ["batch", "run", "b", "acme/test/nowhere", ...mapped, "--ledger", "3"]
      assert.strictEqual((yield* noukai(nowhere, { env, cwd })).code, 7)
      assert.strictEqual((yield* runs).length, 1)
    }).pipe(Effect.provide(server({ flows, keys: [{ key: "nk_only", org: "acme", project: "test" }] }))))

  it.scopedLive("sends and writes nothing where something is wrong", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rowsOf("a")
      yield* write(join(cwd, "empty.csv"), "")
      yield* write(join(cwd, "empty.jsonl"), "\n")
      yield* write(join(cwd, "header.csv"), "id,text\n")
      yield* write(join(cwd, "returns.csv"), "id,text\r1,a\r2,b\r")
      execFileSync("mkfifo", [join(cwd, "pipe.jsonl")])
      mkdirSync(join(cwd, "folder.jsonl"))
      const before = yield* list(cwd)
      const of = (input: string) => ["batch", "run", "b", obeys, "--input", input, "--key", "id"]
      for (
        const [args, said] of [
          [run("--budget", "1"), /--budget requires --max-cost-per-row/],
          [run("--message-template", "{{a}}"), /not both/],
          [run("-p", "message=a"), /give the message once/],
          [run("--rate", "0", "--ledger", "made"), /--rate must be a number of rows per second/],
          [run("--rate", "1e9", "--ledger", "made"), /--rate must be .* more than 0 and less than 1,000,000,000/],
          [run("--ledger", "no/folder/b"), /no such folder/],
          [run("--grace", "soon"), /--grace takes a time/],
          [["batch", "run", "a/b", obeys, ...mapped], /name the ledger file with --ledger/],
          [["batch", "run", "b", obeys, "--input", "rows", "--key", "id"], /--format jsonl/],
          [["batch", "run", "b", obeys, "--input", "rows.jsonl"], /--key/],
          [["batch", "run", "b", "echo", ...mapped], /invalid flow/],
          [of("no.jsonl"), /no\.jsonl: there is no such file/],
          [of("folder.jsonl"), /folder\.jsonl: it is a folder/],
          [of("pipe.jsonl"), /pipe\.jsonl is not a regular file: pipe it, with --input -/],
          [of("empty.csv"), /empty\.csv:1: it has no header/],
          [of("empty.jsonl"), /--input empty\.jsonl has no rows/],
          [of("header.csv"), /--input header\.csv has no rows/],
          [["batch", "plan", ...of("empty.jsonl").slice(2)], /--input empty\.jsonl has no rows/],
          [of("returns.csv"), /returns\.csv:1: the header cannot be read: .*lines end with LF or CR LF/],
          [run("--ledger", "rows.jsonl"), /rows\.jsonl is not a ledger/],
          [["batch", "status", "b", "--ledger", "pipe.jsonl"], /pipe\.jsonl is not a ledger/],
          [["batch", "cancel", "b", "--ledger", "folder.jsonl"], /folder\.jsonl is not a ledger/],
          [["batch", "status", "x".repeat(250)], /name the ledger file with --ledger/],
          [["batch", "status", "b"], /there is no ledger b\.ledger/],
          [["batch", "retry", "b", "--only", "reported"], /--accept-double-runs/],
          [["batch", "retry", "b", "--only", "done"], /failed/]
        ] as const
      ) {
        const wrong = yield* noukai(args, { env, cwd })
        assert.deepStrictEqual([wrong.code, wrong.stdout], [2, ""], wrong.stderr)
        assert.match(wrong.stderr, said)
      }
      assert.deepStrictEqual(yield* requests, [])
      assert.deepStrictEqual((yield* list(cwd)).filter((name) => !name.startsWith("made")), before)
    }).pipe(Effect.provide(server({ flows }))), 120_000)

  it.scopedLive("does not run many rows on the hosted service unasked", () =>
    Effect.gen(function*() {
      const env = { NOUKAI_API_KEY: "nk_test" }
      const cwd = yield* rowsOf(...many(1001, "a"))
      const unasked = yield* noukai(run(), { env, cwd })
      assert.deepStrictEqual([unasked.code, unasked.stdout], [2, ""])
      assert.match(unasked.stderr, /1,001 rows of acme\/test\/obeys would run on the hosted service.*--yes/)
      const input = yield* read(join(cwd, "rows.jsonl"))
      const piped = yield* noukai(["batch", "run", "b", obeys, "--input", "-", "--key", "id"], { env, cwd, input })
      assert.strictEqual(piped.code, 2)
      const asked = yield* inTerminal(run(), { env, cwd, columns: 200 })
      yield* asked.awaitOutput("Run them? [y/N] ")
      yield* asked.type("n\r")
      assert.strictEqual(yield* asked.code, 7)
      if (isWhole) {
        const interrupted = yield* inTerminal(run(), { env, cwd })
        yield* interrupted.awaitOutput("[y/N] ")
        yield* interrupted.type(ctrlC)
        assert.strictEqual(yield* interrupted.code, 130)
      }
      assert.deepStrictEqual(yield* list(cwd), ["rows.jsonl"])
    }), 120_000)

  it.scopedLive("runs many rows on the hosted service when it is told to", () =>
    Effect.gen(function*() {
      // nothing leaves this machine
      const offline = "import dns from 'node:dns'; dns.lookup = (...all) => all.at(-1)(new Error('offline'))"
      const env = { NOUKAI_API_KEY: "nk_test", NODE_OPTIONS: `--import=data:text/javascript,${encodeURI(offline)}` }
      const command = yield* inTerminal(run(), { env, cwd: yield* rowsOf(...many(1001, "a")) })
      yield* command.awaitOutput("[y/N] ")
      yield* command.type("y\r")
      yield* command.awaitOutput("of 1001 done")
      yield* command.type(ctrlC)
      yield* command.awaitOutput("a second Ctrl-C stops at once")
      yield* command.type(ctrlC)
      assert.strictEqual(yield* command.code, 130)
    }))

  it.scopedLive("lets what is in flight end at Ctrl-C, and goes on with the rest", () =>
    Effect.gen(function*() {
      const gate = yield* Effect.makeLatch()
      yield* Effect.gen(function*() {
        const env = yield* environment
        const cwd = yield* rowsOf(...many(5, "hang"))
        const command = yield* inTerminal(run("--concurrency", "2"), { env, cwd })
        yield* command.awaitOutput("2 running")
        yield* command.type(ctrlC)
        yield* command.awaitOutput("a second Ctrl-C stops at once")
        yield* gate.open
        assert.strictEqual(yield* command.code, 130)
        assert.match(command.output(), /b: incomplete; 3 pending, 2 done; run the same command to continue/)
        assert.strictEqual((yield* runs).length, 2)
        assert.strictEqual((yield* noukai(run(), { env, cwd })).code, 0)
        assert.strictEqual((yield* runs).length, 5)
      }).pipe(Effect.provide(server({ flows: obeying(gate.await)! })))
    }))

  it.scopedLive("ends at Ctrl-C while rows are typed", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* folder
      for (const does of ["run", "plan"].slice(0, size(2, 1))) {
        const args = ["batch", does, "b", obeys, "--input", "-", "--key", "id"]
        const command = yield* inTerminal(args, { env, cwd })
        yield* command.awaitOutput("reading rows")
        yield* command.type("{\"id\":\"1\"}\r")
        yield* command.awaitOutput("{")
        yield* command.type(ctrlC)
        assert.strictEqual(yield* command.code, 130)
      }
      assert.deepStrictEqual(yield* runs, [])
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("stops at once at a second Ctrl-C, and runs nothing twice", () =>
    Effect.gen(function*() {
      const gate = yield* Effect.makeLatch()
      yield* Effect.gen(function*() {
        const env = yield* environment
        const cwd = yield* rowsOf(...many(5, "hang"))
        const command = yield* inTerminal(run("--concurrency", "2"), { env, cwd, columns: 200 })
        yield* command.awaitOutput("… 0 of 5 done, 0 failed, 2 running")
        yield* command.type(ctrlC)
        yield* command.awaitOutput("a second Ctrl-C stops at once")
        yield* command.type(ctrlC)
        assert.strictEqual(yield* command.code, 130)
        // a prompt stands where no progress is
        assert.isTrue(command.output().endsWith("\r\u001b[2K"))
        yield* gate.open
        const unmatched = yield* noukai(run("--grace", "500ms", "--select", "zz*"), { env, cwd })
        assert.deepStrictEqual([unmatched.code, unmatched.stderr], [
          2,
          "b: incomplete; 2 done, 3 unselected\n" +
          "noukai: no row has a key that matches --select zz*: no row was begun\n"
        ])
        const { stderr } = yield* noukai(run("--grace", "500ms"), { env, cwd })
        assert.strictEqual(stderr, "b: completed; 5 done\n")
        assert.strictEqual((yield* runs).length, 5)
      }).pipe(Effect.provide(server({ flows: obeying(gate.await)! })))
    }))

  it.scopedLive("leaves a ledger to the process that works on it, and may be asked about it meanwhile", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rowsOf("hang", "a")
      const first = yield* inTerminal(run(), { env, cwd })
      yield* first.awaitOutput("1 of 2 done")
      const second = yield* noukai(run(), { env, cwd })
      assert.strictEqual(second.code, 7)
      assert.match(second.stderr, new RegExp(`process ${first.pty.pid} works on this ledger`))
      const status = yield* noukai(["batch", "status", "b"], { cwd })
      assert.match(status.stdout, /^status +running$/m)
      assert.match(status.stdout, /^done +1$/m)
      first.pty.kill("SIGKILL")
      yield* first.code
      const left = yield* noukai(["batch", "status", "b"], { cwd })
      assert.match(left.stdout, /^status +incomplete\nstopped +killed: the process that ran it is gone: run it again/m)
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("runs in one of the processes that begin a ledger at once", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rowsOf("a", "b")
      for (const ledger of ["1", "2"].slice(0, size(2, 1))) {
        const ended = yield* Effect.all(many(5, ledger).map((name) => noukai(run("--ledger", name), { env, cwd })), {
          concurrency: "unbounded"
        })
        // one that came late found all done
        for (const { code, stderr } of ended) assert.include([0, 7], code, stderr)
        assert.include(ended.map(({ code }) => code), 0)
      }
      assert.strictEqual((yield* runs).length, 2)
    }).pipe(Effect.provide(server({ flows }))), 120_000)

  it.scopedLive("shows nothing that moves where the terminal is dumb", () =>
    Effect.gen(function*() {
      const env = { ...yield* environment, TERM: "dumb" }
      const command = yield* watched(run(), { env, cwd: yield* rowsOf("a") })
      assert.strictEqual(yield* command.code, 0)
      assert.strictEqual(command.output(), "b: completed; 1 done\r\n")
    }).pipe(Effect.provide(server({ flows }))))
})

describe("a batch in its ledger", () => {
  it.scopedLive("is told, as text, as JSON, as lines and as a folder", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rowsOf("a", "fail")
      yield* noukai(run(), { env, cwd })
      const asked = (...args: ReadonlyArray<string>) => noukai(["batch", ...args], { cwd })
      const { code, stdout } = yield* asked("status", "b")
      const { definition, states } = JSON.parse((yield* asked("status", "b", "--json")).stdout)
      assert.deepStrictEqual([code, stdout], [
        0,
        `batch       b\nflow        ${obeys}\nversion     production\ndefinition  ${definition.hash}\n` +
        "status      completed\nrows        2\ndone        1\nfailed      1\n"
      ])
      assert.strictEqual(states.failed, 1)
      assert.strictEqual((yield* asked("status", "another", "--ledger", "b.ledger")).code, 2)
      const inOrder = json((yield* asked("results", "b")).stdout)
      assert.deepStrictEqual(inOrder.map(({ no, state }) => [no, state]), [[1, "done"], [2, "failed"]])
      const settled = json((yield* asked("results", "b", "--order", "done")).stdout)
      assert.deepStrictEqual(settled.map(({ settledNo }) => settledNo), [1, 2])
      const report = yield* asked("results", "b", "--out", "report")
      assert.deepStrictEqual([report.code, report.stdout], [0, ""])
      assert.strictEqual(report.stderr, "report: results.jsonl (1), failures.jsonl (1)\n")
      assert.deepStrictEqual(yield* list(join(cwd, "report")), ["failures.jsonl", "manifest.json", "results.jsonl"])
      const csv = yield* asked("results", "b", "--format", "csv", "--with-input")
      assert.match(csv.stdout, /^no,key,at,state,attempt,flow,version,input,input\.message,result,error\.kind,.*\r\n/)
      assert.match(
        csv.stdout,
        /\r\n1,row 1,rows\.jsonl:1,done,1,acme[^,]*,production,,a,said a,,,,.*\r\n2,.*,FlowExecutionError,.*\r\n$/
      )
      const shown = yield* watched(["batch", "results", "b", "--format", "csv"], { cwd })
      assert.strictEqual(yield* shown.code, 0)
      assert.notInclude(shown.output(), "\\r")
      assert.include(shown.output(), "\r\n1,row 1,")
      const [first] = json((yield* asked("results", "b", "--with-input")).stdout)
      assert.deepStrictEqual([first.input, first.version], [{ message: "a" }, "production"])
      for (const flags of [["--order", "done"], ["--format", "csv"]]) {
        assert.strictEqual((yield* asked("results", "b", "--out", "report", ...flags)).code, 2)
      }
      assert.strictEqual((yield* asked("results", "b", "--spreadsheet")).code, 2)
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("is compared with another one, also where ledgers can only be read", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rowsOf("a", "b", "c", "d")
      yield* noukai(run("--cost"), { env, cwd })
      const rows = ["a", "fail", "other"].map((text, n) => `{"id":"row ${n + 1}","text":"${text}"}\n`).join("")
      yield* write(join(cwd, "rows.jsonl"), `${rows}{"id":"row 5","text":"e"}\n`)
      yield* noukai(["batch", "run", "c", obeys, ...mapped, "--cost"], { env, cwd })
      for (const name of ["b.ledger", "c.ledger"]) chmodSync(join(cwd, name), 0o444)
      const diff = (...args: ReadonlyArray<string>) => noukai(["batch", "diff", ...args], { cwd })
      const { code, stderr, stdout } = yield* diff("b.ledger", "c")
      assert.deepStrictEqual([code, stderr], [1, ""])
      const lines = stdout.replace(/\d[\d.]* m?s/g, "TIME").trimEnd().split("\n")
      assert.deepStrictEqual(lines, [
        "changed  row 2: outcome done → failed (FlowExecutionError); $0 → $0; TIME → TIME",
        "changed  row 3: output; $0 → $0; TIME → TIME",
        "  $: was \"said c\", is \"said other\"",
        "removed  row 4: done",
        "added    row 5: done",
        "1 row the same, 2 changed, 1 removed, 1 added; $0 → $0; TIME → TIME on average"
      ])
      const told = json((yield* diff("b.ledger", "c.ledger", "--json")).stdout)
      assert.deepStrictEqual(told.map(({ key, kind }) => [kind, key]), [
        ["changed", "row 2"],
        ["changed", "row 3"],
        ["removed", "row 4"],
        ["added", "row 5"],
        ["summary", undefined]
      ])
      assert.deepInclude(told[4], { same: 1, changed: 2, removed: 1, added: 1 })
      assert.strictEqual(told[0].after.error.code, "NO_LUCK")
      const same = yield* diff("b", "b")
      assert.deepStrictEqual([same.code, same.stdout.split("; ")[0]], [
        0,
        "4 rows the same, 0 changed, 0 removed, 0 added"
      ])
      for (
        const [args, said] of [
          [["b", "none"], /there is no ledger none/],
          [["b", "rows.jsonl"], /rows\.jsonl is not a ledger/],
          [["b", "c", "--id-after", "b"], /the ledger has no batch "b"/]
        ] as const
      ) {
        const wrong = yield* diff(...args)
        assert.deepStrictEqual([wrong.code, wrong.stdout], [2, ""])
        assert.match(wrong.stderr, said)
      }
      chmodSync(join(cwd, "b.ledger"), 0o600)
      yield* noukai(["batch", "run", "two", obeys, ...mapped, "--ledger", "b.ledger"], { env, cwd })
      const several = yield* diff("b", "c")
      assert.deepStrictEqual([several.code, several.stderr.split("\n")[0]], [
        2,
        "noukai: --id-before, --id-after: the id of a batch must be given, since its ledger has several: \"b\", \"two\""
      ])
      assert.strictEqual(
        (yield* diff("b", "c", "--id-before", "b")).stdout.split("; ").length,
        stdout.split("; ").length
      )
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("is compared with costs that have all their digits", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rowsOf("a", "b")
      yield* noukai(["batch", "run", "b", "acme/test/tiny", ...mapped, "--cost"], { env, cwd })
      const { stdout } = yield* noukai(["batch", "diff", "b", "b"], { cwd })
      assert.include(stdout, "; $0.0000000000000000003 → $0.0000000000000000003; ")
      const [{ before }] = json((yield* noukai(["batch", "diff", "b", "b", "--json"], { cwd })).stdout)
      assert.strictEqual(before.costUsd, "0.0000000000000000003")
    }).pipe(Effect.provide(server({
      flows: [{
        ref: "acme/test/tiny",
        steps: [{ kind: "template", id: "a", output: "a", costUsd: "0.00000000000000000015" }]
      }]
    }))))

  it.scopedLive("is compared with costs that are at least so high, where some are unknown", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rowsOf("a")
      yield* noukai(["batch", "run", "b", "acme/test/priced", ...mapped], { env, cwd })
      yield* write(join(cwd, "rows.jsonl"), "{\"id\":\"row 1\",\"text\":\"a\"}\n{\"id\":\"row 2\",\"text\":\"b\"}\n")
      yield* noukai(["batch", "run", "b", "acme/test/priced", ...mapped, "--cost"], { env, cwd })
      const { stdout } = yield* noukai(["batch", "diff", "b", "b"], { cwd })
      assert.include(stdout, "2 rows the same, 0 changed, 0 removed, 0 added; at least $0.01 → at least $0.01; ")
      assert.include(stdout, "; cost unknown of 1 row before, 1 after; ")
      const [{ after, before }] = json((yield* noukai(["batch", "diff", "b", "b", "--json"], { cwd })).stdout)
      for (const side of [before, after]) assert.deepInclude(side, { costUsd: "0.01", unknownCosts: 1 })
    }).pipe(Effect.provide(server({
      flows: [{ ref: "acme/test/priced", steps: [{ kind: "template", id: "a", output: "a", costUsd: "0.01" }] }]
    }))))

  it.scopedLive("is printed no further than somebody reads", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rowsOf(...many(size(300, 30), "x".repeat(5000)))
      yield* noukai(run("--concurrency", "100"), { env, cwd })
      const command = yield* started(["batch", "results", "b"], { cwd })
      command.child.stdout!.once("data", () => command.child.stdout!.destroy())
      assert.strictEqual((yield* command.ended).code, 0)
    }).pipe(Effect.provide(server({ flows, jobs: { workers: 64 } }))), 120_000)

  it.scopedLive("runs rows again that fail, as often as it is told, and prints their attempts", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rowsOf("a", "fail")
      const failed = yield* noukai(run("--attempts", "3", "--backoff", "10ms", "-q"), { env, cwd })
      assert.strictEqual(failed.code, 1)
      assert.strictEqual((yield* runs).length, 4)
      const attempts = json((yield* noukai(["batch", "attempts", "b", "row 2"], { cwd })).stdout)
      assert.deepStrictEqual(attempts.map(({ attempt, error, state }) => [attempt, state, error.code]), [
        [1, "failed", "NO_LUCK"],
        [2, "failed", "NO_LUCK"],
        [3, "failed", "NO_LUCK"]
      ])
      const status = yield* noukai(["batch", "status", "b"], { cwd })
      assert.match(status.stdout, /^failed +1\nretries +2$/m)
      const unknown = yield* noukai(["batch", "attempts", "b", "row 3"], { cwd })
      assert.deepStrictEqual([unknown.code, unknown.stderr.split("\n")[0]], [
        2,
        "noukai: the key \"row 3\" is not that of a row of the batch"
      ])
      for (const flags of [["--attempts", "0"], ["--backoff", "soon"]]) {
        const { code, stderr } = yield* noukai(run(...flags), { env, cwd })
        assert.deepStrictEqual([code, stderr.startsWith(`noukai: ${flags[0]!}`)], [2, true], stderr)
      }
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("is paused and resumed by other processes", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rowsOf("fail", "a", "a")
      yield* noukai(run("--max-failures", "0", "--concurrency", "1"), { env, cwd })
      assert.deepStrictEqual(yield* noukai(["batch", "pause", "b"], { cwd }), {
        code: 0,
        stdout: "paused\n",
        stderr: "rows in flight run to their end; to continue: noukai batch resume b\n"
      })
      const paused = yield* noukai(run(), { env, cwd })
      assert.strictEqual(paused.code, 6)
      assert.match(
        paused.stderr,
        /^b: paused; 2 pending, 1 failed\n(noukai: )?the batch stopped: it is paused; resume it/
      )
      assert.include(paused.stderr, "to continue: noukai batch resume b, then the same command\n")
      assert.match((yield* noukai(["batch", "status", "b"], { cwd })).stdout, /^status +paused$/m)
      assert.strictEqual((yield* runs).length, 1)
      const resumed = yield* noukai(["batch", "resume", "b", "--json", "-q"], { cwd })
      assert.strictEqual(resumed.stdout, "{\"batch\":\"b\",\"status\":\"incomplete\"}\n")
      assert.strictEqual((yield* noukai(run("-q"), { env, cwd })).code, 1)
      assert.strictEqual((yield* runs).length, 3)
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("runs, retries and prints the rows that are selected", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rowsOf("a", "fail", "a")
      const planned = yield* noukai(["batch", "plan", "b", obeys, ...mapped, "--select", "*2"], { env, cwd })
      assert.strictEqual(planned.stdout, "new         3\nunselected  2\ninvalid     0\nrefused     0\nto run      1\n")
      const first = yield* noukai(run("--select", "*3", "--select", "key:*1"), { env, cwd })
      assert.deepStrictEqual(first, { code: 0, stdout: "", stderr: "b: incomplete; 2 done, 1 unselected\n" })
      assert.strictEqual((yield* noukai(run("--select", "state:pending"), { env, cwd })).code, 1)
      const results = yield* noukai(["batch", "results", "b", "--select", "state:done", "--select", "*3"], { cwd })
      assert.deepStrictEqual(json(results.stdout).map(({ key }) => key), ["row 3"])
      const retry = (key: string) => noukai(["batch", "retry", "b", "--only", "failed", "--select", key, "-q"], { cwd })
      assert.deepStrictEqual([(yield* retry("*1")).stdout, (yield* retry("row ?")).stdout], ["0\n", "1\n"])
      const none = yield* noukai(run("--select", "zz*", "--select", "y"), { env, cwd })
      assert.deepStrictEqual([none.code, none.stderr.split("\n")[1]], [
        2,
        "noukai: no row has a key that matches --select zz*, y: no row was begun"
      ])
      for (const state of ["failed", "gone"]) {
        const { code, stderr } = yield* noukai(run("--select", `state:${state}`), { env, cwd })
        assert.deepStrictEqual([code, stderr.startsWith("noukai: --select has the ")], [2, true], stderr)
      }
      assert.strictEqual((yield* runs).length, 3)
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("is stopped for good by cancel", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rowsOf("fail", "a", "a")
      yield* noukai(run("--max-failures", "0", "--concurrency", "1"), { env, cwd })
      assert.deepStrictEqual(yield* noukai(["batch", "cancel", "b", "--json", "-q"], { cwd }), {
        code: 0,
        stdout: "{\"batch\":\"b\",\"cancelled\":2}\n",
        stderr: ""
      })
      const { stderr } = yield* noukai(run(), { env, cwd })
      assert.include(stderr, "\n  to run cancelled rows again: noukai batch retry b --only cancelled\n")
      const unsaid = yield* noukai(["batch", "retry", "b"], { cwd })
      assert.deepStrictEqual([unsaid.code, unsaid.stderr], [2, "noukai: --only is required: --help lists its values\n"])
      assert.strictEqual((yield* runs).length, 1)
    }).pipe(Effect.provide(server({ flows }))))
})

describe("the progress of a batch", () => {
  const progress = {
    batch: "b",
    status: "running" as const,
    rows: 5000,
    done: 120,
    failed: 3,
    reported: 0,
    timedOut: 0,
    uncertain: 1,
    running: 32,
    settled: 123,
    rowsPerSecond: 41.25,
    etaMs: 118_000,
    costUsd: "0.12"
  }

  it("has whole parts in a line that fits, the first ones first", () => {
    assert.strictEqual(
      line(progress, 200),
      "… 120 of 5000 done, 3 failed, 1 uncertain, 32 running, 41.3 rows/s, 1 min 58 s left, $0.12"
    )
    assert.strictEqual(
      line(progress, 80),
      "… 120 of 5000 done, 3 failed, 1 uncertain, 32 running, 41.3 rows/s"
    )
    assert.strictEqual(line({ ...progress, uncertain: 0 }, 30), "… 120 of 5000 done, 3 failed")
    assert.strictEqual(line({ ...progress, reported: 2 }, 45), "… 120 of 5000 done, 3 failed, 2 reported")
  })
})

describe("the advice to retry rows", () => {
  it("is a command with all flags before an id that looks like one", () => {
    const [id, ledger] = ["-x", Option.some("l.ledger")]
    assert.strictEqual(
      retrying({ id, ledger }, "reported"),
      "reported rows may have run; to run and maybe pay them twice: " +
        "noukai batch retry --only reported --accept-double-runs --ledger l.ledger -- -x"
    )
    assert.strictEqual(
      retrying({ id: "b", ledger: Option.none() }, "cancelled"),
      "to run cancelled rows again: noukai batch retry b --only cancelled"
    )
  })
})

describe("the exit code of a batch", () => {
  const states = {
    pending: 0,
    intent: 0,
    uncertain: 0,
    submitted: 0,
    done: 1,
    failed: 0,
    cancelled: 0,
    reported: 0,
    invalid: 0
  }
  const batch = { batch: "b", flow: obeys, status: "completed" as const, rows: 1, states, refused: 0, adopted: 0 }
  const stopped = (reason: BatchStop["reason"], done = 1) =>
    exitCodeOfBatch({ ...batch, status: "incomplete", states: { ...states, done }, stop: { reason, message: "" } })

  it("is that of how it ended", () => {
    assert.strictEqual(exitCodeOfBatch(batch), 0)
    for (const state of ["failed", "cancelled", "reported", "invalid"]) {
      assert.strictEqual(exitCodeOfBatch({ ...batch, states: { ...states, [state]: 1 } }), 1)
    }
    assert.strictEqual(exitCodeOfBatch({ ...batch, refused: 1 }), 1)
    assert.deepStrictEqual(
      [stopped("budget"), stopped("refused"), stopped("unreachable", 0), stopped("interrupted"), stopped("cancelled")],
      [6, 6, 7, 130, 1]
    )
    assert.deepStrictEqual([stopped("paused"), stopped("unselected")], [6, 0])
  })
})
