/** Handles `noukai cassette check`. */
import * as Cassette from "@effect-noukai/sdk/Cassette"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { CommandError } from "../../../exit/CommandError.js"
import { exitCodes } from "../../../exit/exitCode.js"
import { counted } from "../../../terminal/amounts.js"
import { jsonLine } from "../../../terminal/json.js"
import { cell } from "../../../terminal/table.js"
import { Terminal } from "../../../terminal/Terminal.js"
import type { Handle } from "../../leaf.js"
import type { Input } from "./input.js"

interface Content {
  readonly format: string
  readonly kind: Cassette.Cassette["kind"]
  readonly recordings: number
  readonly flows: ReadonlyArray<string>
}

const contentOf = (cassette: Cassette.Cassette): Content => {
  const flows = cassette.kind === "session"
    ? cassette.session.executions.map(({ slug }) => slug)
    : cassette.entries.map(({ flow }) => flow)
  return {
    format: cassette.format,
    kind: cassette.kind,
    recordings: flows.length,
    flows: [...new Set(flows.filter((flow) => flow !== undefined))].sort()
  }
}

type Checked =
  & { readonly path: string; readonly holds: boolean }
  & (
    | Content & { readonly credentials: ReadonlyArray<string> }
    | { readonly reason: string; readonly message: string }
  )

const check = (path: string): Effect.Effect<Checked> =>
  Effect.map(Effect.either(Cassette.check(path)), (checked): Checked =>
    Either.isLeft(checked)
      ? { path, holds: false, reason: checked.left.reason, message: checked.left.message }
      : {
        path,
        holds: checked.right.credentials.length === 0,
        ...contentOf(checked.right.cassette),
        credentials: checked.right.credentials
      })

const textOf = (checked: Checked): string => {
  const begin = `${checked.holds ? "ok" : "✕ "}  ${cell(checked.path)}: `
  if ("reason" in checked) return `${begin}${cell(checked.message)}\n`
  const { credentials, flows, format, kind, recordings } = checked
  return `${begin}${kind}, ${format}, ${counted(recordings, "recording")}${
    flows.length === 0 ? "" : ` of ${flows.map(cell).join(", ")}`
  }\n${credentials.map((place) => `    looks like a credential: ${cell(place)}\n`).join("")}`
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
