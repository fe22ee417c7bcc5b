/** An emulator for the tests of one file, and programs over it. */
import { Noukai } from "@effect-noukai/effect4"
import { type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import { type Cause, Effect, Exit, Redacted } from "effect"
import { afterAll, afterEach, assert, beforeAll } from "vitest"

const template = (id: string, output: unknown, rest: object = {}) => ({ kind: "template", id, output, ...rest })

const flows = [
  { ref: "acme/t/echo", steps: [template("echo", { message: "{{message}}", parameters: "{{parameters}}" })] },
  { ref: "acme/t/grade", steps: [template("grade", { score: 7, at: "2026-01-02T00:00:00.000Z" })] },
  { ref: "acme/t/two", steps: [template("a", { n: 1 }), template("b", { n: 2 })] },
  { ref: "acme/t/many", steps: Array.from({ length: 40 }, (_, n) => template(`s${n}`, { n })) },
  { ref: "acme/t/slow", steps: [template("s", {}, { duration: "1 hour" })] },
  { ref: "acme/t/slow-second", steps: [template("a", { n: 1 }), template("s", {}, { duration: "1 hour" })] },
  { ref: "acme/t/failing", steps: [{ kind: "fail", id: "broken", code: "MODEL_DOWN", message: "no model" }] },
  {
    ref: "acme/t/tool",
    steps: [{
      kind: "tool",
      id: "ask",
      rounds: [[{ name: "get_weather", arguments: { city: "Lisbon" } }]],
      output: { answer: "{{results}}" }
    }]
  },
  {
    ref: "acme/t/two-tools",
    steps: [{
      kind: "tool",
      id: "ask",
      rounds: [[{ name: "get_weather", arguments: { city: "A" } }, { name: "get_weather", arguments: { city: "B" } }]],
      output: { answer: "{{results}}" }
    }]
  }
]

/** A key that no output may hold. */
export const key = "nk_planted_0123456789"

export const world = () => {
  let emulator: RunningEmulator
  beforeAll(async () => {
    emulator = await startEmulator({ flows: flows as never })
  })
  afterEach(() => emulator.reset())
  afterAll(() => emulator.close())

  const live = (options: Noukai.Options = {}) =>
    Noukai.layer({ apiKey: Redacted.make(key), env: "dev", port: emulator.port, ...options })

  return {
    emulator: () => emulator,
    live,
    run: <A, E>(program: Effect.Effect<A, E, Noukai.Services>, options?: Noukai.Options): Promise<A> =>
      Effect.runPromise(Effect.provide(program, live(options)))
  }
}

/** The cause of a program that fails. */
export const causeOf = <A, E>(exit: Exit.Exit<A, E>): Cause.Cause<E> =>
  Exit.isFailure(exit) ? exit.cause : assert.fail("it succeeded")
