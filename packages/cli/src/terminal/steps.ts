/** The steps of a run, as they come, for who watches. */
import type { FlowEvent } from "@effect-noukai/sdk/FlowEvent"
import * as Effect from "effect/Effect"
import { time } from "./amounts.js"
import { cell } from "./table.js"
import { plain, Terminal } from "./Terminal.js"

/** Shows one event after the other. */
export const make: Effect.Effect<(event: FlowEvent<unknown, unknown>) => Effect.Effect<void>, never, Terminal> = Effect
  .map(
    Terminal,
    (terminal) => {
      let stepCount: number | undefined
      let begun = 0
      const step = (name: string | undefined, stepId: string) => cell(name ?? stepId)
      const place = () => `${begun}${stepCount === undefined ? "" : `/${stepCount}`}`
      const line = (text: string) => terminal.isWatched ? terminal.note(text) : terminal.detail(text)
      return (event) => {
        switch (event.type) {
          case "run_started":
            stepCount = event.stepCount
            return terminal.detail(`run ${plain(event.executionId)}`)
          case "step_started":
            begun = event.stepIndex + 1
            return terminal.progress(`… ${place()} ${step(event.name, event.stepId)}`)
          case "step_completed":
            return Effect.zipRight(
              terminal.progress(""),
              line(
                `✓ ${place()} ${step(event.name, event.stepId)}${
                  event.durationMs === undefined ? "" : `  ${time(event.durationMs)}`
                }${event.costUsd === undefined ? "" : `  $${plain(event.costUsd)}`}`
              )
            )
          case "step_error":
            return Effect.zipRight(terminal.progress(""), line(`✗ ${place()} ${step(event.name, event.stepId)}`))
          case "tool_calls_required":
            return Effect.zipRight(terminal.progress(""), line("paused for tool calls"))
          default:
            return Effect.void
        }
      }
    }
  )
