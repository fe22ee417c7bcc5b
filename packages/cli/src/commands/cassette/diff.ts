/** `noukai cassette diff`. */
import * as CassetteDiff from "@effect-noukai/report/CassetteDiff"
import * as Cassette from "@effect-noukai/sdk/Cassette"
import * as Effect from "effect/Effect"
import { argument, json } from "../../arguments/flags.js"
import { reported, wrong } from "../../exit/CommandError.js"
import { withoutMethod } from "../../exit/failing.js"
import { jsonLine } from "../../terminal/json.js"
import { Terminal } from "../../terminal/Terminal.js"
import { type InputOf, leaf } from "../leaf.js"

const config = {
  before: argument("before", "The cassette file before the change."),
  after: argument("after", "The cassette file after the change."),
  json
}

type Input = InputOf<typeof config>

/** Reads a cassette. A failure has another exit code than a difference. */
const load = (path: string) => Effect.mapError(Cassette.load(path), (error) => wrong(withoutMethod(error)))

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const differences = CassetteDiff.diff(yield* load(input.before), yield* load(input.after))
  yield* terminal.write(
    input.json
      ? jsonLine(differences)
      : differences.map((difference) => `${CassetteDiff.differenceText(difference)}\n`).join("")
  )
  if (differences.length > 0) return yield* reported()
  yield* terminal.detail("no differences")
})

export const command = leaf("diff", "Show the differences between two cassettes.", config, handle)
