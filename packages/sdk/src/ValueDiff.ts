/**
 * The differences of two values: JSON by its paths, text by its words.
 *
 * @since 0.1.0
 */
import { differences, formatPath } from "./internal/core/diff.js"
import { Change, changeText, maxValue } from "./internal/core/replayReport.js"
import * as Kit from "./internal/kit/names.js"
import { exactly } from "./internal/kit/plainJson.js"

export {
  /**
   * A place in which two values differ.
   *
   * @since 0.1.0
   * @category schemas
   */
  Change
}

/**
 * A part of two texts: it is in both, in the first alone (`removed`), or in the second alone (`added`).
 *
 * @since 0.1.0
 * @category models
 */
export interface Part {
  readonly kind: "same" | "removed" | "added"
  readonly text: string
}

/** Texts up to this length are compared by words, longer ones by lines. */
const maxText = 20_000

/** The number of differences up to which two texts are compared. Texts with more of them have changed as a whole. */
const maxEdits = 500

/** White space, a word, or a character: of languages without spaces between words each character is a word. */
const word =
  /\s+|(?:(?![\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}\p{sc=Laoo}\p{sc=Khmr}\p{sc=Mymr}])[\p{L}\p{N}\p{M}_'’])+|[^]\p{M}*/gu

const tokensOf = (text: string, isLong: boolean): ReadonlyArray<string> =>
  isLong ? text.split(/(?<=\n)/) : text.match(word) ?? []

/**
 * The furthest places in the first text before each number of edits, until the ends of both texts are reached: the greedy
 * algorithm of Myers. `undefined` if that takes too many edits.
 */
const furthest = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): ReadonlyArray<Int32Array> | undefined => {
  const most = Math.min(maxEdits, a.length + b.length)
  const at = new Int32Array(2 * most + 3)
  const rounds: Array<Int32Array> = []
  for (let edits = 0; edits <= most; edits++) {
    rounds.push(at.slice())
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      const index = most + 1 + diagonal
      let x = isDown(at, index, diagonal, edits) ? at[index + 1]! : at[index - 1]! + 1
      let y = x - diagonal
      while (x < a.length && y < b.length && a[x] === b[y]) [x, y] = [x + 1, y + 1]
      at[index] = x
      if (x >= a.length && y >= b.length) return rounds
    }
  }
  return undefined
}

/** Whether the last edit on a diagonal added a token of the second text. */
const isDown = (at: Int32Array, index: number, diagonal: number, edits: number): boolean =>
  diagonal === -edits || (diagonal !== edits && at[index - 1]! < at[index + 1]!)

const part = (kind: Part["kind"]) => (text: string): Part => ({ kind, text })

/** The tokens of both texts, in order. */
const aligned = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): ReadonlyArray<Part> => {
  const rounds = furthest(a, b)
  if (rounds === undefined) return [...a.map(part("removed")), ...b.map(part("added"))]
  const parts: Array<Part> = []
  let [x, y] = [a.length, b.length]
  for (let edits = rounds.length - 1; edits >= 0; edits--) {
    const at = rounds[edits]!
    const [diagonal, zero] = [x - y, (at.length - 1) / 2]
    const down = isDown(at, zero + diagonal, diagonal, edits)
    const before = edits === 0 ? 0 : down ? at[zero + diagonal + 1]! : at[zero + diagonal - 1]! + 1
    while (x > before) {
      parts.push({ kind: "same", text: a[--x]! })
      y--
    }
    if (edits === 0) continue
    parts.push(down ? { kind: "added", text: b[--y]! } : { kind: "removed", text: a[--x]! })
  }
  return parts.reverse()
}

/** Joins parts of one kind. White space between changes belongs to both of them; what was removed is first. */
const joined = (tokens: ReadonlyArray<Part>): ReadonlyArray<Part> => {
  const parts: Array<Part> = []
  let [removed, added, same] = ["", "", ""]
  const end = (kind: Part["kind"], text: string) => {
    if (text !== "") parts.push({ kind, text })
  }
  const change = () => {
    end("removed", removed)
    end("added", added)
    removed = added = ""
  }
  for (const { kind, text } of tokens) {
    if (kind === "same") {
      same += text
      continue
    }
    if (same !== "") {
      if ((removed !== "" || added !== "") && /^[^\S\n]+$/.test(same)) {
        removed += same
        added += same
      } else {
        change()
        end("same", same)
      }
      same = ""
    }
    if (kind === "removed") removed += text
    else added += text
  }
  change()
  end("same", same)
  return parts
}

