import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, FastCheck as fc, Fiber, Stream } from "effect"
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import * as Fs from "node:fs/promises"
import { join } from "node:path"
import { anyText } from "../../sdk/test/support/fuzz.js"
import { size } from "../../sdk/test/support/size.js"
import * as BatchReport from "../src/BatchReport.js"
import type { RefusedRow, RowResult } from "../src/BatchRow.js"
import * as BatchSource from "../src/BatchSource.js"
import { openFiles, temporaryFolder } from "./support/temporaryFolder.js"

const rowOf = (no: number, more: Partial<RowResult> = {}): RowResult => ({
  no,
  key: `key-${no}`,
  at: `rows.jsonl:${no}`,
  state: "done",
  attempt: 1,
  flow: "acme/test/echo",
  version: "production",
  result: { grade: no },
  executionId: `run-${no}`,
  adopted: false,
  settledAt: 1_000 + no,
  settledNo: no,
  ...more
})

const failedRow = (no: number, more: Partial<RowResult> = {}): RowResult => {
  const { result: _, ...row } = rowOf(no, { state: "failed", ...more })
  return { ...row, error: { message: "it broke", kind: "FlowExecutionError" } }
}

/** The rows that settled after a number, in that order, as the ledger gives them. */
const ledger = (rows: ReadonlyArray<RowResult>) => (settledNo: number): Stream.Stream<RowResult> =>
  Stream.fromIterable(
    rows.filter((row) => row.settledNo! > settledNo).sort((one, other) => one.settledNo! - other.settledNo!)
  )

const read = (path: string) => Effect.promise(() => Fs.readFile(path, "utf8"))

const put = (path: string, text: string | Uint8Array) => Effect.promise(() => Fs.writeFile(path, text))

const modeOf = (path: string) => Effect.promise(async () => ((await Fs.stat(path)).mode & 0o777).toString(8))

const linesOf = (rows: ReadonlyArray<RowResult>): string =>
  rows.map((row) => `${BatchReport.encodeRow(row)}\n`).join("")

describe("a line", () => {
  it("has its fields in one order", () => {
    const row: RowResult = {
      settledNo: 7,
      settledAt: 5,
      isAttemptsCostUnknown: true,
      attemptsCostUsd: "0.0024",
      costUsd: "0.0012",
      adopted: true,
      executionId: "run",
      result: { b: "two\nlines", a: 1 },
      tokens: { prompt: 3, completion: 4, total: 7 },
      durationMs: 12,
      input: { message: "m" },
      calls: [{ id: "c", tool: "weather", arguments: {}, result: "rain" }],
      steps: { grade: { score: 1 } },
      flow: "acme/test/echo",
      version: "3",
      attempt: 2,
      state: "done",
      at: "rows.jsonl:3",
      key: "k",
      no: 3
    }
    assert.strictEqual(
      BatchReport.encodeRow(row),
      "{\"no\":3,\"key\":\"k\",\"at\":\"rows.jsonl:3\",\"state\":\"done\",\"attempt\":2," +
        "\"flow\":\"acme/test/echo\",\"version\":\"3\"," +
        "\"input\":{\"message\":\"m\"},\"result\":{\"b\":\"two\\nlines\",\"a\":1},\"executionId\":\"run\",\"adopted\":true," +
        "\"costUsd\":\"0.0012\",\"attemptsCostUsd\":\"0.0024\",\"isAttemptsCostUnknown\":true,\"durationMs\":12,\"tokens\":{\"prompt\":3,\"completion\":4,\"total\":7}," +
        "\"calls\":[{\"id\":\"c\",\"tool\":\"weather\",\"arguments\":{},\"result\":\"rain\"}],\"steps\":{\"grade\":{\"score\":1}},\"settledNo\":7}"
    )
    assert.strictEqual(
      BatchReport.encodeRow({
        no: 1,
        key: "k",
        at: "",
        state: "failed",
        attempt: 1,
        flow: "acme/test/echo",
        version: "draft",
        error: { executionIds: ["a"], statusCode: 500, code: "X", message: "m", kind: "K" },
        adopted: false
      }),
      "{\"no\":1,\"key\":\"k\",\"state\":\"failed\",\"attempt\":1,\"flow\":\"acme/test/echo\",\"version\":\"draft\"," +
        "\"error\":{\"kind\":\"K\",\"message\":\"m\",\"code\":\"X\"," +
        "\"statusCode\":500,\"executionIds\":[\"a\"]}}"
    )
  })

  it("has a result whenever the row is done and its result fits", () => {
    for (const result of [undefined, null]) {
      assert.include(BatchReport.encodeRow(rowOf(1, { result })), "\"version\":\"production\",\"result\":null,")
    }
    assert.include(BatchReport.encodeRow(rowOf(1, { result: false })), "\"result\":false,")
    const { result: _, ...misfit } = rowOf(1, { error: { kind: "UnexpectedResult", message: "it does not fit" } })
    assert.notInclude(BatchReport.encodeRow(misfit), "\"result\"")
  })
})

