import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { size } from "../../../sdk/test/support/size.js"
import * as Ids from "../../src/internal/store/ids.js"
import { UuidTable } from "../../src/internal/store/uuidTable.js"

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

describe("UuidTable", () => {
  it.prop(
    "has what was set last",
    [
      FastCheck.array(FastCheck.tuple(FastCheck.uuid(), FastCheck.integer({ min: 1, max: 2 ** 32 - 1 }))),
      FastCheck.uuid()
    ],
    ([entries, other]) => {
      const table = new UuidTable()
      for (const [uuid, value] of entries) table.set(uuid, value)
      const expected = new Map(entries)
      assert.strictEqual(table.size, expected.size)
      for (const [uuid, value] of expected) assert.strictEqual(table.get(uuid), value)
      if (!expected.has(other)) assert.isUndefined(table.get(other))
      table.clear()
      assert.isTrue(entries.every(([uuid]) => table.get(uuid) === undefined))
    }
  )

  it("takes many, those that count up and the one of zeros too", () => {
    const table = new UuidTable()
    const count = size(50_000, 10_000)
    const uuid = (number: number) => `00000000-0000-0000-0000-${String(number).padStart(12, "0")}`
    for (let number = 0; number < count; number++) table.set(uuid(number), number + 1)
    for (let number = 0; number < count; number++) assert.strictEqual(table.get(uuid(number)), number + 1)
    assert.isUndefined(table.get(uuid(count)))
  })
})
