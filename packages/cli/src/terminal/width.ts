/** The columns that text takes in a terminal. */

const nothing = /^(\p{Mn}|\p{Me}|[\u200b-\u200f])$/u

const isWide = (letter: string, code: number): boolean =>
  code >= 0x1100 && (
    code <= 0x115f ||
    (code >= 0x2e80 && code <= 0xa4cf && code !== 0x303f) ||
    (code >= 0xa960 && code <= 0xa97f) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x17000 && code <= 0x1b2ff) ||
    code >= 0x1f300 ||
    /^\p{Emoji_Presentation}$/u.test(letter)
  )

const columnsOf = (letter: string): number => {
  const code = letter.codePointAt(0)!
  return code < 0x300 ? 1 : nothing.test(letter) ? 0 : isWide(letter, code) ? 2 : 1
}

/** The columns of a text without control characters. */
export const widthOf = (text: string): number => {
  let width = 0
  for (const letter of text) width += columnsOf(letter)
  return width
}

/** The beginning of a text that fits into columns. */
export const cut = (text: string, columns: number): string => {
  let end = 0
  let width = 0
  for (const letter of text) {
    width += columnsOf(letter)
    if (width > columns) break
    end += letter.length
  }
  return text.slice(0, end)
}
