/**
 * Finds a key whose text is known, in any place and any writing.
 *
 * @internal
 */

/** The least length of a key: a shorter one, in another writing, is too short to be told from other text. */
const shortest = 8

const character = (code: string, radix: number): string => {
  const point = Number.parseInt(code, radix)
  return point <= 0x10ffff ? String.fromCodePoint(point) : ""
}

const ofBytes = (percent: string): string =>
  new TextDecoder().decode(Uint8Array.from(percent.slice(1).split("%"), (byte) => Number.parseInt(byte, 16)))

/** `%5F`, `\u005f`, `\x5f`, `&#95;`, `\/` */
const escaped =
  /((?:%[0-9a-f]{2})+)|\\+u([0-9a-f]{4})|\\+u\{([0-9a-f]{1,6})\}|\\+x([0-9a-f]{2})|&#x([0-9a-f]{1,6});?|&#(\d{1,7});?|&lowbar;|\\+([^nrtux])/gi

const decodedOnce = (text: string): string =>
  text.replace(escaped, (whole, percent, unicode, braced, byte, entity, decimal, other) => {
    if (percent !== undefined) return ofBytes(percent)
    const hexadecimal: string | undefined = unicode ?? braced ?? byte ?? entity
    if (hexadecimal !== undefined) return character(hexadecimal, 16)
    return decimal !== undefined ? character(decimal, 10) : other ?? (whole === "&lowbar;" ? "_" : whole)
  })

/** Decodes escapes, which may be escaped in turn, as in JSON that travels as text. */
const decoded = (text: string): string => {
  if (!/[%\\&]/.test(text)) return text
  let before = text
  for (let round = 0; round < 3; round++) {
    const after = decodedOnce(before)
    if (after === before) break
    before = after
  }
  return before
}

/** The characters of base64 that these bytes fix, whatever bytes come after them and with so many before them. */
const inBase64 = (bytes: Uint8Array, before: number): string => {
  const padded = String.fromCharCode(...new Uint8Array(before), ...bytes)
  const whole = Math.floor(padded.length * 8 / 6)
  return btoa(padded).slice(before === 0 ? 0 : before + 1, whole)
}

/**
 * A test of whether a text holds a key: as it is, in other letter case, escaped, in hexadecimal, or in base64 from any
 * byte on.
 *
 * @internal
 */
export const keyFinder = (key: string): (text: string) => boolean => {
  if (key.length < shortest) return () => false
  const bytes = new TextEncoder().encode(key)
  const small = [key, decoded(key)].map((text) => text.toLowerCase())
  const hexadecimal = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
  const encoded = [0, 1, 2].map((before) => inBase64(bytes, before))
  return (text) => {
    if (text.length < key.length) return false
    const plain = decoded(text)
    const lower = plain.toLowerCase()
    if (small.some((one) => lower.includes(one)) || text.toLowerCase().includes(small[0]!)) return true
    const joined = plain.replace(/\\+[nrt]|[\s\\]+/g, "").replaceAll("-", "+").replaceAll("_", "/")
    return encoded.some((part) => joined.includes(part)) ||
      lower.replace(/0x|[^0-9a-f]+/g, "").includes(hexadecimal)
  }
}
