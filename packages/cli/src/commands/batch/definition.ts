/** A batch as the flags of a command define it. */
import * as Batch from "@effect-noukai/batch/Batch"
import * as Flow from "@effect-noukai/sdk/Flow"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Values from "../../arguments/values.js"
import { Settings } from "../../settings/Settings.js"
import { type Mapping, rowInput } from "./rowInput.js"

/** Flags of a command that defines a batch. */
export interface DefinitionFlags extends Mapping {
  readonly id: string
  readonly flow: string
  readonly operation: "jobs" | "execute"
  readonly version: Option.Option<string>
}

/** The batch of some flags; its flow has its whole name, also where no client knows the rest of it. */
export const definition = Effect.fnUntraced(function*(flags: DefinitionFlags) {
  const { options: { org, project } } = yield* Settings
  const { input, key } = yield* rowInput(flags)
  const version = yield* Values.when(flags.version, Values.flowVersion)
  const flow = Flow.format(yield* Flow.resolve(flags.flow, { org, project }))
  const common = { id: flags.id, flow, version, key, input }
  return flags.operation === "execute"
    ? Batch.make({ ...common, operation: "execute" })
    : Batch.make({ ...common, operation: "jobs" })
})
