/** An emulator for the tests of one file, and clients of it. */
import { type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import { Noukai, type NoukaiOptions } from "@effect-noukai/promise"
import { afterAll, afterEach, beforeAll } from "vitest"
import { flows } from "./world.js"

/** Starts it before the tests of the file. After each test it is reset and its clients are closed. */
export const ownEmulator = () => {
  let emulator: RunningEmulator
  const clients: Array<Noukai> = []

  beforeAll(async () => {
    emulator = await startEmulator({ flows })
  })

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()))
    await emulator.reset()
  })

  afterAll(() => emulator.close())

  return {
    emulator: () => emulator,
    client: (options: NoukaiOptions = {}): Noukai => {
      const made = new Noukai({ apiKey: emulator.apiKey, env: "dev", port: emulator.port, ...options })
      clients.push(made)
      return made
    }
  }
}
