/** The outputs that a program sees are the same wherever the server's streams carry them. */
import { type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { answers, collect, flows, ourWorld, type Parsed, tools, twoStep, twoTools, weather } from "./support/world.js"

const shapes = ["hosted", "documented"] as const

const emulators: Array<RunningEmulator> = []

beforeAll(async () => {
  for (const streamOutputs of shapes) emulators.push(await startEmulator({ flows, streamOutputs }))
})

afterAll(() => Promise.all(emulators.map((emulator) => emulator.close())))

const calls: ReadonlyArray<readonly [name: string, flow: string, options: Parsed]> = [
  ["two steps", twoStep, { message: "hi" }],
  ["two steps in one request", twoStep, { message: "hi", runRemaining: true }],
  ["a tool", weather, { message: "Lisbon?", tools, toolHandler: answers }],
  ["a tool in a later step", "noukai/tests/two-tools", { tools: twoTools, toolHandler: answers }],
  ["a loop", "noukai/tests/loop", {}],
  ["parameters", "noukai/tests/inputs", { parameters: { difficulty: "hard" } }],
  ["overrides", "noukai/tests/inputs", { inputOverrides: { first: { difficulty: "none" } } }],
  ["a failure", "noukai/tests/fails-second", {}]
]

/** Ids and amounts of time apart. */
const told = (events: ReadonlyArray<Parsed>) =>
  events.filter(({ type }) => type !== "step_output").map(({ error, output, result, stepId, type }) => ({
    type,
    stepId,
    output,
    result,
    error
  }))

describe("outputs of a stream", () => {
  for (const [name, flow, options] of calls) {
    it(`${name}: the same in either shape`, async () => {
      const [hosted, documented] = await Promise.all(emulators.map(async (emulator) => {
        const of = ourWorld(emulator).client().flow(flow)
        return {
          events: told(await collect(of.events(options) as AsyncIterable<Parsed>)),
          steps: await collect(of.steps(options) as AsyncIterable<Parsed>).then(told, (error: Error) => error.message)
        }
      }))
      assert.deepStrictEqual(hosted, documented)
      assert.isTrue(hosted!.events.some(({ output }) => output !== undefined))
    })
  }
})
