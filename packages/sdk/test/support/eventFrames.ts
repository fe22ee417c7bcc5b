/** Event streams as a server writes them. */
import type { ServerResponse } from "node:http"
import type { Answer } from "./WireServer.js"

export const frame = (name: string, data: object): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`

const executionId = "ex-1"

export const runStarted = frame("run_started", { executionId, stepCount: 2 })
export const stepStarted = (stepId: string) => frame("step_started", { stepId, stepIndex: 0 })
export const stepOutput = (stepId: string, outputData: unknown) => frame("step_output", { stepId, outputData })
export const stepCompleted = (stepId: string) =>
  frame("step_completed", {
    stepId,
    output: { of: stepId },
    durationMs: 5,
    tokens: { prompt: 2, completion: 3 },
    costUsd: "0.1"
  })
export const stepPaused = (nextStepIndex: number) => frame("step_paused", { executionId, nextStepIndex })
export const stepError = (stepId: string) => frame("step_error", { stepId, error: { code: "X", message: "boom" } })
export const flowCompleted = (result: unknown) => frame("flow_completed", { executionId, result })

const head = { "content-type": "text/event-stream", "x-request-id": "req-1" }

/** A whole response. */
export const events = (...frames: ReadonlyArray<string>): Answer => (response) => {
  response.writeHead(200, head)
  response.end(frames.join(""))
}

/** A response that stays open; `use` gets it once its first frames are written. */
export const open =
  (frames: ReadonlyArray<string>, use: (response: ServerResponse) => void = () => {}): Answer => (response) => {
    response.writeHead(200, head)
    response.write(frames.join(""), () => use(response))
  }

export const twoSteps: readonly [Answer, Answer] = [
  events(runStarted, stepStarted("classify"), stepCompleted("classify"), stepPaused(1)),
  events(stepStarted("answer"), stepCompleted("answer"), flowCompleted({ text: "hi" }))
]
