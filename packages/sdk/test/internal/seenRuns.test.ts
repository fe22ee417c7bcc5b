import { assert, it } from "@effect/vitest"
import { remember, type SeenRuns } from "../../src/internal/run/keyedRun.js"

it("remembers the newest 10,000 sessions, with the ids that are known", () => {
  const seen: SeenRuns = new Map()
  remember(seen, "session 0", "ex-0")
  remember(seen, "session 1", "ex-1")
  // what is seen again is new, and its id stays
  remember(seen, "session 0", undefined)
  for (let n = 2; n <= 10_000; n++) remember(seen, `session ${n}`, undefined)
  assert.isFalse(seen.has("session 1"))
  assert.deepStrictEqual([seen.has("session 0"), seen.get("session 0")], [true, "ex-0"])
  assert.deepStrictEqual([seen.has("session 10000"), seen.get("session 10000")], [true, undefined])
})
