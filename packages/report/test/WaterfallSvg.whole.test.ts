/** A stored run as a picture: true bars, safe text, words for screen readers, and the one that the README shows. */
import * as Waterfall from "@effect-noukai/report/Waterfall"
import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { readFile } from "node:fs/promises"
import { anyTrace, decode, step, traceOf } from "../../sdk/test/support/drawnRuns.js"
import { size } from "../../sdk/test/support/size.js"
import { cutText, formatMillis, safeText, ticksOf, widthOf } from "../src/internal/words.js"

interface Element {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: Array<Element>
  text: string
}

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: "\"", "#39": "'" }

const unescape = (text: string) =>
  text.replace(
    /&([^;]*);/g,
    (_, name: string) =>
      entities[name] ?? (/^#\d+$/.test(name) ? String.fromCodePoint(Number(name.slice(1))) : undefined) ??
        assert.fail(`unknown entity ${name}`)
  )

/** Reads the XML that is written, and fails on what is none. */
const parse = (svg: string): Element => {
  const root: Element = { name: "", attributes: {}, children: [], text: "" }
  const open = [root]
  for (
    const [, closing, name, given, self, text] of svg.matchAll(
      /<(\/?)([a-z]+)((?: [a-z][\w:-]*="[^"<]*")*)(\/?)>|([^<]+)/g
    )
  ) {
    const parent = open.at(-1)!
    if (text !== undefined) parent.text += unescape(text)
    else if (closing === "/") assert.strictEqual(open.pop()!.name, name)
    else {
      const attributes = Object.fromEntries(
        [...given!.matchAll(/ ([a-z][\w:-]*)="([^"]*)"/g)].map(([, key, value]) => [key!, unescape(value!)])
      )
      const element: Element = { name: name!, attributes, children: [], text: "" }
      parent.children.push(element)
      if (self === "") open.push(element)
    }
  }
  assert.lengthOf(open, 1)
  const seen = svg.replace(/<(\/?)([a-z]+)((?: [a-z][\w:-]*="[^"<]*")*)(\/?)>|[^<]+/g, "")
  assert.strictEqual(seen, "")
  return root.children[0]!
}

const all = (element: Element): ReadonlyArray<Element> => [element, ...element.children.flatMap(all)]

const named = (svg: Element, name: string) => all(svg).filter((element) => element.name === name)

const has = (name: string) => ({ attributes }: Element) => (attributes.class ?? "").split(" ").includes(name)

const bars = (svg: Element) => all(svg).filter(has("bar"))

const rectOf = (bar: Element, name: string) => bar.children.find((child) => child.name === "rect" && has(name)(child))

const numbers = (rect: Element) => ({ x: Number(rect.attributes.x), width: Number(rect.attributes.width) })

/** Milliseconds by pixel, from the marks of the axis: the first is at 0. */
const axisOf = (svg: Element) => {
  const marks = all(svg).filter((element) => element.name === "text" && has("m")(element))
  const [zero, ...others] = marks.map(({ attributes, text }) => ({ x: Number(attributes.x), text }))
  return { zero: zero!.x, others }
}

describe("Waterfall.toSvg", () => {
  it("its bars are true to the times of the trace, to 1 % of the whole", () => {
    const durations = fc.array(fc.tuple(fc.nat(2_000), fc.nat(5_000), fc.nat(3_000)), { minLength: 1, maxLength: 50 })
    fc.assert(
      fc.property(durations, (given) => {
        const total = Math.max(1, ...given.map(([from, ms, wait]) => from + ms + wait))
        const svg = parse(Waterfall.toSvg(traceOf(
          total,
          ...given.map(([from, ms, wait], n) => step(`s${n}`, from, ms + wait, { waitingMs: wait }))
        )))
        const found = bars(svg)
        assert.lengthOf(found, given.length)
        // the plot, from the marks of its grid: all bars lie within
        const { zero } = axisOf(svg)
        const longest = given.reduce(
          (best, one, n) => one[1] + one[2] > given[best]![1] + given[best]![2] ? n : best,
          0
        )
        const [from, ms, wait] = given[longest]!
        if (ms + wait < total / 10) return
        const scale = numbers(rectOf(found[longest]!, "completed")!).width / (ms + wait)
        assert.closeTo(numbers(rectOf(found[longest]!, "completed")!).x - zero, from * scale, total * scale * 0.01)
        for (const [n, [from, ms, wait]] of given.entries()) {
          const bar = found[n]!
          assert.strictEqual(bar.attributes["data-step"], `s${n}`)
          const { width, x } = numbers(rectOf(bar, "completed")!)
          assert.closeTo(x - zero, from * scale, total * scale * 0.01)
          assert.closeTo(width, (ms + wait) * scale, total * scale * 0.01)
          const waiting = rectOf(bar, "wait")
          assert.closeTo(waiting === undefined ? 0 : numbers(waiting).width, wait * scale, total * scale * 0.01)
        }
      }),
      { numRuns: size(40, 6) }
    )
  })

  it("a step whose clock is behind that of its run begins in the picture, which begins with it", () => {
    const svg = parse(Waterfall.toSvg(traceOf(1_000, step("early", -1_000, 500), step("b", 500, 500)), { width: 960 }))
    const [early, b] = named(svg, "rect").filter(has("completed")).slice(1)
    const unit = Number(early!.attributes.width)
    assert.isAtLeast(Number(early!.attributes.x), 16)
    assert.approximately(Number(b!.attributes.width), unit, 0.1)
    assert.approximately(Number(b!.attributes.x) - Number(early!.attributes.x), 3 * unit, 0.1)
  })

  it("shows names, attempts, iterations, failures, times and cost", () => {
    const svg = parse(Waterfall.toSvg(traceOf(
      1_000,
      step("a", 0, 412, { costUsd: "0.00031", tokens: { prompt: 3, completion: 1, total: 4 }, modelUsed: "small" }),
      step("flaky", 412, 88, { status: "failed" }),
      step("flaky", 500, 100, { attempt: 2 }),
      step("each", 600, 400),
      step("in", 600, 200, { loopIndex: 0 }),
      step("in", 800, 200, { loopIndex: 1, costUsd: "0.1" })
    )))
    const texts = named(svg, "text").map(({ text }) => text)
    for (
      const text of ["Run run-1", "a", "flaky", "flaky attempt 2", "each", "in [0]", "in [1]", "412 ms · $0.00031", "✕"]
    ) {
      assert.include(texts, text)
    }
    assert.include(texts, "completed · 1 s · 6 steps · 4 tokens · $0.10031")
    assert.deepStrictEqual(
      bars(svg).map(({ attributes }) => [attributes["data-step"], attributes["data-attempt"], attributes["data-loop"]]),
      [["a", "1", undefined], ["flaky", "1", undefined], ["flaky", "2", undefined], ["each", "1", undefined], [
        "in",
        "1",
        "0"
      ], ["in", "1", "1"]]
    )
    assert.isDefined(rectOf(bars(svg)[1]!, "failed"))
    assert.isDefined(rectOf(bars(svg)[3]!, "loop"))
    assert.include(bars(svg)[0]!.children[0]!.text, "small · 4 tokens · $0.00031")
  })

  it("is an image with a title and the run in words; its ids are those of the run", () => {
    const source = Waterfall.toSvg(traceOf(100, step("a", 0, 100, { waitingMs: 60, costUsd: "0.5" })), {
      title: "Order A17"
    })
    const svg = parse(source)
    const [title] = named(svg, "title")
    const [desc] = named(svg, "desc")
    assert.strictEqual(svg.attributes.role, "img")
    assert.strictEqual(svg.attributes["aria-labelledby"], `${title!.attributes.id} ${desc!.attributes.id}`)
    assert.strictEqual(title!.text, "Order A17")
    assert.include(desc!.text, "a: completed, 100 ms from 0 ms on, 60 ms of it waiting for tools, $0.5.")
    assert.match(source, /@media \(prefers-color-scheme:dark\)/)
    assert.notMatch(source, /<script|<foreignObject|href|url\((?!#)|@import|https?:\/\/(?!www\.w3\.org\/2000\/svg)/)
    assert.notStrictEqual(
      parse(Waterfall.toSvg(decode({ flowRun: { id: "run-2", status: "completed" } }))).attributes.id,
      svg.attributes.id
    )
  })

  it("has payloads as text, and never a key: of failed steps, of all if asked to, of none", () => {
    const key = "nk_test_planted8_0123456789abcdef0123456789abcdef"
    const trace = traceOf(
      100,
      step("well", 0, 50, { inputContext: { text: "private" }, outputContext: { text: "private" } }),
      step(`<script>"&'${key}`, 50, 50, {
        status: "failed",
        inputContext: { text: "private </title><script>alert(1)</script>", key },
        errorContext: { message: "private" }
      })
    )
    const plain = Waterfall.toSvg(trace, { payloads: false })
    const some = Waterfall.toSvg(trace)
    const full = Waterfall.toSvg(trace, { payloads: true, title: key })
    assert.notInclude(plain, "private")
    assert.notInclude(bars(parse(some))[0]!.children[0]!.text, "private")
    assert.match(bars(parse(some))[1]!.children[0]!.text, /\nprivate\ninput: \{"text":"private <\/title><script>/)
    for (const source of [plain, some, full]) {
      assert.notInclude(source, "<script")
      assert.notInclude(source, "planted8")
    }
    const tooltip = bars(parse(full))[1]!.children[0]!.text
    assert.include(tooltip, "input: {\"text\":\"private </title><script>alert(1)</script>\"")
    assert.include(tooltip, "error: {\"message\":\"private\"}")
  })

  it("a failed step has its error and its input below it, within the picture, and the rows after it lower", () => {
    const long = "x".repeat(3_000)
    const svg = parse(Waterfall.toSvg(
      traceOf(
        1_000,
        step("a", 0, 500, {
          status: "failed",
          errorContext: { code: "BUSY", message: `try\n<b>later</b> ${long}` },
          inputContext: { message: `hi ${long}` }
        }),
        step("b", 500, 500)
      ),
      { width: 600 }
    ))
    const texts = named(svg, "text")
    const [reason, input] = texts.filter(has("r"))
    assert.match(reason!.text, /^BUSY: try <b>later<\/b> x+…$/)
    assert.match(input!.text, /^input: \{"message":"hi x+…$/)
    const y = (element: Element) => Number(element.attributes.y)
    const [a, b] = ["a", "b"].map((name) => texts.find(({ text }) => text === name)!)
    assert.isTrue(y(a!) < y(reason!) && y(reason!) < y(input!) && y(input!) < y(b!))
    assert.isBelow(y(b!), Number(svg.attributes.height))
    for (const line of [reason, input]) assert.isAtMost([...line!.text].length * 7.3 + 16, 600)
    assert.include(named(svg, "desc")[0]!.text, "a: failed, 500 ms from 0 ms on. BUSY: try <b>later</b>")
  })

  it("any names, statuses and times make a whole SVG of the XML characters", () => {
    fc.assert(
      fc.property(anyTrace, fc.nat(10), (trace, maxRows) => {
        const source = Waterfall.toSvg(trace, { payloads: true, maxRows, width: 600 })
        for (const { attributes, name } of all(parse(source))) {
          for (const value of Object.values(attributes)) assert.notMatch(value, /NaN|Infinity|undefined/)
          if (name !== "rect" || attributes.x === undefined) continue
          assert.isAtLeast(Number(attributes.x), 0)
          assert.isAtMost(Number(attributes.x), 600)
        }
        // eslint-disable-next-line no-control-regex
        assert.notMatch(source, /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u202e\ufffe\uffff]/)
        assert.isTrue(source === Buffer.from(source, "utf8").toString("utf8"))
      }),
      { numRuns: size(60, 8) }
    )
  })

  it("many attempts share the rows of their steps; what failed lies on top and is counted", () => {
    const rounds = Array.from({ length: 250 }, (_, n) => [
      step("read", n * 20, 10, { loopIndex: n, costUsd: "0.001" }),
      step("judge", n * 20 + 10, 10, { loopIndex: n, status: n === 7 ? "failed" : "completed" })
    ]).flat()
    const svg = parse(Waterfall.toSvg(traceOf(5_000, step("each", 0, 5_000), ...rounds)))
    const texts = named(svg, "text").map(({ text }) => text)
    for (const text of ["each", "read ×250", "judge ×250", "2.5 s · $0.25", "1 failed · 2.5 s"]) {
      assert.include(texts, text)
    }
    assert.lengthOf(bars(svg), 501)
    assert.isDefined(rectOf(bars(svg).at(-1)!, "failed"))
    assert.isBelow(Number(svg.attributes.height), 200)
  })

  it("a run without steps says so", () => {
    const svg = parse(Waterfall.toSvg(decode({ flowRun: { id: "r", status: "completed" } })))
    assert.include(named(svg, "text").map(({ text }) => text), "No steps are stored of this run.")
  })

  it("the picture of the README is that of its recorded trace", async () => {
    const guides = new URL("../../../docs/guides/", import.meta.url)
    const trace = decode(JSON.parse(await readFile(new URL("run.json", guides), "utf8")))
    assert.strictEqual(
      Waterfall.toSvg(trace, { title: "acme/support/orders" }),
      await readFile(new URL("run.svg", guides), "utf8"),
      "npm run picture"
    )
  })
})

describe("the words of a picture", () => {
  it("times are in the units that matter", () => {
    for (
      const [ms, text] of [
        [0, "0 ms"],
        [0.25, "0.3 ms"],
        [412, "412 ms"],
        [1_145, "1.15 s"],
        [60_000, "1 m"],
        [125_400, "2 m 05 s"],
        [3_600_000, "1 h"],
        [3_720_000, "1 h 02 m"]
      ] as const
    ) assert.strictEqual(formatMillis(ms), text)
  })

  it("an axis has no more marks than fit", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 1e12, noNaN: true }), fc.integer({ min: 2, max: 20 }), (ms, most) => {
        const ticks = ticksOf(ms, most)
        assert.strictEqual(ticks[0], 0)
        assert.isAtMost(ticks.length - 1, most)
        assert.isAtMost(ticks.at(-1)!, ms)
      })
    )
  })

  it("text is cut to its columns, wide characters counted twice", () => {
    assert.strictEqual(cutText("classify", 8), "classify")
    assert.strictEqual(cutText("classify", 5), "clas…")
    assert.strictEqual(widthOf("日本"), 4)
    assert.strictEqual(cutText("日本語の名前", 5), "日本…")
    assert.strictEqual(cutText("𝒂𝒃𝒄𝒅", 5), "𝒂𝒃𝒄𝒅")
    assert.strictEqual(safeText("a\u0000b\u202ec\ud800"), "a\ufffdb\ufffdc\ufffd")
  })
})
