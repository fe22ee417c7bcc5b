/**
 * Broken input for whatever reads what others wrote: valid text and JSON with mistakes put in, cut off, or replaced by
 * noise. The tests of all packages draw from here.
 *
 * `npm test` runs a fixed seed; `npm run test:fuzz` sets `FUZZ_RUNS` and draws a new one, which a failure prints.
 * `FUZZ_SEED=<seed>` runs that one.
 */
import * as Effect from "effect/Effect"
import * as FC from "effect/FastCheck"
import { size } from "./size.js"

const long = process.env["FUZZ_RUNS"]

const seed = process.env["FUZZ_SEED"] ?? (long === undefined ? "20" : undefined)

/**
 * So many percent of the long form's runs, since expensive checks do fewer; the short form does a tenth of that number, and
 * `npm test` less than half of those.
 */
const parameters = (runs: number): FC.Parameters<unknown> => ({
  numRuns: Math.ceil(long === undefined ? runs / size(10, 25) : Number(long) * runs / 100),
  ...(seed === undefined ? {} : { seed: Number(seed) })
})

/** Runs a check on many values, as many as `runs` says for the long form, in percent. */
export const fuzz = <A>(arbitrary: FC.Arbitrary<A>, runs: number, check: (value: A) => void): void =>
  FC.assert(FC.property(arbitrary, (value) => check(value)), parameters(runs))

/** The runs after which timers and sockets have a turn, lest the test runner takes a long check for one that hangs. */
const runsInARow = 100

/** The same for a promise, which must settle. */
export const fuzzAsync = <A>(
  arbitrary: FC.Arbitrary<A>,
  runs: number,
  check: (value: A) => Promise<void>
): Promise<void> => {
  let count = 0
  return FC.assert(
    FC.asyncProperty(arbitrary, async (value) => {
      if (++count % runsInARow === 0) await new Promise((resolve) => setImmediate(resolve))
      await check(value)
    }),
    { ...parameters(runs), timeout: 10_000 }
  )
}

/** The same for an Effect, which must end. */
export const fuzzEffect = <A>(
  arbitrary: FC.Arbitrary<A>,
  runs: number,
  check: (value: A) => Effect.Effect<void>
): Effect.Effect<void> => Effect.promise(() => fuzzAsync(arbitrary, runs, (value) => Effect.runPromise(check(value))))

/** How long the tests may take that use `fuzz`. */
export const fuzzTimeout = long === undefined ? 20_000 : 3_600_000

/** JSON text that nests so deep. */
const nested = (depth: number, inObjects: boolean): string =>
  inObjects ? `${"{\"a\":".repeat(depth)}1${"}".repeat(depth)}` : `${"[".repeat(depth)}${"]".repeat(depth)}`

const deep = FC.tuple(FC.constantFrom(70, 600, 5_000, 100_000), FC.boolean()).map(([depth, inObjects]) =>
  nested(depth, inObjects)
)

/** Any code point but half a pair: what `FC.string({ unit: "binary" })` draws, without the table of all of them that it makes. */
const codePoint = FC.nat(0x10f7ff).map((n) => String.fromCodePoint(n < 0xd800 ? n : n + 0x800))

/** Text of any characters. */
export const anyText = (constraints: FC.ArrayConstraints = {}): FC.Arbitrary<string> =>
  FC.array(codePoint, constraints).map((points) => points.join(""))

/** Texts of JSON values that code trips over. */
const nasty: FC.Arbitrary<string> = FC.oneof(
  {
    weight: 8,
    arbitrary: FC.constantFrom(
      "null",
      "true",
      "\"\"",
      "[]",
      "{}",
      "0",
      "-0",
      "-1",
      "1.5",
      "1e400",
      "-1e400",
      "9007199254740993",
      "123456789012345678901234567890",
      "5e-324",
      "\"\\u0000\"",
      "\"\\ud800\"",
      "\"\\u202e\"",
      "\"NaN\"",
      "\"{{message}}\"",
      "{\"$match\":\"{{message}}\",\"cases\":null}",
      "[null]",
      "[[],{}]",
      "{\"__proto__\":{\"polluted\":true}}",
      "{\"constructor\":{\"prototype\":{\"polluted\":true}}}",
      "{\"toString\":1,\"valueOf\":null,\"hasOwnProperty\":0}",
      "{\"toJSON\":1,\"then\":2,\"length\":-1}",
      "{\"_tag\":\"Left\",\"left\":1}"
    )
  },
  { weight: 1, arbitrary: FC.nat(2_000).map((length) => JSON.stringify("x".repeat(length))) },
  { weight: 2, arbitrary: anyText().map((text) => JSON.stringify(text)) },
  { weight: 1, arbitrary: FC.jsonValue().map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: deep }
)

const keys = FC.constantFrom(
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "toJSON",
  "",
  "0",
  "\u0000",
  "then"
)

