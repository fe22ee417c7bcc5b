import { recording } from "@effect-noukai/report/testing"
import { Cassette, FlowService, NoukaiReplay, ReplayCassette } from "@effect-noukai/sdk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Suite } from "../Suite.js"

const flow = "bench/bench/flow"

const inputOf = (n: number) => ({
  message: `Grade sentence ${n} of the essay.`,
  parameters: { difficulty: n % 2 === 0 ? "easy" : "hard", sentence: n }
})

const textOf = (calls: number): string =>
  Cassette.encode(recording(
    ...Array.from({ length: calls }, (_, n) => ({
      flow,
      ...inputOf(n),
      result: { score: n, feedback: `Sentence ${n} has no mistakes.` }
    }))
  ))

/** Reads a cassette and makes every call in it, in another order than they are in the file. */
const loadAndReplay = (text: string, calls: number) =>
  Effect.runPromise(
    Effect.flatMap(Cassette.decode(JSON.parse(text)), (cassette) =>
      Effect.gen(function*() {
        const flows = yield* FlowService
        for (let n = 0; n < calls; n++) {
          const { result } = yield* flows.execute(flow, inputOf(n))
          if ((result as { readonly score?: unknown }).score !== n) throw new Error(`call ${n} got another result`)
        }
        yield* ReplayCassette.verify
        return calls
      }).pipe(Effect.provide(NoukaiReplay.fromCassette(cassette))))
  )

/** Masks secrets in a cassette, and writes it. */
const save = (cassette: Cassette.Cassette, path: string, calls: number) =>
  Effect.runPromise(Effect.as(Cassette.save(cassette, path), calls))

/** The cost of loading and replaying, and of saving, one recorded call, in cassettes of any size. */
export const cassette: Suite = {
  name: "cassette",
  prepare: () => {
    const sizes = [100, 1_000, 10_000]
    const texts = new Map(sizes.map((calls) => [calls, textOf(calls)]))
    const cassettes = new Map<number, Cassette.Cassette>()
    for (const [calls, text] of texts) {
      const cassette = Cassette.decode(JSON.parse(text))
      if (Either.isLeft(cassette)) throw new Error(`no cassette of ${calls} calls`)
      cassettes.set(calls, cassette.right)
    }
    const folder = mkdtempSync(join(tmpdir(), "noukai-bench-"))
    return Promise.resolve({
      groups: [{
        name: "load and replay, per recorded call",
        baselines: ["100 calls"],
        rows: [
          ...sizes.map((calls) => ({
            name: `${calls.toLocaleString("en")} calls`,
            run: () => loadAndReplay(texts.get(calls)!, calls)
          })),
          {
            name: "JSON.parse alone, 10,000 calls",
            run: () => {
              JSON.parse(texts.get(10_000)!)
              return Promise.resolve(10_000)
            }
          }
        ]
      }, {
        name: "save, per recorded call",
        baselines: ["100 calls"],
        rows: sizes.map((calls) => ({
          name: `${calls.toLocaleString("en")} calls`,
          run: () => save(cassettes.get(calls)!, join(folder, `${calls}.json`), calls)
        }))
      }],
      close: () => Promise.resolve(rmSync(folder, { recursive: true }))
    })
  }
}
