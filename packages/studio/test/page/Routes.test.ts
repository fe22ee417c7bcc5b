import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { addressOf, filled } from "../../page/src/api.js"
import { file, text } from "../../page/writeRoutes.js"

describe("the routes of the page", () => {
  it("are those of the API: `npm run page --workspace packages/studio` writes them", () => {
    assert.strictEqual(readFileSync(file, "utf8"), text())
  })

  it("carry the parameters that are known", () => {
    assert.strictEqual(addressOf("batches.batch", { ledger: "a b", batch: "ü" }), "/api/batch?ledger=a+b&batch=%C3%BC")
    assert.strictEqual(addressOf("runs.list", { flow: undefined, offset: 0 }), "/api/runs?offset=0")
    assert.strictEqual(addressOf("runs.source", {}), "/api/source")
    assert.strictEqual(filled("/api/runs/:id/steps", { id: "a/b", loop: 0 }), "/api/runs/a%2Fb/steps?loop=0")
  })

  it("have parameters with the types of the API", () => {
    // @ts-expect-error: the ledger of the batch is missing
    addressOf("batches.batch", { batch: "a" })
    // @ts-expect-error: an offset is a number
    addressOf("runs.list", { offset: "0" })
    // @ts-expect-error: the API has no such endpoint
    assert.throws(() => addressOf("runs.none", {}))
  })
})
