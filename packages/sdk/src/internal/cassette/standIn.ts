/**
 * Texts in the place of a secret that was removed, or is yet to come.
 *
 * @internal
 */
import { looksRandom } from "./randomText.js"

/** The text in the place of a removed value. @internal */
export const redacted = "[redacted]"

const standIn =
  /^(?:(?:bearer|basic|token|digest)\s+)?(?:<[^<>]*>|\{\{?[^{}]*\}?\}|\$\{[^{}]*\}|\$\([^()]*\)|\$[A-Z_][A-Z0-9_]*|%[A-Z_][A-Z0-9_]*%|\[[A-Za-z][\w .-]*\]|[*•xX.…_?-]{3,}|your[a-z_ -]*|redacted|removed|null|none|nil|undefined|true|false|yes|no|n\/a)$/i

/** @internal */
export const isStandIn = (text: string): boolean => {
  const trimmed = text.trim()
  return trimmed === "" || trimmed.includes("[redacted") || (trimmed.length <= 200 && standIn.test(trimmed))
}

const ofProse =
  /^(?:(?:bearer|basic|token|digest)\s+)?(?:your|my|example|sample|dummy|fake|demo|test|foo|bar|abc|xyz|change-?me|placeholder|insert|enter|todo|string|text|pass|pass(?:word|wd|phrase)|passwort|pwd|secret|token|key|value|user)\d{0,3}(?:[-_ ][a-z]+\d{0,3})*$|^(?:the|an?|some|any)\s|^(?:process|os|env|import|config|settings|secrets|self|this)\.|\.{3}|…|\s\S*\s/i

/** Whether a text stands for a secret in prose that explains rather than gives it. @internal */
export const isStandInOfProse = (text: string): boolean =>
  isStandIn(text) || (ofProse.test(text.trim()) && !looksRandom(text))
