import { type Noukai, RateLimitError } from "@noukai/sdk"

export const answers = async (noukai: Noukai, message: string) => {
  try {
    const greeting = await noukai.flow("noukai/samples/hello-world").execute({ message, timeout: 60_000 })
    if (greeting.requiresToolCalls) throw new Error("no tools were declared")
    const steps: Array<string> = []
    for await (const step of noukai.flow("noukai/samples/two-step").steps({ message })) steps.push(step.stepId)
    const job = await noukai.flow("noukai/samples/two-step").executeAsync({ message })
    const { result } = await job.wait({ timeout: 600_000 })
    return { greeting: greeting.result, steps, result }
  } catch (error) {
    if (error instanceof RateLimitError) return "later"
    throw error
  }
}
