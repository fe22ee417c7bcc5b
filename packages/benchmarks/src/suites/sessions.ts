import { samples } from "@effect-noukai/emulator"
import * as Flows from "../../../emulator/src/internal/flow/flows.js"
import * as Ids from "../../../emulator/src/internal/store/ids.js"
import * as Runs from "../../../emulator/src/internal/store/runs.js"
import type { Suite } from "../Suite.js"

const flow = "noukai/samples/hello-world"

const sessionOf = (run: number): string => `5d1c9f44-7a0b-4f5e-9a55-${String(run).padStart(12, "0")}`

/** The sessions of an emulator that keeps so many runs, each in a session of its own. */
const storeOf = (count: number): Runs.Runs => {
  const tree = Flows.make(samples).resolve({
    org: "noukai",
    project: "samples",
    slug: "hello-world",
    version: undefined
  })
  if (tree._tag === "Left") throw new Error(`no flow ${flow}`)
  const runs = Runs.make({ runs: count, bytes: Infinity, evicted: 0, sessionLag: 0 }, Ids.make(1))
  for (let n = 0; n < count; n++) {
    runs.add({
      tree: tree.right,
      trigger: "job",
      sessionId: sessionOf(n),
      size: 100,
      capture: "metadata_only",
      rowDelay: 0,
      status: "running",
      input: {
        message: "hi",
        messages: [],
        parameters: {},
        blockOverrides: {},
        trace: false
      }
    }, (executionId) => ({
      executionId,
      flow,
      flowId: "fl",
      trigger: "job",
      status: "running",
      sessionId: sessionOf(n),
      startedAt: 0,
      billedUsd: "0"
    }))
  }
  return runs
}

const batch = 1_000

/** Looks up every so many sessions, across all that there are. */
const lookUp = (sessions: Runs.Runs, count: number) => {
  const ids = Array.from({ length: batch }, (_, n) => sessionOf(Math.floor(n * count / batch)))
  return () => {
    for (const id of ids) {
      if (sessions.ofSession(id, 1).length !== 1) throw new Error(`no run under ${id}`)
    }
    return Promise.resolve(batch)
  }
}

/** The cost of finding, in the emulator, the runs of a session among few and among many. */
export const sessions: Suite = {
  name: "sessions",
  prepare: () =>
    Promise.resolve({
      groups: [{
        name: "a session looked up in the emulator's store",
        baselines: ["1,000 runs kept"],
        rows: [1_000, 100_000].map((count) => ({
          name: `${count.toLocaleString("en")} runs kept`,
          run: lookUp(storeOf(count), count)
        }))
      }],
      close: () => Promise.resolve()
    })
}
