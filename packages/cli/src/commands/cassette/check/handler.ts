/** Handles `noukai cassette check`. */
import * as Cassette from "@effect-noukai/sdk/Cassette"
import * as Effect from "effect/Effect"
import { readFile } from "node:fs/promises"
import { CommandError } from "../../../exit/CommandError.js"
import { exitCodes } from "../../../exit/exitCode.js"
import { counted } from "../../../terminal/amounts.js"
import { jsonLine } from "../../../terminal/json.js"
import { cell } from "../../../terminal/table.js"
import { Terminal } from "../../../terminal/Terminal.js"
import type { Handle } from "../../leaf.js"
import type { Input } from "./input.js"
import { secretsIn } from "./secrets.js"

interface Content {
  readonly format: string
  readonly kind: Cassette.Cassette["kind"]
  readonly recordings: number
  readonly flows: ReadonlyArray<string>
  /** Whether something was interrupted when it was recorded, so that recordings may be missing. */
  readonly incomplete?: true
  /** The places of calls that were given up before they were answered. */
  readonly unanswered?: ReadonlyArray<string>
}

const unansweredIn = (cassette: Cassette.Cassette): ReadonlyArray<string> =>
  cassette.kind === "session" ?
    [] :
    cassette.entries.flatMap(({ answer }, place) =>
      "unanswered" in answer || ("events" in answer && answer.end === "unanswered")
        ? [`$.entries[${place}]`]
        : []
    )

const contentOf = (cassette: Cassette.Cassette): Content => {
  const unanswered = unansweredIn(cassette)
  const flows = cassette.kind === "session"
    ? cassette.session.executions.map(({ slug }) => slug)
    : cassette.entries.map(({ flow }) => flow)
  return {
    format: cassette.format,
    kind: cassette.kind,
    recordings: flows.length,
    flows: [...new Set(flows.filter((flow) => flow !== undefined))].sort(),
    ...(cassette.kind === "recording" && cassette.incomplete === true ? { incomplete: true } : undefined),
    ...(unanswered.length === 0 ? undefined : { unanswered })
  }
}

type Checked =
  & { readonly path: string; readonly holds: boolean }
  & (
    | Content & { readonly credentials: ReadonlyArray<string> }
    | { readonly reason: string; readonly message: string }
  )

const check = (path: string): Effect.Effect<Checked> =>
  Effect.gen(function*() {
    const content = contentOf(yield* Cassette.load(path))
    // the whole file, with fields that a cassette does not have
    const text = yield* Effect.promise(() => readFile(path, "utf8"))
    const credentials = yield* secretsIn(JSON.parse(text.replace(/^\uFEFF/, "")))
    const holds = credentials.length === 0 && content.unanswered === undefined
    return { path, holds, ...content, credentials }
  }).pipe(
    Effect.catchAll(({ message, reason }) => Effect.succeed({ path, holds: false, reason, message }))
  )

const textOf = (checked: Checked): string => {
  const begin = `${checked.holds ? "ok" : "✕ "}  ${cell(checked.path)}: `
  if ("reason" in checked) return `${begin}${cell(checked.message)}\n`
  const { credentials, flows, format, incomplete, kind, recordings, unanswered = [] } = checked
  const more = [
    ...credentials.map((place) => `looks like a credential: ${cell(place)}`),
    ...unanswered.map((place) => `has no recorded answer: ${place}; record it again with mode "new" or "all"`),
    ...(incomplete === true ? ["the recording was interrupted: mode \"once\" records the missing runs"] : [])
  ]
  return `${begin}${kind}, ${format}, ${counted(recordings, "recording")}${
    flows.length === 0 ? "" : ` of ${flows.map(cell).join(", ")}`
  }\n${more.map((line) => `    ${line}\n`).join("")}`
}

export const handle: Handle<Input> = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const all: Array<Checked> = []
  for (const path of input.files) {
    const checked = yield* check(path)
    all.push(checked)
    if (!input.json) yield* terminal.write(textOf(checked))
  }
  if (input.json) yield* terminal.write(jsonLine(all))
  const failed = all.filter(({ holds }) => !holds).length
  if (failed > 0) {
    return yield* new CommandError({
      code: exitCodes.failed,
      message: `${failed} of ${counted(all.length, "cassette")} ${failed === 1 ? "does" : "do"} not hold`
    })
  }
})
