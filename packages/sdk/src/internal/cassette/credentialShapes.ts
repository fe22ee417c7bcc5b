/**
 * The shapes of credentials in any text.
 *
 * @internal
 */
import { isVaried, looksRandom } from "./randomText.js"
import { isSecretName } from "./secretNames.js"
import { isStandIn, isStandInOfProse, redacted } from "./standIn.js"

/**
 * Keys of Noukai; they are always removed.
 *
 * @internal
 */
export const noukaiKey = /\bnk_[A-Za-z0-9]+(?:_[A-Za-z0-9-]{4,})+|\bnk_[\w.~+/=-]{16,}/g

interface Shape {
  readonly pattern: RegExp
  /** A test of the first group. Absent: every match is a credential. */
  readonly is?: (text: string) => boolean
}

const isMixed = (text: string): boolean => /\d/.test(text) && /[a-z]/.test(text) && /[A-Z]/.test(text)

/** Whether the text behind a prefix was drawn at random, unlike a long name. */
const isDrawn = (text: string): boolean => isVaried(text) && (isMixed(text) || looksRandom(text))

/** Whether the text is drawn at random, or made of letters and digits alone, which form no name of such a length. */
const isLong = (text: string): boolean => isVaried(text) && (/^[A-Za-z0-9+/]{20,}$/.test(text) || isDrawn(text))

/** Whether the text has more capitals than a name made of words. */
const hasHumps = (text: string): boolean => {
  const share = text.replace(/[^A-Z]/g, "").length / text.length
  return share > 0.3 && share < 0.7
}

/** Whether the word behind a scheme, which may be any, is a token. */
const isBearer = (text: string): boolean =>
  looksRandom(text) ||
  (isVaried(text) && (
    /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text) ||
    (/^(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9]{20,}$/.test(text)) ||
    (/^[A-Za-z0-9]{16,}$/.test(text) && isMixed(text)) ||
    (/^(?=.*[a-z])[A-Za-z]{24,}$/.test(text) && hasHumps(text))
  ))

const isOfNoukai = (text: string): boolean =>
  isVaried(text) &&
  (/^(?:live|test)[_%\\](?:.*\d|[a-z0-9]{8}[_%\\][a-z0-9]{32})/i.test(text) || (text.length >= 30 && /\d/.test(text)) ||
    looksRandom(text))

const bytesOf = (encoded: string): Uint8Array =>
  Uint8Array.from(atob(encoded.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0))

const isUserAndPassword = (encoded: string): boolean => {
  // a word is no password, whatever it decodes to
  if (/^[A-Za-z]?[a-z-]*$/.test(encoded)) return false
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytesOf(encoded))
    const [, user, password] = /^([^:]*):(.*)$/.exec(text) ?? []
    return user !== undefined && !/\p{Cc}/u.test(text) && !isStandInOfProse(password || user)
  } catch {
    return false
  }
}

/**
 * A prefix that a word can begin with, and the pattern behind it. Each is a pattern of its own, since those are
 * searched fastest.
 */
const prefixed = (prefix: string, rest: string, is?: Shape["is"]): Shape => {
  const pattern = new RegExp(`(?<![A-Za-z0-9])${prefix}${rest}`, "g")
  return is === undefined ? { pattern } : { pattern, is }
}

const base62 = "([A-Za-z0-9+/]{16,})"
const words = "([\\w-]{16,})"
const hexadecimal = "([0-9a-f]{32})(?![A-Za-z0-9])"

/** The least length of these shapes, none of which has a space. */
const shortest = 20

