import { Noukai } from "@effect-noukai/promise"
import { Noukai as Reference } from "@noukai/sdk"
import { inFlight } from "../InFlight.js"
import { startRawServer } from "../RawServer.js"
import { toPort } from "../referenceFetch.js"
import type { Group, Row, Suite } from "../Suite.js"

const key = "nk_test_benchbnc_0123456789abcdef0123456789abcdef"
const message = "The cat sat on the mat."
const parameters = { difficulty: "hard" }

const official = "@noukai/sdk 0.3.0"
const own = "@effect-noukai/promise"

/** The two clients do the same to a program. */
type Client = Pick<Noukai, "flow"> | Pick<Reference, "flow">

const execute = (client: Client) => {
  const flow = client.flow("bench/bench/flow")
  return async (): Promise<void> => {
    const { status } = await flow.execute({ message, parameters })
    if (status !== "completed") throw new Error("not a completed run")
  }
}

const events = (client: Client, slug: string, count: number) => {
  const flow = client.flow(`bench/bench/${slug}`)
  return async (): Promise<number> => {
    let seen = 0
    for await (const event of flow.events({ message, runRemaining: true })) {
      if (event.type !== undefined) seen++
    }
    if (seen !== count) throw new Error(`${seen} events instead of ${count}`)
    return seen
  }
}

/** The Promise client against the official one: the same program with another import. */
export const promise: Suite = {
  name: "promise",
  prepare: async () => {
    const server = await startRawServer()
    const restore = toPort(server.port)
    const reference = new Reference({ apiKey: key, env: "dev" })
    const noukai = new Noukai({ apiKey: key, env: "dev", port: server.port })
    const rows = (run: (client: Client) => () => Promise<number>): ReadonlyArray<Row> => [
      { name: official, run: run(reference) },
      { name: own, run: run(noukai) }
    ]
    const groups: ReadonlyArray<Group> = [
      ...[1, 32].map((n) => ({
        name: `execute, ${n} in flight`,
        baselines: [official],
        rows: rows((client) => inFlight(n, 32 * n, execute(client)))
      })),
      ...([
        ["10 events of 320 B", "10", 10],
        ["10,000 events of 320 B, 20 steps in a loop", "10000-of-20", 10_000],
        ["10,000 events of 320 B, each step once", "10000", 10_000]
      ] as const).map(([name, slug, count]) => ({
        name: `a stream of ${name}`,
        baselines: [official],
        rows: rows((client) => events(client, slug, count))
      }))
    ]
    return {
      groups,
      close: async () => {
        restore()
        await noukai.close()
        await server.close()
      }
    }
  }
}
