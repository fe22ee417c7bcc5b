import { Noukai } from "@effect-noukai/promise"
import type { Noukai as Official } from "@noukai/sdk"
import { apiKey, message, parameters, streams } from "../Fixtures.js"
import { inFlight } from "../InFlight.js"
import { makeOfficialClient, official } from "../OfficialClient.js"
import { startRawServer } from "../RawServer.js"
import type { Group, Row, Suite } from "../Suite.js"

const own = "@effect-noukai/promise"

/** The two clients do the same to a program. */
type Client = Pick<Noukai, "flow"> | Pick<Official, "flow">

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
  apart: true,
  prepare: async () => {
    const server = await startRawServer()
    // before the official client's fetch is put in place of the global one, which ours would use
    const noukai = new Noukai({ apiKey, env: "dev", port: server.port })
    const { client, close: closeOfficial } = makeOfficialClient(server.port)
    const rows = (run: (client: Client) => () => Promise<number>): ReadonlyArray<Row> => [
      { name: official, run: run(client) },
      { name: own, run: run(noukai) }
    ]
    const groups: ReadonlyArray<Group> = [
      ...[1, 32].map((n) => ({
        name: `execute, ${n} in flight`,
        baselines: [official],
        rows: rows((client) => inFlight(n, 32 * n, execute(client)))
      })),
      ...Object.values(streams).map((stream) => ({
        name: `a stream of ${stream.name}`,
        baselines: [official],
        rows: rows((client) => events(client, stream.slug, stream.events))
      }))
    ]
    return {
      groups,
      close: async () => {
        closeOfficial()
        await noukai.close()
        await server.close()
      }
    }
  }
}
