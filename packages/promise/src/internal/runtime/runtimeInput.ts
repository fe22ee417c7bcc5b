/** Translates inputs of other runtimes into inputs of the SDK, which checks them. */
import type { PausedState as SdkState } from "@effect-noukai/sdk/FlowCursor"
import type * as Sdk from "@effect-noukai/sdk/NoukaiError"
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type { RuntimeInput, RuntimeJobStatus } from "../../RuntimeModels.js"
import type { PausedState } from "../../StoredRun.js"
import type { Thrown } from "../errors/thrown.js"
import { said } from "../json.js"
import { inContextOfNow, type ToolsInput, toolsOf } from "../tools/toolHandling.js"
import { plainOf } from "./runtimeError.js"
import { scheduleOf } from "./schedules.js"

/** Stores a pause. */
export type Hook = Effect.Effect<void, Thrown>

/** The fields of an input that the SDK has in another form. */
export interface Translated {
  readonly retry?: Schedule.Schedule<unknown, Sdk.NoukaiError>
  readonly heal?: Schedule.Schedule<unknown, Sdk.NoukaiError>
  readonly schedule?: Schedule.Schedule<unknown, RuntimeJobStatus>
  readonly tools?: ToolsInput
  readonly onPause?: (state: SdkState) => Hook
}

const hookOf = (onPause: RuntimeInput["onPause"]): Translated["onPause"] => {
  if (typeof onPause !== "function") return onPause
  const inContext = inContextOfNow()
  return (state: PausedState) =>
    inContext(async () => {
      await onPause(state)
    })
}

/** Returns an input for the SDK, whose fields are not checked. */
export const sdkInput = <A>(input: RuntimeInput | undefined): A => {
  const { heal, onPause, retry, schedule, toolHandler, tools, ...plain }: RuntimeInput = input ?? {}
  const translated: Translated = said<Translated>({
    heal: scheduleOf(heal, plainOf),
    retry: scheduleOf(retry, plainOf),
    schedule: scheduleOf(schedule, (status: RuntimeJobStatus) => status),
    tools: toolsOf(tools, toolHandler),
    onPause: hookOf(onPause)
  })
  return { ...plain, ...translated } as A
}
