import { NoukaiLive } from "@effect-noukai/sdk"
import * as HostedSource from "@effect-noukai/studio/HostedSource"
import * as Studio from "@effect-noukai/studio/Studio"
import { Console, Effect } from "effect"

/** Runs that your program knows. The studio lists the runs of their flows. */
const seen = Effect.succeed([{ flow: "acme/spelling/grade-3", id: "6f1c7e64-91a2-4c5e-8f7b-0d2a5c3b9e10" }])

export const serve = Effect.gen(function*() {
  const { url } = yield* Studio.serve()
  yield* Console.log(`open ${url}`)
  return yield* Effect.never
}).pipe(
  Effect.provide(HostedSource.layer({ address: "https://api.noukai.xyz/api/v1", seen })),
  Effect.scoped
)

export const program = Effect.provide(serve, NoukaiLive)