const shapes: ReadonlyArray<Shape> = [
  { pattern: /(?<![A-Za-z0-9])nk(?:_|%5f|\\+u005f)([\w.~+/=%\\-]{17,})/gi, is: isOfNoukai },
  prefixed("A(?:KIA|SIA|GPA|IDA|IPA|ROA|NPA|NVA|BIA|CCA)", "([A-Z0-9]{16})(?![A-Za-z0-9])", isVaried),
  prefixed("AIza", "[\\w-]{30,}"),
  { pattern: /(?<![\w-])eyJ[\w-]{6,}\.(?:[\w-]{6,}\.|\.[\w-]{6,}\.)/g },
  prefixed("gh[pousr]_", base62, isLong),
  prefixed("github_pat_", words, isLong),
  prefixed("glpat-", words, (text) => isVaried(text) && /[A-Z\d]/.test(text)),
  prefixed("GOCSPX-", words, isLong),
  prefixed("SG\\.", "[\\w-]{16,}\\.[\\w-]{16,}"),
  prefixed("SK", hexadecimal, isVaried),
  prefixed("dapi", hexadecimal, isVaried),
  prefixed("dop_v1_", base62, isLong),
  prefixed("gsk_", base62, isLong),
  prefixed("hf_", base62, isLong),
  prefixed("key-", words, isDrawn),
  prefixed("lin_api_", base62, isLong),
  prefixed("npm_", base62, isLong),
  prefixed("pplx-", words, isLong),
  prefixed("pypi-", words, isLong),
  prefixed("r8_", base62, isLong),
  prefixed("[rs]k_(?:live|test|prod)_", base62, isLong),
  prefixed("shp(?:at|ca|pa|ss)_", base62, isLong),
  prefixed("sk-", "((?:[a-z0-9]{2,8}-){0,3}[\\w-]{20,})", isLong),
  prefixed("sq0(?:atp|csp)-", words, isDrawn),
  prefixed("whsec_", base62, isLong),
  prefixed("xai-", words, isLong),
  prefixed("xapp-", "(\\d-[\\w-]{16,})", isDrawn),
  prefixed("xox[abeoprs]-", "([\\w.-]{15,})", (text) => /\d{5}/.test(text) || isDrawn(text)),
  prefixed("ya29\\.", words, isLong),
  { pattern: /hooks\.slack\.com\/services\/T\w+\/B\w+\/(\w{16,})/g, is: isDrawn },
  // a key of Noukai in base64, from each of three bytes on, and in hexadecimal
  { pattern: /(?<![\w+/-])bmtf[\w+/-]{20,}/g },
  { pattern: /bmtf(?:bGl2ZV|dGVzdF)[\w+/-]{16,}/g },
  { pattern: /5rX(?:2xpdmVf|3Rlc3Rf)[\w+/-]{16,}/g },
  { pattern: /ua19(?:saXZlX|0ZXN0X)[\w+/-]{16,}/g },
  { pattern: /6e6b5f(?:6c697665|74657374)5f[0-9a-f]{16}/gi }
]

