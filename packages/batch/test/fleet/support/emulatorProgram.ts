/**
 * An emulator whose runs take some time and are all kept: `<milliseconds of a run> [<faults, as JSON>]`. It says its base
 * URL and key in a line of their own.
 */
import { startEmulator } from "@effect-noukai/emulator/startEmulator"

const [duration, faults = "[]"] = process.argv.slice(2)

const emulator = await startEmulator({
  flows: [{
    ref: "acme/fleet/echo",
    steps: [{ kind: "template", id: "a", output: { said: "{{message}}" }, duration: Number(duration) }]
  }],
  faults: JSON.parse(faults),
  jobs: { workers: 256, capacity: 100_000 },
  // a run that was evicted looks as one that never was
  limits: { runs: 1_000_000, runBytes: 2 ** 31 }
})
console.log(`listens ${emulator.baseUrl} ${emulator.apiKey}`)
