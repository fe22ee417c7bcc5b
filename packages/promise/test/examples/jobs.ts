import type { Noukai } from "@effect-noukai/promise"

const flow = "noukai/samples/two-step"

/** Keep the id: it is all that another process needs. */
export const submit = async (noukai: Noukai) => (await noukai.flow(flow).executeAsync({ message: "long" })).executionId

export const collect = async (noukai: Noukai, executionId: string) => {
  const { error, result, status } = await noukai.job(flow, executionId).wait({ timeout: 600_000, pollInterval: 500 })
  if (status !== "completed") throw new Error(`the job is ${status}: ${error}`)
  return result
}

export const cost = async (noukai: Noukai, executionId: string) =>
  (await noukai.flow(flow).run(executionId).cost()).costUsd
