/** `noukai cassette check`. */
import * as Cassette from "@effect-noukai/sdk/Cassette"
import { maskSecrets } from "@effect-noukai/sdk/Cassette"
import * as Args from "@effect/cli/Args"
import * as Effect from "effect/Effect"
import { readFile } from "node:fs/promises"
import { argument, json } from "../../arguments/flags.js"
import { failed } from "../../exit/CommandError.js"
import { withoutMethod } from "../../exit/failing.js"
import { counted } from "../../terminal/amounts.js"
import { jsonLine } from "../../terminal/json.js"
import { Terminal } from "../../terminal/Terminal.js"
import { cell } from "../../terminal/text.js"
import { type InputOf, leaf } from "../leaf.js"

const config = {
  files: Args.atLeast(argument("file", "The cassette files."), 1),
  json
}

type Input = InputOf<typeof config>

type Path = ReadonlyArray<string | number>

interface Text {
  readonly text: string
  /** The path of the text, or of the object whose key it is. */
  readonly path: Path
}

const textsOf = (value: unknown, path: Path): ReadonlyArray<Text> => {
  if (typeof value === "string") return [{ text: value, path }]
  if (Array.isArray(value)) return value.flatMap((item, index) => textsOf(item, [...path, index]))
  return typeof value === "object" && value !== null
    ? Object.entries(value).flatMap(([key, item]) => [{ text: key, path }, ...textsOf(item, [...path, key])])
    : []
}

const secretlint = Effect.promise(() =>
  Promise.all([import("@secretlint/core"), import("@secretlint/secretlint-rule-preset-recommend")])
)

/** Returns a text of the same length whose comments cannot disable secretlint. */
const withoutComments = (text: string): string => text.replaceAll("secretlint-", "secretlint_")

/** Returns the positions of secrets in a text. */
const scan = Effect.fnUntraced(function*(content: string) {
  const [{ lintSource }, { creator }] = yield* secretlint
  const { messages } = yield* Effect.promise(() =>
    lintSource({
      source: { content: withoutComments(content), filePath: "cassette.json", ext: ".json", contentType: "text" },
      options: {
        noPhysicFilePath: true,
        config: { rules: [{ id: "@secretlint/secretlint-rule-preset-recommend", rule: creator }] }
      }
    })
  )
  return messages.map(({ range: [from] }) => from)
})

const gap = "\n\n"

/** Returns the JSON paths of secrets. A key that is a secret is shown as `[redacted]`. */
export const secretsIn = (value: unknown): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function*() {
    const texts = textsOf(value, [])
    const found = new Set(texts.filter(({ text }) => maskSecrets(text) !== text))
    let end = 0
    const ends = texts.map(({ text }) => end += text.length + gap.length)
    for (const from of yield* scan(texts.map(({ text }) => text).join(gap))) {
      const text = texts[ends.findIndex((end) => from < end)]
      if (text !== undefined) found.add(text)
    }
    const secrets = new Set([...found].map(({ text }) => text))
    const step = (segment: string | number): string =>
      typeof segment === "string" && /^[A-Za-z_$][\w$]*$/.test(segment) && !secrets.has(segment)
        ? `.${segment}`
        : `[${JSON.stringify(typeof segment === "string" && secrets.has(segment) ? "[redacted]" : segment)}]`
    return [...new Set([...found].map(({ path }) => `$${path.map(step).join("")}`))]
  })

const contentOf = (cassette: Cassette.Cassette) => {
  const flows = cassette.kind === "session"
    ? cassette.session.executions.map(({ slug }) => slug)
    : cassette.entries.map(({ flow }) => flow)
  return {
    format: cassette.format,
    kind: cassette.kind,
    recordings: flows.length,
    flows: [...new Set(flows.filter((flow) => flow !== undefined))].sort(),
    // the recording was interrupted, so that recordings may be missing
    incomplete: cassette.kind === "recording" && cassette.incomplete || undefined
  }
}

const check = Effect.fnUntraced(
  function*(path: string) {
    const content = contentOf(yield* Cassette.load(path))
    // also fields that a cassette does not have
    const text = yield* Effect.promise(() => readFile(path, "utf8"))
    const credentials = yield* secretsIn(JSON.parse(text.replace(/^\uFEFF/, "")))
    const ok = credentials.length === 0
    return { path, ok, ...content, credentials }
  },
  (effect, path) =>
    Effect.catchAll(
      effect,
      (error) => Effect.succeed({ path, ok: false, reason: error.reason, message: withoutMethod(error) })
    )
)

type CheckResult = Effect.Effect.Success<ReturnType<typeof check>>

const textOf = (checked: CheckResult): string => {
  const begin = `${checked.ok ? "ok" : "✕ "}  ${cell(checked.path)}: `
  if ("reason" in checked) return `${begin}${cell(checked.message)}\n`
  const { credentials, flows, format, incomplete, kind, recordings } = checked
  const more = [
    ...credentials.map((place) => `looks like a credential: ${cell(place)}`),
    ...(incomplete === true ? ["the recording was interrupted: mode \"once\" records the missing runs"] : [])
  ]
  return `${begin}${kind}, ${format}, ${counted(recordings, "recording")}${
    flows.length === 0 ? "" : ` of ${flows.map(cell).join(", ")}`
  }\n${more.map((line) => `    ${line}\n`).join("")}`
}

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const all: Array<CheckResult> = []
  for (const path of input.files) {
    const checked = yield* check(path)
    all.push(checked)
    if (!input.json) yield* terminal.write(textOf(checked))
  }
  if (input.json) yield* terminal.write(jsonLine(all))
  const bad = all.filter(({ ok }) => !ok).length
  if (bad > 0) {
    return yield* failed(`${bad} of ${counted(all.length, "cassette")} ${bad === 1 ? "does" : "do"} not hold`)
  }
})

export const command = leaf("check", "Check that cassettes are readable and hold no secrets.", config, handle)
