/** Values as text: what a command gives for a result. */

/** A value as it is read by people: text as it is, anything else as indented JSON. */
export const readable = (value: unknown): string =>
  typeof value === "string" ? value : JSON.stringify(value, undefined, 2) ?? "null"

/** A value in a message: text as it is, anything else as JSON in one line. */
export const inMessage = (value: unknown): string => typeof value === "string" ? value : JSON.stringify(value) ?? "null"

/** A value as JSON in one line, with its newline. */
export const jsonLine = (value: unknown): string => `${JSON.stringify(value) ?? "null"}\n`

/** Text that ends with a newline. */
const ended = (text: string): string => text.endsWith("\n") ? text : `${text}\n`

/** A result as a command prints it. */
export const printed = (isJson: boolean, result: unknown): string => isJson ? jsonLine(result) : ended(readable(result))
