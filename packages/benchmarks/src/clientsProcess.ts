/**
 * The process behind a row of the suite execute: calls through some clients in turn, and says what they took.
 */
import * as NoukaiHttp from "@effect-noukai/sdk/NoukaiHttp"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { message } from "./Fixtures.js"
import { inFibers } from "./InFlight.js"
import { makeFlowService } from "./OwnClient.js"
import type { ProcessCost } from "./Suite.js"

const [origin, count] = process.argv.slice(2)

const main = async (): Promise<void> => {
  const scope = await Effect.runPromise(Scope.make())
  const clients = await Promise.all(
    Array.from({ length: Number(count) }, () => makeFlowService(origin!, NoukaiHttp.layer, scope))
  )
  let calls = 0
  const run = inFibers(
    32,
    1024,
    Effect.suspend(() => clients[calls++ % clients.length]!.execute("bench/bench/flow", { message }))
  )
  process.on("message", () => {
    const before = process.cpuUsage()
    run().then((operations) => {
      const { system, user } = process.cpuUsage(before)
      const cost: ProcessCost = {
        cpu: user + system,
        peak: process.resourceUsage().maxRSS / 1024,
        operations
      }
      process.send!(cost)
    }, (error: unknown) => {
      console.error(error)
      process.exit(1)
    })
  })
  process.on("disconnect", () => process.exit())
  process.send!("ready")
}

main().catch((error: unknown) => {
  console.error(error)
  process.exit(1)
})
