/** Numbers that JavaScript cannot hold, in every part of a studio that shows payloads. */
import type { Flow } from "@effect-noukai/emulator"
import { Noukai } from "@effect-noukai/sdk"
import * as HostedSource from "@effect-noukai/studio/HostedSource"
import * as Studio from "@effect-noukai/studio/Studio"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { open, type Parsed } from "./support/client.js"
import { start } from "./support/emulated.js"

const [big, other] = ["12345678901234567890", "12345678901234567891"]

const flow = "acme/test/digits"

const more: ReadonlyArray<Flow> = [{
  ref: flow,
  steps: [{ kind: "template", id: "a", output: { id: "{{parameters.id}}", list: "{{parameters.list}}" } }]
}]

/** Runs the flow by a request of this text. */
const run = (baseUrl: string, apiKey: Redacted.Redacted, id: string) =>
  Effect.promise(async () => {
    const response = await fetch(`${baseUrl}/seq/${flow}/execute`, {
      method: "POST",
      headers: { authorization: `Bearer ${Redacted.value(apiKey)}`, "content-type": "application/json" },
      body: `{"parameters":{"id":${id},"list":[${id},{"deep":-${id}}]},"trace":true}`
    })
    return await response.text()
  })

describe("numbers with more digits than JavaScript keeps", () => {
  it.scopedLive(
    "are shown, found, compared and copied with their digits, of an emulator and of a server",
    () =>
      Effect.gen(function*() {
        const { emulator, page } = yield* start({ capture: "full", more })
        const { apiKey, baseUrl } = emulator
        const answer = yield* run(baseUrl, apiKey, big)
        assert.include(answer, `"id":${big}`)
        const id: string = JSON.parse(answer).executionId
        const { executionId: second }: Parsed = JSON.parse(yield* run(baseUrl, apiKey, other))
        const services = yield* Layer.build(Noukai.layer({ apiKey, baseUrl, maxRetries: 0 }))
        const hosted = HostedSource.layer({ address: baseUrl, seen: Effect.succeed([{ flow, id }]) }).pipe(
          Layer.provide(Layer.succeedContext(services))
        )
        const { url } = yield* Effect.provide(Studio.serve({ assets: "/nowhere" }), yield* Layer.build(hosted))
        for (const studio of [page, yield* open(url)]) {
          const get = (path: string) => Effect.map(studio.get(`/api/${path}`), ({ text }) => text)
          const address = `flow=${encodeURIComponent(flow)}&id=${id}`
          const step: Parsed = JSON.parse(yield* get(`step?${address}&step=a`))
          assert.include(step.attempts[0].input.json, `{"id":${big},"list":[${big},{"deep":-${big}}]}`)
          assert.include(step.attempts[0].output.json, `{"id":${big},"list":[${big},{"deep":-${big}}]}`)
          const { curl, command, notes, typescript }: Parsed = JSON.parse(yield* get(`snippets?${address}`))
          assert.include(curl, `"parameters":{"id":${big},"list":[${big},{"deep":-${big}}]}`)
          assert.include(command, `id:=${big}`)
          assert.include(typescript, `id: ${big},`)
          assert.include(notes.join(), "more digits")
          const { hits }: Parsed = JSON.parse(yield* get(`search?${address}&text=${big}`))
          assert.deepStrictEqual(hits.map(({ where }: Parsed) => where), ["input", "output"])
          assert.include(yield* get(`again?${address}`), `"parameters":{"id":${big},"list":[${big},{"deep":-${big}}]}`)
          const pair = `beforeFlow=${encodeURIComponent(flow)}&before=${id}&afterFlow=${
            encodeURIComponent(flow)
          }&after=${second}`
          const difference = yield* get(`diff/step?${pair}&at=0`)
          assert.include(difference, `"expected":${big}`)
          assert.include(difference, `"actual":${other}`)
        }
      }),
    30_000
  )
})
