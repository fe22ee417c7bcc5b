/**
 * A program over many keys is killed (SIGKILL) at a random request and started again until it ends by itself, while some
 * requests are reset, cut, stalled and refused. The emulator's ledger says what ran.
 *
 * `npm run test:faults` does it for 20 seeds and 1,000 keys, and with a list of runs that lags, `npm test` for one seed
 * and a few keys, and kills it once at most; a failure names its seed.
 */
import { Emulator, type EmulatorOptions } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import { FlowService, Noukai } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Redacted, TestClock } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { bundledProgram } from "./support/bundledProgram.js"
import { isWhole, size } from "./support/size.js"

type CaptureMode = NonNullable<EmulatorOptions["capture"]>

const seeds = size(20, 1)

const echo = "acme/test/echo"

const numbers = (seed: number) => {
  let state = (seed * 2654435761) % 2147483648
  return (below: number): number => {
    state = (state * 1103515245 + 12345) % 2147483648
    return Math.floor(state / 2147483648 * below)
  }
}

const start = (program: string, emulator: Emulator["Type"], ...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [program, ...args], {
        env: { ...process.env, NOUKAI_API_KEY: Redacted.value(emulator.apiKey) },
        stdio: ["ignore", "ignore", "pipe"]
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

/** The end of a process: its code, or `null` when it was killed; a process that fails is no end. */
const ended = (child: ChildProcess) =>
  Effect.async<number | null>((resume) => {
    let errors = ""
    child.stderr!.setEncoding("utf8").on("data", (text: string) => errors += text)
    child.on("close", (code) => {
      resume(code === 0 || code === null ? Effect.succeed(code) : Effect.dieMessage(errors))
    })
  })

/** Waits until the server has received so many more requests. */
const received = (emulator: Emulator["Type"], more: number) =>
  Effect.flatMap(emulator.ledger, ({ requestsReceived }) => {
    let left = requestsReceived + more
    return emulator.awaitEvent((event) => event.type === "RequestReceived" && --left === 0)
  })

/** After so many kills a program is left to end. */
const mostKills = size(Infinity, 1)

interface Work {
  readonly operation: "execute" | "jobs"
  readonly capture: CaptureMode | "lagging"
  readonly keys: number
}

/** Runs the program over and over, and kills it, until it ends by itself. The number of its lives. */
const killedAndStarted = (program: string, { capture, keys, operation }: Work, below: (n: number) => number) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator
    for (let life = 1;; life++) {
      const code = yield* Effect.scoped(Effect.gen(function*() {
        const args = [operation, emulator.baseUrl, `${keys}`, `${life > 1}`, capture, "1000"]
        const child = yield* start(program, emulator, ...args)
        const kill = Effect.zipRight(
          // a life without anything left to run takes one request for each key
          received(emulator, 1 + below(3 * keys)),
          Effect.as(Effect.sync(() => child.kill("SIGKILL")), "killed")
        )
        const end = yield* Effect.fork(ended(child))
        // a process that ends first is not killed
        if (life <= mostKills) yield* Effect.raceFirst(kill, end)
        return yield* end
      }))
      if (code === 0) return life
    }
  })

const setup = (options: EmulatorOptions) =>
  Emulators.layer({
    flows: [{
      ref: echo,
      steps: [{ kind: "template", id: "a", output: { said: "{{message}}" }, duration: "50 millis" }]
    }],
    jobs: { workers: 64 },
    ...options
  })

/** How often each message ran. */
const counted = Effect.gen(function*() {
  const { runs } = yield* Effect.flatMap(Emulator, (emulator) => emulator.ledger)
  const bySession = new Map<string | undefined, number>()
  for (const { sessionId } of runs) bySession.set(sessionId, (bySession.get(sessionId) ?? 0) + 1)
  return { keys: bySession.size, doubled: runs.length - bySession.size }
})

const faults = ["reset", "reset:late", "cut:b20", "503", "stall:60000"] as const