interface Edit {
  readonly at: number
  readonly what: "replace" | "remove" | "add" | "repeat"
  readonly key: string
  readonly text: string
}

const edit: FC.Arbitrary<Edit> = FC.record({
  at: FC.nat(),
  what: FC.constantFrom("replace", "replace", "remove", "add", "repeat"),
  key: keys,
  text: nasty
})

/** A value with one change, as text: what `JSON.stringify` could not write is possible, such as `1e400`. */
const written = (value: unknown, edits: ReadonlyArray<Edit>): string => {
  let count = 0
  const places = (inner: unknown): number =>
    1 +
    (typeof inner === "object" && inner !== null
      ? Object.values(inner).reduce<number>((sum, v) => sum + places(v), 0)
      : 0)
  const total = places(value)
  const at = new Map(edits.map((one) => [one.at % total, one]))
  const write = (inner: unknown): string | undefined => {
    const here = at.get(count++)
    if (here?.what === "replace" || here?.what === "remove") {
      count += places(inner) - 1
      return here.what === "remove" ? undefined : here.text
    }
    if (typeof inner !== "object" || inner === null) return JSON.stringify(inner)
    if (Array.isArray(inner)) {
      const items = inner.flatMap((item) => write(item) ?? [])
      const more = here?.what === "add" ? [here.text] : here?.what === "repeat" ? items : []
      return `[${[...items, ...more].join(",")}]`
    }
    const fields = Object.entries(inner).flatMap(([key, field]) => {
      const text = write(field)
      return text === undefined ? [] : [`${JSON.stringify(key)}:${text}`]
    })
    const more = here?.what === "add"
      ? [`${JSON.stringify(here.key)}:${here.text}`]
      : here?.what === "repeat"
      ? fields.map((field) => field.replace(/:.*/s, `:${here.text}`))
      : []
    return `{${[...fields, ...more].join(",")}}`
  }
  return write(value) ?? ""
}

const chars = FC.constantFrom(
  "{",
  "}",
  "[",
  "]",
  ":",
  ",",
  "\"",
  "\\",
  "\n",
  "\r",
  "\r\n\r\n",
  "\u0000",
  "\ufeff",
  "1e400",
  "data:",
  "event: ",
  "-"
)

const scarred = (text: string): FC.Arbitrary<string> =>
  FC.array(
    FC.record({
      at: FC.nat(),
      length: FC.nat(12),
      insert: chars,
      what: FC.constantFrom("cut", "drop", "put", "twice")
    }),
    {
      minLength: 1,
      maxLength: 3
    }
  ).map((scars) =>
    scars.reduce((rest, { at, insert, length, what }) => {
      const place = at % (rest.length + 1)
      switch (what) {
        case "cut":
          return rest.slice(0, place)
        case "drop":
          return rest.slice(0, place) + rest.slice(place + length)
        case "put":
          return rest.slice(0, place) + insert + rest.slice(place)
        default:
          return rest.slice(0, place) + rest.slice(Math.max(0, place - length))
      }
    }, text)
  )

/** Text of JSON that is nearly `value`. */
export const brokenJson = (value: FC.Arbitrary<unknown>): FC.Arbitrary<string> =>
  FC.oneof(
    {
      weight: 6,
      arbitrary: FC.tuple(value, FC.array(edit, { minLength: 1, maxLength: 3 })).map(([valid, edits]) =>
        written(valid, edits)
      )
    },
    { weight: 3, arbitrary: value.chain((valid) => scarred(JSON.stringify(valid))) },
    { weight: 1, arbitrary: nasty },
    { weight: 1, arbitrary: anyText() }
  )

const encoder = new TextEncoder()

/** The bytes of a text, of which some were changed on the way, or bytes that were never text. */
export const brokenBytes = (text: FC.Arbitrary<string>): FC.Arbitrary<Uint8Array> =>
  FC.oneof(
    { weight: 3, arbitrary: text.map((valid) => encoder.encode(valid)) },
    {
      weight: 2,
      arbitrary: FC.tuple(text, FC.array(FC.tuple(FC.nat(), FC.nat(255)), { maxLength: 4 })).map(([valid, changes]) => {
        const bytes = encoder.encode(valid)
        for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte
        return bytes
      })
    },
    { weight: 1, arbitrary: FC.uint8Array({ maxLength: 300 }) }
  )

/** The same text, whole or broken. */
export const brokenText = (text: FC.Arbitrary<string>): FC.Arbitrary<string> =>
  FC.oneof(text, text.chain(scarred), anyText({ maxLength: 300 }))

/** A number that is no number of anything. */
export const oddHeader: FC.Arbitrary<string> = FC.oneof(
  FC.constantFrom(
    "",
    "0",
    "-1",
    "1e9",
    "NaN",
    "9".repeat(400),
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Mon, 99 Foo 2026 99:99:99 GMT",
    "x".repeat(5_000)
  ),
  FC.stringMatching(/^[ -~]{0,40}$/)
)