/** Shapes that may be short, or have spaces in them. */
const phrases: ReadonlyArray<Shape> = [
  {
    pattern:
      /-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:(?:[ \t\r\n]|\\{1,4}[rn]){0,4}(?:[\r\n]|\\{1,4}[rn])\s{0,4}[A-Za-z0-9+/]{4}|\s{1,4}[A-Za-z0-9+/=]{32})/g
  },
  { pattern: /:\/\/[^\s/:@#?"'<>]{0,200}:([^\s/@#?"'<>]{2,200})@/g, is: (text) => !isStandInOfProse(text) },
  { pattern: /(?<![a-z0-9])bearer(?:\s{1,8}|%20|\+)["']?([\w.~+/%-]{12,}=*)/gi, is: isBearer },
  { pattern: /(?<![a-z0-9])basic(?:\s{1,8}|%20|\+)["']?([\w+/-]{4,2000}=*)/gi, is: isUserAndPassword }
]

const has = (text: string, { is, pattern }: Shape): boolean => {
  pattern.lastIndex = 0
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    if (is === undefined || is(match[1]!)) {
      pattern.lastIndex = 0
      return true
    }
  }
  return false
}

/** Whether so many characters follow each other without a space. Reads only every so many. */
const hasRun = (text: string, length: number): boolean => {
  for (let at = length - 1; at < text.length; at += length) {
    let start = at
    while (start >= 0 && start > at - length && text.charCodeAt(start) > 32) start--
    let end = at
    while (end < text.length && end - start <= length && text.charCodeAt(end) > 32) end++
    if (end - start > length) return true
  }
  return false
}

const isBase64 = (code: number): boolean =>
  (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 47 && code <= 57) || code === 43

const secretLength = 40

/** Whether the place is neither a part of an address or a path, nor the end of a longer text. */
const standsAlone = (text: string, start: number, end: number): boolean =>
  !/^(?:=|[._~%-]\w)/.test(text.slice(end, end + 2)) &&
  !/(?:[._~%-]|https?:)$/.test(text.slice(Math.max(0, start - 6), start)) &&
  !/[\w+/]{40}\r?\n$/.test(text.slice(Math.max(0, start - 42), start))

/** Whether a text holds the secret half of an AWS key. */
const hasSecretHalf = (text: string): boolean => {
  for (let at = secretLength - 1; at < text.length; at += secretLength) {
    if (!isBase64(text.charCodeAt(at))) continue
    let start = at
    while (start > 0 && isBase64(text.charCodeAt(start - 1))) start--
    let end = at + 1
    while (end < text.length && isBase64(text.charCodeAt(end))) end++
    const half = end - start === secretLength && standsAlone(text, start, end) ? text.slice(start, end) : ""
    if (/[a-z]/.test(half) && /[A-Z]/.test(half) && (hasHumps(half) || looksRandom(half))) return true
    at = end - 1
  }
  return false
}

/** A field of JSON, or of code, inside other text. */
const quotedField = /["']([\w$.@-]{3,64})\\*["']\s{0,8}[:=]>?\s{0,8}\\*["']([^"'\\]{1,200})/g

/** The places where a name is given a value. */
const given =
  /((?:pass(?:word|wd|phrase|code|wort)|pwd|secret|token|key|credentials?|cookie|authori[sz]ation)s?["'`]?\s{0,3}(?::|=>?|:=)\s{0,3}(?:(?:token|apikey|key|digest)\s{1,3})?["'`]?)([^\s"'`<>,;&|(){}[\]\\]{1,200})/gi

const longestName = 64

/** The start of the name that a place is in. */
const nameStart = (text: string, at: number): number => {
  let start = at
  while (start > at - longestName && /[\w.$@-]/.test(text[start - 1] ?? "")) start--
  return start
}

const nameAt = (text: string, start: number): string =>
  /^[\w.$@-]*/.exec(text.slice(start, start + 2 * longestName))![0]

/**
 * A text without the values that it gives to secret names.
 *
 * @internal
 */
export const maskGiven = (text: string): string =>
  text.replace(
    given,
    (whole, before: string, value: string, at: number) =>
      isStandIn(value) || !isSecretName(nameAt(text, nameStart(text, at))) ? whole : `${before}${redacted}`
  )

/** Whether an assignment is written for machines: `DB_PASSWORD=hunter2`, `;Password=hunter2;`. */
const isOfMachines = (text: string, start: number, name: string, rest: string): boolean =>
  /^=[^\s=]/.test(rest) &&
  ((/^[;&?]$/.test(text[start - 1] ?? "") && /pass|pwd|secret/i.test(name)) ||
    (/^[A-Z][A-Z0-9_]*$/.test(name) &&
      /^(?:|.*[\n\r]|.*\b(?:export|set|env)\s+)$/s.test(text.slice(Math.max(0, start - 12), start))))

const hasAssignment = (text: string): boolean => {
  if (!text.includes(":") && !text.includes("=")) return false
  for (const { 0: whole, 2: value, index } of text.matchAll(given)) {
    if (value === undefined || value.length < 6 || isStandInOfProse(value)) continue
    const start = nameStart(text, index)
    const name = nameAt(text, start)
    if (!isSecretName(name)) continue
    if (value.length >= 12 && looksRandom(value)) return true
    const rest = text.slice(start + name.length, index + whole.length)
    if (isOfMachines(text, start, name, rest) && /\d/.test(value) && /[A-Za-z]/.test(value)) return true
  }
  return false
}

const hasQuotedField = (text: string): boolean => {
  quotedField.lastIndex = 0
  for (let match = quotedField.exec(text); match !== null; match = quotedField.exec(text)) {
    const [, name = "", value = ""] = match
    // the words of a text are called tokens too
    if (/token$/i.test(name) && value.length < 8) continue
    if (isSecretName(name) && !isStandInOfProse(value)) return true
  }
  return false
}

/**
 * Whether a text holds a text that looks like a credential.
 *
 * @internal
 */
export const looksLikeCredential = (text: string): boolean =>
  text.length >= 8 && (
    phrases.some((one) => has(text, one)) ||
    (hasRun(text, shortest) && (shapes.some((one) => has(text, one)) || hasSecretHalf(text))) ||
    hasQuotedField(text) ||
    hasAssignment(text)
  )