describe("appending", () => {
  const rows = [
    rowOf(3, { settledNo: 1, key: "é🦊\u2028" }),
    failedRow(1, { settledNo: 2 }),
    rowOf(2, { settledNo: 3 })
  ]
  const whole = linesOf(rows)
  const bytes = Buffer.from(whole)

  it.scopedLive("cut off at any byte, the file is whole again", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const path = join(folder, "rows.jsonl")
      const step = size(1, 5)
      for (let end = 0; end <= bytes.length; end += step) {
        const written = bytes.subarray(0, end)
        yield* put(path, written)
        const lines = written.filter((byte) => byte === 0x0a).length
        assert.deepStrictEqual(
          yield* BatchReport.append(path, { after: ledger(rows) }),
          { rows: rows.length - lines, settledNo: 3 },
          `cut at ${end}`
        )
        assert.strictEqual(yield* read(path), whole, `cut at ${end}`)
      }
      assert.deepStrictEqual(yield* openFiles(folder), [])
    }))

  it.scopedLive("room that was made and never written is taken away", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryFolder, "rows.jsonl")
      const end = bytes.indexOf(0x0a) + 1
      for (const size of [end, end + 3, end + 20]) {
        yield* put(path, Buffer.concat([bytes.subarray(0, size), Buffer.alloc(5000)]))
        yield* BatchReport.append(path, { after: ledger(rows) })
        assert.strictEqual(yield* read(path), whole)
      }
    }))

  it.effect.prop(
    "stopped and cut off at random, it has every row once in the end",
    [
      fc.array(fc.record({ key: fc.string({ unit: "grapheme" }), result: fc.jsonValue() }), { maxLength: 12 }),
      fc.array(fc.record({ rows: fc.nat(5), lost: fc.nat(150), settled: fc.nat(12) }), { maxLength: 4 })
    ],
    ([values, stops]) =>
      Effect.scoped(Effect.gen(function*() {
        const path = join(yield* temporaryFolder, "rows.jsonl")
        const all = values.map((value, index) => rowOf(index + 1, { ...value, key: `${index} ${value.key}` }))
        for (const stop of stops) {
          const settled = all.slice(0, stop.settled)
          yield* BatchReport.append(path, {
            after: (settledNo) =>
              Stream.concat(Stream.take(ledger(settled)(settledNo), stop.rows + 1), Stream.fail("killed"))
          }).pipe(Effect.flip, Effect.map((error) => assert.strictEqual(error, "killed")))
          const written = yield* Effect.promise(() => Fs.readFile(path))
          assert.isTrue(Buffer.from(linesOf(all)).subarray(0, written.length).equals(written))
          yield* Effect.promise(() => Fs.truncate(path, Math.max(0, written.length - stop.lost)))
        }
        const { settledNo } = yield* BatchReport.append(path, { after: ledger(all) })
        assert.strictEqual(settledNo, all.length)
        assert.strictEqual(yield* read(path), linesOf(all))
      })),
    { fastCheck: { numRuns: size(40, 6) } }
  )

  it.scopedLive("rows are in the file as they come, and an interruption leaves them there", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const path = join(folder, "rows.jsonl")
      const asked = yield* Deferred.make<void>()
      const live = Stream.concat(
        ledger(rows.slice(0, 2))(0),
        Stream.execute(Effect.zipRight(Deferred.succeed(asked, undefined), Effect.never))
      )
      const fiber = yield* Effect.fork(BatchReport.append(path, { after: () => live }))
      yield* Deferred.await(asked)
      assert.strictEqual(yield* read(path), linesOf(rows.slice(0, 2)))
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* openFiles(folder), [])
      yield* BatchReport.append(path, { after: ledger(rows) })
      assert.strictEqual(yield* read(path), whole)
    }))

  it.scopedLive("a row that settles again has a second line", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryFolder, "rows.jsonl")
      const again = [rowOf(3, { settledNo: 1 }), failedRow(1, { settledNo: 2 })]
      yield* BatchReport.append(path, { after: ledger(again) })
      const retried = [again[0]!, rowOf(1, { settledNo: 3, attempt: 2 })]
      assert.deepStrictEqual(yield* BatchReport.append(path, { after: ledger(retried) }), { rows: 1, settledNo: 3 })
      assert.strictEqual(yield* read(path), linesOf([...again, retried[1]!]))
    }))

  it.scopedLive("what was written by something else is refused, and left as it is", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const path = join(folder, "notes.txt")
      const line = linesOf([rows[0]!])
      const unsettled = linesOf([rowOf(1)]).replace(",\"settledNo\":1", "")
      for (
        const text of [
          "notes",
          "notes\n",
          "{}",
          "{}\n",
          "{\"no\":1}\n",
          "\n",
          "\0\0\0\0",
          "[1]\n",
          unsettled,
          `notes\n${line}`,
          `${line}notes`,
          `${line}notes\n`,
          `${line}\n`,
          `${unsettled}${line}`,
          `${line}{"no":1,"id":`,
          `${line}${"x".repeat(200_000)}`,
          linesOf([rowOf(1, { settledNo: 2 }), rowOf(2, { settledNo: 1 })]),
          `${line}${line}\0\0\n`,
          // other batches
          linesOf([rowOf(3, { settledNo: 1 })]),
          linesOf([rowOf(4, { settledNo: 1, key: rows[0]!.key })]),
          linesOf([{ ...rows[0]!, attempt: 2 }]),
          linesOf([{ ...rows[0]!, executionId: "another" }]),
          // longer ones
          linesOf([rowOf(3, { settledNo: 1 }), ...[2, 3, 4, 5].map((no) => rowOf(no, { settledNo: no }))]),
          linesOf([{ ...rows[0]!, executionId: "another" }, ...[2, 3, 4].map((no) => rowOf(no, { settledNo: no }))]),
          `${linesOf([rowOf(3, { settledNo: 1 })])}{"no":`
        ]
      ) {
        yield* put(path, text)
        const error = yield* Effect.flip(BatchReport.append(path, { after: ledger(rows) }))
        assert.strictEqual(error._tag, "BatchReportError", text)
        assert.strictEqual(error.path, path)
        assert.include(error.reason, "is left unchanged")
        assert.strictEqual(yield* read(path), text)
      }
      assert.deepStrictEqual(yield* openFiles(folder), [])
    }))

  it.scopedLive("a file whose last rows were run again is gone on with", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryFolder, "rows.jsonl")
      const before = [rowOf(1), failedRow(2), failedRow(3)]
      yield* BatchReport.append(path, { after: ledger(before) })
      // pending again, and then done
      assert.deepStrictEqual(yield* BatchReport.append(path, { after: ledger([rowOf(1)]) }), { rows: 0, settledNo: 3 })
      const after = [rowOf(1), rowOf(2, { settledNo: 4, attempt: 2 })]
      assert.deepStrictEqual(yield* BatchReport.append(path, { after: ledger(after) }), { rows: 1, settledNo: 4 })
      assert.strictEqual(yield* read(path), linesOf([...before, after[1]!]))
      // all of them
      const anew = [rowOf(1, { settledNo: 5, attempt: 2 })]
      assert.deepStrictEqual(yield* BatchReport.append(path, { after: ledger(anew) }), { rows: 1, settledNo: 5 })
    }))

  it.scopedLive("a file in input order is refused", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryFolder, "rows.jsonl")
      const rows = [rowOf(1, { settledNo: 3 }), rowOf(2, { settledNo: 2 }), rowOf(3, { settledNo: 1 })]
      yield* BatchReport.write(path, Stream.fromIterable(rows))
      const error = yield* Effect.flip(BatchReport.append(path, { after: ledger(rows) }))
      assert.include(error.reason, "its rows do not stand in the order in which they settled")
      assert.strictEqual(yield* read(path), linesOf(rows))
    }))

  it.scopedLive("what is no plain file, or has no folder, is refused", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const [file, pipe] = [join(folder, "file"), join(folder, "pipe")]
      yield* Effect.promise(() => Fs.writeFile(file, ""))
      execFileSync("mkfifo", [pipe])
      for (
        const [path, reason] of [
          [folder, "it is a folder, not a plain file"],
          [pipe, "it is a pipe, not a plain file"],
          ["/dev/null", "it is a device, not a plain file"],
          [join(folder, "missing", "rows.jsonl"), "its folder does not exist"],
          [join(file, "rows.jsonl"), "its path leads through a file that is not a folder"]
        ] as const
      ) {
        const appended = yield* Effect.flip(BatchReport.append(path, { after: ledger(rows) }))
        assert.deepStrictEqual([appended.path, appended.reason], [path, reason])
        const written = yield* Effect.flip(BatchReport.write(path, Stream.empty))
        assert.deepStrictEqual([written.path, written.reason], [path, reason])
      }
    }))

  it.scopedLive("rows that are not settled, come out of order or are no JSON are errors", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryFolder, "rows.jsonl")
      const { settledNo: _, ...unsettled } = rowOf(2)
      for (
        const [bad, reason] of [
          [[rowOf(1), unsettled], "row 2 is not settled"],
          [[rowOf(1), rowOf(2, { settledNo: 1 })], "the row that settled as number 1 came after number 1"],
          [[rowOf(1), rowOf(2, { result: 1n })], "the result of row 2 cannot be written as JSON"]
        ] as const
      ) {
        const error = yield* Effect.flip(
          BatchReport.append(path, { after: () => Stream.rechunk(Stream.fromIterable<RowResult>(bad), 1) })
        )
        assert.strictEqual(error.reason, reason)
        assert.strictEqual(yield* read(path), linesOf([rowOf(1)]))
        yield* Effect.promise(() => Fs.rm(path))
      }
    }))

  it.scopedLive("another process that writes to the file is noticed", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryFolder, "rows.jsonl")
      const other = Effect.promise(() => Fs.appendFile(path, "more\n"))
      for (const last of [Stream.make(rowOf(2)), Stream.empty]) {
        yield* put(path, "")
        const after = () => Stream.make(rowOf(1)).pipe(Stream.concat(Stream.execute(other)), Stream.concat(last))
        const error = yield* Effect.flip(BatchReport.append(path, { after }))
        assert.strictEqual(error.reason, "another process writes to it")
        assert.strictEqual(yield* read(path), `${linesOf([rowOf(1)])}more\n`)
      }
    }))

  it.scopedLive("a new file is for its owner alone, and one that exists keeps its mode", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryFolder, "rows.jsonl")
      yield* BatchReport.append(path, { after: ledger(rows.slice(0, 1)) })
      assert.strictEqual(yield* modeOf(path), "600")
      yield* Effect.promise(() => Fs.chmod(path, 0o640))
      yield* BatchReport.append(path, { after: ledger(rows) })
      assert.strictEqual(yield* modeOf(path), "640")
    }))

  it.scopedLive("long lines and many rows", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryFolder, "rows.jsonl")
      const many = Array.from({ length: 3000 }, (_, index) =>
        rowOf(index + 1, index % 1000 === 0 ? { result: "x".repeat(300_000 + index) } : {}))
      yield* BatchReport.append(path, { after: ledger(many.slice(0, 1001)), syncInterval: 0 })
      const { size } = yield* Effect.promise(() =>
        Fs.stat(path)
      )
      yield* Effect.promise(() => Fs.truncate(path, size - 100_000))
      assert.deepStrictEqual(yield* BatchReport.append(path, { after: ledger(many) }), { rows: 2000, settledNo: 3000 })
      assert.strictEqual(yield* read(path), linesOf(many))
    }))
})

