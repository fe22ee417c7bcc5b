/**
 * Regular expressions of files, flags and pages. None of them can stop a process: those that RE2 takes run in linear time,
 * and all others in a thread of their own, for at most 1 second on a text. Both match as `RegExp` does.
 *
 * @since 0.1.0
 */
import type { InvalidRequestError } from "@effect-noukai/sdk"
import type { SessionCassette } from "@effect-noukai/sdk/Cassette"
import { redactPlaces } from "@effect-noukai/sdk/kit/runs/report"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { otherWork } from "./internal/otherWork.js"
import { type Answered, mostSteps, type Sized, sized } from "./internal/pattern/linear.js"
import { limit, PatternThread } from "./internal/pattern/thread.js"
import { messageOf } from "./internal/values.js"

/**
 * A pattern has no answer for a text: it takes longer than the limit, or JavaScript cannot run it.
 *
 * @since 0.1.0
 * @category errors
 */
export class PatternError extends Schema.TaggedError<PatternError>("@effect-noukai/eval/PatternError")("PatternError", {
  /** The pattern, as in a program: `/(a+)+$/u`. */
  pattern: Schema.String,
  /** The limit that it reached, in milliseconds. */
  limitMs: Schema.optionalWith(Schema.Number, { exact: true }),
  reason: Schema.String
}) {
  override get message(): string {
    return `the pattern ${this.pattern} was stopped: ${this.reason}`
  }
}

/**
 * A regular expression that somebody wrote.
 *
 * @since 0.1.0
 * @category models
 */
export class Pattern {
  private readonly sized: Sized | undefined

  private constructor(
    /** The pattern as an expression of JavaScript. Run it only if you trust it. */
    readonly regex: RegExp,
    isOfText: boolean
  ) {
    this.sized = isOfText ? sized(regex.source) : undefined
  }

  /** Reads a pattern, with the flag `u`. The text says why it is not one. */
  static fromText(text: string): Either.Either<Pattern, string> {
    return Either.try({ try: () => new Pattern(new RegExp(text, "u"), true), catch: messageOf })
  }

  /** Takes an expression of a program, without its flags `g` and `y`. */
  static fromRegExp({ flags, source }: RegExp): Pattern {
    return new Pattern(new RegExp(source, flags.replace(/[gy]/g, "")), false)
  }

  /** Whether a text has a match. */
  readonly test = (text: string): Effect.Effect<boolean, PatternError> =>
    Effect.suspend(() => {
      const quick = this.quick("test", text)
      return quick === undefined ? this.slow("test", text) : Effect.succeed(quick)
    })

  /**
   * The most steps of an answer that is quick.
   *
   * @internal
   */
  steps(text: string): number {
    return (this.sized?.size ?? 0) * text.length
  }

  /**
   * The answer, if it is quick.
   *
   * @internal
   */
  quick<K extends keyof Answered>(kind: K, text: string): Answered[K] | undefined {
    return this.sized?.linear[kind](text)
  }

  /**
   * The answer of the thread.
   *
   * @internal
   */
  slow<K extends keyof Answered>(kind: K, text: string): Effect.Effect<Answered[K], PatternError> {
    return Effect.flatMap(
      PatternThread,
      (thread) =>
        Effect.mapError(thread.ask(kind, this.regex, text), ({ isLate, problem: reason }) =>
          new PatternError({
            pattern: String(this.regex),
            reason,
            ...(isLate && { limitMs: Duration.toMillis(limit) })
          }))
    )
  }
}

/** Runs a function again with the answers that it asked for, until it has all of them. */
const asking = <K extends keyof Answered, A>(
  kind: K,
  blank: Answered[K],
  f: (ask: (pattern: Pattern, text: string) => Answered[K]) => A
): Effect.Effect<A, PatternError> =>
  Effect.gen(function*() {
    const answers = new Map<string, Map<string, Either.Either<Answered[K], PatternError>>>()
    for (;;) {
      const asked: Array<readonly [Pattern, string]> = []
      let failure: PatternError | undefined
      let steps = 0
      const result = f((pattern, text) => {
        steps += pattern.steps(text)
        const quick = steps < mostSteps ? pattern.quick(kind, text) : undefined
        if (quick !== undefined) return quick
        const answer = answers.get(String(pattern.regex))?.get(text)
        if (answer === undefined) asked.push([pattern, text])
        else if (Either.isRight(answer)) return answer.right
        // a blank answer may have led to this question, which then is not needed
        else if (asked.length === 0) failure ??= answer.left
        return blank
      })
      if (failure !== undefined) return yield* failure
      if (asked.length === 0) return result
      let left = mostSteps
      for (const [pattern, text] of asked) {
        const name = String(pattern.regex)
        const known = answers.get(name) ?? new Map<string, Either.Either<Answered[K], PatternError>>()
        answers.set(name, known)
        if (known.has(text)) continue
        left -= pattern.steps(text)
        if (left < 0) {
          yield* otherWork
          left = mostSteps
        }
        const quick = pattern.quick(kind, text)
        const answer = quick === undefined ? yield* Effect.either(pattern.slow(kind, text)) : Either.right(quick)
        known.set(text, answer)
        // the others could be as slow
        if (Either.isLeft(answer)) break
      }
    }
  })

/**
 * Runs a pure, synchronous function that asks whether texts have a match. The function runs again after answers that take
 * time. Fails if it needs a pattern that was stopped.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withTests = <A>(
  f: (test: (pattern: Pattern, text: string) => boolean) => A
): Effect.Effect<A, PatternError> => asking("test", false, f)

/**
 * Runs a pure, synchronous function that asks for the places of all matches in texts: their starts and ends. The function
 * runs again after answers that take time. Fails if it needs a pattern that was stopped.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withPlaces = <A>(
  f: (places: (pattern: Pattern, text: string) => ReadonlyArray<readonly [from: number, to: number]>) => A
): Effect.Effect<A, PatternError> => asking("places", [], f)

/**
 * Removes values from a session, as `Cassette.redact` does, with patterns that somebody wrote.
 *
 * @since 0.1.0
 * @category combinators
 */
export const redact = (
  cassette: SessionCassette,
  { paths, patterns }: { readonly paths: ReadonlyArray<string>; readonly patterns: ReadonlyArray<Pattern> }
): Effect.Effect<SessionCassette, InvalidRequestError | PatternError> =>
  Effect.flatten(
    withPlaces((places) =>
      redactPlaces(cassette, paths, patterns.map((pattern) => (text: string) => places(pattern, text)))
    )
  )
