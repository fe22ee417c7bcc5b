/**
 * The rows of a group, each in a process of its own.
 */
import { once } from "node:events"
import type { Cost, Measure } from "./Measurement.js"
import { startServerProcess } from "./ServerProcess.js"
import type { Group } from "./Suite.js"

export interface RowProcesses {
  readonly measure: Measure
  /** Lets them end, and waits until they have. */
  readonly close: () => Promise<void>
}

/** Starts a process for each row of the group; each prepares the suite and runs its row alone. */
export const startRowProcesses = async (suite: string, group: Group): Promise<RowProcesses> => {
  const processes = await Promise.all(
    group.rows.map(async ({ name }) => [name, await startServerProcess("rowProcess", suite, group.name, name)] as const)
  )
  const byRow = new Map(processes)
  return {
    measure: async ({ name }, millis) => {
      const { process } = byRow.get(name)!
      const answer = once(process, "message")
      process.send(millis)
      return (await answer)[0] as Cost
    },
    close: async () => {
      for (const { close } of byRow.values()) await close()
    }
  }
}
