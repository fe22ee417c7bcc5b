/** Sends the requests of a case and compares the answers. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { ConformanceCase, ConformanceExchange, ConformanceRequest, Target } from "../../ConformanceCase.js"
import type { Json } from "../../Flow.js"
import { isObject } from "../json.js"

type Saved = { readonly [name: string]: Json }

interface Answer {
  readonly status: number
  readonly headers: { readonly [name: string]: string }
  readonly text: string
  readonly body: Json
  readonly events: Json
}

class NoAnswer extends Data.TaggedError("NoAnswer")<{ readonly cause: unknown }> {}

/** Replaces saved names by their values, and expands repeated texts and joined lists. */
const fill = (value: Json, saved: Saved): Json => {
  if (typeof value === "string") {
    const whole = /^\{\{(\w+)\}\}$/.exec(value)
    if (whole !== null) return Object.hasOwn(saved, whole[1]!) ? saved[whole[1]!]! : value
    // a name that was not saved is a placeholder of the server
    return value.replace(
      /\{\{(\w+)\}\}/g,
      (text, name: string) => Object.hasOwn(saved, name) ? String(saved[name]) : text
    )
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, saved))
  if (!isObject(value)) return value
  if (Array.isArray(value.$repeat)) return String(value.$repeat[0]).repeat(Number(value.$repeat[1]))
  if (Array.isArray(value.$concat)) return value.$concat.flatMap((part: Json) => fill(part, saved))
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner, saved)]))
}

const at = (value: Json, path: string): Json =>
  path.split(".").reduce<Json>(
    (inner, key) =>
      typeof inner === "object" && inner !== null && Object.hasOwn(inner, key)
        ? (inner as { readonly [key: string]: Json })[key]!
        : null,
    value
  )

/** The JSON value of a text; `null` for text that is not JSON. */
const parsed = (text: string): Json => {
  try {
    return JSON.parse(text) as Json
  } catch {
    return null
  }
}

const eventsOf = (text: string): Json =>
  text.split("\n\n").filter((frame) => frame.trim() !== "").map((frame) => ({
    event: /^event: ?(.*)$/m.exec(frame)?.[1] ?? null,
    data: parsed(/^data: ?(.*)$/m.exec(frame)?.[1] ?? "")
  }))

const keyFor = (request: ConformanceRequest, target: Target): string | undefined => {
  const path = /^\/seq\/([^/]+\/[^/]+)\/[^/]+\//.exec(request.path)?.[1]
  const whose = request.as ?? path ?? "noukai/samples"
  return whose === "none" ? undefined : target.keys[whose] ?? target.keys["noukai/samples"]
}

const exchanged = async (
  request: ConformanceRequest,
  target: Target,
  saved: Saved,
  signal: AbortSignal
): Promise<Answer> => {
  const path = String(fill(request.path, saved))
  const key = keyFor(request, target)
  const body = request.text ?? (request.body === undefined ? undefined : JSON.stringify(fill(request.body, saved)))
  const response = await fetch(
    request.control === true ? new URL(path, target.baseUrl).href : target.baseUrl + path,
    {
      method: request.method,
      redirect: "manual",
      signal,
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...request.headers
      },
      ...(body === undefined ? {} : { body })
    }
  )
  const text = await response.text()
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    text,
    body: isStream ? null : parsed(text),
    events: isStream ? eventsOf(text) : null
  }
}

const send = (request: ConformanceRequest, target: Target, saved: Saved): Effect.Effect<Answer, NoAnswer> =>
  Effect.tryPromise({
    try: (signal) => exchanged(request, target, saved, signal),
    catch: (cause) => new NoAnswer({ cause })
  })

const isList = (value: Json | undefined): value is ReadonlyArray<Json> => Array.isArray(value)

const kindOf = (value: Json | undefined): string => {
  if (value === null) return "null"
  if (isList(value)) return "list"
  return typeof value === "number" && Number.isInteger(value) ? "integer" : typeof value
}

const show = (value: Json | undefined): string => value === undefined ? "nothing" : JSON.stringify(value).slice(0, 200)

