/**
 * The programs of the README of `@noukai/sdk`, with another import: they run against the emulator.
 * `PublishedTypes.slow.test.ts` compiles them.
 */
import { type RunningEmulator, samples, startEmulator } from "@effect-noukai/emulator"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it, vi } from "vitest"
import * as client from "./support/readmeClient.js"
import type { Given } from "./support/readmeGiven.js"
import { moduleOf, programs, skipped } from "./support/readmePrograms.js"

const folder = fileURLToPath(new URL("../build/readme", import.meta.url))

const fileOf = (index: number) => `${folder}/program-${index}.ts`

const grade = "acme/spelling/grade-3"

let emulator: RunningEmulator

beforeAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const [index, program] of programs.entries()) writeFileSync(fileOf(index), moduleOf(program))
  emulator = await startEmulator({ flows: samples, organisations: { acme: { capture: "full" } } })
  client.listenOn(emulator.port)
})

afterAll(async () => {
  vi.unstubAllEnvs()
  await emulator.close()
})

/** A session with one run of the flow. */
const session = async (noukai: client.Noukai): Promise<string> => {
  const run = () => noukai.flow(grade).execute({ message: "recorded" })
  const { sessionId } = await client.traceScope(run, { client: noukai })
  return sessionId!
}

/** The flow that the section is about. */
const flowOf = (name: string): string => /resume/i.test(name) ? "noukai/samples/tools-enabled" : grade

const givenFor = async (name: string): Promise<Given> => {
  const noukai = new client.Noukai({ org: "acme", project: "spelling" })
  const flow = noukai.flow(flowOf(name))
  const run = await noukai.flow(grade).execute({ message: "earlier" })
  return {
    noukai,
    flow,
    result: run,
    controller: new AbortController(),
    abortController: new AbortController(),
    logger: { info: () => {} },
    getWeather: () => "sunny",
    runTools: async (calls) => calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: "sunny" })),
    givenTools: [{ type: "function", function: { name: "get_weather" } }],
    givenExecution: run.executionId!,
    givenSession: await session(noukai),
    otherSession: await session(noukai),
    setTimeout: (f, ms) => setTimeout(f, ms).unref()
  }
}

/** Whether a program is shown on its own but stands inside a scope. */
const insideReplay = (name: string) => name.startsWith("Explicit sessionId")

describe("the README of @noukai/sdk", () => {
  it("has these programs", () => {
    assert.isAtLeast(programs.length, 20)
    assert.strictEqual(skipped, 2)
  })

  for (const [index, { name }] of programs.entries()) {
    it(`runs: ${name}`, async () => {
      await emulator.reset()
      vi.stubEnv("NOUKAI_API_KEY", emulator.apiKey)
      vi.stubEnv("NOUKAI_REPLAY_ENABLED", "true")
      vi.spyOn(console, "log").mockImplementation(() => {})
      const given = await givenFor(name)
      const { program } = await import(/* @vite-ignore */ fileOf(index)) as {
        readonly program: (given: Given) => Promise<void>
      }
      const before = emulator.ledger()
      if (insideReplay(name)) {
        const outer = given.noukai.flow(grade)
        await client.traceScope(
          async () => {
            await program(given)
            await outer.execute({ message: "any" })
          },
          { replaySessionId: given.givenSession, client: given.noukai }
        ).catch((error: unknown) => assert.instanceOf(error, client.ReplayError))
      } else {
        await program(given)
      }
      const after = emulator.ledger()
      assert.isEmpty(after.requests.filter(({ status }) => status !== undefined && status >= 400))
      if (/replay|Explicit/i.test(name)) assert.strictEqual(after.runsStarted, before.runsStarted)
      vi.restoreAllMocks()
    })
  }
})
