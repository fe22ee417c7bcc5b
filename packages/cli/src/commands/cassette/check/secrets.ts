/** Finds secrets in a JSON value, with secretlint's recommended rules and the forms that cassettes are written without. */
import { maskSecrets } from "@effect-noukai/sdk/Redact"
import * as Effect from "effect/Effect"

type Path = ReadonlyArray<string | number>

interface Text {
  readonly text: string
  /** The place of the text, or of the object that has it as the name of a key. */
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

/** A text of the same length without the comments that switch secretlint off: a recorded text cannot do that. */
const withoutComments = (text: string): string => text.replaceAll("secretlint-", "secretlint_")

/** The positions of secrets in a text. */
const scan = (content: string): Effect.Effect<ReadonlyArray<number>> =>
  Effect.gen(function*() {
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

/** The JSON paths of the texts that hold a secret. The name of a key that holds one is not quoted. */
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
