/** Progress of a run in a terminal. */
import type { FlowEvent } from "@effect-noukai/sdk/FlowEvent"
import * as Trace from "@effect-noukai/sdk/Trace"
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { time } from "./amounts.js"
import { inMessage } from "./json.js"
import { hint, type ServerFlags } from "./shell.js"
import { Terminal } from "./Terminal.js"
import { cell } from "./text.js"

export interface Steps {
  /** Shows one event. */
  readonly show: (event: FlowEvent) => Effect.Effect<void>
  /** The cost of the completed steps as text. Absent if no step had a cost. `isWhole`: no other step cost anything. */
  readonly cost: (isWhole: boolean) => string | undefined
}

/** Returns an output that is text, the only text in it, or its JSON. */
const textOf = (output: unknown): string => {
  const texts = typeof output === "object" && output !== null
    ? Object.values(output).filter((value) => typeof value === "string")
    : []
  return texts.length === 1 ? texts[0]! : inMessage(output)
}

export const make: Effect.Effect<Steps, never, Terminal> = Effect.map(Terminal, (terminal) => {
  let stepCount: number | undefined
  let begun = 0
  let current = ""
  let cost: BigDecimal.BigDecimal | undefined
  let unknownCosts = 0
  const place = () => `${begun}${stepCount === undefined ? "" : `/${stepCount}`}`
  const named = (name: string | undefined, stepId: string) => `${place()} ${cell(name ?? stepId)}`
  const line = (text: string) =>
    Effect.zipRight(terminal.progress(""), terminal.isWatched ? terminal.note(text) : terminal.detail(text))
  const show = (event: FlowEvent) => {
    switch (event.type) {
      case "run_started":
        stepCount = event.stepCount
        return terminal.detail(`run ${event.executionId}`)
      case "step_started":
        begun = event.stepIndex + 1
        current = `… ${named(event.name, event.stepId)}`
        return terminal.progress(current)
      case "step_output": {
        if (event.outputData === undefined) return Effect.void
        // the end of the text, as far as it fits into the line
        const text = [...cell(textOf(event.outputData))]
        const room = Math.max(0, terminal.width() - [...current].length - 4)
        return terminal.progress(
          `${current}  ${text.length > room ? `…${text.slice(1 - room).join("")}` : text.join("")}`
        )
      }
      case "step_completed": {
        const { costUsd, durationMs, name, stepId } = event
        const unknown = Trace.isCostUnknown({ ...event, status: "completed" }) ? 1 : 0
        unknownCosts += unknown
        const known = Option.getOrUndefined(Trace.parseCost(costUsd))
        if (known !== undefined) cost = cost === undefined ? known : BigDecimal.sum(cost, known)
        return line(
          `✓ ${named(name, stepId)}${durationMs === undefined ? "" : `  ${time(durationMs)}`}${
            unknown === 0
              ? costUsd === undefined ? "" : `  ${Trace.costText({ costUsd })}`
              : "  cost unknown"
          }`
        )
      }
      case "step_error":
        return line(`✗ ${named(event.name, event.stepId)}`)
      case "tool_calls_required":
        return line("paused for tool calls")
      default:
        return Effect.void
    }
  }
  return {
    show,
    cost: (isWhole) =>
      cost === undefined && unknownCosts === 0 ? undefined : Trace.costText({
        costUsd: cost === undefined ? undefined : Trace.formatCost(cost),
        unknownCosts: unknownCosts + (isWhole ? 0 : 1)
      })
  }
})

/** Prints the last line of a run in a terminal. */
export const summary = (
  input: ServerFlags & { readonly flow: string },
  { cost, executionId, millis }: {
    readonly executionId: string
    readonly millis: number
    readonly cost: string | undefined
  }
): Effect.Effect<void, never, Terminal> =>
  Effect.flatMap(Terminal, (terminal) =>
    terminal.isWatched
      ? terminal.note([
        `run ${executionId.slice(0, 4)}…`,
        time(millis),
        ...cost === undefined ? [] : [cost === "unknown" ? "cost unknown" : cost],
        hint(input, "trace", [input.flow, executionId])
      ].join(" · "))
      : Effect.void)
