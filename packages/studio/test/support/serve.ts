/**
 * Serves a studio over scripted runs, to look at the page without an emulator:
 *
 *     node --conditions=@effect-noukai/source --import tsx packages/studio/test/support/serve.ts [port] [runs] [per second]
 */
import * as Studio from "@effect-noukai/studio/Studio"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import * as Scripted from "./scripted.js"
import * as Stories from "./stories.js"

const [port = 8081, runs = 1_000, perSecond = 1] = process.argv.slice(2).map(Number)

const program = Effect.gen(function*() {
  const scripted = yield* Scripted.make()
  yield* scripted.put(...Stories.many(runs), ...Stories.all)
  const { url } = yield* Effect.provide(Studio.serve({ port }), scripted.layer)
  yield* Console.log(url)
  // a run that goes on, 20 steps long, again and again
  yield* Effect.gen(function*() {
    for (let steps = 1; steps < 20; steps++) {
      yield* scripted.put(Stories.live(steps))
      yield* Effect.sleep("1 second")
    }
    yield* scripted.put(Stories.live(20, true))
    yield* Effect.sleep("5 seconds")
  }).pipe(Effect.forever, Effect.forkScoped)
  return yield* perSecond > 0 ? Stories.arriving(scripted, perSecond) : Effect.never
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
