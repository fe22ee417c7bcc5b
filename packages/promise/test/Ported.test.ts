/** A program of `@noukai/sdk` 0.5.1 runs with ours, and nothing in it changes. */
import * as ours from "@effect-noukai/promise"
import { afterEach, assert, expect, it, vi } from "vitest"
import { startRawServer } from "./support/rawServer.js"
import { startRelay } from "./support/relay.js"
import { redirectFetch, startWorldEmulator } from "./support/world.js"

afterEach(() => vi.restoreAllMocks())

it("a program of 0.5.1 runs unchanged", async () => {
  // the project of this file has the types of 0.3.0, so the program is loaded by its path
  const path = new URL("surface/program.ts", import.meta.url).href
  const { program } = await import(path) as {
    readonly program: (sdk: typeof ours, apiKey: string, relay: string) => Promise<unknown>
  }
  vi.spyOn(console, "debug").mockImplementation(() => {})
  const emulator = await startWorldEmulator()
  const raw = await startRawServer()
  const relay = await startRelay(emulator, "noukai/samples/tools-enabled")
  // the program knows port 8080 alone
  const restore = redirectFetch(emulator, raw)
  try {
    expect(await program(ours, emulator.apiKey, relay.url)).toMatchObject({
      tools: { text: expect.stringContaining("sunny") },
      handled: { text: expect.stringContaining("sunny") },
      status: "completed",
      traced: ["completed", "completed"],
      agent: [true, "completed"],
      sent: 200,
      session: ["string", "capture"],
      errors: ["no flow", "InvalidRequestError ", "InvalidRequestError ", "InvalidRequestError "],
      phases: ["request POST", "response POST", "request GET", "response GET", "scope_open", "scope_close"]
    })
  } finally {
    restore()
    await Promise.all([relay.close(), raw.close(), emulator.close()])
  }
  assert.isFunction(program)
})
