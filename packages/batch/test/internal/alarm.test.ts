import { assert, describe, it } from "@effect/vitest"
import * as Alarm from "../../src/internal/drive/alarm.js"

describe("an alarm", () => {
  it("is heard by who waits, also when it rang before, and once", () => {
    const alarm = Alarm.make()
    const heard: Array<string> = []
    alarm.wait(() => heard.push("after"))
    assert.deepStrictEqual(heard, [])
    alarm.ring()
    alarm.ring()
    assert.deepStrictEqual(heard, ["after"])
    alarm.wait(() => heard.push("before"))
    assert.deepStrictEqual(heard, ["after", "before"])
    alarm.reset()
    alarm.wait(() => heard.push("never"))
    assert.deepStrictEqual(heard, ["after", "before"])
  })
})
