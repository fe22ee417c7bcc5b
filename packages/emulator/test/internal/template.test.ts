import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import type { Json } from "../../src/Flow.js"
import { placeholders, renderAt, type TemplateScope } from "../../src/internal/flow/template.js"

const scope: TemplateScope = {
  message: "hi",
  messages: [],
  parameters: { a: { b: [1, { c: true }] }, nothing: null, text: "t" },
  input: { value: { from: "before" } },
  outputs: { first: { value: { label: "x" } }, "a-b": { value: 7 } },
  tools: { find: { id: 1 } },
  texts: { find: "{ \"id\": 1 }" },
  results: [{ id: 1 }],
  loop: { index: 2, item: "i" }
}

const render = (template: Json, scope: TemplateScope): Json => renderAt({ template }, "template", scope).value

const json = FastCheck.jsonValue() as FastCheck.Arbitrary<Json>

describe("templates", () => {
  const rows: ReadonlyArray<[template: Json, rendered: Json]> = [
    ["plain", "plain"],
    ["{{message}}", "hi"],
    ["{{ message }}!", "hi!"],
    ["{{parameters.a}}", { b: [1, { c: true }] }],
    ["{{parameters.a.b.1.c}}", true],
    ["is {{parameters.a.b}}", "is [1,{\"c\":true}]"],
    ["{{parameters.none}}", null],
    ["<{{parameters.none}}{{parameters.nothing}}>", "<>"],
    ["{{steps.first.output.label}}/{{steps.a-b.output}}", "x/7"],
    ["{{steps.none.output}}", null],
    ["{{input.from}}", "before"],
    ["{{tools.find.id}}", 1],
    ["{{tools.find}}", { id: 1 }],
    ["said {{tools.find}}", "said { \"id\": 1 }"],
    ["{{results.0.id}}", 1],
    ["{{loop.index}}{{loop.item}}", "2i"],
    ["{{parameters.constructor}}{{parameters.__proto__}}", ""],
    [{ a: ["{{message}}", 1, null, { b: "{{message}}" }] }, { a: ["hi", 1, null, { b: "hi" }] }],
    [{ $match: "{{parameters.text}}", cases: { t: "{{message}}" }, default: 0 }, "hi"],
    [{ $match: "{{parameters.none}}", cases: { t: 1 }, default: [2] }, [2]],
    [{ $match: "toString", cases: {} }, null]
  ]
  for (const [template, rendered] of rows) {
    it(`${JSON.stringify(template)} gives ${JSON.stringify(rendered)}`, () => {
      assert.deepStrictEqual(render(template, scope), rendered)
    })
  }

  it.prop("a value from a parameter goes through unchanged", [json], ([value]) => {
    assert.deepStrictEqual(render("{{parameters.x}}", { ...scope, parameters: { x: value } }), value)
  })

  it.prop("a template without placeholders is its own rendering", [json], ([value]) => {
    const plain = JSON.parse(JSON.stringify(value).replaceAll("{{", "{").replaceAll("$match", "match")) as Json
    assert.deepStrictEqual(render(plain, scope), plain)
    assert.deepStrictEqual(placeholders(plain), [])
  })
})
