/**
 * The modules of the SDK that one call runs through, by the precise coverage of V8: an `execute`, and a stream of four
 * events, over sockets. The services are made before. Fails when a call is over its budget.
 *
 *     npm run modules              how many
 *     npm run modules -- --names   and which
 */
import { Emulator } from "@effect-noukai/emulator"
import { Flow, FlowService, Noukai } from "@effect-noukai/sdk"
import { Effect, Layer, ManagedRuntime, Schema, Stream } from "effect"
import { Session } from "node:inspector/promises"
import { fileURLToPath } from "node:url"

const sources = new URL("../packages/sdk/src/", import.meta.url).href

const budgets = { execute: 30, events: 35 }

const flow = {
  ref: "acme/test/two",
  steps: ["a", "b"].map((id) => ({ kind: "template", id, output: { said: "{{message}}" } }))
}

const Two = Flow.make(flow.ref, { result: Schema.Struct({ said: Schema.String }) })

const session = new Session()
session.connect()
await session.post("Profiler.enable")
await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false })

const runtime = ManagedRuntime.make(Layer.provide(Noukai.layerServices, Emulator.layer({ flows: [flow] })))
const services = await runtime.runPromise(FlowService)

const calls = {
  execute: () => services.execute(Two, { message: "hi" }),
  events: () => Stream.runCount(services.events(Two, { message: "hi" }))
}

/** The modules whose functions were called since this was last asked. */
const called = async () => {
  const { result } = await session.post("Profiler.takePreciseCoverage")
  return result.flatMap(({ functions, url }) =>
    url.startsWith(sources) && functions.some(({ ranges }) => ranges[0].count > 0)
      ? [fileURLToPath(url).slice(fileURLToPath(sources).length)]
      : []
  )
}

for (const [name, call] of Object.entries(calls)) {
  await called()
  const found = await runtime.runPromise(Effect.zipRight(Effect.suspend(call), Effect.promise(called)))
  console.log(`${name}: ${found.length} modules of the SDK; the budget is ${budgets[name]}`)
  if (found.length > budgets[name]) process.exitCode = 1
  if (process.argv.includes("--names")) console.log(found.map((path) => `  ${path}`).sort().join("\n"))
}
await runtime.dispose()
