/** The outcome of one execution of a step. */
import type { Json, StepFailure } from "../../Flow.js"
import type { Message, WireToolCall } from "../wire/toolConversation.js"

export type StepOutcome =
  | { readonly type: "Output"; readonly output: Json; readonly prompt?: string | undefined }
  | {
    readonly type: "Ask"
    readonly iterationsUsed: number
    readonly calls: ReadonlyArray<WireToolCall>
    readonly messages: ReadonlyArray<Message>
  }
  | { readonly type: "Fail"; readonly failure: StepFailure }
