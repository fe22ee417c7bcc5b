import { type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"

let emulator: RunningEmulator

beforeAll(async () => {
  emulator = await startEmulator()
})
beforeEach(() => emulator.reset())
afterAll(() => emulator.close())

/** Your program: anything that speaks HTTP to `emulator.baseUrl` with `emulator.apiKey`. */
const greet = (message: string) =>
  fetch(`${emulator.baseUrl}/seq/noukai/samples/hello-world/execute`, {
    method: "POST",
    headers: { authorization: `Bearer ${emulator.apiKey}`, "content-type": "application/json" },
    body: JSON.stringify({ message })
  })

it("greets", async () => {
  const response = await greet("hi")
  expect(await response.json()).toMatchObject({ status: "completed", result: { text: "Hello! You said: hi" } })
  expect(emulator.ledger().runsStarted).toBe(1)
})

it("is told when it is too fast", async () => {
  emulator.addFaults({ script: ["429:retry=7"] })
  const response = await greet("hi")
  expect(response.status).toBe(429)
  expect(response.headers.get("retry-after")).toBe("7")
  expect(emulator.ledger().runsStarted).toBe(0)
})
