import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { createParser } from "eventsource-parser"
import { SseDecoder } from "../../../src/internal/http/eventStream.js"
import { size } from "../../support/size.js"

interface Frame {
  readonly name: string | undefined
  readonly data: string
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

const decodeChunks = (chunks: Iterable<Uint8Array>): ReadonlyArray<Frame> => {
  const frames: Array<Frame> = []
  const decoder = new SseDecoder((name, data) => frames.push({ name, data }))
  for (const chunk of chunks) {
    decoder.push(chunk)
  }
  assert.isTrue(decoder.end())
  return frames
}

const decode = (...texts: ReadonlyArray<string>): ReadonlyArray<Frame> => decodeChunks(texts.map(utf8))

const cutAt = (bytes: Uint8Array, cuts: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end))
}

const bytewise = (bytes: Uint8Array): ReadonlyArray<Uint8Array> => Array.from(bytes, (byte) => Uint8Array.of(byte))

describe("SseDecoder", () => {
  describe("frames: frames", () => {
    it("frames: LF delimits frames", () => {
      assert.deepStrictEqual(decode("event: a\ndata: 1\n\ndata: 2\n\n"), [
        { name: "a", data: "1" },
        { name: undefined, data: "2" }
      ])
    })

    it("frames: CRLF delimits frames", () => {
      assert.deepStrictEqual(decode("event: a\r\ndata: 1\r\n\r\nevent: b\r\ndata: 2\r\n\r\n"), [
        { name: "a", data: "1" },
        { name: "b", data: "2" }
      ])
    })

    it("frames: CR delimits frames", () => {
      assert.deepStrictEqual(decode("event: a\rdata: 1\r\revent: b\rdata: 2\r\r"), [
        { name: "a", data: "1" },
        { name: "b", data: "2" }
      ])
    })

    it("frames: line ends may be mixed, LF CR being two of them", () => {
      assert.deepStrictEqual(decode("event: a\ndata: 1\r\ndata: 2\r\n\rdata: 3\n\rdata: 4\r\r\ndata: 5\r\n\n"), [
        { name: "a", data: "1\n2" },
        { name: undefined, data: "3" },
        { name: undefined, data: "4" },
        { name: undefined, data: "5" }
      ])
    })

    it("frames: a CR that ends a chunk ends its line at once, and an LF that follows is part of it", () => {
      const frames: Array<Frame> = []
      const decoder = new SseDecoder((name, data) => frames.push({ name, data }))
      decoder.push(utf8("data: 1\r"))
      decoder.push(utf8("\r"))
      assert.deepStrictEqual(frames, [{ name: undefined, data: "1" }])
      decoder.push(utf8("data: 2\r"))
      decoder.push(utf8("\ndata: 3\r"))
      decoder.push(utf8("\n\r\n"))
      assert.deepStrictEqual(frames.slice(1), [{ name: undefined, data: "2\n3" }])
    })

    it("frames: a frame is delivered with the chunk that ends it, not later", () => {
      const frames: Array<string> = []
      const decoder = new SseDecoder((_, data) => frames.push(data))
      decoder.push(utf8("data: 1\n"))
      assert.deepStrictEqual(frames, [])
      decoder.push(utf8("\n"))
      assert.deepStrictEqual(frames, ["1"])
      decoder.push(utf8("data: 2\n\ndata: 3"))
      assert.deepStrictEqual(frames, ["1", "2"])
    })

    it("frames: the last frame counts without its blank line, and without its line end", () => {
      assert.deepStrictEqual(decode("data: 1\n\nevent: b\ndata: 2\n"), [
        { name: undefined, data: "1" },
        { name: "b", data: "2" }
      ])
      assert.deepStrictEqual(decode("event: b\ndata: 2"), [{ name: "b", data: "2" }])
      assert.deepStrictEqual(decode("event: b\ndata: 2\r"), [{ name: "b", data: "2" }])
    })

    it("frames: a last frame is dropped if the end cuts its event line, whose name nobody knows", () => {
      for (const line of ["event: step_paused", "event: ", "event:", "event"]) {
        assert.deepStrictEqual(decode(`data: 1\n\ndata: 2\n${line}`), [{ name: undefined, data: "1" }], line)
        assert.deepStrictEqual(decode("data: 1\n\ndata: 2\n", ...line), [{ name: undefined, data: "1" }], line)
      }
      assert.deepStrictEqual(decode("data: 2\nevent: step_paused\n"), [{ name: "step_paused", data: "2" }])
      assert.deepStrictEqual(decode("data: 2\revent: step_paused\r"), [{ name: "step_paused", data: "2" }])
      assert.deepStrictEqual(decode("event: a\ndata: 2\neventual: x"), [{ name: "a", data: "2" }])
    })

    it("frames: blank lines alone, and an empty stream, are no frames", () => {
      assert.deepStrictEqual(decode("\n\n\r\n\r\r\n"), [])
      assert.deepStrictEqual(decode(""), [])
      assert.deepStrictEqual(decode(), [])
    })
  })

  describe("frames: fields", () => {
    it("frames: several data lines are joined with LF", () => {
      assert.deepStrictEqual(decode("data: 1\ndata:\ndata: 2\n\n"), [{ name: undefined, data: "1\n\n2" }])
    })

    it("frames: the space after the colon is optional and only one is taken", () => {
      assert.deepStrictEqual(decode("event:a\ndata:1\n\nevent:  b\ndata:  2\n\n"), [
        { name: "a", data: "1" },
        { name: " b", data: " 2" }
      ])
    })

    it("frames: empty data is data", () => {
      assert.deepStrictEqual(decode("data:\n\ndata: \n\ndata\n\nevent: a\ndata\n\n"), [
        { name: undefined, data: "" },
        { name: undefined, data: "" },
        { name: undefined, data: "" },
        { name: "a", data: "" }
      ])
    })

    it("frames: a frame without data is ignored, and its name does not reach the next frame", () => {
      assert.deepStrictEqual(decode("event: a\n\ndata: 1\n\nevent: b\n: c\n\ndata: 2\ndata: 3\n\nevent: d"), [
        { name: undefined, data: "1" },
        { name: undefined, data: "2\n3" }
      ])
    })

    it("frames: an empty event field and `message` are absent names", () => {
      assert.deepStrictEqual(
        decode("event:\ndata: 1\n\nevent\ndata: 2\n\nevent: message\ndata: 3\n\nevent: messages\ndata: 4\n\n"),
        [
          { name: undefined, data: "1" },
          { name: undefined, data: "2" },
          { name: undefined, data: "3" },
          { name: "messages", data: "4" }
        ]
      )
    })

    it("frames: the last event field of a frame wins, wherever it stands", () => {
      assert.deepStrictEqual(decode("event: a\ndata: 1\nevent: b\n\n"), [{ name: "b", data: "1" }])
    })

    it("frames: comments, id, retry and unknown fields are ignored", () => {
      assert.deepStrictEqual(
        decode(": keep-alive\n\n:\nid: 7\nretry: 10\nevent: a\nid\nfoo: bar\n:data: 0\ndata: 1\nretry: x\n\n: end\n\n"),
        [{ name: "a", data: "1" }]
      )
    })

    it("frames: a field is known by its whole name", () => {
      assert.deepStrictEqual(
        decode("datax: 1\ndat: 2\nDATA: 3\n data: 4\ndata : 5\neventx: a\nevents\ndata: 6\n\n"),
        [{ name: undefined, data: "6" }]
      )
    })
  })

  describe("frames: UTF-8", () => {
    it("frames: a leading byte order mark is stripped, once, also when it is cut", () => {
      const bytes = utf8("\ufeffdata: \ufeff1\n\n\ufeffdata: 2\n\ndata: 3\n\n")
      const frames = [{ name: undefined, data: "\ufeff1" }, { name: undefined, data: "3" }]
      assert.deepStrictEqual(decodeChunks([bytes]), frames)
      assert.deepStrictEqual(decodeChunks(bytewise(bytes)), frames)
      assert.deepStrictEqual(decode("", "\ufeff", "data: 1\n\n"), [{ name: undefined, data: "1" }])
    })

    it("frames: a character is decoded whole when it is cut at any of its bytes", () => {
      const bytes = utf8("event: é\ndata: €😀ß\n\n")
      for (let at = 0; at <= bytes.length; at++) {
        assert.deepStrictEqual(decodeChunks([bytes.subarray(0, at), bytes.subarray(at)]), [{ name: "é", data: "€😀ß" }])
      }
    })

    it("frames: invalid UTF-8 is replaced as the platform replaces it, however it is cut", () => {
      const invalid = [
        [0x80],
        [0xc3],
        [0xe2, 0x82],
        [0xe2, 0x28, 0xa1],
        [0xf0, 0x9f, 0x98],
        [0xf0, 0x28, 0x8c, 0x28],
        [0xed, 0xa0, 0x80],
        [0xc0, 0xaf],
        [0xff, 0xfe],
        [0xe0, 0x80, 0x80]
      ]
      for (const bad of invalid) {
        const bytes = Uint8Array.from([...utf8("data: a"), ...bad, ...utf8("b\n\n")])
        const expected = [{ name: undefined, data: new TextDecoder().decode(bytes.subarray(6, bytes.length - 2)) }]
        assert.deepStrictEqual(decodeChunks([bytes]), expected)
        assert.deepStrictEqual(decodeChunks(bytewise(bytes)), expected)
      }
    })

    it("frames: a character that the end of the stream cuts off is replaced", () => {
      assert.deepStrictEqual(decodeChunks([utf8("data: a"), Uint8Array.of(0xe2, 0x82)]), [
        { name: undefined, data: "a\ufffd" }
      ])
    })

    it("does not keep the caller's bytes", () => {
      const frames: Array<string> = []
      const decoder = new SseDecoder((_, data) => frames.push(data))
      const chunk = Buffer.from([...utf8("data: a"), 0xe2, 0x82])
      decoder.push(chunk)
      chunk.fill(0x7a)
      decoder.push(Uint8Array.of(0xac, 0x0a, 0x0a))
      assert.deepStrictEqual(frames, ["a€"])
    })
  })

  describe("the limit of a frame", () => {
    const limited = (limit: number, chunks: Iterable<Uint8Array>) => {
      const frames: Array<string> = []
      const decoder = new SseDecoder((_, data) => frames.push(data), limit)
      for (const chunk of chunks) {
        decoder.push(chunk)
      }
      return { fits: decoder.end(), frames, decoder }
    }

    for (
      const [what, text] of [
        ["data line", `data: ${"s3cret".repeat(40)}\n\n`],
        ["data of several lines", `${"data: s3cret\n".repeat(40)}\n`],
        ["comment", `:${"s3cret".repeat(40)}`],
        ["unknown field", `foo: ${"s3cret".repeat(40)}`],
        ["event name", `event: ${"s3cret".repeat(40)}`]
      ] as const
    ) {
      it(`a ${what} over it is told, and nothing more is delivered`, () => {
        const { decoder, fits, frames } = limited(100, bytewise(utf8(`data: 1\n\n${text}`)))
        assert.isFalse(fits)
        assert.deepStrictEqual(frames, ["1"])
        assert.isFalse(decoder.push(utf8("\n\ndata: 2\n\n")))
        assert.isFalse(decoder.end())
        assert.deepStrictEqual(frames, ["1"])
      })
    }

    it("holds within one chunk too, and nothing after the frame is delivered", () => {
      const lf = limited(100, [utf8(`data: 1\n\ndata: ${"x".repeat(200)}\n\ndata: 2\n\ndata: 3`)])
      assert.isFalse(lf.fits)
      assert.deepStrictEqual(lf.frames, ["1"])
      const crlf = limited(100, [utf8(`data: 1\r\n\r\ndata: ${"x".repeat(200)}\r\n\r\ndata: 2\r\n\r\ndata: 3`)])
      assert.isFalse(crlf.fits)
      assert.deepStrictEqual(crlf.frames, ["1"])
    })

    it("is not for the stream: many frames and comments below it pass", () => {
      const text = `: keep-alive\ndata: ${"x".repeat(80)}\n\n`.repeat(100)
      const { fits, frames } = limited(100, cutAt(utf8(text), [70, 71, 1000, 1001, 5000]))
      assert.isTrue(fits)
      assert.strictEqual(frames.length, 100)
    })

    it("is 16 MiB by default", () => {
      const fits = `data: ${"x".repeat(16 * 1024 * 1024 - 6)}`
      assert.strictEqual(decode(fits, "\n\n")[0]?.data.length, 16 * 1024 * 1024 - 6)
      const decoder = new SseDecoder(() => {})
      assert.isTrue(decoder.push(utf8(fits)))
      assert.isFalse(decoder.push(utf8("x")))
    })
  })

  it("decodes one event of 8 MiB in chunks of 4 KiB, with every kind of line end", () => {
    for (const end of ["\n", "\r\n", "\r"]) {
      const payload = "x".repeat(8 * 1024 * 1024)
      const bytes = utf8(`event: a${end}data: ${payload}${end}${end}`)
      const chunks: Array<Uint8Array> = []
      for (let at = 0; at < bytes.length; at += 4096) {
        chunks.push(bytes.subarray(at, at + 4096))
      }
      const [frame, ...others] = decodeChunks(chunks)
      assert.strictEqual(frame?.name, "a")
      assert.isTrue(frame?.data === payload)
      assert.deepStrictEqual(others, [])
    }
  })

  describe("properties", () => {
    const word = FastCheck.stringOf(
      FastCheck.constantFrom("a", "1", " ", ":", "data", "event", "é", "€", "😀", "\ufeff", "{", "\"", "\0"),
      { maxLength: 6 }
    )
    const line = FastCheck.oneof(
      word.map((value) => `data:${value}`),
      word.map((value) => `data: ${value}`),
      word.map((value) => `event: ${value}`),
      FastCheck.constantFrom("", "", "data", "event", "event: message", "id: 1", "retry: 5", ": comment"),
      word
    )
    const stream = (end: FastCheck.Arbitrary<string>) =>
      FastCheck.array(FastCheck.tuple(line, end), { maxLength: 24 }).map((lines) => lines.flat().join(""))
    const cuts = FastCheck.array(FastCheck.nat(), { maxLength: 12 })

    it.prop(
      "frames: any cutting of the same bytes gives the same frames",
      [stream(FastCheck.constantFrom("\n", "\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\r\r", "")), cuts],
      ([text, at]) => {
        const bytes = utf8(text)
        const whole = decodeChunks([bytes])
        assert.deepStrictEqual(decodeChunks(cutAt(bytes, at)), whole)
        assert.deepStrictEqual(decodeChunks(bytewise(bytes)), whole)
      },
      { fastCheck: { numRuns: size(500, 40) } }
    )

    it.prop(
      "frames: random bytes never break the decoder, however they are cut",
      [FastCheck.uint8Array({ maxLength: 200 }), cuts],
      ([bytes, at]) => {
        assert.deepStrictEqual(decodeChunks(cutAt(bytes, at)), decodeChunks([bytes]))
      },
      { fastCheck: { numRuns: size(500, 40) } }
    )

    // The peer follows WHATWG: it drops a last frame without a blank line, knows `message` as a name, strips no BOM.
    for (const [name, end] of [["LF", "\n"], ["CRLF", "\r\n"], ["CR", "\r"]] as const) {
      it.prop(
        `agrees with eventsource-parser on streams of ${name} lines`,
        [stream(FastCheck.constantFrom(end, end, end + end)), cuts],
        ([text, at]) => {
          const complete = `:\n${text}${end}${end}x: ${end}`
          const expected: Array<Frame> = []
          const parser = createParser({
            onEvent: ({ data, event }) => expected.push({ name: event === "message" ? undefined : event, data })
          })
          parser.feed(complete)
          assert.deepStrictEqual(decodeChunks(cutAt(utf8(complete), at)), expected)
        },
        { fastCheck: { numRuns: size(300, 30) } }
      )
    }
  })
})
