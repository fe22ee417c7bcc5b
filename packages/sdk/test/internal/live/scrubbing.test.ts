import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { scrubbing } from "../../../src/internal/live/scrubbing.js"

const key = "nk_test_planted8_0123456789abcdef"

const scrub = (text: string) => text.replaceAll(key, "<redacted>")

describe("scrubbing", () => {
  it("removes a secret from every piece, however the text was cut into chunks", () => {
    const part = FastCheck.oneof(
      FastCheck.constant(key),
      FastCheck.string({ maxLength: 700 }),
      FastCheck.constant("nk_")
    )
    FastCheck.assert(
      FastCheck.property(FastCheck.array(part), FastCheck.array(FastCheck.nat(3000)), (parts, cuts) => {
        const text = parts.join("")
        const at = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length]
        const watched = scrubbing(scrub)
        for (const [i, end] of at.slice(1).entries()) watched.see(text.slice(at[i], end))
        assert.strictEqual(watched.scrub(text), scrub(text))
      })
    )
  })

  it("leaves a text without one as it is", () => {
    const watched = scrubbing(scrub)
    watched.see("nothing")
    assert.strictEqual(watched.scrub("nothing"), "nothing")
  })
})
