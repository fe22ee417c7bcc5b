/** An emulator in a process of its own, and its ledger. */
import type { EmulatorLedger } from "@effect-noukai/emulator/EmulatorLedger"
import type { FaultRule } from "@effect-noukai/emulator/Fault"
import { Effect, type Scope } from "effect"
import * as Programs from "./programs.js"

export interface EmulatorProcess {
  readonly baseUrl: string
  readonly apiKey: string
  readonly ledger: Effect.Effect<EmulatorLedger>
}

/** Starts an emulator whose runs take so many milliseconds, and of whose runs of each message so many fail first. */
export const startEmulator = (
  duration: number,
  faults: ReadonlyArray<FaultRule> = [],
  failing = 0
): Effect.Effect<EmulatorProcess, never, Scope.Scope> =>
  Effect.gen(function*() {
    const path = yield* Programs.bundled(new URL("./emulatorProgram.ts", import.meta.url))
    const program = yield* Programs.start(path, [String(duration), JSON.stringify(faults), String(failing)])
    yield* program.awaitOutput("listens ")
    const [, baseUrl, apiKey] = /^listens (\S+) (\S+)$/m.exec(program.output())!
    const control = new URL("/_emulator/ledger", baseUrl)
    return {
      baseUrl: baseUrl!,
      apiKey: apiKey!,
      ledger: Effect.promise(async (signal) => {
        const response = await fetch(control, { signal })
        return await response.json() as EmulatorLedger
      })
    }
  })
