/**
 * The parts of spans that are made of a stored trace: attributes, and ids that are the same at every export.
 *
 * @see contract 13.5
 */
import * as Inspectable from "effect/Inspectable"
import { attributeKeys } from "../../Telemetry.js"
import { problemOf } from "../errors/runProblem.js"
import { millisOf } from "./stepTimes.js"
import type { PlacedStep } from "./timeline.js"

/** The facts of a step that its span tells. */
export interface SpannedStep {
  readonly stepId: string
  readonly attempt: number
  readonly loopIndex?: number | undefined
  readonly status: string
  readonly startedAt?: string | undefined
  readonly completedAt?: string | undefined
  readonly durationMs?: number | undefined
  readonly waitingMs?: number | undefined
  readonly modelUsed?: string | undefined
  readonly tokens?: { readonly prompt: number; readonly completion: number } | undefined
  readonly costUsd?: string | undefined
  readonly inputContext?: unknown
  readonly outputContext?: unknown
  readonly errorContext?: unknown
}

export type AttributeValue = string | number | boolean

const payloadLimit = 4_096
const cutMark = "…[truncated]"

/** The characters of a payload that a span carries; none is cut in two. */
const cut = (text: string): string =>
  text.length <= payloadLimit ? text : text.slice(0, payloadLimit).replace(/[\ud800-\udbff]$/, "") + cutMark

/** A payload as JSON; one that JSON cannot hold, as text. */
export const payloadText = (value: unknown): string =>
  typeof value === "string" ? JSON.stringify(value) : Inspectable.toStringUnknown(value, 0)

const payload = (key: string, value: unknown): ReadonlyArray<readonly [string, AttributeValue]> =>
  value === undefined ? [] : [[key, cut(payloadText(value))]]

/** The attributes of a step, in the keys of the contract. */
export const stepAttributes = (
  { end, start, step, waiting }: PlacedStep<SpannedStep>,
  payloads: boolean
): ReadonlyArray<readonly [string, AttributeValue]> => {
  const { attempt, costUsd, loopIndex, modelUsed, status, stepId, tokens } = step
  const given: ReadonlyArray<readonly [string, AttributeValue | undefined]> = [
    [attributeKeys.stepId, stepId],
    [attributeKeys.stepAttempt, attempt],
    [attributeKeys.stepLoopIndex, loopIndex],
    [attributeKeys.stepStatus, status],
    [attributeKeys.stepDuration, millisOf(end - start)],
    [attributeKeys.stepWaiting, waiting === 0n ? undefined : millisOf(waiting)],
    [attributeKeys.stepCost, costUsd],
    [attributeKeys.operationName, modelUsed === undefined ? undefined : "chat"],
    [attributeKeys.model, modelUsed],
    [attributeKeys.inputTokens, tokens?.prompt],
    [attributeKeys.outputTokens, tokens?.completion],
    [attributeKeys.errorType, status === "failed" ? problemOf(step.errorContext).code ?? "_OTHER" : undefined]
  ]
  return [
    ...given.filter((entry): entry is readonly [string, AttributeValue] => entry[1] !== undefined),
    ...(payloads
      ? [
        ...payload(attributeKeys.stepInput, step.inputContext),
        ...payload(attributeKeys.stepOutput, step.outputContext),
        ...payload(attributeKeys.stepError, step.errorContext)
      ]
      : [])
  ]
}

const fnvOffset = 0xcbf29ce484222325n
const fnvPrime = 0x100000001b3n
const mask = 0xffffffffffffffffn

/** FNV-1a with a last mixing, so that texts that differ in their last characters alone are far apart. */
const hash64 = (text: string, seed: bigint): bigint => {
  let hash = (fnvOffset ^ seed) & mask
  for (let i = 0; i < text.length; i++) hash = ((hash ^ BigInt(text.charCodeAt(i))) * fnvPrime) & mask
  hash = ((hash ^ (hash >> 33n)) * 0xff51afd7ed558ccdn) & mask
  hash = ((hash ^ (hash >> 33n)) * 0xc4ceb9fe1a85ec53n) & mask
  return hash ^ (hash >> 33n)
}

const hex = (value: bigint): string => (value === 0n ? 1n : value).toString(16).padStart(16, "0")

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The id of a run as that of a trace: 16 bytes. */
export const traceIdOf = (executionId: string): string => {
  const digits = uuid.test(executionId) ? executionId.replaceAll("-", "").toLowerCase() : undefined
  return digits !== undefined && /[^0]/.test(digits)
    ? digits
    : hex(hash64(executionId, 0n)) + hex(hash64(executionId, 1n))
}

/** The id of a span: 8 bytes, of the run and the parts that tell the span from others. */
export const spanIdOf = (executionId: string, ...parts: ReadonlyArray<string | number | undefined>): string =>
  hex(hash64(JSON.stringify([executionId, ...parts.map((part) => part ?? null)]), 2n))

/** The span ids of steps; steps that nothing tells apart are counted. */
export const stepSpanIds = (executionId: string, steps: ReadonlyArray<SpannedStep>): ReadonlyArray<string> => {
  const seen = new Map<string, number>()
  return steps.map(({ attempt, loopIndex, stepId }) => {
    const place = JSON.stringify([stepId, attempt, loopIndex ?? null])
    const nth = seen.get(place) ?? 0
    seen.set(place, nth + 1)
    return spanIdOf(executionId, stepId, attempt, loopIndex, nth)
  })
}
