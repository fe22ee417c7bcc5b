/**
 * Removes the key from text, as it is and as JSON may write it: with `\/` for `/`, with `\u002f`, and with more
 * backslashes where JSON is a text within JSON.
 */
export interface Scrubber {
  (text: string): string
  /** Removes the key from a text that may end inside it. */
  readonly cut: (text: string) => string
  /** The greatest number of characters of the key in any writing. */
  readonly reach: number
}

const redacted = "<redacted>"

/** The pattern of one character. Each level of JSON in text doubles the backslashes; four levels are searched. */
const formOf = (char: string): string => {
  const hex = char.charCodeAt(0).toString(16).replace(/[a-f]/, (digit) => `[${digit}${digit.toUpperCase()}]`)
  const slashes = char === "/" ? "\\\\{0,16}" : ""
  return `(?:${slashes}${char.replace(/\W/, "\\$&")}|\\\\{1,16}u00${hex})`
}

/** The least length of a cut key that tells anything of it. */
const minCut = 6

/** @param key printable characters of ASCII */
export const scrubOf = (key: string | undefined): Scrubber => {
  if (key === undefined) return Object.assign((text: string) => text, { cut: (text: string) => text, reach: 0 })
  const forms = Array.from(key, formOf)
  let whole: RegExp | undefined
  const scrub = (text: string): string => {
    // these searches are the whole cost of a text without the key and such escapes
    if (!text.includes(key) && !text.includes("\\u00") && !(key.includes("/") && text.includes("\\/"))) return text
    whole ??= new RegExp(forms.join(""), "g")
    return text.replace(whole, redacted)
  }
  const cut = (text: string): string => {
    const more = forms.slice(minCut).reduceRight((rest, form) => `(?:${form}${rest})?`, "")
    return scrub(text).replace(
      new RegExp(`${forms.slice(0, minCut).join("")}${more}(?:\\\\+(?:u[0-9a-fA-F]{0,3})?)?$`),
      redacted
    )
  }
  return Object.assign(scrub, { cut, reach: 8 * key.length })
}

/**
 * Scrubbing of a text that arrives in chunks and is used in pieces. The pieces are searched only once a chunk has held
 * the key, since one search through a chunk costs a fraction of one through each of its pieces.
 */
export interface ChunkScrubber {
  readonly see: (chunk: string) => void
  readonly scrub: (piece: string) => string
}

export const chunkScrubber = (scrub: Scrubber): ChunkScrubber => {
  // long enough to find a key that two chunks share
  const edge = Math.max(512, scrub.reach)
  let tail = ""
  let found = false
  return {
    see: (chunk) => {
      if (found) return
      const edges = tail === "" ? "" : tail + chunk.slice(0, edge)
      found = scrub(chunk) !== chunk || scrub(edges) !== edges
      tail = chunk.length < edge ? (tail + chunk).slice(-edge) : chunk.slice(-edge)
    },
    scrub: (piece) => found ? scrub(piece) : piece
  }
}
