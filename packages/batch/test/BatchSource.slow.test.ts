import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, FastCheck as fc, Fiber, Stream } from "effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs/promises"
import { join } from "node:path"
import { size } from "../../sdk/test/support/size.js"
import type { BatchSourceError } from "../src/BatchError.js"
import * as BatchSource from "../src/BatchSource.js"
import { openFiles, temporaryFolder } from "./support/temporaryFolder.js"

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

/** The bytes in parts of these sizes, taken in turn. */
const cut = (bytes: Uint8Array, sizes: ReadonlyArray<number>): Array<Uint8Array> => {
  const parts: Array<Uint8Array> = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? bytes.length
    parts.push(bytes.slice(at, at + size))
    at += size
  }
  return parts
}

const streamOf = (parts: ReadonlyArray<Uint8Array>): Stream.Stream<Uint8Array> =>
  Stream.fromIterable(parts).pipe(Stream.rechunk(1))

const collect = <Row, E>(source: BatchSource.BatchSource<Row, E>) =>
  Effect.map(Stream.runCollect(source.rows), Chunk.toReadonlyArray)

const readJsonl = (text: string | Uint8Array, options?: BatchSource.JsonlOptions, sizes: ReadonlyArray<number> = []) =>
  collect(BatchSource.fromJsonlBytes(
    streamOf(cut(typeof text === "string" ? encode(text) : text, sizes)),
    "rows.jsonl",
    options
  ))

const readCsv = (text: string | Uint8Array, options?: BatchSource.CsvOptions, sizes: ReadonlyArray<number> = []) =>
  collect(BatchSource.fromCsvBytes(
    streamOf(cut(typeof text === "string" ? encode(text) : text, sizes)),
    "rows.csv",
    options
  ))

const row = <Row>(at: string, value: Row): BatchSource.SourceRow<Row> => ({ _tag: "Row", at, value })

const unreadable = (at: string, reason: string): BatchSource.SourceRow<never> => ({ _tag: "Unreadable", at, reason })

/** The rows that are read, and the error that ends them. */
const untilError = <Row, E>(source: BatchSource.BatchSource<Row, E>) =>
  Effect.gen(function*() {
    const rows: Array<BatchSource.SourceRow<Row>> = []
    const error = yield* Stream.runForEach(source.rows, (one) => Effect.sync(() => rows.push(one))).pipe(Effect.flip)
    return { rows, error }
  })

const brief = (error: BatchSourceError) => [error._tag, error.source, error.line, error.reason]

const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 5 })

