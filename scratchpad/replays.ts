/**
 * A captured session, replayed, saved and replayed from its file; then a recording. Over real HTTP against an emulator
 * that captures payloads, as it does by default.
 */
import { Emulator, samples } from "@effect-noukai/emulator"
import { Noukai } from "@effect-noukai/sdk"
import { ConfigProvider, Console, Effect, Layer } from "effect"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { again, handler } from "./answering.js"
import { limited } from "./builders.js"
import { graded } from "./cassettes.js"
import { keep, kept } from "./keeping.js"

const question = "Where is my order?"

const runs = Effect.flatMap(Emulator, ({ ledger }) => Effect.map(ledger, ({ runsStarted }) => runsStarted))

/** Where `CI` is set, nothing is recorded unless a program says so. */
const anywhere = Effect.withConfigProvider(ConfigProvider.fromMap(new Map()))

const walk = Effect.gen(function*() {
  const folder = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "noukai-replays-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true }))
  )
  const captured = yield* handler(question)
  yield* Console.log(`  captured  ${JSON.stringify(captured.answer)}   runs so far: ${yield* runs}`)

  const replayed = yield* again(question, captured.sessionId!)
  yield* Console.log(`  replayed  ${JSON.stringify(replayed.answer)}   runs so far: ${yield* runs}`)

  const path = join(folder, "order.json")
  yield* keep(captured.sessionId!, path)
  const fromFile = yield* kept(question, path)
  yield* Console.log(`  from file ${JSON.stringify(fromFile.answer)}   runs so far: ${yield* runs}`)

  const recording = join(folder, "grade.json")
  const { score } = yield* anywhere(graded(recording))
  yield* Console.log(`  recorded  ${score}`)
  yield* Console.log(`  replayed  ${(yield* graded(recording)).score}`)
  yield* Console.log(`  by hand   ${JSON.stringify(yield* limited)}`)
})

const emulator = Emulator.layer({
  flows: samples,
  config: { replayEnabled: true }
})

export const replays = Effect.scoped(walk).pipe(
  Effect.provide(Layer.provideMerge(Noukai.layerServices, emulator))
)
