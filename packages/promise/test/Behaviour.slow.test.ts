/** One suite, run with the reference and with this client: they agree, or the table of differences says why. */
import type { RunningEmulator } from "@effect-noukai/emulator"
import { readFile } from "node:fs/promises"
import { afterAll, assert, beforeAll, describe, it, vi } from "vitest"
import type { Behaviour } from "./behaviour/Behaviour.js"
import { construction } from "./behaviour/construction.js"
import { differences, table } from "./behaviour/differences.js"
import { execution } from "./behaviour/execution.js"
import { newerBehaviours } from "./behaviour/newer.js"
import { reading } from "./behaviour/reading.js"
import { receiving } from "./behaviour/receiving.js"
import { scopes } from "./behaviour/scopes.js"
import { streaming } from "./behaviour/streaming.js"
import { type RawServer, startRawServer } from "./support/rawServer.js"
import { ourWorld, redirectFetch, referenceWorld, startWorldEmulator } from "./support/world.js"

let emulator: RunningEmulator
let raw: RawServer

beforeAll(async () => {
  emulator = await startWorldEmulator()
  raw = await startRawServer()
  vi.spyOn(console, "warn").mockImplementation(() => {})
})

afterAll(async () => {
  vi.restoreAllMocks()
  await raw.close()
  await emulator.close()
})

const observe = async ({ run }: Behaviour) => {
  await emulator.reset()
  // what replaces the global fetch for a client that is made then, so ours is made without it
  const restore = redirectFetch(emulator, raw)
  const reference = await run(referenceWorld(emulator, raw)).finally(restore)
  await emulator.reset()
  const ours = await run(ourWorld(emulator, raw))
  return { reference, ours }
}

const suites = { construction, execution, reading, receiving, scopes, streaming }

for (const [suite, behaviours] of Object.entries(suites)) {
  describe(suite, () => {
    for (const behaviour of behaviours) {
      const { differs, name } = behaviour
      it(differs === undefined ? name : `${name} (differs: ${differs.because})`, async () => {
        const { ours, reference } = await observe(behaviour)
        if (differs === undefined) {
          assert.deepStrictEqual(ours, reference)
        } else {
          assert.deepStrictEqual({ reference, ours }, { reference: differs.reference, ours: differs.ours })
          assert.notDeepEqual(ours, reference)
        }
      })
    }
  })
}

describe("newer than the client that runs beside ours", () => {
  for (const { because, name, ours, run } of newerBehaviours) {
    it(`${name} (differs: ${because})`, async () => {
      await emulator.reset()
      assert.deepStrictEqual(await run(ourWorld(emulator, raw)), ours)
    })
  }

  it("is marked in the table, and nothing else is", () => {
    const marked = new Set<string>(differences.filter(({ since }) => since !== undefined).map(({ because }) => because))
    assert.deepStrictEqual(newerBehaviours.filter(({ because }) => !marked.has(because)), [])
  })
})

describe("the table of differences", () => {
  it("begins with the one that can cost money without a word", () => {
    assert.strictEqual(differences[0]?.because, "authorize")
  })

  it("has a row for why behaviours and types differ, and no other", async () => {
    const compared = await readFile(new URL("surface/compare.ts", import.meta.url), "utf8")
    const refused = await readFile(new URL("surface/refused.ts", import.meta.url), "utf8")
    const reasons = new Set([
      ...Object.values(suites).flat().flatMap(({ differs }) => differs === undefined ? [] : [differs.because]),
      ...newerBehaviours.map(({ because }) => because),
      ...Array.from(compared.matchAll(/Differs<"([^"]+)"/g), ([, because]) => because!),
      ...Array.from(refused.matchAll(/^\/\/ row: (.+)$/gm), ([, because]) => because!)
    ])
    assert.deepStrictEqual(differences.map(({ because }) => because).sort(), [...reasons].sort())
  })

  it("is what the README says", async () => {
    assert.include(await readFile(new URL("../README.md", import.meta.url), "utf8"), table())
  })
})
