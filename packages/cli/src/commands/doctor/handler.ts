/** Handles `noukai doctor`. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Values from "../../arguments/values.js"
import { CommandError } from "../../exit/CommandError.js"
import { exitCodes, worst } from "../../exit/exitCode.js"
import { ending } from "../../exit/failing.js"
import { jsonLine } from "../../terminal/json.js"
import { masked, plain, Terminal } from "../../terminal/Terminal.js"
import type { Handle } from "../leaf.js"
import { type Check, checks } from "./checks.js"
import type { Input } from "./input.js"

const signs = { well: "✓", wrong: "✗", unknown: "?" } as const

const column = "reachable".length

const text = ({ advice, message, name, state }: Check): string =>
  `${signs[state]} ${name.padEnd(column)}  ${plain(message)}\n${
    advice.map((line) => `${" ".repeat(column + 4)}${plain(line)}\n`).join("")
  }`

export const handle: Handle<Input> = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const timeout = yield* Values.when(input.timeout, (text) => Values.duration("--timeout", text))
  yield* terminal.progress("… asking the server")
  const found = yield* Effect.scoped(checks(input, timeout ?? Duration.seconds(10)))
  yield* terminal.progress("")
  const code = worst(found.map(({ code }) => code))
  yield* terminal.write(
    input.json
      ? jsonLine({
        ok: code === exitCodes.done,
        checks: found.map(({ advice, message, name, state }) => ({ name, state, message: masked(message), advice }))
      })
      : found.map(text).join("")
  )
  // what is wrong is told already
  if (code !== exitCodes.done) return yield* new CommandError({ code, message: "" })
}, ending("reads"))
