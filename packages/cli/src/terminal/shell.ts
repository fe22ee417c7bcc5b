/** Commands as a shell reads them. */

/** A word of a command: quoted where a shell would make something else of it. */
export const word = (text: string): string =>
  /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