describe("a whole file", () => {
  const rows = [rowOf(1, { settledNo: 2 }), failedRow(2, { settledNo: 1 }), rowOf(5)]

  it.scopedLive("takes the place of the old one, for its owner alone", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const path = join(folder, "rows.jsonl")
      yield* put(path, "old")
      const written = yield* BatchReport.write(path, Stream.fromIterable(rows))
      const text = yield* read(path)
      assert.strictEqual(text, linesOf(rows))
      assert.deepStrictEqual(written, {
        lines: 3,
        bytes: Buffer.byteLength(text),
        sha256: createHash("sha256").update(text).digest("hex")
      })
      assert.strictEqual(yield* modeOf(path), "600")
      assert.deepStrictEqual(yield* Effect.promise(() => Fs.readdir(folder)), ["rows.jsonl"])
    }))

  it.scopedLive("the old one stays when the rows fail, are interrupted or come out of order", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const path = join(folder, "rows.jsonl")
      yield* put(path, "old")
      const some = Stream.fromIterable(rows)
      assert.strictEqual(
        yield* Effect.flip(BatchReport.write(path, Stream.concat(some, Stream.fail("broken")))),
        "broken"
      )

      const begun = yield* Deferred.make<void>()
      const held = Stream.concat(
        some,
        Stream.execute(Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never))
      )
      const fiber = yield* Effect.fork(BatchReport.write(path, held))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)

      const error = yield* Effect.flip(BatchReport.write(path, Stream.concat(some, some)))
      assert.strictEqual(error.reason, "row 1 came after row 5: they are no rows in input order")
      assert.strictEqual(yield* read(path), "old")
      assert.deepStrictEqual(yield* Effect.promise(() => Fs.readdir(folder)), ["rows.jsonl"])
      assert.deepStrictEqual(yield* openFiles(folder), [])
    }))

  it.scopedLive("a link stays a link", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const [path, link] = [join(folder, "rows.jsonl"), join(folder, "link")]
      yield* put(path, "old")
      yield* Effect.promise(() => Fs.symlink(path, link))
      yield* BatchReport.write(link, Stream.fromIterable(rows))
      assert.strictEqual(yield* Effect.promise(() => Fs.readlink(link)), path)
      assert.strictEqual(yield* read(path), linesOf(rows))
    }))

  it.scopedLive("no rows are an empty file", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryFolder, "rows.jsonl")
      assert.deepInclude(yield* BatchReport.write(path, Stream.empty), { lines: 0, bytes: 0 })
      assert.strictEqual(yield* read(path), "")
    }))
})

