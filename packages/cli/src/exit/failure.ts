/** How a command says why it failed. */
import { masked, plain } from "../terminal/text.js"

/** Why a command failed. */
export interface Failure {
  /** Empty where all is said. */
  readonly message: string
  readonly code: number
  /** The remedies, a line each. */
  readonly advice?: ReadonlyArray<string> | undefined
  /** The tag of the error. */
  readonly kind?: string | undefined
}

/** Writes one line to stderr. */
export const say = (text: string): void => void process.stderr.write(`${plain(text)}\n`)

/** Says a failure on stderr, as JSON in one line where the result would be JSON, and returns its code. */
export const said = ({ advice = [], code, kind, message }: Failure, isJson: boolean): number => {
  if (message === "") {
    for (const one of advice) say(`  ${one}`)
  } else if (isJson) {
    say(JSON.stringify({ error: { kind, code, message: masked(message), advice: advice.map(masked) } }))
  } else {
    say(`noukai: ${message}`)
    for (const one of advice) say(`  ${one}`)
  }
  return code
}
