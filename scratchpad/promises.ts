import { APIConnectionError, Noukai } from "@effect-noukai/promise"

// reads NOUKAI_API_KEY, or is given a client
export const gradeByPromise = async (noukai = new Noukai()) => {
  try {
    const done = await noukai.flow("acme/spelling/grade-3").execute({
      message: "The cat sat.",
      parameters: { difficulty: "hard" }
    })
    return done.status === "completed" ? done.result : `the run is ${done.status}`
  } catch (error) {
    if (error instanceof APIConnectionError && error.sent !== "no") return "a run may exist, and may be billed"
    throw error
  } finally {
    await noukai.close()
  }
}
