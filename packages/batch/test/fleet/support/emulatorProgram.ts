/**
 * An emulator whose runs take some time and are all kept: `<milliseconds of a run> [<faults, as JSON>] [<how many runs of each
 * message fail first>]`. It says its base URL and key in a line of their own.
 */
import type { FunctionInput, Json, StepFailure } from "@effect-noukai/emulator/Flow"
import { startEmulator } from "@effect-noukai/emulator/startEmulator"
import { Effect } from "effect"

const [duration, faults = "[]", failing = "0"] = process.argv.slice(2)

const runs = new Map<string, number>()

const say = ({ message }: FunctionInput): Effect.Effect<Json, StepFailure> =>
  Effect.suspend(() => {
    const said = String(message)
    const count = (runs.get(said) ?? 0) + 1
    runs.set(said, count)
    return count > Number(failing) ? Effect.succeed({ said }) : Effect.fail({ code: "PROVIDER_ERROR", message: "busy" })
  })

const emulator = await startEmulator({
  flows: [{
    ref: "acme/fleet/echo",
    steps: [
      { kind: "template", id: "wait", output: "", duration: Number(duration) },
      { kind: "function", id: "say", run: say }
    ]
  }],
  faults: JSON.parse(faults),
  jobs: { workers: 256, capacity: 100_000 },
  // a run that was evicted looks as one that never was
  limits: { runs: 1_000_000, runBytes: 2 ** 31 }
})
console.log(`listens ${emulator.baseUrl} ${emulator.apiKey}`)
