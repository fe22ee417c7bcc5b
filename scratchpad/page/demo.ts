/** Starts an emulator and the server of the guide, which prints the addresses of its pages. Opens one where there is a display. */
import { startEmulator } from "@effect-noukai/emulator"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const port = process.env.PORT ?? "3000"

const openers: { readonly [platform: string]: ReadonlyArray<string> } = {
  darwin: ["open"],
  win32: ["cmd", "/c", "start"],
  linux: ["xdg-open"]
}

const isSeen = process.platform !== "linux" || (process.env.DISPLAY ?? process.env.WAYLAND_DISPLAY) !== undefined

process.chdir(import.meta.dirname)
const temporary = mkdtempSync(join(tmpdir(), "noukai-page-"))
process.once("exit", () => rmSync(temporary, { recursive: true, force: true }))
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit())

// the port at which NOUKAI_ENV=dev finds it
const { apiKey } = await startEmulator({ file: "flows.json", port: 8080 })
Object.assign(process.env, {
  NOUKAI_ENV: "dev",
  NOUKAI_API_KEY: apiKey,
  PORT: port,
  TURNS: join(temporary, "turns.db")
})
await import("./server.js")

const [command, ...options] = openers[process.platform] ?? []
if (command !== undefined && isSeen && process.env.CI === undefined) {
  spawn(command, [...options, `http://127.0.0.1:${port}/chat.html`], { stdio: "ignore" }).on("error", () => {})
}
