/**
 * An eval run is killed (SIGKILL) at a random request and resumed until it ends by itself. `npm run test:faults` does it
 * for 20 seeds, `npm test` for one and kills it twice; a failure names its seed.
 */
import { Emulator } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { spawn } from "node:child_process"
import { join } from "node:path"
import { bundledProgram } from "../../sdk/test/support/bundledProgram.js"
import { folder } from "../../sdk/test/support/folder.js"
import { ended, numbers, received } from "../../sdk/test/support/killing.js"
import { size } from "../../sdk/test/support/size.js"

const seeds = size(20, 1)

const cases = size(40, 6)

const mostKills = size(Infinity, 2)

/** The runs of all sides in two trials, and the judge of each case. */
const runsOf = (sides: number) => cases * sides * 2 + cases

const says = (costUsd: string) =>
  [{
    kind: "template",
    id: "a",
    output: { said: "{{message}}{{parameters.mark}}" },
    costUsd,
    duration: "20 millis"
  }] as const

const flows = [
  { ref: "acme/test/says", steps: says("0.002"), versions: { 2: { steps: says("0.001") } } },
  { ref: "acme/test/judge", steps: [{ kind: "template", id: "a", output: true, costUsd: "0.01" }] }
] as const

const server = Emulators.layer({ flows, jobs: { workers: 64 } })

/** The parts of an output that do not differ between two runs, without times and ids. */
const lasting = (text: string): unknown =>
  JSON.parse(
    text,
    (key, value: unknown) => ["run", "startedAt", "time", "durationMs", "executionId"].includes(key) ? undefined : value
  )

/** The output of an eval run that is killed so many times at most. */
const printed = (below: (n: number) => number, kills: number, sides: number) =>
  Effect.gen(function*() {
    const { apiKey, baseUrl } = yield* Emulator
    const program = yield* Effect.promise(() => bundledProgram(new URL("./support/evalProcess.ts", import.meta.url)))
    const ledger = join(yield* folder, "eval.ledger")
    for (let left = kills;; left--) {
      const output = yield* Effect.scoped(Effect.gen(function*() {
        const child = yield* Effect.acquireRelease(
          Effect.sync(() =>
            spawn(process.execPath, [program, baseUrl, ledger, `${cases}`, ...sides > 2 ? ["several"] : []], {
              env: { ...process.env, NOUKAI_API_KEY: Redacted.value(apiKey) },
              stdio: ["ignore", "pipe", "pipe"]
            })
          ),
          (child) => Effect.sync(() => child.kill("SIGKILL"))
        )
        const end = yield* Effect.fork(ended(child))
        const kill = Effect.zipRight(received(1 + below(2 * runsOf(sides))), Effect.sync(() => child.kill("SIGKILL")))
        if (left > 0) yield* Effect.raceFirst(kill, Fiber.join(end))
        return yield* Fiber.join(end)
      }))
      if (output !== null) return lasting(output)
    }
  })

const counted = Effect.map(Effect.flatMap(Emulator, (emulator) => emulator.ledger), ({ runs }) => [
  runs.length,
  new Set(runs.map(({ sessionId }) => sessionId)).size
])

const undisturbed = (sides: number) => Effect.scoped(Effect.provide(printed(numbers(0), 0, sides), server))

describe("an eval run that is killed and resumed", () => {
  for (let seed = 1; seed <= seeds; seed++) {
    it.live.each([2, 3])(
      `seed ${seed}: no row of %d sides runs twice, and the report is that of an undisturbed run`,
      (sides) =>
        Effect.gen(function*() {
          const output = yield* printed(numbers(seed), mostKills, sides)
          assert.deepStrictEqual(yield* counted, [runsOf(sides), runsOf(sides)])
          assert.deepStrictEqual(output, yield* undisturbed(sides))
        }).pipe(Effect.scoped, Effect.provide(server)),
      300_000
    )
  }
})
