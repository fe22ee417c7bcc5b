/** Reports of HTML: escaped, closed to everything from outside, with tables that sort. */
import * as HtmlReport from "@effect-noukai/report/HtmlReport"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Stream } from "effect"
import { createHash } from "node:crypto"
import { runInNewContext } from "node:vm"

const { html } = HtmlReport

const textOf = (page: Stream.Stream<string>) => Effect.map(Stream.runCollect(page), (parts) => [...parts].join(""))

const between = (text: string, tag: string) => new RegExp(`<${tag}>([^]*)</${tag}>`).exec(text)![1]!

describe("HtmlReport.html", () => {
  it.prop("texts cannot make markup", [fc.string({ unit: "binary" })], ([text]) => {
    const { text: markup } = html`<p title="${text}">${[text, html`<b>${text}</b>`, false, undefined, 1]}</p>`
    assert.strictEqual(markup.match(/[<>]/g)!.length, 8)
    assert.strictEqual(markup.match(/"/g)!.length, 2)
    assert.notInclude(markup.replace(/&(amp|lt|gt|quot|#39|#35|#58);/g, ""), "&")
  })

  it("a server of CI reads no command in a text", () => {
    const text = "::error::a\n  ::add-mask::b\n##[set-output]c ##vso[task]d a::b #1"
    assert.strictEqual(
      HtmlReport.escape(text),
      "&#58;:error::a\n  &#58;:add-mask::b\n&#35;#[set-output]c &#35;#vso[task]d a::b #1"
    )
  })

  it.prop("no part of a key is shown, also where two texts differ within it", [
    fc.stringMatching(/^nk_[A-Za-z0-9]{4}-[A-Za-z0-9]{6}$/),
    fc.stringMatching(/^nk_[A-Za-z0-9]{4}-[A-Za-z0-9]{6}$/)
  ], ([before, after]) => {
    const { text } = HtmlReport.compared(
      { title: "before", value: `the key ${before} end` },
      { title: "after", value: { key: after } }
    )
    for (const key of [before, after]) for (const part of key.slice(3).split("-")) assert.notInclude(text, `>${part}<`)
    const same = HtmlReport.compared({ title: "a", value: `key ${before}` }, { title: "b", value: `key ${after}` })
    assert.strictEqual(same.text.match(/key nk_…/g)?.length, 2)
    assert.notMatch(same.text, /<del>|<ins>/)
  })

  it("keys are not shown, and nothing but markup is markup", () => {
    assert.strictEqual(html`${"nk_live_1234567890abcdef"}`.text, "nk_…")
    const false_ = { text: "<b>" } as unknown as HtmlReport.Value
    assert.throws(() => html`${false_}`)
  })
})

describe("HtmlReport.page", () => {
  const rows: ReadonlyArray<HtmlReport.Row> = [
    { cells: ["b", { content: "10 s", sort: 10 }], tone: "bad", detail: html`<p>more</p>` },
    { cells: ["a", { content: "9 s", sort: 9 }] },
    { cells: ["c", ""] }
  ]
  const table = HtmlReport.table([{ title: "Case <1>" }, { title: "Time", isNumber: true }], Stream.fromIterable(rows))
  const page = HtmlReport.page("A & B", Stream.concat(Stream.make(html`<h1>A</h1>`), table))

  it.effect("only its own style and script run, and nothing is loaded", () =>
    Effect.gen(function*() {
      const text = yield* textOf(page)
      const [, policy] = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(text)!
      const hash = (tag: string) => createHash("sha256").update(between(text, tag)).digest("base64")
      assert.strictEqual(
        policy,
        `default-src 'none'; style-src 'sha256-${hash("style")}'; script-src 'sha256-${hash("script")}'; ` +
          "base-uri 'none'; form-action 'none'"
      )
      assert.include(text, "<title>A &amp; B</title>")
      assert.notMatch(text, /https?:|style="|onclick/)
    }))

  it.effect("a table has a body for each row and its detail", () =>
    Effect.gen(function*() {
      const text = yield* textOf(page)
      assert.include(
        text,
        "<tbody class=\"bad\"><tr><td>b</td><td class=\"number\" data-sort=\"10\">10 s</td></tr>" +
          "<tr class=\"detail\"><td colspan=\"2\"><p>more</p></td></tr></tbody>"
      )
      assert.include(text, "<th scope=\"col\"><button type=\"button\">Case &lt;1&gt;</button></th>")
      assert.strictEqual(text.match(/<tbody/g)!.length, 3)
    }))

  it.effect("a click on a title sorts by its column, the next one the other way", () =>
    Effect.gen(function*() {
      const script = between(yield* textOf(page), "script")
      const clicks: Array<() => void> = []
      const head = () => {
        const attributes = new Map<string, string>()
        return {
          getAttribute: (name: string) => attributes.get(name) ?? null,
          setAttribute: (name: string, value: string) => void attributes.set(name, value),
          removeAttribute: (name: string) => void attributes.delete(name),
          firstChild: { addEventListener: (_: string, listener: () => void) => void clicks.push(listener) }
        }
      }
      const heads = [head(), head()]
      const body = (...cells: ReadonlyArray<{ textContent: string; dataset: { sort?: string } }>) => ({
        rows: [{ cells }]
      })
      let bodies = [
        body({ textContent: "b 10", dataset: {} }, { textContent: "10 s", dataset: { sort: "10" } }),
        body({ textContent: "b 9", dataset: {} }, { textContent: "9 s", dataset: { sort: "9" } }),
        body({ textContent: "a", dataset: {} }, { textContent: "", dataset: {} })
      ]
      const element = {
        dataset: {},
        tHead: { rows: [{ cells: heads }] },
        get tBodies() {
          return bodies
        },
        append: (moved: typeof bodies[number]) => void (bodies = [...bodies.filter((one) => one !== moved), moved])
      }
      runInNewContext(script, { Intl, document: { querySelectorAll: () => [element] } })
      const order = () => bodies.map(({ rows: [row] }) => row!.cells[0]!.textContent)
      clicks[0]!()
      assert.deepStrictEqual([order(), heads[0]!.getAttribute("aria-sort")], [["a", "b 9", "b 10"], "ascending"])
      clicks[1]!()
      assert.deepStrictEqual([order(), heads[0]!.getAttribute("aria-sort")], [["a", "b 9", "b 10"], null])
      clicks[1]!()
      assert.deepStrictEqual([order(), heads[1]!.getAttribute("aria-sort")], [["b 10", "b 9", "a"], "descending"])
    }))

  it.effect("rows are written as they come", () =>
    Effect.gen(function*() {
      const endless = HtmlReport.table(
        [{ title: "n" }],
        Stream.map(Stream.iterate(1, (n) => n + 1), (n) => ({ cells: [n] }))
      )
      const parts = yield* Stream.runCollect(Stream.take(HtmlReport.page("n", endless), 5))
      assert.include([...parts].join(""), "<td>3</td>")
    }))
})

describe("HtmlReport.compared", () => {
  it("marks the different words of two values, side by side", () => {
    const { text } = HtmlReport.compared({ title: "before", value: { a: "<one>" } }, {
      title: "after",
      value: { a: "two" }
    })
    assert.include(
      text,
      "<figcaption>before</figcaption><pre>{\n  &quot;a&quot;: &quot;<del>&lt;one&gt;</del>&quot;\n}</pre>"
    )
    assert.include(text, "<figcaption>after</figcaption><pre>{\n  &quot;a&quot;: &quot;<ins>two</ins>&quot;\n}</pre>")
  })

  it("long values are cut", () => {
    const { text } = HtmlReport.compared({ title: "a", value: "x".repeat(30_000) }, { title: "b", value: undefined })
    assert.include(text, "\n… 10000 more characters")
    assert.isBelow(text.length, 21_000)
  })
})