describe("lines of JSON", () => {
  it.effect.prop(
    "however the bytes are cut, the rows and their lines are those of the text",
    [
      fc.array(fc.oneof(fc.json(), fc.constantFrom("", "  ", "\t", "{\"name\": \"Zoë 🦊", "nul", "\u2028")), {
        maxLength: 12
      }),
      fc.constantFrom("\n", "\r\n"),
      fc.boolean(),
      fc.boolean(),
      sizes
    ],
    ([lines, newline, mark, last, sizes]) =>
      Effect.gen(function*() {
        const text = lines.join(newline) + (last ? newline : "")
        const model = text.split("\n").flatMap((line, index) => {
          if (/^[ \t\r]*$/.test(line)) return []
          const at = `rows.jsonl:${index + 1}`
          try {
            return [row(at, JSON.parse(line) as unknown)]
          } catch {
            return [unreadable(at, `it is not JSON: ${JSON.stringify(line.trim())}`)]
          }
        })
        assert.deepStrictEqual(yield* readJsonl((mark ? "\ufeff" : "") + text, {}, sizes), model)
      })
  )

  it.effect("a line that is no JSON is shown by its beginning, and those after it are read", () =>
    Effect.gen(function*() {
      const long = `${"x".repeat(39)}🦊 a secret at the end`
      assert.deepStrictEqual(yield* readJsonl(`{"a":1}\n{"a":\n${long}\n{"a":2}`), [
        row("rows.jsonl:1", { a: 1 }),
        unreadable("rows.jsonl:2", "it is not JSON: \"{\\\"a\\\":\""),
        unreadable("rows.jsonl:3", `it is not JSON: "${"x".repeat(39)}…"`),
        row("rows.jsonl:4", { a: 2 })
      ])
    }))

  it.effect("a line above the limit is unreadable, wherever it is cut", () =>
    Effect.gen(function*() {
      const text = `"12345678"\n"123456789"\n\n1\n"${"x".repeat(100)}"`
      for (const size of [1, 3, 11, 50, 1000]) {
        assert.deepStrictEqual(yield* readJsonl(text, { maxLineBytes: 10 }, [size]), [
          row("rows.jsonl:1", "12345678"),
          unreadable("rows.jsonl:2", "it is longer than 10 bytes"),
          row("rows.jsonl:4", 1),
          unreadable("rows.jsonl:5", "it is longer than 10 bytes")
        ])
      }
    }))

  it.effect("a line without an end is not held", () =>
    Effect.gen(function*() {
      const piece = new Uint8Array(1024 * 1024).fill(0x78)
      const endless = Stream.repeatValue(piece).pipe(Stream.rechunk(1), Stream.take(2000))
      const before = process.memoryUsage().rss
      const rows = yield* collect(BatchSource.fromJsonlBytes(endless, "rows.jsonl"))
      assert.deepStrictEqual(rows, [unreadable("rows.jsonl:1", "it is longer than 16777216 bytes")])
      assert.isBelow(process.memoryUsage().rss - before, 500 * 1024 * 1024)
    }))

  it.effect("a line that is no UTF-8 is unreadable", () =>
    Effect.gen(function*() {
      const bytes = Buffer.concat([
        encode("\"é\"\n\""),
        new Uint8Array([0xc3]),
        encode("\"\n\"ü\"\n"),
        new Uint8Array([0xff])
      ])
      for (const size of [1, 2, 5, 1000]) {
        assert.deepStrictEqual(yield* readJsonl(bytes, {}, [size]), [
          row("rows.jsonl:1", "é"),
          unreadable("rows.jsonl:2", "it is not UTF-8"),
          row("rows.jsonl:3", "ü"),
          unreadable("rows.jsonl:4", "it is not UTF-8")
        ])
      }
    }))

  it.effect("a key __proto__ is a key as any other", () =>
    Effect.gen(function*() {
      const [one] = yield* readJsonl("{\"__proto__\":{\"admin\":true}}")
      assert.isTrue(one?._tag === "Row")
      const value = (one as { readonly value: object }).value
      assert.deepStrictEqual(Object.getOwnPropertyNames(value), ["__proto__"])
      assert.strictEqual(Object.getPrototypeOf(value), Object.prototype)
      assert.notProperty({}, "admin")
    }))

  it.effect("nothing but a byte order mark has no rows", () =>
    Effect.gen(function*() {
      for (const text of ["", "\ufeff", "\n\n", "\ufeff\n"]) assert.deepStrictEqual(yield* readJsonl(text, {}, [1]), [])
      assert.deepStrictEqual(yield* readJsonl("1", {}, [1]), [row("rows.jsonl:1", 1)])
    }))

  it.effect("what is no text in UTF-8 from its first bytes on is refused", () =>
    Effect.gen(function*() {
      for (
        const [bytes, word] of [
          [Buffer.from("\ufeff{}\n", "utf16le"), "UTF-16"],
          [Buffer.from([0xfe, 0xff]), "UTF-16"],
          [Buffer.from([0x1f, 0x8b, 8, 0]), "gzip"],
          [Buffer.from("PK\u0003\u0004"), "ZIP"]
        ] as const
      ) {
        const error = yield* Effect.flip(readJsonl(bytes, {}, [1]))
        assert.include(error.reason, word)
        assert.strictEqual(error.line, 1)
      }
    }))

  it.effect("the error of the bytes is the error of the rows", () =>
    Effect.gen(function*() {
      const broken = Stream.concat(streamOf([encode("1\n2")]), Stream.fail("reset"))
      const read = yield* untilError(BatchSource.fromJsonlBytes(broken, "rows.jsonl"))
      assert.deepStrictEqual(read, { rows: [row("rows.jsonl:1", 1)], error: "reset" })
    }))

  it.effect("a source can be read again", () =>
    Effect.gen(function*() {
      const source = BatchSource.fromJsonlBytes(streamOf([encode("\ufeff1\n2")]), "rows.jsonl")
      const first = yield* collect(source)
      assert.lengthOf(first, 2)
      assert.deepStrictEqual(yield* collect(source), first)
    }))
})

