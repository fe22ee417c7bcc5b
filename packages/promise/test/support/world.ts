/** The two clients, each on the same emulator. */
import { type RunningEmulator, samples, startEmulator } from "@effect-noukai/emulator"
import * as ours from "@effect-noukai/promise"
import * as published from "@noukai/sdk"
import { assert } from "vitest"
import type { RawServer } from "./rawServer.js"

/** A value of `JSON.parse`: the suite looks into values that two clients type differently. */
export type Parsed = ReturnType<typeof JSON.parse>

export type Options = ours.NoukaiOptions

export interface World {
  readonly name: "reference" | "ours"
  /** The client under its own name; the reference is used through our types, which its programs compile against. */
  readonly sdk: typeof ours
  readonly client: (options?: Options) => ours.Noukai
  /** A client whose next requests are answered with these bodies, and not by the emulator. */
  readonly answeredWith: (...bodies: ReadonlyArray<unknown>) => ours.Noukai
  readonly emulator: RunningEmulator
}

/** The result of a run that has completed. */
export const resultOf = (run: ours.ExecuteResult | ours.PausedResult): unknown =>
  run.status === "completed" ? run.result : assert.fail(`the run is ${run.status}`)

export const hello = "noukai/samples/hello-world"
export const twoStep = "noukai/samples/two-step"
export const weather = "noukai/samples/tools-enabled"

const template = (id: string, output: Parsed, rest: object = {}) => ({ kind: "template", id, output, ...rest }) as const

export const flows = [
  ...samples,
  { ref: "noukai/tests/failing", steps: [{ kind: "fail", id: "broken", code: "MODEL_DOWN", message: "no model" }] },
  {
    ref: "noukai/tests/fails-second",
    steps: [
      template("first", { n: 1 }),
      { kind: "fail", id: "broken", code: "MODEL_DOWN", message: "no model", status: 500 }
    ]
  },
  { ref: "noukai/tests/slow", steps: [template("sleep", { slept: true }, { duration: "1 hour" })] },
  {
    ref: "noukai/tests/slow-second",
    steps: [template("first", { n: 1 }), template("sleep", { slept: true }, { duration: "1 hour" })]
  },
  {
    ref: "noukai/tests/forever",
    steps: [{
      kind: "tool",
      id: "asks",
      rounds: [[{ name: "get_weather", arguments: { city: "Lisbon" } }]],
      forever: true,
      output: {}
    }]
  },
  {
    ref: "noukai/tests/two-tools",
    steps: [
      template("first", { n: 1 }),
      {
        kind: "tool",
        id: "asks",
        rounds: [[{ name: "one", arguments: {} }, { name: "two", arguments: { n: 2 } }]],
        output: { one: "{{tools.one}}", two: "{{tools.two}}" }
      }
    ]
  },
  {
    ref: "noukai/tests/versions",
    steps: [template("say", { version: "draft" })],
    versions: {
      1: { steps: [template("say", { version: 1 })] },
      2: { steps: [template("say", { version: 2 })] }
    }
  },
  {
    ref: "noukai/tests/loop",
    steps: [{ kind: "loop", id: "each", times: 2, steps: [template("say", { n: "{{loop.index}}" })] }]
  },
  {
    ref: "noukai/tests/inputs",
    steps: [
      template("first", { difficulty: "{{parameters.difficulty}}" }),
      template("second", { seen: "{{steps.first.output}}" })
    ]
  }
] as Parameters<RunningEmulator["putFlows"]>

export const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object" } } }]

export const twoTools = ["one", "two"].map((name) => ({ type: "function", function: { name } }))

export const answers = (calls: ReadonlyArray<Parsed>): Array<Record<string, unknown>> =>
  calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: "sunny" }))

/** Streams in the documented shape: in the hosted one the reference shows no outputs. */
export const startWorldEmulator = (): Promise<RunningEmulator> =>
  startEmulator({ flows, organisations: { noukai: { capture: "full" } }, streamOutputs: "documented" })

export const ourWorld = (emulator: RunningEmulator, raw?: RawServer): World => {
  const clientAt = (port: number, options?: Options) =>
    new ours.Noukai({ apiKey: emulator.apiKey, env: "dev", port, ...options })
  return {
    name: "ours",
    sdk: ours,
    client: (options) => clientAt(emulator.port, options),
    answeredWith: (...bodies) => {
      if (raw === undefined) throw new Error("there is no server for these bodies")
      raw.answer(...bodies)
      return clientAt(raw.port)
    },
    emulator
  }
}

/** The reference knows port 8080 alone: its `fetch` is sent on to the emulator. */
export const referenceWorld = (emulator: RunningEmulator, raw: RawServer): World => {
  const sdk = published as unknown as typeof ours
  const client = (options?: Options) => new sdk.Noukai({ apiKey: emulator.apiKey, env: "dev", ...options })
  return {
    name: "reference",
    sdk,
    client,
    answeredWith: (...bodies) => {
      raw.answer(...bodies)
      return client()
    },
    emulator
  }
}

/**
 * Until it is called off, `fetch` to the port that the reference knows goes to the emulator, or to the raw server while
 * that has an answer.
 */
export const redirectFetch = (emulator: RunningEmulator, raw: RawServer): () => void => {
  const live = globalThis.fetch
  globalThis.fetch = (input, init) => {
    const url = new URL(typeof input === "string" ? input : input instanceof URL ? input.href : input.url)
    const server = raw.hasAnswer() ? raw : emulator
    return live(url.host === "localhost:8080" ? `${server.url}${url.pathname}${url.search}` : url, init)
  }
  return () => {
    globalThis.fetch = live
  }
}

/** The outcome of a promise, as far as a program can tell. */
export const outcome = async (
  world: World,
  attempt: () => unknown
): Promise<{ readonly value: unknown } | { readonly rejected: unknown }> => {
  try {
    return { value: await attempt() }
  } catch (error) {
    return { rejected: told(world, error) }
  }
}

/** The fields that an error tells. */
export const told = ({ sdk }: World, error: unknown): unknown => {
  if (!(error instanceof Error)) return error
  const { code, executionId, requestId, responseBody, retryAfter, statusCode } = error as Parsed
  return {
    name: error.name,
    noukai: error instanceof sdk.NoukaiError,
    ...(statusCode === undefined ? {} : { statusCode }),
    ...(code === undefined ? {} : { code }),
    ...(executionId === undefined || statusCode !== undefined ? {} : { executionId }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(responseBody === undefined ? {} : { responseBody }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
    ...(statusCode === undefined ? {} : { message: error.message })
  }
}

/** The calls that the emulator saw, in short. */
export const seen = ({ emulator }: World): ReadonlyArray<string> =>
  emulator.ledger().requests.map(({ method, target }) => `${method} ${target.replace("/api/v1", "")}`)

export const collect = async <A>(events: AsyncIterable<A>, most = 50): Promise<Array<A>> => {
  const out: Array<A> = []
  for await (const event of events) {
    out.push(event)
    if (out.length === most) break
  }
  return out
}

/** The reason of a rejection; a promise that resolves fails the test. */
export const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then((value) => assert.fail(`resolved with ${JSON.stringify(value)}`), (error: unknown) => error)