const matchers: { readonly [name: string]: (argument: Json, actual: Json | undefined, path: string) => Array<string> } =
  {
    $any: (kind, actual, path) =>
      kindOf(actual) === kind || (kind === "number" && typeof actual === "number")
        ? []
        : [`${path}: expected any ${String(kind)}, got ${show(actual)}`],
    $matches: (pattern, actual, path) =>
      typeof actual === "string" && new RegExp(String(pattern)).test(actual)
        ? []
        : [`${path}: expected text like ${String(pattern)}, got ${show(actual)}`],
    $absent: (_, actual, path) =>
      actual === undefined || actual === null ? [] : [`${path}: expected nothing, got ${show(actual)}`],
    $length: (length, actual, path) =>
      isList(actual) && actual.length === length
        ? []
        : [`${path}: expected ${String(length)} items, got ${isList(actual) ? actual.length : show(actual)}`],
    $each: (expected, actual, path) =>
      isList(actual)
        ? actual.flatMap((item, index) => mismatches(expected, item, `${path}[${index}]`))
        : [`${path}: expected a list, got ${show(actual)}`]
  }

/** The places where `actual` is not as expected; empty when it matches. */
const mismatches = (expected: Json, actual: Json | undefined, path: string): Array<string> => {
  if (isList(expected)) {
    if (!isList(actual)) return [`${path}: expected a list, got ${show(actual)}`]
    return actual.length === expected.length
      ? expected.flatMap((item, index) => mismatches(item, actual[index], `${path}[${index}]`))
      : [`${path}: expected ${expected.length} items, got ${actual.length}: ${show(actual)}`]
  }
  if (!isObject(expected)) {
    return expected === actual
      ? []
      : [`${path}: expected ${show(expected)}, got ${show(actual)}`]
  }
  const [first, ...rest] = Object.entries(expected)
  const matcher = first !== undefined && rest.length === 0 ? matchers[first[0]] : undefined
  if (matcher !== undefined) return matcher(first![1], actual, path)
  if (!isObject(actual)) return [`${path}: expected an object, got ${show(actual)}`]
  return Object.entries(expected).flatMap(([key, value]) => mismatches(value, actual[key], `${path}.${key}`))
}

const problemsOf = ({ expect }: ConformanceExchange, answer: Answer, saved: Saved): ReadonlyArray<string> => [
  ...(expect.status === answer.status
    ? []
    : [`status: expected ${expect.status}, got ${answer.status}: ${answer.text.slice(0, 200)}`]),
  ...mismatches(expect.headers ?? {}, answer.headers, "headers"),
  ...(expect.body === undefined ? [] : mismatches(fill(expect.body, saved), answer.body, "body")),
  ...(expect.events === undefined ? [] : mismatches(fill(expect.events, saved), answer.events, "events")),
  ...(expect.text === undefined ? [] : mismatches(expect.text, answer.text, "text"))
]

export const runCase = <E>(
  made: ConformanceCase,
  target: Target,
  fail: (exchange: number, problems: ReadonlyArray<string>) => E
): Effect.Effect<void, E> =>
  Effect.gen(function*() {
    let saved: Saved = {}
    for (const [index, exchange] of made.exchanges.entries()) {
      const { everyMs, times } = exchange.retry ?? { everyMs: 0, times: 1 }
      for (let attempt = 1;; attempt++) {
        const answer = yield* send(exchange.request, target, saved).pipe(
          Effect.mapError((error) => fail(index, [`no answer: ${String(error.cause)}`]))
        )
        const problems = problemsOf(exchange, answer, saved)
        if (problems.length === 0) {
          const root: Json = { body: answer.body, events: answer.events, headers: answer.headers }
          const found = Object.entries(exchange.save ?? {}).map(([name, path]) => [name, at(root, path)] as const)
          saved = { ...saved, ...Object.fromEntries(found) }
          break
        }
        if (attempt >= times) return yield* Effect.fail(fail(index, problems))
        yield* Effect.sleep(everyMs)
      }
    }
  })