/** The parts, each in the same bytes of memory. */
const reused = (parts: ReadonlyArray<Uint8Array>): Stream.Stream<Uint8Array> =>
  Stream.suspend(() => {
    const memory = new Uint8Array(Math.max(...parts.map((part) => part.length)))
    return Stream.mapEffect(streamOf(parts), (part) =>
      Effect.sync(() => {
        memory.fill(0x21)
        memory.set(part)
        return memory.subarray(0, part.length)
      }))
  })

it.effect("bytes may come in the same memory each time", () =>
  Effect.gen(function*() {
    for (const size of [1, 2, 5]) {
      const lines = reused(cut(encode("\ufeff{\"id\":\"1\"}\n{\"id\":\"2\"}"), [size]))
      assert.deepStrictEqual(yield* collect(BatchSource.fromJsonlBytes(lines, "rows.jsonl")), [
        row("rows.jsonl:1", { id: "1" }),
        row("rows.jsonl:2", { id: "2" })
      ])
      const records = reused(cut(encode("\ufeffid\n1\n\"2\"\n"), [size]))
      assert.deepStrictEqual(yield* collect(BatchSource.fromCsvBytes(records, "rows.csv")), [
        row("rows.csv:2", { id: "1" }),
        row("rows.csv:3", { id: "2" })
      ])
    }
  }))

