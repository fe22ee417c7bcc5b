/**
 * What a body says, if it is JSON; else the text itself.
 *
 * @internal
 */
export const jsonOrText = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
