/** Prints the failure of a command. */
import { masked, plain } from "../terminal/text.js"
import type { CommandError } from "./CommandError.js"

/** Writes one line to stderr. */
export const say = (text: string): void => void process.stderr.write(`${plain(text)}\n`)

type Failure = Pick<CommandError, "advice" | "code" | "kind" | "message">

/** Prints a failure on stderr and returns its code. If `isJson`, it is one line of JSON. */
export const said = ({ advice = [], code, kind, message }: Failure, isJson: boolean): number => {
  if (isJson && message !== "") {
    say(JSON.stringify({ error: { kind, code, message: masked(message), advice: advice.map(masked) } }))
  } else {
    if (message !== "") say(`noukai: ${message}`)
    for (const one of advice) say(`  ${one}`)
  }
  return code
}
