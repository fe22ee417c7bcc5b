import {
  Emulator,
  type EmulatorError,
  type EmulatorLedger,
  type Flow,
  type LedgerEvent,
  type RunningEmulator,
  startEmulator,
  type Step
} from "@effect-noukai/emulator"
import { layer, make, type Options } from "@effect-noukai/emulator/Emulator"
import type { RequestEntry } from "@effect-noukai/emulator/EmulatorLedger"
import { decode, type FlowFile } from "@effect-noukai/emulator/FlowFile"
import type { NoukaiConfig } from "@effect-noukai/sdk/NoukaiConfig"
import { Effect, type Either, type Layer, type Scope, type Stream } from "effect"
import { expectTypeOf } from "vitest"

expectTypeOf(layer()).toEqualTypeOf<Layer.Layer<Emulator | NoukaiConfig, EmulatorError>>()

expectTypeOf(Emulator.layer).returns.toEqualTypeOf<Layer.Layer<Emulator | NoukaiConfig, EmulatorError>>()

expectTypeOf(make({})).toEqualTypeOf<Effect.Effect<Emulator.Service, EmulatorError, Scope.Scope>>()

expectTypeOf(startEmulator()).toEqualTypeOf<Promise<RunningEmulator>>()

expectTypeOf<RunningEmulator>().toExtend<{
  readonly url: string
  readonly port: number
  readonly ledger: () => EmulatorLedger
  readonly reset: () => unknown
  readonly close: () => Promise<void>
}>()

expectTypeOf(decode(null)).toEqualTypeOf<Either.Either<FlowFile, EmulatorError>>()

// a predicate that narrows gives the narrowed event
export const program = Effect.gen(function*() {
  const emulator = yield* Emulator
  const started = yield* emulator.awaitEvent((event) => event.type === "RunStarted")
  expectTypeOf(started.executionId).toEqualTypeOf<string>()
  const closed = yield* emulator.awaitEvent((event) => event.type === "ConnectionClosed" && event.by === "client")
  expectTypeOf(closed).toEqualTypeOf<LedgerEvent>()
  expectTypeOf(emulator.events).toExtend<Stream.Stream<{ readonly type: string }>>()
})

// a flow in code has functions, a file has none
const step: Step = {
  kind: "function",
  id: "a",
  run: ({ message, parameters }) => Effect.succeed([message, parameters.x ?? null])
}
export const flow: Flow = { ref: "a/b/c", steps: [step], versions: { 1: { steps: [step] } } }
export const options: Options = { flows: [flow], port: undefined, limits: { bodyBytes: undefined } }
// @ts-expect-error functions are no JSON
export const file: FlowFile = { flows: [flow] }
// @ts-expect-error a template has an output
export const incomplete: Flow = { ref: "a/b/c", steps: [{ kind: "template", id: "a" }] }
// @ts-expect-error money is a string
export const wrongCost: Flow = { ref: "a/b/c", steps: [{ kind: "template", id: "a", output: 1, costUsd: 0.1 }] }
// @ts-expect-error a failure has a code
export const noCode: Step = { kind: "function", id: "a", run: () => Effect.fail({ message: "x" }) }

// what may be absent is a key that may be absent, and no `undefined`
expectTypeOf<Options["onRequest"]>().toEqualTypeOf<((request: RequestEntry) => void) | undefined>()
expectTypeOf<
  Pick<RequestEntry, "endpoint" | "flow" | "fault" | "status" | "endedAt" | "executionId" | "billedUsd">
>().toEqualTypeOf<
  {
    readonly executionId?: string
    readonly billedUsd?: string
    readonly endpoint?: string
    readonly flow?: string
    readonly fault?: string
    readonly status?: number
    readonly endedAt?: number
  }
>()