/** A record as RFC 4180 writes it. */
const written = (values: ReadonlyArray<string>, delimiter: string, quoted: boolean): string =>
  values.map((value) =>
    quoted || value === "" || value.includes(delimiter.slice(0, 1)) || /["\r\n]/.test(value)
      ? `"${value.replaceAll("\"", "\"\"")}"`
      : value
  ).join(delimiter)

const text = fc.string({
  unit: fc.constantFrom("a", "1", " ", "\"", "\n", "\r\n", "\r", ",", ";", "||", "|", "é", "🦊", "\0", "\t"),
  maxLength: 6
})

describe("CSV", () => {
  it.effect.prop(
    "however the bytes are cut, the rows and their lines are those that were written",
    [
      fc.array(fc.array(text, { minLength: 1, maxLength: 3 }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 3 }),
      fc.record({
        delimiter: fc.constantFrom(",", ";", "\t", "||"),
        newline: fc.constantFrom("\n", "\r\n"),
        quoted: fc.boolean(),
        mark: fc.boolean(),
        last: fc.boolean(),
        header: fc.boolean(),
        empty: fc.integer({ min: 0, max: 2 })
      }),
      sizes
    ],
    ([records, width, { delimiter, empty, header, last, mark, newline, quoted }, sizes]) =>
      Effect.gen(function*() {
        const columns = ["id", "na\nme", "__proto__"].slice(0, width)
        const all = header ? [columns, ...records] : records
        const model: Array<BatchSource.SourceRow<BatchSource.CsvRow>> = []
        let text = mark ? "\ufeff" : ""
        let line = 1
        all.forEach((values, index) => {
          const one = newline.repeat(empty) + written(values, delimiter, quoted)
          const at = `rows.csv:${line + empty}`
          text += one + (index < all.length - 1 || last ? newline : "")
          line += one.split("\n").length
          if (header && index === 0) return
          model.push(
            values.length === width
              ? row(at, Object.fromEntries(columns.map((column, index) => [column, values[index]!])))
              : unreadable(
                at,
                `it has ${values.length} field${values.length === 1 ? "" : "s"} in place of ${width}`
              )
          )
        })
        const read = yield* readCsv(text, header ? { delimiter } : { delimiter, columns }, sizes)
        assert.deepStrictEqual(read, model)
      })
  )

  it.effect("a record with a stray quote is unreadable, and those after it are read", () =>
    Effect.gen(function*() {
      const reason = "a quote stands where none may: put the value in quotes, and write each quote in it twice"
      const text = "id,size\n1,5\" pipe\n2,\"5\" pipe\n\n3,\"5\"\" pipe\"\r\n4, \"a\"\n\"5\"\n6,ok"
      for (const size of [1, 2, 7, 1000]) {
        assert.deepStrictEqual(yield* readCsv(text, {}, [size]), [
          unreadable("rows.csv:2", reason),
          unreadable("rows.csv:3", reason),
          row("rows.csv:5", { id: "3", size: "5\" pipe" }),
          unreadable("rows.csv:6", reason),
          unreadable("rows.csv:7", "it has 1 field in place of 2"),
          row("rows.csv:8", { id: "6", size: "ok" })
        ])
      }
    }))

  const alone = "a CR stands alone: lines end with LF or CR LF, and a CR in a value is put in quotes"

  it.effect("a file whose lines end with CR alone is refused by its header", () =>
    Effect.gen(function*() {
      const texts = [
        "id,text\r1,a\r2,b\r",
        "id\r1",
        "\"id\",\"text\"\r\"1\",\"a\"\r",
        "id,text\r",
        "id\r\r\n1\r\r\n",
        "\"id\"\r1\n"
      ]
      for (const text of texts) {
        for (const size of [1, 2, 1000]) {
          const error = yield* Effect.flip(readCsv(text, {}, [size]))
          assert.deepStrictEqual([error.line, error.reason], [1, `the header cannot be read: ${alone}`], text)
        }
      }
      const long = yield* Effect.flip(readCsv("id\r1".repeat(100), { maxRecordBytes: 100 }))
      assert.strictEqual(
        long.reason,
        "the record that begins here is longer than 100 bytes; a CR alone does not end a line"
      )
    }))

  it.effect("a record with a CR alone is unreadable, and those after it are read", () =>
    Effect.gen(function*() {
      const text = "id\r\n1\r2\r3\n\"4\r\"\r\n\"5\"\r\"6\"\n7\r\n8\r"
      for (const size of [1, 2, 7, 1000]) {
        assert.deepStrictEqual(yield* readCsv(text, {}, [size]), [
          unreadable("rows.csv:2", alone),
          row("rows.csv:3", { id: "4\r" }),
          unreadable("rows.csv:4", alone),
          row("rows.csv:5", { id: "7" }),
          unreadable("rows.csv:6", alone)
        ])
      }
      assert.deepStrictEqual(yield* readCsv("1\r2", { columns: ["id"] }), [unreadable("rows.csv:1", alone)])
    }))

  it.effect("a record that is no UTF-8 is unreadable", () =>
    Effect.gen(function*() {
      const bytes = Buffer.concat([encode("id\né\n"), new Uint8Array([0xc3]), encode("\nü\n")])
      assert.deepStrictEqual(yield* readCsv(bytes, {}, [1]), [
        row("rows.csv:2", { id: "é" }),
        unreadable("rows.csv:3", "it is not UTF-8: save the file as UTF-8 (in Excel as CSV UTF-8)"),
        row("rows.csv:4", { id: "ü" })
      ])
    }))

  it.effect("a quote that is not closed is refused with its line, after the rows before it", () =>
    Effect.gen(function*() {
      const text = "id,text\n1,\"a\nb\"\n2,\"\"\"c\nd,e\n3,f\n"
      for (const size of [1, 3, 1000]) {
        const source = BatchSource.fromCsvBytes(streamOf(cut(encode(text), [size])), "rows.csv")
        const { error, rows } = yield* untilError(source)
        assert.deepStrictEqual(rows, [row("rows.csv:2", { id: "1", text: "a\nb" })])
        assert.deepStrictEqual(brief(error), [
          "BatchSourceError",
          "rows.csv",
          4,
          "a value begins with a quote here, and no quote ends it"
        ])
        assert.strictEqual(error.message, "rows.csv:4: a value begins with a quote here, and no quote ends it")
      }
    }))

  it.effect("a record above the limit ends the reading with the line where it begins", () =>
    Effect.gen(function*() {
      const piece = encode("more, and more\n")
      const endless = Stream.concat(
        streamOf([encode("id,text\n1,a\n\n2,\"b\n")]),
        Stream.repeatValue(piece).pipe(Stream.rechunk(1))
      )
      const { error, rows } = yield* untilError(
        BatchSource.fromCsvBytes(endless, "rows.csv", { maxRecordBytes: 10_000 })
      )
      assert.deepStrictEqual(rows, [row("rows.csv:2", { id: "1", text: "a" })])
      assert.deepStrictEqual(brief(error), [
        "BatchSourceError",
        "rows.csv",
        4,
        "the record that begins here is longer than 10000 bytes; a quote in it may not be closed"
      ])
    }))

  it.effect("columns without a name, or one twice, are refused", () =>
    Effect.gen(function*() {
      for (
        const [text, options, line, reason] of [
          ["\n\nid,,x\n1,2,3", {}, 3, "the header cannot be read: column 2 has no name"],
          ["id,x,id\n1,2,3", {}, 1, "the header cannot be read: two columns are named \"id\""],
          ["id,a\"b\n1,2", {}, 1, "the header cannot be read: a quote stands where none may"],
          ["", {}, 1, "it has no header"],
          ["\n", {}, 1, "it has no header"],
          ["1,2", { columns: ["a", "a"] }, undefined, "two columns are named \"a\""],
          ["1,2", { columns: [] }, undefined, "no columns are named"],
          ["1,2", { delimiter: "" }, undefined, "the delimiter cannot be \"\""],
          ["1,2", { delimiter: "\n" }, undefined, "the delimiter cannot be \"\\n\""]
        ] as const
      ) {
        const error = yield* Effect.flip(readCsv(text, options, [2]))
        assert.strictEqual(error.line, line)
        assert.isTrue(error.reason.startsWith(reason), error.reason)
      }
    }))

  it.effect("the first line tells the delimiter", () =>
    Effect.gen(function*() {
      for (
        const [text, columns, options] of [
          ["id;text\n1;a, b\n", ["id", "text"]],
          ["id\ttext\n1\ta; b, c\n", ["id", "text"]],
          ["id,text\n1,a; b; c\n", ["id", "text"]],
          ["\r\n\nid;text;more\r\n1;2;3", ["id", "text", "more"]],
          ["\ufeff\"id\";\"a,b,c\";\"d\"\"e\"\n1;2;3", ["id", "a,b,c", "d\"e"]],
          ["\"id,\nx\"\t\"text\"\n1\t2\n", ["id,\nx", "text"]],
          ["id;name, first;text\n1;2;3\n", ["id", "name, first", "text"]],
          ["id\n1\n", ["id"]],
          ["id", []],
          // as many of each: a comma
          ["id,text;more\n1,2\n", ["id", "text;more"]],
          ["1;Hello, dear, you\n", ["id", "text"], { columns: ["id", "text"] }],
          ["1\ta;b\n", ["id", "text"], { columns: ["id", "text"] }],
          ["id,text;more\n1,2;3\n", ["id,text", "more"], { delimiter: ";" }]
        ] as ReadonlyArray<readonly [string, ReadonlyArray<string>, BatchSource.CsvOptions?]>
      ) {
        for (const size of [1, 2, 1000]) {
          const [first] = yield* readCsv(text, options, [size])
          const names = first?._tag === "Row" ? Object.keys(first.value) : []
          assert.deepStrictEqual(names, columns, JSON.stringify(text))
        }
      }
    }))

  it.effect.prop(
    "what the first line tells is read as what is given",
    [
      fc.constantFrom(",", ";", "\t"),
      fc.uniqueArray(fc.stringMatching(/^[a-z]{1,5}$/), { minLength: 2, maxLength: 6 }),
      fc.array(text, { minLength: 6, maxLength: 6 }),
      fc.boolean(),
      sizes
    ],
    ([delimiter, columns, values, quoted, sizes]) =>
      Effect.gen(function*() {
        const header = quoted ? columns.map((name) => `${name},;\t`) : columns
        const whole = [header, values.slice(0, columns.length)].map((one) => written(one, delimiter, true)).join("\n")
        assert.deepStrictEqual(yield* readCsv(whole, {}, sizes), yield* readCsv(whole, { delimiter }, sizes))
      })
  )

  it.effect("a file without a header may be empty", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* readCsv("", { columns: ["id"] }), [])
      assert.deepStrictEqual(yield* readCsv("\ufeff\n", { columns: ["id"] }), [])
    }))
})

