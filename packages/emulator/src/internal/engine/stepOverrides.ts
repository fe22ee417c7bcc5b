/**
 * `blockOverrides`: the fields of a step that one request replaces. Unknown fields, and values of another type than the
 * field's, are ignored.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { FlowDuration, Json, Money, Tokens } from "../../Flow.js"
import type { Step } from "../../Flow.js"

const fields = {
  name: Schema.String,
  model: Schema.String,
  costUsd: Money,
  tokens: Tokens,
  duration: FlowDuration,
  output: Json
} as const

const decoders = Object.entries(fields).map(([name, schema]) =>
  [name, Schema.decodeUnknownOption(schema as Schema.Schema<unknown>)] as const
)

export const overrideStep = <S extends Step>(
  step: S,
  override: { readonly [field: string]: unknown } | undefined
): S => {
  if (override === undefined || step.kind === "loop") return step
  const replaced: Record<string, unknown> = {}
  for (const [name, decode] of decoders) {
    if (name === "output" && step.kind !== "template" && step.kind !== "tool") continue
    const value = Object.hasOwn(override, name) ? decode(override[name]) : Option.none()
    if (Option.isSome(value)) replaced[name] = value.value
  }
  return { ...step, ...replaced }
}
