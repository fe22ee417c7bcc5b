/** The well-known forms of secrets, which no cassette and no report contains. */
import * as Order from "effect/Order"
import { type Divergence, formatPath, mapParts } from "../core/diff.js"
import { canonicalText } from "../core/json.js"
import type { Change } from "../core/replayReport.js"

/** An escape of JSON or of an address, which may end in a letter. */
const escape = String.raw`\\(?:[bfnrt]|u[0-9A-Fa-f]{4})|%[0-9A-Fa-f]{2}`

/** A slash, also with an escape of JSON or of an address. */
const slash = String.raw`(?:\\*/|%2[Ff])`

/**
 * Matches a secret that begins at the start of a word, or after an escape. The pattern begins with the secret itself and
 * then looks back, because engines search for a fixed start fast.
 */
const beginning = (start: RegExp, rest: RegExp, word = "A-Za-z0-9"): RegExp =>
  new RegExp(`${start.source}(?<=(?:^|[^${word}]|${escape})${start.source})${rest.source}`, "g")

const forms: ReadonlyArray<RegExp> = [
  // PEM: a private key, to its end or to the end of the text
  /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?=[ \t]{0,4}(?:[\r\n\\]|[A-Za-z0-9+/]{4}))[^]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)/g,
  // AWS: the id of a key
  beginning(/A(?:KIA|SIA|BIA|CCA)/, /[A-Z0-9]{16}(?![A-Za-z0-9])/),
  // GitHub
  beginning(/github_pat_/, /\w{22,255}/),
  beginning(/gh[pousr]_/, /[A-Za-z0-9]{36,255}/),
  // Anthropic
  beginning(/sk-ant-/, /[\w-]{20,}/),
  // OpenAI
  beginning(/sk-/, /(?:(?:proj|svcacct|admin|None)-[\w-]{20,}|[A-Za-z0-9]{32,})/),
  // Stripe
  beginning(/[rs]k_(?:live|test|prod)_/, /[A-Za-z0-9]{16,}/),
  // Noukai and others: the secret of webhooks
  beginning(/whsec_/, /[\w+/-]{8,}=*/),
  // Slack
  beginning(/xox[a-z]-/, /\d[A-Za-z0-9-]{9,}/),
  beginning(/xapp-/, /\d-[A-Za-z0-9-]{10,}/),
  new RegExp(String.raw`hooks\.slack\.com${slash}services${slash}T\w+${slash}B\w+${slash}\w{16,}`, "g"),
  // Google
  beginning(/ya29\./, /[\w-]{20,}/),
  beginning(/GOCSPX-/, /[\w-]{28}/),
  beginning(/AIza/, /[\w-]{35}/),
  // JSON Web Tokens
  beginning(/eyJ/, /[\w-]{8,}\.eyJ[\w-]{8,}(?:\.[\w-]*)?/, "\\w-"),
  // Noukai
  beginning(
    /nk_/,
    /(?:(?:live|test)_(?:[\w-]|(?:\\*[.~+/=])+(?=[\w-])){4,}|[A-Za-z0-9]+(?:_[A-Za-z0-9-]{4,})+|[\w.~+/=-]{16,})/
  ),
  // Noukai, also where it is glued to a word. A shorter text is a word, such as `bank_test_account`
  /nk_(?:live|test)_[\w-]{8,}/g
]

/** The secret of a key of AWS where it is assigned in text. The name before it stays. No secret begins within an escape. */
const assigned = new RegExp(
  String
    .raw`(aws_?secret_?(?:access_?)?key(?:${escape}|(?!${escape})\W){1,12})(?:[A-Za-z0-9+]|${slash}|%2B){40}(?![A-Za-z0-9/+])`,
  "gi"
)

/** A text without the secrets of well-known forms. */
export const maskSecrets = (text: string): string =>
  forms.reduce((rest, form) => rest.replace(form, redacted), text.replace(assigned, `$1${redacted}`))

/** A value without the secrets of well-known forms, in its texts and in the names of its keys. */
export const withoutSecrets = (value: unknown): unknown =>
  typeof value === "string"
    ? maskSecrets(value)
    : mapParts(value, withoutSecrets, (fields) => renamed(fields, maskSecrets, withoutSecrets))

/** A difference for people to read, without the secrets of well-known forms. */
export const maskChange = ({ path, ...values }: Divergence): Change => ({
  path: formatPath(path.map((segment) => typeof segment === "string" ? maskSecrets(segment) : segment)),
  ...Object.fromEntries(Object.entries(values).map(([key, value]) => [key, withoutSecrets(value)]))
})

/** The text in the place of a removed value. */
export const redacted = "[redacted]"

interface Field {
  readonly key: string
  readonly name: string
  readonly item: unknown
}

/**
 * The order of fields whose names become equal: a field that keeps its name first, the others by value, so that the
 * removed text does not matter.
 */
const byValue: Order.Order<Field> = Order.mapInput(
  Order.tuple(Order.number, Order.string, Order.string),
  ({ item, key, name }) => [key === name ? 0 : 1, canonicalText(item), key] as const
)

/**
 * An object with other names and other values. Names that become equal are numbered, `[redacted 2]`, so that no value
 * is lost.
 */
export const renamed = (
  fields: { readonly [key: string]: unknown },
  rename: (key: string) => string,
  change: (item: unknown, key: string) => unknown
): { readonly [key: string]: unknown } => {
  const all = Object.entries(fields).map(([key, item]): Field => ({ key, name: rename(key), item: change(item, key) }))
  const taken = new Set(all.map(({ name }) => name))
  const names = new Map<string, string>()
  const seen = new Set<string>()
  for (const { key, name } of taken.size === all.length ? all : [...all].sort(byValue)) {
    let free = name
    for (let number = 2; seen.has(free) || (free !== name && taken.has(free)); number++) {
      free = name.replace(redacted, `${redacted.slice(0, -1)} ${number}]`)
    }
    seen.add(free)
    names.set(key, free)
  }
  return Object.fromEntries(all.map(({ item, key }) => [names.get(key)!, item]))
}