describe("a folder", () => {
  const misfit = failedRow(7, { state: "done" })
  const { settledNo: _, ...unsettled } = failedRow(8, { state: "uncertain" })
  const { settledNo: __, ...timedOut } = failedRow(9, { state: "submitted" })
  const rows: ReadonlyArray<RowResult> = [
    rowOf(1),
    failedRow(2),
    failedRow(3, { state: "reported" }),
    failedRow(4, { state: "cancelled" }),
    failedRow(5, { state: "invalid" }),
    rowOf(6),
    misfit,
    unsettled,
    timedOut
  ]
  const refused: ReadonlyArray<RefusedRow> = [
    { at: "rows.jsonl:8", key: "key-1", error: { message: "line 1 has it, too", kind: "DuplicateKey" } },
    { at: "rows.jsonl:9", error: { kind: "InvalidRow", message: "it is not JSON" } }
  ]
  const summary = { batch: "grades", flow: "acme/grade", version: "1.2.0", startedAt: 0, finishedAt: 1_500 }
  const options = { rows: Stream.fromIterable(rows), refused: Stream.fromIterable(refused), summary }

  it.scopedLive("has results, failures and a manifest that fits them", () =>
    Effect.gen(function*() {
      const folder = join(yield* temporaryFolder, "report")
      const manifest = yield* BatchReport.toFolder(folder, options)
      const results = yield* read(join(folder, "results.jsonl"))
      const failures = yield* read(join(folder, "failures.jsonl"))
      assert.strictEqual(results, linesOf([rows[0]!, rows[5]!]))
      assert.strictEqual(
        failures,
        linesOf([...rows.slice(1, 5), misfit, timedOut]) +
          "{\"key\":\"key-1\",\"at\":\"rows.jsonl:8\",\"state\":\"refused\",\"error\":{\"kind\":\"DuplicateKey\",\"message\":\"line 1 has it, too\"}}\n" +
          "{\"at\":\"rows.jsonl:9\",\"state\":\"refused\",\"error\":{\"kind\":\"InvalidRow\",\"message\":\"it is not JSON\"}}\n"
      )
      const fileOf = (text: string) => ({
        lines: text.split("\n").length - 1,
        bytes: Buffer.byteLength(text),
        sha256: createHash("sha256").update(text).digest("hex")
      })
      assert.deepStrictEqual(manifest, {
        format: "noukai-batch/1",
        batch: "grades",
        flow: "acme/grade",
        version: "1.2.0",
        startedAt: "1970-01-01T00:00:00.000Z",
        finishedAt: "1970-01-01T00:00:01.500Z",
        rows: 9,
        states: {
          pending: 0,
          intent: 0,
          uncertain: 1,
          submitted: 1,
          done: 3,
          failed: 1,
          cancelled: 1,
          reported: 1,
          invalid: 1
        },
        refused: 2,
        files: { "results.jsonl": fileOf(results), "failures.jsonl": fileOf(failures) }
      })
      const text = yield* read(join(folder, "manifest.json"))
      assert.deepStrictEqual(JSON.parse(text), manifest)
      for (const name of ["results.jsonl", "failures.jsonl", "manifest.json"]) {
        assert.strictEqual(yield* modeOf(join(folder, name)), "600")
      }
      assert.strictEqual(yield* modeOf(folder), "700")

      yield* BatchReport.toFolder(folder, options)
      assert.strictEqual(yield* read(join(folder, "manifest.json")), text)
      assert.lengthOf(yield* Effect.promise(() => Fs.readdir(folder)), 3)
    }))

  it.scopedLive("the old files stay when the rows fail", () =>
    Effect.gen(function*() {
      const folder = join(yield* temporaryFolder, "report")
      yield* BatchReport.toFolder(folder, options)
      const names = ["failures.jsonl", "manifest.json", "results.jsonl"]
      const before = yield* Effect.forEach(names, (name) => read(join(folder, name)))
      const failing = { ...options, refused: Stream.fail("broken") }
      assert.strictEqual(yield* Effect.flip(BatchReport.toFolder(folder, failing)), "broken")
      assert.deepStrictEqual(yield* Effect.forEach(names, (name) => read(join(folder, name))), before)
      assert.deepStrictEqual(yield* Effect.promise(async () => (await Fs.readdir(folder)).sort()), names)
    }))

  it.scopedLive("a folder that cannot be made, and a time that is none, are refused", () =>
    Effect.gen(function*() {
      const parent = yield* temporaryFolder
      const missing = yield* Effect.flip(BatchReport.toFolder(join(parent, "a", "b"), options))
      assert.deepStrictEqual([missing._tag, missing.reason], ["BatchReportError", "its folder does not exist"])
      const file = join(yield* temporaryFolder, "report.jsonl")
      yield* Effect.promise(() => Fs.writeFile(file, "kept"))
      const occupied = yield* Effect.flip(BatchReport.toFolder(file, options))
      assert.deepStrictEqual([occupied.path, occupied.reason], [file, "it is a file, and no folder"])
      const within = yield* Effect.flip(BatchReport.toFolder(join(file, "report"), options))
      assert.strictEqual(within.reason, "its path leads through a file that is not a folder")
      assert.strictEqual(yield* read(file), "kept")
      const times = { ...options, summary: { ...summary, finishedAt: NaN } }
      const error = yield* Effect.flip(BatchReport.toFolder(join(parent, "report"), times))
      assert.strictEqual(error.reason, "finishedAt is no time: NaN")
      assert.deepStrictEqual(yield* Effect.promise(() => Fs.readdir(parent)), [])
    }))
})

