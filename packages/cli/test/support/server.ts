/** An emulator of its own for a test, and the environment that leads a command to it. */
import { Emulator, type EmulatorOptions } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import { FlowService, Noukai } from "@effect-noukai/sdk"
import { Effect, Layer, Redacted } from "effect"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"

/** An emulator on any free port. */
export const server = (options: EmulatorOptions = {}) => Layer.orDie(Emulators.layer({ port: 0, ...options }))

/** The variables that a command needs to call it. */
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

/** An emulator, and a client of it in this process. */
export const serverAndClient = (options: EmulatorOptions = {}) =>
  Layer.provideMerge(Noukai.layerServices, server(options))

/** Runs a flow in this process, to its end, and gives the id of the run. */
export const ran = (flow: string, message: string, more: { readonly sessionId?: string } = {}) =>
  Effect.gen(function*() {
    const flows = yield* FlowService
    const outcome = yield* Effect.either(flows.execute(flow, { message, ...more }))
    const { executionId } = outcome._tag === "Right" ? outcome.right : outcome.left
    return executionId ?? (yield* Effect.dieMessage(`no run of ${flow} began`))
  })

/** A folder of its own, removed afterwards. */
export const folder = Effect.acquireRelease(
  Effect.promise(() => Fs.mkdtemp(Path.join(Os.tmpdir(), "noukai-cli-"))),
  (path) => Effect.promise(() => Fs.rm(path, { recursive: true, force: true }))
)
