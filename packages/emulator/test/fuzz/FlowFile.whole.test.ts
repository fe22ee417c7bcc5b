/** Flows files that somebody mistyped, cut off or made up. */
import { EmulatorError, type RunningEmulator, samples, startEmulator } from "@effect-noukai/emulator"
import { decodeText } from "@effect-noukai/emulator/FlowFile"
import * as Either from "effect/Either"
import * as FC from "effect/FastCheck"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { brokenJson, fuzz, fuzzAsync, fuzzTimeout } from "../../../sdk/test/support/fuzz.js"

const file = {
  flows: [
    ...samples,
    {
      ref: "acme/fuzz/everything",
      steps: [
        {
          kind: "template",
          id: "a",
          output: { $match: "{{parameters.x}}", cases: { one: 1 }, default: "{{message}}" }
        },
        {
          kind: "loop",
          id: "each",
          over: ["x", "y"],
          steps: [{ kind: "template", id: "in", output: "{{loop.item}}" }]
        },
        { kind: "loop", id: "again", times: 2, steps: [{ kind: "template", id: "more", output: "{{loop.index}}" }] },
        { kind: "template", id: "b", output: "{{steps.a.output}}", failsFirst: { times: 1, code: "BUSY" } },
        { kind: "fail", id: "c", code: "X", message: "no", status: 409 }
      ],
      versions: { 1: { steps: [{ kind: "template", id: "a", output: "one" }] } },
      production: 1
    }
  ],
  keys: [{ key: "nk_test_fuzz0000_00000000000000000000000000000000", org: "acme", project: "fuzz" }],
  organisations: { acme: { credits: "1.5", capture: "full" } },
  faults: [{ match: { endpoint: "execute" }, script: ["ok", "503"] }]
}

const texts = brokenJson(FC.constant<unknown>(file))

let emulator: RunningEmulator

beforeAll(async () => {
  emulator = await startEmulator({ organisations: { acme: { capture: "full" } } })
})

afterAll(() => emulator.close())

describe("any flows file", () => {
  it("is one, or an EmulatorError that says where it is wrong", () => {
    fuzz(texts, 60, (text) => {
      const decoded = decodeText(text)
      if (Either.isRight(decoded)) return
      assert.instanceOf(decoded.left, EmulatorError)
      assert.isString(decoded.left.message)
    })
  }, fuzzTimeout)

  it("that nests too deep is an EmulatorError", () => {
    for (
      const nested of ["[".repeat(100_000) + "]".repeat(100_000), "{\"a\":".repeat(3_000) + "1" + "}".repeat(3_000)]
    ) {
      const decoded = decodeText(
        `{"flows":[{"ref":"a/b/c","steps":[{"kind":"template","id":"a","output":${nested}}]}]}`
      )
      assert.isTrue(Either.isLeft(decoded) && decoded.left instanceof EmulatorError)
    }
    const loops = "{\"kind\":\"loop\",\"id\":\"a\",\"times\":1,\"steps\":[".repeat(1_000) + "]}".repeat(1_000)
    assert.isTrue(Either.isLeft(decodeText(`{"flows":[{"ref":"a/b/c","steps":[${loops}]}]}`)))
  })

  it("whose kind of a step is an object that has no text is an EmulatorError", () => {
    const decoded = decodeText(
      "{\"flows\":[{\"ref\":\"a/b/c\",\"steps\":[{\"kind\":{\"toString\":1,\"valueOf\":null},\"id\":\"a\",\"output\":1}]}]}"
    )
    assert.isTrue(Either.isLeft(decoded) && decoded.left instanceof EmulatorError)
  })

  it("that is one has flows that run: each answers, and never as broken", async () => {
    await fuzzAsync(texts, 25, async (text) => {
      const decoded = decodeText(text)
      if (Either.isLeft(decoded)) return
      for (const flow of decoded.right.flows) {
        emulator.putFlows(flow)
        const response = await fetch(`${emulator.baseUrl}/seq/${flow.ref}/execute`, {
          method: "POST",
          headers: { authorization: `Bearer ${emulator.apiKey}` },
          body: JSON.stringify({ message: "hi", parameters: { x: "one" } })
        })
        const body = await response.text()
        assert.notInclude(body, "INTERNAL_ERROR")
        assert.isObject(JSON.parse(body))
      }
      await emulator.reset()
    })
  }, fuzzTimeout)
})
