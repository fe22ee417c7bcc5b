/** Facts of a run that only its watcher knows, by the watcher's clock. */
import type { FlowEvent } from "@effect-noukai/sdk/FlowEvent"
import { withDigits } from "@effect-noukai/sdk/kit/plainJson"
import type { StoredRun } from "../StudioSource.js"

/** Facts of one run. Times are in milliseconds since 1970. */
export interface Facts {
  firstOutputAt?: number
  /** Whether it had an output before somebody watched. */
  hadOutput: boolean
  readonly pauses: Array<{ readonly stepId: string | undefined; readonly startedAt: number; endedAt?: number }>
  readonly conversations: { [stepId: string]: unknown }
}

export interface Moment {
  readonly now: number
  /** When the watching began. */
  readonly since: number
  /** When the run began, as the server said. */
  readonly start: number | undefined
}

/** The number of runs whose facts are kept. */
const most = 200

/** The server sends past events first. Those that come within this time are taken for past. */
const replay = 500

export interface Watched {
  readonly get: (id: string) => Facts | undefined
  readonly add: (id: string, event: FlowEvent, moment: Moment) => void
}

export const make = (): Watched => {
  const all = new Map<string, Facts>()

  const factsOf = (id: string): Facts => {
    const facts = all.get(id) ?? { hadOutput: false, pauses: [], conversations: {} }
    all.set(id, facts)
    const oldest = all.size > most ? all.keys().next() : undefined
    if (oldest?.done === false) all.delete(oldest.value)
    return facts
  }

  return {
    get: (id) => all.get(id),
    add: (id, event, { now, since, start }) => {
      const facts = factsOf(id)
      const isPast = now - since < replay && !(start !== undefined && since - start < replay)
      const open = facts.pauses.at(-1)
      if (open !== undefined && open.endedAt === undefined && event.type !== "tool_calls_required") open.endedAt = now
      if (event.type === "tool_calls_required") {
        if (event.stepId !== undefined) {
          const { pending } = event.cursor
          facts.conversations[event.stepId] = pending === undefined
            ? event.toolCalls
            : withDigits([...pending.toolCallMessages], pending.digits)
        }
        if (!isPast && (open === undefined || open.endedAt !== undefined)) {
          facts.pauses.push({ stepId: event.stepId, startedAt: now })
        }
      }
      if (event.type === "step_output" || event.type === "step_completed") {
        if (!isPast && !facts.hadOutput) facts.firstOutputAt = now
        facts.hadOutput = true
      }
    }
  }
}

/** The facts in times from the start of the run. */
export const since = ({ firstOutputAt, pauses }: Facts, start: number): NonNullable<StoredRun["watched"]> => ({
  clock: "watcher",
  ...firstOutputAt !== undefined && { firstOutputMs: Math.max(0, firstOutputAt - start) },
  pauses: pauses.map(({ endedAt, startedAt, stepId }) => ({
    startMs: Math.max(0, startedAt - start),
    ...endedAt !== undefined && { durationMs: endedAt - startedAt },
    ...stepId !== undefined && { stepId }
  }))
})
