/**
 * The values that must not get into a cassette.
 *
 * @since 0.1.0
 */
import { maskSecrets as mask } from "./internal/cassette/secretForms.js"

/**
 * Removes values from a recording, before anything is compared or written; a replay removes the same from its calls. A
 * removed value reads `[redacted]`.
 *
 * A path is matched against the body of a request and against its outcome: `parameters.customer.email` in a request,
 * `result.email` in an answer, `output.email` in an event. `*` is any one key or index, `**` any number of them:
 * `**.email` removes every `email`, wherever the flow carries it, also in JSON that travels as text:
 * `function.arguments.email` in the call of a tool, or in JSON that a sentence quotes.
 *
 * A value that a path removed is also removed from every text that repeats it, in the same call or a later one, with or
 * without the escapes of JSON. This applies to values of at least 6 characters that are no single word: `1`, `true` and
 * `completed` stay. A call that repeats a value which only an answer before it had under a path is not found in a
 * replay; remove such values by a pattern.
 *
 * A pattern is matched inside every text, names of keys, flows and projects included, and in every number of a flow or
 * its caller, which is removed as a whole. Counts and measures of a call stay (`blockCount`, `durationMs`). Keys that
 * become equal are numbered, `[redacted 2]`, and keep their values.
 *
 * The client's own key and secrets of well-known forms ({@link maskSecrets}) are always removed.
 *
 * @example
 * ```ts
 * import type { Redact } from "@effect-noukai/sdk"
 *
 * const redact: Redact = { paths: ["**.email"], patterns: [/\b\d{16}\b/] }
 * ```
 *
 * @since 0.1.0
 * @category options
 */
export interface Redact {
  /** Paths of values to remove. Default: none. */
  readonly paths?: ReadonlyArray<string> | undefined
  /** Patterns of text to remove, each as if it had the flag `g`. Default: none. */
  readonly patterns?: ReadonlyArray<RegExp> | undefined
}

/**
 * Returns the text with `[redacted]` in place of secrets of well-known forms: PEM private keys, JSON Web Tokens, keys of
 * AWS, GitHub, OpenAI, Anthropic, Stripe, Slack, Google and Noukai. Cassettes are written without these. Other secrets are
 * not found.
 *
 * @since 0.1.0
 * @category combinators
 */
export const maskSecrets = (text: string): string => mask(text)
