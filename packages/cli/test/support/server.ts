/** An emulator of its own for a test, and the environment that leads a command to it. */
import { Emulator, type EmulatorOptions } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import { Effect, Layer, Redacted } from "effect"

/** An emulator on any free port. */
export const server = (options: EmulatorOptions = {}) => Layer.orDie(Emulators.layer({ port: 0, ...options }))

/** What a command needs to be told to call it. */
export const environment = Effect.map(Emulator, (emulator) => ({
  NOUKAI_BASE_URL: emulator.baseUrl,
  NOUKAI_API_KEY: Redacted.value(emulator.apiKey)
}))

/** The runs that it has begun, in their order. */
export const runs = Effect.flatMap(Emulator, (emulator) => Effect.map(emulator.ledger, ({ runs }) => runs))

/** The requests that it has had, as method and path. */
export const requests = Effect.flatMap(
  Emulator,
  (emulator) =>
    Effect.map(emulator.ledger, ({ requests }) => requests.map(({ method, target }) => `${method} ${target}`))
)
