/** The bound on the nesting of foreign JSON. */

/** Deep enough for any real file or body; a deeper value would overflow the stack of recursive code. */
export const maxDepth = 200

export const nestsTooDeep = (value: unknown): boolean => {
  let level: ReadonlyArray<unknown> = [value]
  for (let depth = 0; depth <= maxDepth; depth++) {
    const inner: Array<unknown> = []
    for (const one of level) {
      if (typeof one === "object" && one !== null) { for (const item of Object.values(one)) inner.push(item) }
    }
    if (inner.length === 0) return false
    level = inner
  }
  return true
}

const quote = 0x22
const backslash = 0x5c
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/** Whether JSON text nests too deep, checked before the parsed value is walked. */
export const textNestsTooDeep = (text: string): boolean => {
  let depth = 0
  let inString = false
  for (let index = 0; index < text.length; index++) {
    const char = text.charCodeAt(index)
    if (inString) {
      if (char === backslash) index++
      else if (char === quote) inString = false
    } else if (char === quote) inString = true
    else if (char === openBrace || char === openBracket) {
      if (++depth > maxDepth) return true
    } else if (char === closeBrace || char === closeBracket) depth--
  }
  return false
}
