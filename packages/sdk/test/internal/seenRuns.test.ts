import { assert, it } from "@effect/vitest"
import { make } from "../../src/internal/run/standing.js"

it("remembers the newest 10,000 sessions, with the ids that are known", () => {
  const seen = make()
  seen.add("session 0", "ex-0")
  seen.add("session 1", "ex-1")
  // what is seen again is new, and its id stays
  seen.add("session 0", undefined)
  for (let n = 2; n <= 10_000; n++) seen.add(`session ${n}`, undefined)
  assert.isFalse(seen.has("session 1"))
  assert.deepStrictEqual([seen.has("session 0"), seen.executionId("session 0")], [true, "ex-0"])
  assert.deepStrictEqual([seen.has("session 10000"), seen.executionId("session 10000")], [true, undefined])
})