describe("CSV", () => {
  const text = (rows: ReadonlyArray<RowResult>, options?: { readonly spreadsheet: boolean }) =>
    Stream.mkString(BatchReport.csv(Stream.fromIterable(rows), options))

  /** The records of CSV, by the names of their columns. */
  const records = (csv: string) => {
    const source = BatchSource.fromCsvBytes(Stream.make(new TextEncoder().encode(csv)), "rows.csv", { delimiter: "," })
    return Effect.map(Stream.runCollect(source.rows), (rows) =>
      Array.from(rows, (row) => {
        assert(row._tag === "Row", JSON.stringify(row))
        return row.value
      }))
  }

  it.effect("has a column for each field of a result and an input, quotes, and ends lines with CRLF", () =>
    Effect.gen(function*() {
      const { result: _, ...invalid } = rowOf(3, {
        state: "invalid",
        error: { kind: "InvalidRow", message: "no, \"text\"" }
      })
      const rows = [
        rowOf(1, {
          result: { score: 7, note: "a \"b\",\r\nc" },
          input: { message: "m" },
          costUsd: "0.01",
          attemptsCostUsd: "0.03",
          durationMs: 12
        }),
        rowOf(2, {
          result: { tags: ["x", 1], note: null },
          tokens: { prompt: 3, completion: 4, total: 7 },
          adopted: true
        }),
        invalid
      ]
      assert.strictEqual(
        yield* text(rows),
        "no,key,at,state,attempt,flow,version,input,input.message,result,result.score,result.note,result.tags,error.kind,error.message," +
          "error.code,executionId,adopted,costUsd,isCostUnknown,attemptsCostUsd,isAttemptsCostUnknown,durationMs,tokens.prompt,tokens.completion,tokens.total,settledNo\r\n" +
          "1,key-1,rows.jsonl:1,done,1,acme/test/echo,production,,m,,7,\"a \"\"b\"\",\r\nc\",,,,,run-1,false,0.01,,0.03,,12,,,,1\r\n" +
          "2,key-2,rows.jsonl:2,done,1,acme/test/echo,production,,,,,,\"[\"\"x\"\",1]\",,,,run-2,true,,,,,,3,4,7,2\r\n" +
          "3,key-3,rows.jsonl:3,invalid,1,acme/test/echo,production,,,,,,,InvalidRow,\"no, \"\"text\"\"\",,run-3,false,,,,,,,,,3\r\n"
      )
      assert.strictEqual((yield* text([])).split("\r\n").length, 2)
    }))

  it.effect("has results of other shapes, or of too many fields, in one column", () =>
    Effect.gen(function*() {
      const results = ["text", 1.5, true, [1], {}, null, new Date(0), { big: 10n ** 20n }]
      const found = yield* Effect.flatMap(text(results.map((result, n) => rowOf(n + 1, { result }))), records)
      assert.deepStrictEqual(found.map(({ result }) => result), [
        "text",
        "1.5",
        "true",
        "[1]",
        "{}",
        "",
        "1970-01-01T00:00:00.000Z",
        ""
      ])
      assert.strictEqual(found[7]!["result.big"], "100000000000000000000")
      const wide = Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`f${n}`, n]))
      const [row] = yield* Effect.flatMap(text([rowOf(1, { result: wide })]), records)
      assert.deepStrictEqual(JSON.parse(row!.result!), wide)
      assert.notProperty(row, "result.f0")
    }))

  it.effect.prop("is read back as it was, and as text of a spreadsheet", [
    fc.array(
      fc.record({
        key: anyText({ minLength: 1 }),
        result: fc.dictionary(fc.string(), fc.jsonValue())
      })
    )
  ], ([given]) =>
    Effect.gen(function*() {
      const whole = (text: string) => text.replace(/\p{Surrogate}/gu, "\ufffd")
      const rows = given.map((one, n) => rowOf(n + 1, { key: whole(one.key), result: one.result }))
      const [plain, escaped] = [
        yield* Effect.flatMap(text(rows), records),
        yield* Effect.flatMap(text(rows, { spreadsheet: true }), records)
      ]
      assert.deepStrictEqual(plain.map(({ key }) => key), rows.map(({ key }) => key))
      for (const [n, record] of escaped.entries()) {
        for (const [column, cell] of Object.entries(record)) {
          const before = plain[n]![column]!
          assert.include([before, `'${before}`], cell)
          if (/^[=+\-@\t\r\n]/.test(cell)) assert.isTrue(Number.isFinite(Number(cell)), cell)
        }
      }
    }))

  it.effect("escapes what a spreadsheet takes for a formula where it is asked to, and no number", () =>
    Effect.gen(function*() {
      const danger = ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "\n=1", "＝1", "=HYPERLINK(\"x\",\"y\")"]
      const rows = danger.map((cell, n) => rowOf(n + 1, { key: cell, result: { a: cell, b: -1, c: `a${cell}` } }))
      const [plain, escaped] = [
        yield* Effect.flatMap(text(rows), records),
        yield* Effect.flatMap(text(rows, { spreadsheet: true }), records)
      ]
      assert.deepStrictEqual(plain.map((row) => [row.key, row["result.a"]]), danger.map((cell) => [cell, cell]))
      assert.deepStrictEqual(
        escaped.map((row) => [row.key, row["result.a"], row["result.b"], row["result.c"]]),
        danger.map((cell) => [`'${cell}`, `'${cell}`, "-1", `a${cell}`])
      )
    }))
})
