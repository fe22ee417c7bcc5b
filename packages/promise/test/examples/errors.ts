import {
  APIConnectionError,
  FlowExecutionError,
  type Noukai,
  RateLimitError,
  ServerErrorCode
} from "@effect-noukai/promise"

export const run = async (noukai: Noukai, signal: AbortSignal) => {
  try {
    return await noukai.flow("acme/spelling/grade-3").execute({ message: "The cat sat.", timeout: 60_000, signal })
  } catch (error) {
    if (signal.aborted) return "the caller left" // error is the reason of the signal
    if (error instanceof RateLimitError) return `try again in ${error.retryAfter ?? 1} s`
    if (error instanceof FlowExecutionError && error.code === ServerErrorCode.BYOK_KEY_REJECTED) return "check the key"
    if (error instanceof APIConnectionError) {
      return error.sent === "no" ? "nothing was sent" : "a run may exist, and may be billed"
    }
    throw error
  }
}