const works: ReadonlyArray<Work> = [
  { operation: "jobs", capture: "metadata_only", keys: size(1_000, 5) },
  { operation: "execute", capture: "full", keys: size(1_000, 5) },
  ...isWhole ? [{ operation: "execute", capture: "metadata_only", keys: 1_000 } as const] : []
]

describe("two processes", () => {
  it.scoped("that begin a key at the same moment both run it, and later calls are told", () =>
    Effect.gen(function*() {
      const program = yield* Effect.promise(() => bundledProgram(new URL("./support/onceProcess.ts", import.meta.url)))
      const emulator = yield* Emulator
      // both have looked, and sent, before the run of either begins; neither gives up meanwhile
      yield* emulator.addFaults({ match: { endpoint: "execute" }, script: ["delay:100", "delay:100"] })
      const args = ["execute", emulator.baseUrl, "1", "false", "full", "60000"]
      const ends = yield* Effect.fork(
        Effect.forEach([1, 2], () => Effect.flatMap(start(program, emulator, ...args), ended), { concurrency: 2 })
      )
      let waiting = 0
      yield* emulator.awaitEvent((event) => event.type === "Waiting" && ++waiting === 2)
      yield* TestClock.adjust("100 millis")
      let begun = 0
      yield* emulator.awaitEvent((event) => event.type === "StepStarted" && ++begun === 2)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(ends), [0, 0])
      assert.deepStrictEqual(yield* counted, { keys: 1, doubled: 1 })
      const error = yield* Effect.flatMap(FlowService, (flows) => flows.executeOnce("key 0", echo, { message: "hi" }))
        .pipe(
          Effect.flip,
          Effect.provide(Noukai.layerServices)
        )
      assert(error._tag === "AmbiguousRunError")
      const { runs } = yield* emulator.ledger
      assert.sameMembers([...error.executionIds], runs.map(({ executionId }) => executionId))
    }).pipe(Effect.provide(setup({ capture: "full" }))))
})

describe("a program that is killed and started again", () => {
  for (const work of works) {
    for (let seed = 1; seed <= seeds; seed++) {
      it.live(
        `${work.operation}, capture ${work.capture}, seed ${seed}: no key runs twice, and none is lost`,
        () =>
          Effect.gen(function*() {
            const program = yield* Effect.promise(() =>
              bundledProgram(new URL("./support/onceProcess.ts", import.meta.url))
            )
            const lives = yield* killedAndStarted(program, work, numbers(seed))
            assert.isAtLeast(lives, 1)
            assert.deepStrictEqual(yield* counted, { keys: work.keys, doubled: 0 })
          }).pipe(Effect.provide(setup({
            capture: work.capture as CaptureMode,
            seed,
            faults: [{ rate: 0.05, faults }]
          }))),
        300_000
      )
    }
  }

  if (!isWhole) return

  // a second life begins long before the list shows the runs of the first
  const lagging = (settles: boolean) =>
    Effect.gen(function*() {
      const program = yield* Effect.promise(() => bundledProgram(new URL("./support/onceProcess.ts", import.meta.url)))
      const keys = 320
      let lives = 0
      yield* killedAndStarted(
        program,
        { operation: "execute", capture: settles ? "lagging" : "full", keys },
        (n) => n === 3 * keys && lives++ === 0 ? keys : n - 1
      )
      return { ...(yield* counted), expected: keys }
    }).pipe(Effect.provide(setup({ capture: "full", sessions: { lag: Duration.seconds(2) } })))

  it.live("a list that lags doubles nothing with settle", () =>
    Effect.gen(function*() {
      const { doubled, expected, keys } = yield* lagging(true)
      assert.deepStrictEqual([keys, doubled], [expected, 0])
    }), 300_000)

  it.live("a list that lags doubles without it, and loses nothing", () =>
    Effect.gen(function*() {
      const { doubled, expected, keys } = yield* lagging(false)
      assert.strictEqual(keys, expected)
      assert.isAbove(doubled, 0)
      yield* Effect.log(`a list that lags by 2 s: ${doubled} of ${expected} keys ran twice`)
    }), 300_000)
})
