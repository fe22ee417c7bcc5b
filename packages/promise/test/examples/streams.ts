import type { Noukai } from "@effect-noukai/promise"

/** Every event, as it arrives. Leaving the loop closes the connection. */
export const watch = async (noukai: Noukai, print: (line: string) => void) => {
  for await (const event of noukai.flow("noukai/samples/two-step").events({ message: "Where is A17?" })) {
    switch (event.type) {
      case "step_output":
        print(`… ${JSON.stringify(event.outputData)}`)
        break
      case "step_completed":
        print(`${event.stepIndex}: ${event.name} took ${event.durationMs} ms`)
        break
      case "flow_completed":
        print(`done: ${JSON.stringify(event.result)}`)
    }
  }
}

/** Or completed steps alone. */
export const outputs = async (noukai: Noukai) => {
  const all: Record<string, unknown> = {}
  for await (const step of noukai.flow("noukai/samples/two-step").steps({ message: "Where is A17?" })) {
    all[step.stepId] = step.output
  }
  return all
}
