/**
 * JavaScript's regular expressions in the syntax of RE2, whose time is linear: those parts that mean the same in both.
 * Look-around, back-references, properties of Unicode and flags other than `u` are not translated.
 */
import { RE2JS } from "re2js"

/** A range of code points. */
type Range = readonly [from: number, to: number]

const last = 0x10ffff

const digits: ReadonlyArray<Range> = [[0x30, 0x39]]

const word: ReadonlyArray<Range> = [[0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]]

const space: ReadonlyArray<Range> = [
  [9, 13],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff]
]

const lineEnds: ReadonlyArray<Range> = [[10, 10], [13, 13], [0x2028, 0x2029]]

/** All other code points. `ranges` are in order. */
const others = (ranges: ReadonlyArray<Range>): ReadonlyArray<Range> =>
  [...ranges, [last + 1, last + 1] as const].flatMap(([from], index): ReadonlyArray<Range> => {
    const start = index === 0 ? 0 : ranges[index - 1]![1] + 1
    return start < from ? [[start, from - 1]] : []
  })

const classes: { readonly [letter: string]: ReadonlyArray<Range> } = {
  d: digits,
  w: word,
  s: space,
  D: others(digits),
  W: others(word),
  S: others(space)
}

const controls: { readonly [letter: string]: number } = { 0: 0, t: 9, n: 10, v: 11, f: 12, r: 13 }

const hex = (point: number): string => `\\x{${point.toString(16)}}`

const classOf = (ranges: ReadonlyArray<Range>, isNegated = false): string => {
  // RE2 has no empty class
  if (ranges.length === 0) return classOf([[0, last]], !isNegated)
  return `[${isNegated ? "^" : ""}${ranges.map(([from, to]) => `${hex(from)}-${hex(to)}`).join("")}]`
}

/** A part of an expression in the syntax of RE2. */
interface Part {
  readonly source: string
  /** Whether it may match the empty text. */
  readonly isEmpty: boolean
  /** How many instructions it has, about. */
  readonly size: number
}

/** The longest program, which bounds the time and the memory of its compilation. */
const mostSize = 5_000

const untranslated = (): never => {
  throw new Error("RE2 has another meaning for this expression")
}

/** Translates an expression with the flag `u` that JavaScript accepts. Throws if it cannot. */
class Translation {
  private at = 0
  /** Whether an iteration may match nothing. JavaScript then prefers another match, but finds one in the same texts. */
  hasEmptyIterations = false

  constructor(private readonly text: string) {}

  whole(): string {
    const { size, source } = this.alternatives()
    return size > mostSize ? untranslated() : source
  }

