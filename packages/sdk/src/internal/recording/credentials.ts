/**
 * What looks like a credential, and must not be in a file that people commit.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import { formatPath } from "../json/jsonPath.js"
import { eachString, mapStrings } from "../json/walk.js"

/** What takes the place of what was removed. @internal */
export const redacted = "[redacted]"

/** The keys of this very service; they are always removed. @internal */
export const noukaiKey = /\bnk_[A-Za-z0-9]+(?:_[A-Za-z0-9-]{4,})+|\bnk_[\w.~+/=-]{16,}/g

const shapes: ReadonlyArray<RegExp> = [
  // a key of Noukai: escaped, in base64, and as it is
  /\bnk(?:%5F|\\u005f)[A-Za-z0-9]{4,}/i,
  /\bbmtf[A-Za-z0-9+/]{20,}/,
  new RegExp(noukaiKey.source),
  /\b(?:bearer|basic)\s+(?=[\w.~+/-]*[\d.~+/=_-])[\w.~+/-]{8,}=*/i,
  /\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[A-Z0-9]{12,}\b/,
  /(?<![\w-])eyJ[\w-]{6,}\.[\w-]{6,}\./,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\bgh[pousr]_[A-Za-z0-9]{20,}/,
  /\bgithub_pat_\w{20,}/,
  /\bglpat-[\w-]{16,}/,
  /\bxox[abeoprs]-[\w-]{10,}/,
  /\bAIza[\w-]{30,}/,
  /\b[rs]k_(?:live|test)_[A-Za-z0-9]{10,}/,
  /\bsk-(?:[a-z]+-)*[A-Za-z0-9_-]{20,}/,
  /\bnpm_[A-Za-z0-9]{30,}/,
  /\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s/:@]{1,200}:[^\s/@]{1,200}@/i
]

/** 40 letters and digits of every kind, as the secret half of an AWS key. */
const secretHalf = /(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])/g

const isMixed = (text: string): boolean => /[a-z]/.test(text) && /[A-Z]/.test(text) && /\d/.test(text)

const secretName =
  /(?:x[-_]?)?(?:authorization|password|passwd|secret|api[-_]?key|access[-_]?(?:token|key)|refresh[-_]?token|id[-_]?token|auth[-_]?token|client[-_]?secret|secret[-_]?(?:access[-_]?)?key|private[-_]?key)/

const secretNamed = new RegExp(`^${secretName.source}$`, "i")

/** The same names, inside text that is JSON. */
const secretInText = new RegExp(
  String.raw`\\?"${secretName.source}\\?"\s*:\s*\\?"(?!\[redacted\])[^"\\]`,
  "i"
)

const looksLike = (text: string): boolean => {
  if (shapes.some((shape) => shape.test(text)) || secretInText.test(text)) return true
  return text.match(secretHalf)?.some(isMixed) === true
}

const isSecretField = (key: string, value: unknown): boolean =>
  typeof value === "string" && value !== "" && value !== redacted && secretNamed.test(key)

/**
 * The places of a value that look like a credential. A key of an object that does is not quoted.
 *
 * @internal
 */
export const credentialsIn = (value: unknown): ReadonlyArray<string> => {
  const found = new Set<string>()
  eachString(value, (text, path, isKey) => {
    if (!isKey && looksLike(text)) found.add(formatPath(masked(path)))
    if (isKey && looksLike(text)) found.add(formatPath(masked([...path, text])))
    const last = path.at(-1)
    if (!isKey && typeof last === "string" && isSecretField(last, text)) found.add(formatPath(masked(path)))
  })
  return [...found]
}

const masked = (path: ReadonlyArray<string | number>): ReadonlyArray<string | number> =>
  path.map((segment) => typeof segment === "string" && looksLike(segment) ? redacted : segment)

/**
 * A value without what looks like a credential, for people to read.
 *
 * @internal
 */
export const maskCredentials = (value: unknown): unknown => {
  const maskFields = (inner: unknown): unknown => {
    if (Array.isArray(inner)) return inner.map(maskFields)
    return Predicate.isRecord(inner)
      ? Object.fromEntries(
        Object.entries(inner).map(([key, item]) => [key, isSecretField(key, item) ? redacted : maskFields(item)])
      )
      : inner
  }
  return maskFields(mapStrings(value, (text) => looksLike(text) ? redacted : text))
}
