/** The gate, against an emulator with the flows of this folder. */
import { Emulator } from "@effect-noukai/emulator"
import * as FlowFile from "@effect-noukai/emulator/FlowFile"
import { Noukai } from "@effect-noukai/sdk"
import { Console, Effect, Layer } from "effect"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gate } from "./gate.js"

const flows = Effect.flatMap(
  Effect.promise(() => readFile(new URL("flows.json", import.meta.url), "utf8")),
  (text) => FlowFile.decode(JSON.parse(text))
)

const emulated = Layer.unwrapEffect(
  Effect.map(
    flows,
    ({ flows }) => Layer.provideMerge(Noukai.layerServices, Emulator.layer({ flows, jobs: { workers: 16 } }))
  )
)

export const demo = Effect.gen(function*() {
  const folder = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "noukai-eval-"))),
    (folder) => Effect.promise(() => rm(folder, { recursive: true }))
  )
  const { checks, gate: verdict, sentence } = yield* gate(join(folder, "spelling.ledger"), () => Effect.void)
  const line = (name: string) => {
    const { fixed, regressed } = checks[name]!.verdicts
    return `${name}: ${fixed} fixed, ${regressed} regressed, p ${checks[name]!.p!.toPrecision(2)}`
  }
  yield* Console.log(`  ${line("word")}\n  ${line("hint")}\n  ${verdict}: ${sentence}`)
  return { checks, verdict }
}).pipe(Effect.scoped, Effect.provide(emulated))
