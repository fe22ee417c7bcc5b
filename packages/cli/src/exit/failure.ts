/** Prints the failure of a command. */
import { masked, plain } from "../terminal/text.js"

/** The failure of a command. */
export interface Failure {
  /** Empty if the command has printed the reason already. */
  readonly message: string
  readonly code: number
  /** Advice, one line each. */
  readonly advice?: ReadonlyArray<string> | undefined
  /** The tag of the error. */
  readonly kind?: string | undefined
}

/** Writes one line to stderr. */
export const say = (text: string): void => void process.stderr.write(`${plain(text)}\n`)

/** Prints a failure on stderr and returns its code. If `isJson`, it is one line of JSON. */
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
