/**
 * The key taken out of text, as it is and as JSON may write it: with `\/` for `/`, with `\u002f`, and with more backslashes
 * where JSON is a text within JSON.
 *
 * @internal
 */
export interface Scrub {
  (text: string): string
  /** The same of a text that may break off within the key. */
  readonly cut: (text: string) => string
  /** The most characters that the key takes. */
  readonly reach: number
}

const redacted = "<redacted>"

/** One character; each JSON in a text doubles the backslashes of what it holds, and deeper than four nobody looks. */
const formOf = (char: string): string => {
  const hex = char.charCodeAt(0).toString(16).replace(/[a-f]/, (digit) => `[${digit}${digit.toUpperCase()}]`)
  const slashes = char === "/" ? "\\\\{0,16}" : ""
  return `(?:${slashes}${char.replace(/\W/, "\\$&")}|\\\\{1,16}u00${hex})`
}

/** What is shorter tells nothing of a key. */
const minCut = 6

/**
 * @param key printable characters of ASCII
 *
 * @internal
 */
export const scrubOf = (key: string | undefined): Scrub => {
  if (key === undefined) return Object.assign((text: string) => text, { cut: (text: string) => text, reach: 0 })
  const forms = Array.from(key, formOf)
  let whole: RegExp | undefined
  const scrub = (text: string): string => {
    // these searches are all that a text costs that has neither the key nor such escapes
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
 * Scrubbing of a text that arrives in chunks and is used in pieces: the pieces are searched only once a chunk has had
 * something to remove, since one search through a chunk costs a fraction of one through each of its pieces.
 *
 * @internal
 */
export interface Scrubbing {
  readonly see: (chunk: string) => void
  readonly scrub: (piece: string) => string
}

/** @internal */
export const scrubbing = (scrub: Scrub): Scrubbing => {
  // so that a key which two chunks share is seen
  const edge = Math.max(512, scrub.reach)
  let tail = ""
  let found = false
  return {
    see: (chunk) => {
      if (found) return
      const seam = tail === "" ? "" : tail + chunk.slice(0, edge)
      found = scrub(chunk) !== chunk || scrub(seam) !== seam
      tail = chunk.length < edge ? (tail + chunk).slice(-edge) : chunk.slice(-edge)
    },
    scrub: (piece) => found ? scrub(piece) : piece
  }
}