  private take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text) ?? undefined
    if (found !== undefined) this.at += found[0].length
    return found
  }

  private alternatives(): Part {
    const parts = [this.sequence()]
    while (this.take(/\|/y) !== undefined) parts.push(this.sequence())
    return {
      source: parts.map(({ source }) => source).join("|"),
      isEmpty: parts.some(({ isEmpty }) => isEmpty),
      size: parts.reduce((sum, { size }) => sum + size + 1, 0)
    }
  }

  private sequence(): Part {
    const parts: Array<Part> = []
    while (this.at < this.text.length && !/[|)]/.test(this.text[this.at]!)) parts.push(this.term())
    return {
      source: parts.map(({ source }) => source).join(""),
      isEmpty: parts.every(({ isEmpty }) => isEmpty),
      size: parts.reduce((sum, { size }) => sum + size, 0)
    }
  }

  private term(): Part {
    const assertion = this.take(/[$^]|\\b/y)
    if (assertion !== undefined) return { source: assertion[0], isEmpty: true, size: 1 }
    const part = this.atom()
    const quantifier = this.take(/(?:[*+?]|\{(\d+)(?:,(\d*))?\})\??/y)
    if (quantifier === undefined) return part
    const [source, least = source.startsWith("+") ? "1" : "0", most = least] = quantifier
    const times = Math.max(1, Number(least), Number(most))
    if (times > 1000) return untranslated()
    this.hasEmptyIterations ||= part.isEmpty
    return {
      source: `(?:${part.source})${source}`,
      isEmpty: part.isEmpty || Number(least) === 0,
      size: part.size * times + 1
    }
  }

  private atom(): Part {
    if (this.take(/\((?!\?)|\(\?(?::|<(?![=!])[^>]*>)/y) !== undefined) {
      // the names of groups change nothing
      const inside = this.alternatives()
      if (this.take(/\)/y) === undefined) return untranslated()
      return { ...inside, source: `(?:${inside.source})` }
    }
    if (this.text[this.at] === "(") return untranslated()
    const source = this.take(/\./y) !== undefined
      ? classOf(lineEnds, true)
      : this.take(/\[/y) !== undefined
      ? this.class()
      : classOf(this.oneOf())
    return { source, isEmpty: false, size: source.length > 100 ? 10 : 2 }
  }

  private class(): string {
    const isNegated = this.take(/\^/y) !== undefined
    const ranges: Array<Range> = []
    while (this.take(/\]/y) === undefined) {
      const first = this.take(/\\b/y) === undefined ? this.oneOf() : [[8, 8] as const]
      const isRange = this.take(/-(?!\])/y) !== undefined
      if (!isRange) ranges.push(...first)
      else ranges.push([first[0]![0], (this.take(/\\b/y) === undefined ? this.oneOf() : [[8, 8] as const])[0]![1]])
    }
    return classOf(ranges, isNegated)
  }

  /** A character, or a class with a backslash. */
  private oneOf(): ReadonlyArray<Range> {
    const named = this.take(/\\([dDwWsS])/y)
    if (named !== undefined) return classes[named[1]!]!
    const code = this.take(/\\u\{([\da-f]+)\}|\\u([\da-f]{4})|\\x([\da-f]{2})/iy)
    if (code !== undefined) {
      const point = parseInt(code[1] ?? code[2] ?? code[3]!, 16)
      const low = point >= 0xd800 && point <= 0xdbff && code[2] !== undefined
        ? this.take(/\\u(d[c-f][\da-f]{2})/iy)
        : undefined
      return this.only(low === undefined ? point : 0x10000 + (point - 0xd800) * 0x400 + parseInt(low[1]!, 16) - 0xdc00)
    }
    const control = this.take(/\\(?:c([a-z])|([0tnvfr]))/iy)
    if (control !== undefined) {
      const [, letter, name] = control
      return this.only(letter === undefined ? controls[name!] ?? untranslated() : letter.charCodeAt(0) % 32)
    }
    const escaped = this.take(/\\([$()*+./?[\\\]^{|}-])/y)
    const plain = escaped ?? this.take(/[^\\]/uy)
    return plain === undefined ? untranslated() : this.only(plain[escaped === undefined ? 0 : 1]!.codePointAt(0)!)
  }

  /** A character. Half of a surrogate pair is not one in RE2. */
  private only(point: number): ReadonlyArray<Range> {
    return point >= 0xd800 && point <= 0xdfff ? untranslated() : [[point, point]]
  }
}

/** The answers of an expression on a text. */
export interface Answered {
  /** Whether there is a match. */
  readonly test: boolean
  /** The starts and ends of all matches. */
  readonly places: ReadonlyArray<Range>
}

/** An expression that takes linear time. `undefined` is the answer if that could be long, or another than JavaScript's. */
export type Linear = { readonly [K in keyof Answered]: (text: string) => Answered[K] | undefined }

/** An expression of RE2, and the number of its instructions: an answer takes at most so many steps for each character. */
export interface Sized {
  readonly size: number
  readonly linear: Linear
}

/** The most steps that do not keep other work waiting: 0.1 seconds. */
export const mostSteps = 1_000_000

const hasHalfPair = (text: string): boolean => /\p{Surrogate}/u.test(text)

/** An expression with the flag `u` that JavaScript accepts, if RE2 takes it. */
export const sized = (source: string): Sized | undefined => {
  const translation = new Translation(source)
  try {
    const regex = RE2JS.compile(translation.whole())
    const size = regex.programSize()
    const linear: Linear = {
      test: (text) => size * text.length > mostSteps || hasHalfPair(text) ? undefined : regex.test(text),
      places: (text) => {
        if (translation.hasEmptyIterations || hasHalfPair(text)) return undefined
        const matcher = regex.matcher(text)
        const found: Array<Range> = []
        let steps = 0
        for (let at = 0; at <= text.length;) {
          steps += size * (text.length - at)
          if (steps > mostSteps) return undefined
          if (!matcher.find(at)) break
          const [from, to] = [matcher.start(), matcher.end()]
          found.push([from, to])
          // as JavaScript goes on: no match within a character
          at = to > from ? to : to + ((text.codePointAt(to) ?? 0) > 0xffff ? 2 : 1)
        }
        return found
      }
    }
    return { size, linear }
  } catch {
    // RE2 refuses what it cannot do in linear time
    return undefined
  }
}
