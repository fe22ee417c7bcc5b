/**
 * Text of servers for people: without keys, and without commands to a terminal or to a server of CI.
 *
 * @since 0.1.0
 */
import { maskSecrets, withoutSecrets } from "./internal/cassette/secretForms.js"

/**
 * Returns a text whose keys of well-known forms are masked. A key of Noukai is masked wherever it stands.
 *
 * @since 0.1.0
 * @category conversions
 */
export const masked = (text: string): string => maskSecrets(text)

/**
 * Returns a JSON value whose texts and names of fields are {@link masked}.
 *
 * @since 0.1.0
 * @category conversions
 */
export const maskedValue: (value: unknown) => unknown = withoutSecrets

/**
 * Matches the characters that change the direction of text.
 *
 * @since 0.1.0
 * @category constants
 */
export const directions: RegExp = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/**
 * The commands that servers of CI read in a log: `::error` after the start of a line, and `##[`, `##vso[` or
 * `##teamcity[` anywhere. A line ends where the runner of GitHub or of Azure ends it.
 */
// eslint-disable-next-line no-control-regex
const commands = /##(?=[A-Za-z]*\[)|(?<=(?:^|[\n\u000b\f\r\u0085\u2028\u2029])[^\S\n\r]*):(?=:)/g

/**
 * Returns a text for a log. A space breaks the commands that servers of CI read there.
 *
 * @since 0.1.0
 * @category conversions
 */
export const withoutCommands = (text: string): string => text.replace(commands, "$& ")

/**
 * Returns JSON of the same value for a log: escapes break the commands of CI and the characters that change the direction.
 *
 * @since 0.1.0
 * @category conversions
 */
export const safeJson = (json: string): string =>
  json.replace(/#(?=#)/g, "\\u0023").replace(
    directions,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )
