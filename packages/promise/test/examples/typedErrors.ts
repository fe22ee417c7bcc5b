import { InvalidRequestError, type Noukai, UnexpectedResponseError } from "@effect-noukai/promise"
import { z } from "zod"

export const scoreOrValue = async (noukai: Noukai, difficulty: string) => {
  const flow = noukai.flow("acme/spelling/grade-3", {
    parameters: z.object({ difficulty: z.string().max(4) }),
    // the flow returns a number
    result: z.object({ score: z.string() })
  })
  try {
    return await flow.execute({ message: "The cat sat.", parameters: { difficulty } })
  } catch (error) {
    // nothing was sent
    if (error instanceof InvalidRequestError) return error.message
    // the run was paid for: the value is here
    if (error instanceof UnexpectedResponseError) return { message: error.message, paid: error.result }
    throw error
  }
}
