/**
 * Serves a studio over real batches and evals, one batch of which runs, and over scripted runs:
 *
 *     node --conditions=@effect-noukai/source --import tsx packages/studio/test/support/serveLedgers.ts [port] [folder]
 *
 * With a folder, its ledgers are shown instead.
 */
import * as LedgerSource from "@effect-noukai/studio/LedgerSource"
import * as Studio from "@effect-noukai/studio/Studio"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer } from "effect"
import { folder as temporary } from "../../../sdk/test/support/folder.js"
import * as RealLedgers from "./realLedgers.js"
import * as Scripted from "./scripted.js"
import * as Stories from "./stories.js"

const [port = "8082", given] = process.argv.slice(2)

const program = Effect.gen(function*() {
  const scripted = yield* Scripted.make()
  yield* scripted.put(...Stories.many(100), ...Stories.all)
  const folder = given ?? (yield* temporary)
  const { url } = yield* Studio.serve({ port: Number(port) }).pipe(
    Effect.provide(yield* Layer.build(Layer.merge(scripted.layer, LedgerSource.layer({ folder }))))
  )
  yield* Console.log(url)
  if (given === undefined) {
    yield* RealLedgers.everything(folder).pipe(Effect.provide(yield* Layer.build(RealLedgers.emulator)))
    yield* Console.log(`The ledgers in ${folder} are made; one batch runs.`)
  }
  return yield* Effect.never
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