describe("files", () => {
  it.scopedLive("rows have the name of the file, errors its path", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const [jsonl, csv] = [join(folder, "rows.jsonl"), join(folder, "rows.csv")]
      yield* Effect.promise(() => Fs.writeFile(jsonl, "{\"id\":1}\n{"))
      yield* Effect.promise(() => Fs.writeFile(csv, "id\n1\n\""))
      assert.deepStrictEqual(yield* collect(BatchSource.fromJsonl(jsonl)), [
        row("rows.jsonl:1", { id: 1 }),
        unreadable("rows.jsonl:2", "it is not JSON: \"{\"")
      ])
      const { error, rows } = yield* untilError(BatchSource.fromCsv(csv))
      assert.deepStrictEqual(rows, [row("rows.csv:2", { id: "1" })])
      assert.deepStrictEqual([error.source, error.line], [csv, 3])
    }))

  it.scopedLive("what is no plain file is refused", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const pipe = join(folder, "pipe")
      execFileSync("mkfifo", [pipe])
      const missing = join(folder, "missing.jsonl")
      for (
        const [path, reason] of [
          [missing, "there is no such file"],
          [join(missing, "below"), "there is no such file"],
          [folder, "it is a folder, not a plain file"],
          [pipe, "it is a pipe, not a plain file: give its bytes to fromJsonlBytes or fromCsvBytes"],
          ["/dev/zero", "it is a device, not a plain file: give its bytes to fromJsonlBytes or fromCsvBytes"]
        ] as const
      ) {
        for (const source of [BatchSource.fromJsonl(path), BatchSource.fromCsv(path)]) {
          const { error } = yield* untilError<unknown, never>(source)
          assert.deepStrictEqual(brief(error), ["BatchSourceError", path, undefined, reason])
        }
      }
      assert.deepStrictEqual(yield* openFiles(folder), [])
    }))

  it.scopedLive("a file of many pieces is read whole, and closed however the reading ends", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const path = join(folder, "rows.jsonl")
      const lines = Array.from(
        { length: size(20_000, 5_000) },
        (_, index) => JSON.stringify({ id: index, text: "é🦊".repeat(index % 9) })
      )
      yield* Effect.promise(() => Fs.writeFile(path, lines.join("\n")))
      const rows = BatchSource.fromJsonl(path).rows

      const all = yield* Stream.runCollect(rows)
      assert.deepStrictEqual(
        Chunk.toReadonlyArray(Chunk.map(all, (one) => [one.at, one._tag === "Row" ? JSON.stringify(one.value) : ""])),
        lines.map((line, index) => [`rows.jsonl:${index + 1}`, line])
      )
      assert.deepStrictEqual(yield* openFiles(folder), [])

      assert.lengthOf(yield* Stream.runCollect(Stream.take(rows, 3)), 3)
      assert.deepStrictEqual(yield* openFiles(folder), [])

      assert.strictEqual(yield* Effect.flip(Stream.runForEach(rows, () => Effect.fail("enough"))), "enough")
      assert.deepStrictEqual(yield* openFiles(folder), [])

      const open = yield* Effect.makeLatch()
      const fiber = yield* Effect.fork(Stream.runForEach(rows, () => Effect.zipRight(open.open, Effect.never)))
      yield* open.await
      assert.deepStrictEqual(yield* openFiles(folder), [path])
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* openFiles(folder), [])
    }))
})
