/** A batch over an emulator, in the process of its test. */
import { Batch, BatchEngine, BatchSource, BatchStore } from "@effect-noukai/batch"
import { Emulator, type EmulatorOptions } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import { Noukai } from "@effect-noukai/sdk"
import { Chunk, Effect, Layer, Stream } from "effect"
import { join } from "node:path"
import { folder } from "../../../sdk/test/support/folder.js"

export interface Row {
  readonly id: string
  readonly text?: string
}

export const echo = "acme/test/echo"

/** Flows that say what they are told, and one that fails. */
export const flows: EmulatorOptions["flows"] = [
  { ref: "acme/test/fails", steps: [{ kind: "fail", id: "a", code: "NO_LUCK" }] },
  { ref: echo, steps: [{ kind: "template", id: "a", output: { said: "{{message}}" } }] },
  {
    ref: "acme/test/slow",
    steps: [{ kind: "template", id: "a", output: { said: "{{message}}" }, duration: "150 millis" }]
  }
]

export const echoing = (id: string, flow = echo) =>
  Batch.make({
    id,
    flow,
    key: (row: Row) => row.id,
    input: (row) => ({ message: row.text ?? row.id })
  })

export const rowsOf = (...ids: ReadonlyArray<string>) => BatchSource.fromIterable(ids.map((id): Row => ({ id })))

export const numbered = (count: number) => rowsOf(...Array.from({ length: count }, (_, n) => `row ${n + 1}`))

/** A ledger in a folder of its own. */
export const ledgerFile = Effect.map(folder, (path) => join(path, "batch.ledger"))

export const onFile = (path: string) => Layer.mergeAll(BatchStore.layerFile(path), BatchEngine.layerLocal)

/** A ledger, the engine, an emulator and a client of it. */
export const layer = (options: EmulatorOptions = {}) => {
  const store = Layer.unwrapScoped(Effect.map(ledgerFile, (path) => BatchStore.layerFile(path)))
  return Layer.mergeAll(store, BatchEngine.layerLocal, client(options))
}

/** An emulator and a client of it. */
export const client = (options: EmulatorOptions = {}) =>
  Layer.provideMerge(Noukai.layerServices, Emulators.layer({ flows: flows!, jobs: { workers: 64 }, ...options }))

export const runsOf = Effect.flatMap(Emulator, (emulator) => Effect.map(emulator.ledger, ({ runs }) => runs))

export const requestsTo = (endpoint: string) =>
  Effect.flatMap(
    Emulator,
    (emulator) =>
      Effect.map(emulator.ledger, ({ requests }) => requests.filter((request) => request.endpoint === endpoint))
  )

export const collect = <A, E, R>(stream: Stream.Stream<A, E, R>) =>
  Effect.map(Stream.runCollect(stream), Chunk.toReadonlyArray)
