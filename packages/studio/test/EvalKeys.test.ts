/** Keys in the outputs of evals. */
import * as Studio from "@effect-noukai/studio/Studio"
import { StudioLedgers } from "@effect-noukai/studio/StudioLedgers"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { caseDetail } from "../src/internal/caseDetail.js"
import { open } from "./support/client.js"
import { query } from "./support/ledgerStudio.js"
import * as Scripted from "./support/scripted.js"

const key = "nk_live_ab-cdefghij-klmnopqrst"

const verdict = {
  no: 1,
  key: "one",
  candidate: [{ trial: 1, result: `The key is nk_live_zz-another here` }],
  baseline: [{ trial: 1, result: `The key is ${key} here` }]
}

describe("the differences of an eval", () => {
  it.scopedLive("have no part of a key", () =>
    Effect.gen(function*() {
      const scripted = yield* Scripted.make()
      const ledgers = { case: () => Effect.sync(() => caseDetail(verdict as never)) }
      const sources = Layer.merge(scripted.layer, Layer.succeed(StudioLedgers, ledgers as never))
      const { url } = yield* Effect.provide(
        Studio.serve({ assets: "/nowhere", hidden: [Redacted.make(key)] }),
        yield* Layer.build(sources)
      )
      const page = yield* open(url)
      const { status, text } = yield* page.get(
        `/api/eval/case?${query({ ledger: "a", eval: "b", run: "c", key: "one" })}`
      )
      assert.strictEqual(status, 200)
      for (const part of ["cdefghij", "klmnopqrst", "another"]) assert.notInclude(text, part)
      assert.include(text, "The key is nk_… here")
    }))
})
