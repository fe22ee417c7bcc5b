/** A flow run against the emulator of the package, and its command. */
import { startEmulator } from "@effect-noukai/emulator"
import { FlowService, Noukai } from "@effect-noukai/sdk"
import { Effect, Redacted } from "effect"
import { match, strictEqual } from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"

const emulator = await startEmulator({ port: 0 })
try {
  const live = Noukai.layer({ apiKey: Redacted.make(emulator.apiKey), baseUrl: emulator.baseUrl })
  const status = await Effect.runPromise(
    Effect.gen(function*() {
      const flows = yield* FlowService
      const done = yield* flows.execute("noukai/samples/hello-world", { message: "Hi." })
      return done.status
    }).pipe(Effect.provide(live))
  )
  strictEqual(status, "completed")
  strictEqual(emulator.ledger().runs.length, 1)
} finally {
  await emulator.close()
}

const command = spawn(
  process.execPath,
  ["node_modules/@effect-noukai/emulator/bin/noukai-emulator.js", "--port", "0"],
  {
    stdio: ["ignore", "pipe", "inherit"]
  }
)
try {
  const [line] = await once(createInterface({ input: command.stdout }), "line", { signal: AbortSignal.timeout(20_000) })
  match(String(line), /http:\/\/127\.0\.0\.1:\d+/)
  command.kill("SIGTERM")
  const [code] = await once(command, "exit")
  strictEqual(code, 0)
} finally {
  command.kill("SIGKILL")
}