/**
 * Compares two texts word by word. The parts that are not `added` make the first text, those that are not `removed` the
 * second one. Texts of more than 20,000 characters are compared line by line, and texts with more than 500 differences
 * have changed from the first difference to the last one.
 *
 * @example
 * import { words } from "@effect-noukai/sdk/ValueDiff"
 *
 * words("a quick fox", "a slow fox")
 * // same "a ", removed "quick", added "slow", same " fox"
 *
 * @since 0.1.0
 * @category diffing
 */
export const words = (before: string, after: string): ReadonlyArray<Part> => {
  const isLong = Math.max(before.length, after.length) > maxText
  const [a, b] = [tokensOf(before, isLong), tokensOf(after, isLong)]
  const most = Math.min(a.length, b.length)
  let start = 0
  while (start < most && a[start] === b[start]) start++
  let end = 0
  while (end < most - start && a.at(-1 - end) === b.at(-1 - end)) end++
  return joined([
    ...a.slice(0, start).map(part("same")),
    ...aligned(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...a.slice(a.length - end).map(part("same"))
  ])
}

/** The length of an unchanged text that is shown before and after a change, and of the whole. */
const context = 30
const maxWords = 1_000

/** An unchanged text with a gap where it is long. */
const shortened = (text: string, isFirst: boolean, isLast: boolean): string => {
  const characters = [...text]
  if (characters.length <= 2 * context) return text
  const begin = isFirst ? "" : characters.slice(0, context).join("")
  const end = isLast ? "" : characters.slice(-context).join("")
  return `${begin}…${end}`
}

/** Two long texts as one line; `undefined` for other values, and for texts that have little in common. */
const marked = (before: unknown, after: unknown): string | undefined => {
  if (typeof before !== "string" || typeof after !== "string") return undefined
  if (Math.max(JSON.stringify(before).length, JSON.stringify(after).length) <= maxValue) return undefined
  const parts = words(before, after)
  const common = parts.reduce((sum, { kind, text }) => kind === "same" ? sum + text.trim().length : sum, 0)
  if (3 * common < Math.min(before.length, after.length)) return undefined
  const line = parts.map(({ kind, text }, index) => {
    const inLine = JSON.stringify(text).slice(1, -1)
    return kind === "removed"
      ? `[-${inLine}-]`
      : kind === "added"
      ? `{+${inLine}+}`
      : shortened(inLine, index === 0, index === parts.length - 1)
  }).join("")
  return line.length > maxWords ? `${line.slice(0, maxWords)}…` : line
}

/** The number of changes whose words are compared. */
const maxMarked = 20

/** @internal */
export const withWords = (changes: ReadonlyArray<Change>): ReadonlyArray<Change> =>
  changes.map((change, index) => {
    const words = index < maxMarked ? marked(change.expected, change.actual) : undefined
    return words === undefined ? change : { ...change, words }
  })

/**
 * The options of {@link changes}.
 *
 * @since 0.1.0
 * @category options
 */
export interface ChangesOptions {
  /** The number of changes that are returned. Default: 1000. */
  readonly limit?: number | undefined
}

/**
 * Returns the places in which two JSON values differ, in the order of their paths. The order of fields makes no difference.
 * Items of lists are compared by their index. The first 20 changes also have their different `words` if their texts are
 * long.
 *
 * @example
 * import { changes, toText } from "@effect-noukai/sdk/ValueDiff"
 *
 * changes({ score: 7 }, { score: 8, note: "good" }).map((change) => toText(change))
 * // ["$.note: was nothing, is \"good\"", "$.score: was 7, is 8"]
 *
 * @since 0.1.0
 * @category diffing
 */
export const changes = (expected: unknown, actual: unknown, options: ChangesOptions = {}): ReadonlyArray<Change> => {
  const { limit = 1_000 } = Kit.orThrow("ValueDiff.changes", options, { limit: true }, ["limit"])
  return exactly([{ value: expected }, { value: actual }], (before, after) =>
    withWords(
      differences(before, after, limit).map(({ path, ...values }) => ({
        path: formatPath(path),
        ...values
      }))
    ))
}

/**
 * The words of {@link toText}.
 *
 * @since 0.1.0
 * @category options
 */
export interface TextOptions {
  /** Stands before the first value. Default: `was`. */
  readonly expected?: string | undefined
  /** Stands before the second value. Default: `is`. */
  readonly actual?: string | undefined
}

/**
 * Returns a change in one line: `$.score: was 7, is 8`. Values are JSON of at most 120 characters. Long texts that have
 * words in common are one text: `$.note: the [-quick-]{+slow+} fox`.
 *
 * @since 0.1.0
 * @category formatting
 */
export const toText = (change: Change, options: TextOptions = {}): string => {
  const { actual = "is", expected = "was" } = Kit.orThrow("ValueDiff.toText", options, { expected: true, actual: true })
  return changeText(change, expected, actual)
}
