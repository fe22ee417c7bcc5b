import { startEmulator } from "@effect-noukai/emulator"

/** `globalSetup` of vitest or Playwright: one emulator for the whole run, where `NOUKAI_ENV=dev` looks for it. */
export default async function setup(): Promise<() => Promise<void>> {
  const emulator = await startEmulator({ port: 8080, file: "test/flows.json" })
  process.env.NOUKAI_ENV = "dev"
  process.env.NOUKAI_API_KEY = emulator.apiKey
  return () => emulator.close()
}
