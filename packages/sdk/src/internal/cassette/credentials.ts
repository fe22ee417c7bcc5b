/**
 * The search for credentials, which must not be in a file that people commit.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import type { Change } from "../errors/replayReport.js"
import type { Divergence } from "../json/diff.js"
import { formatPath, type Path, type Segment } from "../json/jsonPath.js"
import { mapInside, partsOf } from "../json/jsonText.js"
import { looksLikeCredential, maskGiven } from "./credentialShapes.js"
import { renamed } from "./renamed.js"
import { isSecretName } from "./secretNames.js"
import { isStandIn, redacted } from "./standIn.js"

type Fields = { readonly [key: string]: unknown }

/** Names of objects that hold secrets under names of their own. */
const holder = /(?:credentials?|creds|secrets|cookies|passwords)$/i

/** Whether an object describes a value, and so does not hold it: `{ "type": "string" }`. */
const isDescription = (fields: Fields): boolean =>
  ["$ref", "anyOf", "oneOf", "allOf", "properties", "description"].some((key) => Object.hasOwn(fields, key)) ||
  (typeof fields.type === "string" && /^(?:string|number|integer|boolean|object|array|null)$/.test(fields.type))

/** Whether an object is a token of a text that a model or a parser made, and no secret. */
const isPartOfText = (fields: Fields): boolean =>
  ["logprob", "logprobs", "lemma", "pos", "offset", "start", "score"].some((key) => Object.hasOwn(fields, key))

/** `{ "name": "password", "value": "…" }` */
const isNamedSecret = ({ key, name, value }: Fields): boolean =>
  typeof value === "string" && [name, key].some((one) => typeof one === "string" && isSecretName(one))

/** The test of which fields of an object are secret, by their own name or by the name of their holder. */
const secrecy = (fields: Fields, isHeld: boolean, isSecret: (name: string) => boolean): (key: string) => boolean => {
  const areHeld = isHeld && !isDescription(fields)
  const isNamed = isNamedSecret(fields)
  return (key) =>
    areHeld || (isNamed && key === "value") ||
    (isSecret(key) && !(/token$/i.test(key) && isPartOfText(fields)))
}

/** Names whose numbers are secret too. */
const isPassword = /pass|pwd/i

const rememberedLength = 40
const maxRemembered = 10_000

/** Remembers the answer for a text, since names and words come again and again. */
const remembering = (known: Map<string, boolean>, text: string, ask: (text: string) => boolean): boolean => {
  if (text.length > rememberedLength) return ask(text)
  const before = known.get(text)
  if (before !== undefined) return before
  const answer = ask(text)
  if (known.size < maxRemembered) known.set(text, answer)
  return answer
}

class Scan {
  private readonly names = new Map<string, boolean>()
  private readonly texts = new Map<string, boolean>()

  constructor(
    private readonly holdsMore: (text: string) => boolean,
    private readonly found: (path: Path) => void
  ) {}

  private readonly looksLike = (text: string): boolean => {
    if (this.holdsMore(text)) return true
    const { rest, values } = partsOf(text)
    return looksLikeCredential(rest) || values.some(this.holds)
  }

  private readonly holds = (value: unknown): boolean => {
    let holds = false
    const inside = new Scan(this.holdsMore, () => {
      holds = true
    })
    inside.visit(value, [], false, false)
    return holds
  }

  private readonly isSecret = (name: string): boolean => remembering(this.names, name, isSecretName)

  private isCredential(text: string): boolean {
    return remembering(this.texts, text, this.looksLike)
  }

  /** Masks a key that is itself a credential, so that the path does not quote it. */
  private readonly safe = (segment: Segment): Segment =>
    typeof segment === "string" && this.isCredential(segment) ? redacted : segment

  private report(path: Path): void {
    this.found(path.map(this.safe))
  }

  visit(value: unknown, path: Array<Segment>, isSecret: boolean, isHeld: boolean): void {
    if (typeof value === "string") {
      if ((isSecret && !isStandIn(value)) || this.isCredential(value)) this.report(path)
    } else if (typeof value === "number") {
      if (isSecret && isPassword.test(String(path.at(-1)))) this.report(path)
    } else if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) {
        path.push(index)
        this.visit(item, path, isSecret, isHeld)
        path.pop()
      }
    } else if (Predicate.isRecord(value)) {
      const isSecretField = secrecy(value, isHeld, this.isSecret)
      for (const [key, item] of Object.entries(value)) {
        path.push(key)
        if (this.isCredential(key)) this.report(path)
        const isOne = isSecretField(key)
        this.visit(item, path, isOne, isOne && holder.test(key))
        path.pop()
      }
    }
  }
}

const never = (): boolean => false

/**
 * The places of a value that look like a credential, or that `holdsMore` finds. A key of an object that does is not
 * quoted.
 *
 * @internal
 */
export const credentialsIn = (
  value: unknown,
  holdsMore: (text: string) => boolean = never
): ReadonlyArray<string> => {
  const found = new Set<string>()
  new Scan(holdsMore, (path) => found.add(formatPath(path))).visit(value, [], false, false)
  return [...found]
}

const maskText = (text: string): string => {
  const inside = mapInside(text, (value) => mask(value, false, false))
  return looksLikeCredential(inside) ? redacted : maskGiven(inside)
}

const mask = (value: unknown, isSecret: boolean, isHeld: boolean): unknown => {
  if (typeof value === "string") return isSecret && !isStandIn(value) ? redacted : maskText(value)
  if (typeof value === "number") return isSecret ? redacted : value
  if (Array.isArray(value)) return value.map((item) => mask(item, isSecret, isHeld))
  if (!Predicate.isRecord(value)) return value
  const isSecretField = secrecy(value, isHeld, isSecretName)
  return renamed(value, maskText, (item, key) => {
    const isOne = isSecretField(key)
    return mask(item, isOne, isOne && holder.test(key))
  })
}

/** Whether a place of a value is secret, by its own name or by the name of a holder. */
const isSecretAt = (value: unknown, path: Path): boolean => {
  let inner = value
  let isHeld = false
  let isSecret = false
  for (const segment of path) {
    if (Predicate.isRecord(inner)) {
      if (isSecret && !isDescription(inner)) return true
      isSecret = secrecy(inner, isHeld, isSecretName)(String(segment))
      isHeld = isSecret && holder.test(String(segment))
      inner = inner[String(segment)]
    } else inner = Array.isArray(inner) ? inner[Number(segment)] : undefined
  }
  return isSecret
}

/**
 * A difference for people to read, without the values that look like a credential by themselves or by their name.
 *
 * @internal
 */
export const maskChange = ({ path, ...values }: Divergence, expected: unknown, actual: unknown): Change => {
  const isSecret = isSecretAt(expected, path) || isSecretAt(actual, path)
  return {
    path: formatPath(path.map((segment) => typeof segment === "string" ? maskText(segment) : segment)),
    ...Object.fromEntries(Object.entries(values).map(([key, value]) => [key, mask(value, isSecret, isSecret)]))
  }
}

/**
 * A value for people to read, without the texts that look like a credential.
 *
 * @internal
 */
export const maskCredentials = (value: unknown): unknown => mask(value, false, false)
