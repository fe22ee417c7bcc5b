import { FlowService, Noukai as Noukai4 } from "@effect-noukai/effect4"
import { Noukai } from "@effect-noukai/promise"
import { createRequire } from "node:module"
import { fileURLToPath, pathToFileURL } from "node:url"
import { apiKey, message, parameters, streams } from "../Fixtures.js"
import { inFlight } from "../InFlight.js"
import { startRawServer } from "../RawServer.js"
import type { Group, Row, Suite } from "../Suite.js"
import { plain, row } from "./start.js"

/** The rows that have targets. */
export const effect4Rows = {
  own: "@effect-noukai/effect4",
  promise: "@effect-noukai/promise",
  imports: "the import of the client for Effect 4"
}

/** Effect 4 is in the `node_modules` of the client for it alone. */
const load = async () => {
  const { resolve } = createRequire(fileURLToPath(import.meta.resolve("@effect-noukai/effect4")))
  const place = pathToFileURL(resolve("effect/package.json"))
  const [effect, runtime, redacted, stream] = await Promise.all(
    ["Effect", "ManagedRuntime", "Redacted", "Stream"].map((name) => import(new URL(`dist/${name}.js`, place).href))
  )
  return {
    Effect: effect as typeof import("../../../effect4/node_modules/effect/dist/Effect.js"),
    ManagedRuntime: runtime as typeof import("../../../effect4/node_modules/effect/dist/ManagedRuntime.js"),
    Redacted: redacted as typeof import("../../../effect4/node_modules/effect/dist/Redacted.js"),
    Stream: stream as typeof import("../../../effect4/node_modules/effect/dist/Stream.js")
  }
}

interface Client {
  readonly execute: () => Promise<void>
  readonly events: (slug: string) => Promise<number>
}

const overPromise = (noukai: Noukai): Client => ({
  execute: async () => {
    const { status } = await noukai.flow("bench/bench/flow").execute({ message, parameters })
    if (status !== "completed") throw new Error("not a completed run")
  },
  events: async (slug) => {
    let seen = 0
    for await (const event of noukai.flow(`bench/bench/${slug}`).events({ message, runRemaining: true })) {
      if (event.type !== undefined) seen++
    }
    return seen
  }
})

const overEffect4 = async (port: number): Promise<Client & { readonly close: () => Promise<void> }> => {
  const { Effect, ManagedRuntime, Redacted, Stream } = await load()
  const runtime = ManagedRuntime.make(Noukai4.layer({ apiKey: Redacted.make(apiKey), env: "dev", port }))
  const flows = await runtime.runPromise(FlowService)
  return {
    execute: async () => {
      const { status } = await Effect.runPromise(flows.execute("bench/bench/flow", { message, parameters }))
      if (status !== "completed") throw new Error("not a completed run")
    },
    events: (slug) =>
      Effect.runPromise(Stream.runFold(
        flows.events(`bench/bench/${slug}`, { message, runRemaining: true }),
        () => 0,
        (seen) => seen + 1
      )),
    close: () => runtime.dispose()
  }
}

const counted = (client: Client, slug: string, count: number) => async (): Promise<number> => {
  const seen = await client.events(slug)
  if (seen !== count) throw new Error(`${seen} events instead of ${count}`)
  return seen
}

/** The client for Effect 4 against the Promise client below it. */
export const effect4: Suite = {
  name: "effect4",
  apart: true,
  prepare: async () => {
    const server = await startRawServer()
    const noukai = new Noukai({ apiKey, env: "dev", port: server.port })
    const own = await overEffect4(server.port)
    const rows = (run: (client: Client) => () => Promise<number>): ReadonlyArray<Row> => [
      { name: effect4Rows.promise, run: run(overPromise(noukai)) },
      { name: effect4Rows.own, run: run(own) }
    ]
    const baselines = [effect4Rows.promise]
    const groups: ReadonlyArray<Group> = [
      ...[1, 32].map((n) => ({
        name: `execute, ${n} in flight`,
        baselines,
        rows: rows((client) => inFlight(n, 32 * n, client.execute))
      })),
      ...Object.values(streams).map((stream) => ({
        name: `a stream of ${stream.name}`,
        baselines,
        rows: rows((client) => counted(client, stream.slug, stream.events))
      })),
      {
        name: effect4Rows.imports,
        baselines,
        isOfProcesses: true,
        rows: [
          row(effect4Rows.promise, await plain("promise-only", `import "@effect-noukai/promise"`)),
          row(effect4Rows.own, await plain("effect4-only", `import "@effect-noukai/effect4"`))
        ]
      }
    ]
    return {
      groups,
      close: async () => {
        await own.close()
        await noukai.close()
        await server.close()
      }
    }
  }
}
