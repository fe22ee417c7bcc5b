/** A studio over an emulator of the same process, as `noukai dev` starts it. */
import { type EmulatorOptions, type Flow, samples } from "@effect-noukai/emulator"
import * as Emulator from "@effect-noukai/emulator/Emulator"
import { FlowService, Noukai } from "@effect-noukai/sdk"
import * as EmulatorSource from "@effect-noukai/studio/EmulatorSource"
import * as Studio from "@effect-noukai/studio/Studio"
import * as StudioRunner from "@effect-noukai/studio/StudioRunner"
import { Effect, Exit, Layer, Redacted, Scope } from "effect"

export const flows: ReadonlyArray<Flow> = [
  ...samples,
  {
    ref: "acme/test/slow",
    steps: [
      { kind: "template", id: "first", duration: 300, output: "one" },
      { kind: "template", id: "second", duration: 2_500, output: "two" }
    ]
  }
]

export interface EmulatorStudio {
  readonly url: string
  readonly origin: string
  readonly port: number
  readonly baseUrl: string
  readonly apiKey: string
  /** Executes a flow. Resolves with the id of the run, or with the tag of its error. */
  readonly execute: (flow: string, input?: object) => Promise<string>
  /** The ids of the runs that the emulator has begun, in order. */
  readonly runs: () => Promise<ReadonlyArray<string>>
  readonly stop: () => Promise<void>
}

export const startEmulatorStudio = async (
  { emulator: options, port }: { readonly emulator?: EmulatorOptions; readonly port?: number } = {}
): Promise<EmulatorStudio> => {
  const scope = Effect.runSync(Scope.make())
  const within = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
    Effect.runPromise(Scope.extend(effect, scope))
  const emulator = await within(Emulator.make({ flows, port: 0, ...options }))
  const { apiKey, baseUrl } = emulator
  const client = await within(Layer.build(Noukai.layer({ apiKey, baseUrl, maxRetries: 0 })))
  const studio = await within(
    Effect.flatMap(
      Layer.build(Layer.merge(EmulatorSource.layer(emulator), StudioRunner.layerEmulator(emulator))),
      (sources) => Effect.provide(Studio.serve({ port, secret: Redacted.make("a secret of the tests") }), sources)
    )
  )
  return {
    url: studio.url,
    origin: new URL(studio.url).origin,
    port: studio.port,
    baseUrl,
    apiKey: Redacted.value(apiKey),
    execute: (flow, input = { message: "hello" }) =>
      Effect.flatMap(FlowService, (service) => service.execute(flow, input)).pipe(
        Effect.map(({ executionId }) => executionId!),
        Effect.catchAll((error) => Effect.succeed(error._tag)),
        Effect.provide(client),
        Effect.runPromise
      ),
    runs: () =>
      Effect.runPromise(Effect.map(emulator.ledger, ({ runs }) => runs.map(({ executionId }) => executionId))),
    stop: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}
