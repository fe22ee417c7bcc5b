import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, FastCheck } from "effect"
import { parse, print } from "../../src/internal/store/money.js"

const amount = FastCheck.tuple(FastCheck.bigInt({ min: 0n, max: 10n ** 24n }), FastCheck.integer({ min: 0, max: 12 }))
  .map(([value, scale]) => BigDecimal.make(value, scale))

describe("money", () => {
  it("is written in full, without needless zeros", () => {
    assert.strictEqual(print(parse("0.00031")), "0.00031")
    assert.strictEqual(print(parse("1200.00")), "1200")
    assert.strictEqual(print(parse("0")), "0")
    assert.strictEqual(print(parse(undefined)), "0")
    assert.strictEqual(print(BigDecimal.subtract(parse("0.1"), parse("0.25"))), "-0.15")
  })

  it.prop("is read as it was written", [amount], ([value]) => {
    const text = print(value)
    assert.match(text, /^\d+(\.\d*[1-9])?$/)
    assert.isTrue(BigDecimal.equals(parse(text), value))
  })

  it.prop("adds exactly, in any order", [FastCheck.array(amount)], ([values]) => {
    const sum = (list: ReadonlyArray<BigDecimal.BigDecimal>) => print(BigDecimal.sumAll(list))
    assert.strictEqual(sum(values), sum([...values].reverse()))
  })
})
