import type { Noukai } from "@effect-noukai/promise"
import { NoukaiPromise } from "@effect-noukai/promise/effect"
import { NoukaiLive, TraceScope } from "@effect-noukai/sdk"
import { Effect, ManagedRuntime } from "effect"

/** A promise of a client over your own runtime: your layers, your tracer, your fakes. */
export const overRuntime = () => NoukaiPromise.fromRuntime(ManagedRuntime.make(NoukaiLive))

const legacy = async (client: Noukai): Promise<unknown> =>
  (await client.flow("noukai/samples/hello-world").execute({ message: "hi" })).sessionId

/** Promise code inside an Effect, in the scope of its fiber. */
export const handler = (noukai: Noukai) =>
  NoukaiPromise.inScope(noukai).pipe(
    Effect.flatMap((client) => Effect.tryPromise(() => legacy(client))),
    TraceScope.capture
  )
