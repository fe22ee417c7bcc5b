/** The payloads of steps as JSON. */
import { type Digits, digitsAt, digitsOf, digitsWithin } from "@effect-noukai/sdk/kit/plainJson"
import type { StepTrace } from "@effect-noukai/sdk/Trace"
import { exactJson } from "./text.js"

export type PayloadName = "inputContext" | "outputContext" | "errorContext"

/** The digits of the numbers in a payload. Those of a payload that is a number are in the JSON of its step. */
export const digitsOfPayload = (step: StepTrace, of: PayloadName): Digits | undefined =>
  digitsAt(digitsOf(step.raw), of) ?? digitsWithin(step[of])

/** A payload as JSON, unless there is none. */
export const payloadJson = (step: StepTrace, of: PayloadName): string | undefined =>
  exactJson(step[of], digitsOfPayload(step, of))
