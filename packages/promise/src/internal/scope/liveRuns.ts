/**
 * Whether code without Effect may start a live run. The client with Effect sets the rule when it is made, because it
 * knows the scopes and budgets.
 */
import type { NoukaiError } from "../../NoukaiError.js"

export const liveRuns: { refusal: () => NoukaiError | undefined } = { refusal: () => undefined }
