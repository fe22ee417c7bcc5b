/**
 * The part of a run's payloads that its capture mode keeps.
 *
 * @see docs/wire.md#capture
 */
import { type Digits, digitsOf, withDigits } from "@effect-noukai/sdk/kit/plainJson"
import type { CaptureMode, Json } from "../../Flow.js"
import { type Exact, objectOf, textOf } from "../exact.js"
import { isObject } from "../json.js"

const maxPayloadBytes = 64 * 1024

export interface Snapshot extends Exact {
  readonly sizeBytes: number
  readonly truncated: boolean
}

/** E-mail addresses and long numbers, which `redacted` masks. */
const secrets = /[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+|\d(?:[ -]?\d){8,}/g

const redacted = (value: Json): Json => {
  if (typeof value === "string") return value.replace(secrets, "[redacted]")
  if (Array.isArray(value)) return withDigits(value.map(redacted), digitsOf(value))
  return isObject(value)
    ? withDigits(
      Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, redacted(inner)])),
      digitsOf(value)
    )
    : value
}

export const hasPayloads = (mode: CaptureMode): boolean => mode === "full" || mode === "redacted"

/** The snapshot of an absent payload. */
export const none: Snapshot = { value: null, sizeBytes: 0, truncated: false }

/** The stored form of a payload; `null` if the mode does not store payloads. */
export const take = (mode: CaptureMode, payload: Json | undefined, digits?: Digits): Snapshot => {
  // `off` hides even the size
  if (payload === undefined || mode === "off") return none
  const text = textOf({ value: payload, digits })
  const sizeBytes = Buffer.byteLength(text)
  if (!hasPayloads(mode)) return { value: null, sizeBytes, truncated: false }
  if (sizeBytes > maxPayloadBytes) {
    const start = Buffer.from(text).subarray(0, maxPayloadBytes).toString("utf8")
    return { value: { truncated: mode === "redacted" ? redacted(start) : start }, sizeBytes, truncated: true }
  }
  return { value: mode === "redacted" ? redacted(payload) : payload, digits, sizeBytes, truncated: false }
}

/** A context is always an object. Wraps any other value. */
export const asObject = (part: Exact, key: string): Json =>
  part.value === null || isObject(part.value) ? part.value : objectOf({ [key]: part })
