import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { size } from "../../../sdk/test/support/size.js"
import * as Ids from "../../src/internal/store/ids.js"

const uint32 = FastCheck.integer({ min: 0, max: 2 ** 32 - 1 })

describe("ids", () => {
  it.prop(
    "of runs are version 4 UUIDs that tell their number, to the seed that made them",
    [FastCheck.maxSafeNat(), FastCheck.maxSafeNat(), uint32],
    ([seed, other, number]) => {
      const ids = Ids.make(seed)
      const id = ids.run(number)
      assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      assert.strictEqual(ids.numberOf(id), number)
      assert.strictEqual(Ids.make(seed).run(number), id)
      if (other !== seed) assert.isUndefined(Ids.make(other).numberOf(id))
    }
  )

  it.prop("of anything else tell none", [FastCheck.string(), FastCheck.uuid()], ([text, uuid]) => {
    const ids = Ids.make(1)
    assert.isUndefined(ids.numberOf(text))
    assert.isUndefined(ids.numberOf(uuid))
  })

  it("do not repeat", () => {
    const ids = Ids.make(1)
    const count = size(100_000, 20_000)
    assert.strictEqual(new Set(Array.from({ length: count }, (_, number) => ids.run(number))).size, count)
  })
})
