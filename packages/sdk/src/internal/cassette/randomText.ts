/**
 * Tells random text of machines from the words and names of people.
 *
 * @internal
 */

/** The letters that often follow a letter in English, German and French, by letter. */
const followers: ReadonlyArray<string> =
  ("bcdghiklmnprstuvy aeilou aehikot aeiou abcdefghilmnrstuvxy aeilort aehilort aeilnort acdefghlmnorstv e aeilo adeilosty " +
    "aeimop acdegiknostu cdfhlmnoprstuvw aelor u adeginorstuy acehiopstu aehiorstuyz cefglmnrst eio aehio i o eu")
    .split(" ")

/** Long words have odd places in every language. */
const word = /^(?:\p{L}?[\p{Ll}'’-]*|[\p{Lu}'’-]*)$/u

type LetterKind = "lower" | "upper" | "digit" | "other"

const kindOf = (code: number): LetterKind =>
  code >= 97 && code <= 122
    ? "lower"
    : code >= 65 && code <= 90
    ? "upper"
    : code >= 48 && code <= 57
    ? "digit"
    : "other"

/**
 * Whether many neighbours in a text are such as words and names do not have: letters that do not follow each other, and
 * digits among letters. No text of fewer than about twelve characters is called random.
 *
 * @internal
 */
export const looksRandom = (text: string): boolean => {
  let odd = 0
  let even = 0
  let before = text.charCodeAt(0)
  let kindBefore = kindOf(before)
  for (let index = 1; index < text.length; index++) {
    const code = text.charCodeAt(index)
    const kind = kindOf(code)
    // boundaries in `camelCase` and `kebab-case`, the insides of numbers, and repeated letters tell nothing
    if (
      code !== before && kind !== "other" && kindBefore !== "other" && !(kindBefore === "lower" && kind === "upper")
    ) {
      if (kind === "digit" || kindBefore === "digit") {
        if (kind !== kindBefore) odd++
      } else if (followers[(before | 32) - 97]!.includes(String.fromCharCode(code | 32))) even++
      else odd++
    }
    before = code
    kindBefore = kind
  }
  if (/\d/.test(text)) return odd >= 4 && odd * 2 > even
  return word.test(text) ? odd >= 10 && odd > even : odd >= 6 && odd * 3 > even * 2
}

/**
 * Whether a text is more than the same few characters, as in `xxxx-xxxx`.
 *
 * @internal
 */
export const isVaried = (text: string): boolean => new Set(text.slice(0, 64)).size > 2
