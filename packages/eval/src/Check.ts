/**
 * Checks: functions of a case and a run, which pass or fail with a reason.
 *
 * @since 0.1.0
 */
import type { JobInput } from "@effect-noukai/batch/Batch"
import * as Flow from "@effect-noukai/sdk/Flow"
import type { Names } from "@effect-noukai/sdk/kit/names"
import { withoutDigits } from "@effect-noukai/sdk/kit/plainJson"
import { parseCost } from "@effect-noukai/sdk/Trace"
import * as BigDecimal from "effect/BigDecimal"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Record from "effect/Record"
import * as Schema from "effect/Schema"
import { type EvalRun, type JudgeRun, Outcome } from "./EvalRun.js"
import { mistakeText, validatorOf } from "./internal/jsonSchema.js"
import { callsProblem, millisOf, namedProblem, notFlag, passProblem, rangeProblem } from "./internal/options.js"
import * as Ranges from "./internal/ranges.js"
import { similarityOf, similarityOutcome } from "./internal/similarity.js"
import {
  amountForms,
  canonical,
  filled,
  hasAll,
  isSame,
  line,
  messageOf,
  namedVersion,
  notJson,
  pathProblem,
  pathText,
  problemIn,
  schemaText,
  show,
  templateProblem,
  valueAt
} from "./internal/values.js"
import { Pattern } from "./Pattern.js"

/**
 * Marks the checks of this module.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("@effect-noukai/eval/Check")

/**
 * Marks the checks of this module.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * The data that a check needs beside the result of a run. Where it is missing, the verdict is an error.
 *
 * @since 0.1.0
 * @category models
 */
export interface Needs {
  /** The ids of steps whose outputs it reads. They need captured payloads. */
  readonly steps: ReadonlyArray<string>
  /** Whether it reads the calls of tools. */
  readonly calls: boolean
}

/**
 * The flow that judges a run. Its run is kept and billed like any other, and it runs once for each input of an eval run.
 *
 * @since 0.1.0
 * @category models
 */
export interface Judge<in Case, in A = unknown> {
  readonly flow: Flow.FlowRef<never>
  readonly version: Flow.FlowVersion
  /** The input of the judge. If it throws, the verdict is an error. */
  readonly input: (value: Case, run: EvalRun<A>) => JobInput
}

/**
 * A check of a run on a case `Case` with a result `A`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Check<in Case = unknown, in A = unknown, out R = never> {
  readonly [TypeId]: TypeId
  /** The name of its constructor: `equals`. */
  readonly kind: string
  /** Everything that its verdict depends on, as text. A changed text makes its verdicts incomparable. */
  readonly definition: string
  readonly needs: Needs
  /** The judge, if a flow judges. */
  readonly judge?: Judge<Case, A>
  /** Why the check cannot be used, if it was made wrongly. Refused before anything is sent. */
  readonly problem?: string
  /** Its options. The fields of the case that they name must be there: refused before anything is sent. */
  readonly expects?: unknown
  /** Loads what it needs, and says why the check cannot be used, if it cannot. Refused before anything is sent. */
  readonly loads?: Effect.Effect<string | undefined>
  /** Why the check cannot judge a case, if it cannot. Refused before anything is sent. */
  readonly refuses?: (value: Case) => string | undefined
  /**
   * The verdict on a run that is `done`. `judged` is the run of the judge. It does not fail: failures are errors. Without an
   * outcome, the check does not judge the run.
   */
  readonly verdict: (value: Case, run: EvalRun<A>, judged?: JudgeRun) => Effect.Effect<Outcome | undefined, never, R>
}

const noNeeds: Needs = { steps: [], calls: false }

/**
 * A value of the case at a path, for the checks that expect a value. Definitions in files write it as
 * `{ "$case": "expected" }`, and both have the same hash.
 *
 * @since 0.1.0
 * @category models
 */
export interface Field {
  readonly $case: Path
}

/**
 * The value of the case at a path: `Check.field("expected.score")`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const field = (path: Path): Field => ({ $case: pathText(path) })

/**
 * A value that JSON can represent.
 *
 * @since 0.1.0
 * @category models
 */
export type Literal =
  | string
  | number
  | boolean
  | null
  | ReadonlyArray<unknown>
  | { readonly [name: string]: unknown }

/**
 * An expected value: itself, a field of the case, or a function of the case. A value may have fields inside.
 *
 * @since 0.1.0
 * @category models
 */
export type Expected<Case, T = Literal> = T | Field | ((value: Case) => T)

/**
 * The answer of a function that checks: whether the run passes, or an outcome with a reason and a score.
 *
 * @since 0.1.0
 * @category models
 */
export type Answer = boolean | Outcome

/**
 * A path into a value: keys and indices, or `"answers.0.text"`.
 *
 * @since 0.1.0
 * @category models
 */
export type Path = string | ReadonlyArray<string | number>

/**
 * Options of checks of a value.
 *
 * @since 0.1.0
 * @category options
 */
export interface AtOptions {
  /** The path of the value in the result: `"answers.0.text"`. Without a value there, the check fails. Default: all of it. */
  readonly at?: Path | undefined
}

const atNames: Names<AtOptions> = { at: true }

/** The text of a part of a definition. */
const written = (part: unknown): unknown =>
  typeof part === "function" || part instanceof RegExp ? String(part) : part === undefined ? null : part

/** The expected value for a case. */
const expectedOf = <Case, T>(expected: Expected<Case, T>, value: Case): T =>
  typeof expected === "function"
    ? (expected as (value: Case) => T)(value)
    : filled(expected, { $case: value }) as T

/** The parts of an outcome beside its verdict and its reason. */
type More = Omit<Outcome, "verdict" | "reason">

/**
 * An outcome that passes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const pass = (reason: string, more?: More): Outcome => ({ verdict: "pass", reason: line(reason), ...more })

/**
 * An outcome that fails.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fail = (reason: string, more?: More): Outcome => ({ verdict: "fail", reason: line(reason), ...more })

/**
 * An outcome that is neither a pass nor a fail: the check cannot judge the run.
 *
 * @since 0.1.0
 * @category constructors
 */
export const error = (reason: string): Outcome => ({ verdict: "error", reason: line(reason) })

const notCaptured = (data: string): Outcome => error(`not captured: ${data}`)

const makeNames: Names<NonNullable<Parameters<typeof make>[1]>> = {
  definition: true,
  needs: { steps: true, calls: true }
}

const isOutcome = Schema.is(Outcome)

/** The outcome of an answer, which a program without types may give wrongly. */
const outcomeOf = (answer: unknown): Outcome => {
  if (typeof answer === "boolean") return answer ? pass("the check returned true") : fail("the check returned false")
  if (!isOutcome(answer)) return error(`the check returned ${show(answer)}: return true, false or an outcome`)
  const { reason, score } = answer
  return score === undefined || (score >= 0 && score <= 1)
    ? { ...answer, reason: line(reason) }
    : error(`the check returned the score ${score}: it must be from 0 to 1`)
}

/** A check of this module, of the parts that its definition consists of. */
const build = <Case, A, R = never>(
  kind: string,
  parts: { readonly [name: string]: unknown },
  verdict: (
    value: Case,
    run: EvalRun<A>,
    judged?: JudgeRun
  ) => Outcome | Effect.Effect<Outcome | undefined, never, R>,
  more?: { readonly needs?: Partial<Needs> | undefined; readonly problem?: string | undefined }
): Check<Case, A, R> => {
  const problem = more?.problem ?? templateProblem(parts)
  return {
    [TypeId]: TypeId,
    kind,
    definition: canonical([kind, Record.map(parts, written)]),
    expects: parts,
    needs: { ...noNeeds, ...more?.needs },
    ...(problem !== undefined && { problem }),
    verdict: (...of) =>
      Effect.suspend(() => {
        const outcome = verdict(...of)
        return Effect.isEffect(outcome) ? outcome : Effect.succeed(outcome)
      })
  }
}

/**
 * A check by your own function, or by an Effect with requirements. A function that throws, and an Effect that fails, is
 * an error and not a fail.
 *
 * It runs each time that a report or the cases are read: let a judge check what costs money.
 *
 * The text of the function is its definition. Give `definition` if it depends on more than its text.
 *
 * @example
 * ```ts
 * import { Check } from "@effect-noukai/eval"
 *
 * const short = Check.make((_: unknown, run) => JSON.stringify(run.result).length < 1000)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <Case, A = unknown, E = never, R = never>(
  verdict: (value: Case, run: EvalRun<A>) => Answer | Effect.Effect<Answer, E, R>,
  options?: {
    /** The text that is compared with a baseline's. Default: the text of the function. */
    readonly definition?: string | undefined
    /** The data that it reads beside the result. Default: none. */
    readonly needs?: Partial<Needs> | undefined
  }
): Check<Case, A, NoInfer<R>> =>
  build("function", { check: options?.definition ?? verdict }, (value, run) => {
    const answer = verdict(value, run)
    return Effect.isEffect(answer)
      ? Effect.match(answer, {
        onFailure: (failure) => error(`the check failed: ${messageOf(failure)}`),
        onSuccess: outcomeOf
      })
      : outcomeOf(answer)
  }, {
    needs: options?.needs,
    problem: typeof verdict === "function"
      ? options === undefined ? undefined : problemIn(options, makeNames)
      : `must have a function of the case and the run, not ${show(verdict)}`
  })

/** A check of a value against an expected one. */
const comparing = <Case, T, R = never>(
  kind: string,
  expected: Expected<Case, T>,
  options: AtOptions & { readonly [option: string]: unknown },
  compare: (actual: unknown, expected: T) => Outcome | Effect.Effect<Outcome, never, R>,
  problem?: string
): Check<Case, unknown, R> => {
  const { at: path, ...rest } = options
  const check = build<Case, unknown, R>(kind, { expected, ...rest }, (value, { result }) => {
    const wanted = expectedOf(expected, value)
    const lost = notJson(wanted)
    if (lost !== undefined) return error(`the expected value has ${lost}, which JSON does not have`)
    const whole = (outcome: Outcome) =>
      outcome.verdict === "error" ? outcome : { ...outcome, expected: wanted, actual: result }
    const outcome = compare(result, wanted)
    return Effect.isEffect(outcome) ? Effect.map(outcome, whole) : whole(outcome)
  }, { problem })
  return path === undefined ? check : at(path, check)
}

/**
 * Checks a part of the result: the value at a path. Without a value there, the check fails.
 *
 * @since 0.1.0
 * @category combinators
 */
export const at = <Case, R>(path: Path, check: Check<Case, unknown, R>): Check<Case, unknown, R> => {
  const place = pathText(path)
  if (place === "") return check
  const part = within("at", place, check, (run) =>
    Option.match(valueAt(run.result, path), {
      onNone: () => Either.left(fail(`the result has no ${place}`)),
      onSome: (result) => Either.right({ ...run, result })
    }))
  const problem = check.problem ?? pathProblem(path)
  return problem === undefined ? part : { ...part, problem }
}

/**
 * Checks the output of a step, as if it were the result. It needs captured payloads: without the output, the verdict is
 * an error.
 *
 * @since 0.1.0
 * @category combinators
 */
export const step = <Case, R>(stepId: string, check: Check<Case, unknown, R>): Check<Case, unknown, R> => {
  const inner = within("step", stepId, check, (run) =>
    run.steps === undefined || !Object.hasOwn(run.steps, stepId)
      ? Either.left(notCaptured(`the output of the step ${stepId}`))
      : Either.right({ ...run, result: run.steps[stepId] }))
  const problem = check.problem ?? namedProblem("the id of a step", stepId)
  return {
    ...inner,
    needs: { ...inner.needs, steps: [...inner.needs.steps, stepId] },
    ...(problem !== undefined && { problem })
  }
}

/**
 * Passes where a check fails, and fails where it passes. An error stays an error, a score becomes `1 - score`, and a run
 * that failed fails. `Check.not(Check.equals(1, { at: "n" }))` passes a result without `n`; `Check.at("n", Check.not(…))`
 * fails it.
 *
 * @since 0.1.0
 * @category combinators
 */
export const not = <Case, A, R>(check: Check<Case, A, R>): Check<Case, A, R> => ({
  ...check,
  definition: canonical(["not", check.definition]),
  verdict: (...of) =>
    Effect.map(check.verdict(...of), (outcome) => {
      if (outcome === undefined || outcome.verdict === "error") return outcome
      const { actual, reason, score, verdict } = outcome
      const more = { ...(score !== undefined && { score: 1 - score }), ...(actual !== undefined && { actual }) }
      return verdict === "pass" ? fail(`must not pass: ${reason}`, more) : pass(`does not pass: ${reason}`, more)
    })
})

/** A check of a part of a run, or an outcome if the run does not have it. */
const within = <Case, R>(
  kind: string,
  place: string,
  check: Check<Case, unknown, R>,
  part: (run: EvalRun) => Either.Either<EvalRun, Outcome>
): Check<Case, unknown, R> => {
  const { judge } = check
  return {
    ...check,
    definition: canonical([kind, place, check.definition]),
    verdict: (value, run, judged) =>
      Either.match(part(run), {
        onLeft: Effect.succeed,
        onRight: (inner) =>
          Effect.map(check.verdict(value, inner, judged), (outcome) =>
            outcome && {
              ...outcome,
              reason: line(`${kind === "at" ? "" : `${kind} `}${place}: ${outcome.reason}`)
            })
      }),
    ...(judge !== undefined && {
      judge: {
        ...judge,
        input: (value: Case, run: EvalRun) =>
          judge.input(value, Either.getOrThrowWith(part(run), ({ reason }) => new Error(reason)))
      }
    })
  }
}

/**
 * Checks that a value is equal to the expected one, as JSON: the order of keys does not matter.
 *
 * @since 0.1.0
 * @category constructors
 */
export const equals: <Case>(expected: Expected<Case>, options?: AtOptions) => Check<Case> = (expected, options = {}) =>
  comparing("equals", expected, { at: options.at }, (actual, wanted) =>
    isSame(actual, wanted)
      ? pass(`equal to ${show(wanted)}`)
      : fail(`got ${show(actual)}, expected ${show(wanted)}`), problemIn(options, atNames))

/**
 * Checks that a text contains the expected text, or that a list contains the expected value. An empty expected text,
 * which every text contains, is an error.
 *
 * @since 0.1.0
 * @category constructors
 */
export const contains: <Case>(
  expected: Expected<Case>,
  options?: AtOptions & {
    /** Default: false. */
    readonly ignoreCase?: boolean | undefined
  }
) => Check<Case> = (expected, options = {}) => {
  const { at, ignoreCase = false } = options
  const folded = (text: string) => ignoreCase ? text.toLowerCase() : text
  const check = comparing(
    "contains",
    expected,
    { at, ignoreCase },
    (actual, wanted) => {
      const said = (found: boolean) =>
        found ? pass(`contains ${show(wanted)}`) : fail(`${show(actual)} does not contain ${show(wanted)}`)
      if (Array.isArray(actual)) return said(actual.some((one) => isSame(one, wanted)))
      if (typeof actual !== "string") return fail(`got ${show(actual)}, which is not a text or a list`)
      if (typeof wanted !== "string") return error(`expected ${show(wanted)}, which is not a text`)
      if (wanted === "") return error("the expected text is empty, and every text contains it")
      return said(folded(actual).includes(folded(wanted)))
    },
    problemIn(options, { ...atNames, ignoreCase: true }) ?? notFlag("an ignoreCase", ignoreCase)
  )
  const refuses = (value: Parameters<typeof check.verdict>[0]) =>
    expectedOf(expected, value) === "" ? "contains an empty text, which is in every text" : undefined
  return { ...check, refuses }
}

/**
 * The options of {@link similar}.
 *
 * @since 0.1.0
 * @category options
 */
export interface SimilarOptions<E = never, R = never> extends AtOptions {
  /** The least similarity that passes, from 0 to 1. Default: 0.8. */
  readonly min?: number | undefined
  /** Default: false. */
  readonly ignoreCase?: boolean | undefined
  /**
   * Your own similarity of the text and the expected text, from 0 to 1, such as one of embeddings. It runs each time that
   * a report or the cases are read. Default: 1 minus the edit distance, as a share of the longer text, in code points.
   */
  readonly by?: ((actual: string, expected: string) => number | Effect.Effect<number, E, R>) | undefined
}

/**
 * Checks that a text is similar to the expected text. The score is the similarity. Texts whose different parts are longer
 * than 10,000 characters each are an error, unless `by` compares them.
 *
 * @since 0.1.0
 * @category constructors
 */
export const similar = <Case, E = never, R = never>(
  expected: Expected<Case, string>,
  options: SimilarOptions<E, R> = {}
): Check<Case, unknown, NoInfer<R>> => {
  const { at, by, ignoreCase = false, min = 0.8 } = options
  const problem = problemIn(options, { ...atNames, min: true, ignoreCase: true, by: true }) ??
    notFlag("an ignoreCase", ignoreCase) ??
    (by === undefined || typeof by === "function" ? undefined : `has a by that must be a function, not ${show(by)}`)
  const folded = (text: string) => ignoreCase ? text.toLowerCase() : text
  const check = comparing<Case, string, R>("similar", expected, { at, ignoreCase, min, by }, (actual, wanted) => {
    if (typeof wanted !== "string") return error(`expected ${show(wanted)}, which is not a text`)
    if (typeof actual !== "string") return fail(`got ${show(actual)}, which is not a text`)
    const texts = [folded(actual), folded(wanted)] as const
    if (by === undefined) return similarityOf(texts, min)
    const answer = by(...texts)
    return Effect.isEffect(answer)
      ? Effect.match(answer, {
        onFailure: (failure) => error(`the check failed: ${messageOf(failure)}`),
        onSuccess: (score) => similarityOutcome(score, min)
      })
      : similarityOutcome(answer, min)
  }, problem ?? rangeProblem({ min }, Ranges.share))
  const refuses = (value: Case) => {
    const wanted: unknown = expectedOf(expected, value)
    return typeof wanted === "string" ? undefined : `is similar to ${show(wanted)}, which is not a text`
  }
  return { ...check, refuses }
}

/**
 * Checks that a text matches a regular expression. A text is an expression with the flag `u`. An expression that takes
 * longer than 1 second on a text is stopped, and the verdict is an error.
 *
 * @since 0.1.0
 * @category constructors
 */
export const matches = (pattern: RegExp | string, options: AtOptions = {}): Check => {
  const read = typeof pattern === "string" ? Pattern.fromText(pattern) : Either.right(Pattern.fromRegExp(pattern))
  const problem = problemIn(options, atNames) ??
    (Either.isLeft(read) ? `must be a regular expression: ${read.left}` : undefined)
  const shown = Either.match(read, { onLeft: () => String(pattern), onRight: ({ regex }) => String(regex) })
  return comparing("matches", shown, { at: options.at }, (actual) => {
    if (Either.isLeft(read)) return error(`the pattern is not a regular expression: ${read.left}`)
    if (typeof actual !== "string") return fail(`got ${show(actual)}, which is not a text`)
    return Effect.match(read.right.test(actual), {
      onFailure: ({ message }) => error(message),
      onSuccess: (isMatch) => isMatch ? pass(`matches ${shown}`) : fail(`${show(actual)} does not match ${shown}`)
    })
  }, problem)
}

/**
 * Checks that a value fits a schema.
 *
 * @since 0.1.0
 * @category constructors
 */
export const schema = <A, I>(schema: Schema.Schema<A, I>, options: AtOptions = {}): Check => {
  const decode = Schema.decodeUnknownEither(schema)
  return comparing(
    "schema",
    Schema.format(schema),
    { at: options.at, fields: schemaText(schema) },
    (actual) =>
      Either.match(decode(withoutDigits(actual)), {
        onLeft: (mismatch) => fail(Flow.formatMismatch(mismatch)),
        onRight: () => pass("fits the schema")
      }),
    problemIn(options, atNames)
  )
}

/**
 * Checks that a value fits a JSON Schema of the draft 2020-12, or of the draft 7 if its `$schema` says so. An unknown
 * keyword or format, and a `$ref` to another file, are refused before anything is sent.
 *
 * @since 0.1.0
 * @category constructors
 */
export const jsonSchema = (
  json: boolean | { readonly [keyword: string]: unknown },
  options: AtOptions = {}
): Check => {
  const { mismatch, mistake } = validatorOf(json)
  const check = make((_, { result }) =>
    Effect.map(mismatch(result), (reason) => ({
      ...(reason === undefined ? pass("fits the schema") : fail(reason)),
      actual: result
    }))
  )
  const problem = problemIn(options, atNames)
  return at(options.at ?? "", {
    ...check,
    kind: "schema",
    definition: canonical(["schema", json]),
    loads: Effect.map(mistake, (found) => found && mistakeText(found)),
    ...(problem !== undefined && { problem })
  })
}

/**
 * Checks that a number is near the expected one: `within` an amount, or a share of the expected number.
 *
 * @since 0.1.0
 * @category constructors
 */
export const near: <Case>(
  expected: Expected<Case, number>,
  options: AtOptions & {
    /** The largest difference that passes. Default: 0. */
    readonly within?: number | undefined
    /** The largest difference as a share of the expected number: 0.1 is 10 %. The larger limit counts. Default: 0. */
    readonly relative?: number | undefined
  }
) => Check<Case> = <Case>(
  expected: Expected<Case, number>,
  options: AtOptions & { readonly within?: number | undefined; readonly relative?: number | undefined }
) => {
  const { at, relative = 0, within = 0 } = options
  const unknown = problemIn(options, { ...atNames, within: true, relative: true })
  const check = comparing("near", expected, { at, within, relative }, (actual, wanted) => {
    if (typeof wanted !== "number" || !Number.isFinite(wanted)) return error(`expected ${show(wanted)}, not a number`)
    if (typeof actual !== "number") return fail(`got ${show(actual)}, which is not a number`)
    const difference = Math.abs(actual - wanted)
    const limit = Math.max(within, relative * Math.abs(wanted))
    // 0.3 - 0.2 is more than 0.1 in binary
    return difference <= limit + Number.EPSILON * Math.max(Math.abs(actual), Math.abs(wanted))
      ? pass(`${actual} is within ${limit} of ${wanted}`)
      : fail(`got ${actual}, expected ${wanted} within ${limit}`)
  }, unknown ?? rangeProblem({ within, relative }, Ranges.limit))
  const refuses = (value: Case) => {
    const wanted: unknown = expectedOf(expected, value)
    return Number.isFinite(wanted)
      ? undefined
      : `is near ${show(wanted)}, which is not a number: declare the column as a number in \`case\`, or mend the case`
  }
  return { ...check, refuses }
}

/**
 * Checks the calls of a tool that our own handlers answered: by default at least one. `arguments` selects the calls
 * that have these arguments, and perhaps others.
 *
 * @since 0.1.0
 * @category constructors
 */
export const calls: <Case>(
  tool: string,
  options?: {
    /** The exact number of calls; 0 for none. Default: at least 1. */
    readonly times?: number | undefined
    /** The least number of calls. Default: 1, or 0 with `max`. */
    readonly min?: number | undefined
    /** The largest number of calls. Default: no limit. */
    readonly max?: number | undefined
    /** Arguments that the counted calls have. Default: every call counts. */
    readonly arguments?: Expected<Case, { readonly [name: string]: unknown }> | undefined
  }
) => Check<Case> = (tool, options = {}) => {
  const { arguments: wanted = {}, max = options.times ?? Infinity, times } = options
  const unknown = namedProblem("the name of a tool", tool) ??
    problemIn(options, { times: true, min: true, max: true, arguments: true })
  const min = options.min ?? times ?? (options.max === undefined ? 1 : 0)
  const limits = min === max ? `${min}` : max === Infinity ? `at least ${min}` : `${min} to ${max}`
  return build(
    "calls",
    { tool, min, max: String(max), arguments: wanted },
    (value, run) => {
      if (run.calls === undefined) return notCaptured(`the calls of ${tool}`)
      const expected = expectedOf(wanted, value)
      const { length } = run.calls.filter((call) => call.tool === tool && hasAll(call.arguments, expected))
      const reason = `${length} calls of ${tool}, expected ${limits}`
      return length >= min && length <= max ? pass(reason) : fail(reason, { actual: run.calls })
    },
    {
      needs: { calls: true },
      problem: unknown ?? callsProblem(options) ?? (min <= max ? undefined : "must have a min that is at most its max")
    }
  )
}

/**
 * Checks the cost of the run: at most an amount of US dollars, as a number or exact decimal text.
 *
 * @since 0.1.0
 * @category constructors
 */
export const maxCostUsd = (limit: number | string): Check => {
  const most = parseCost(limit)
  return build<unknown, unknown>("maxCostUsd", { limit: String(limit) }, (_value, { costUsd }) => {
    const cost = parseCost(costUsd)
    if (Option.isNone(cost)) return notCaptured("the cost of the run")
    const more = { expected: limit, actual: costUsd }
    return BigDecimal.lessThanOrEqualTo(cost.value, Option.getOrThrow(most))
      ? pass(`costs ${costUsd} USD`, more)
      : fail(`costs ${costUsd} USD, allowed are ${limit}`, more)
  }, { problem: Option.isSome(most) ? undefined : amountForms })
}

/**
 * Checks the time of the run.
 *
 * @since 0.1.0
 * @category constructors
 */
export const maxDuration = (limit: Duration.DurationInput): Check => {
  const most = millisOf(limit)
  return build<unknown, unknown>("maxDuration", { most }, (_value, { durationMs }) => {
    if (durationMs === undefined) return notCaptured("the time of the run")
    const more = { expected: most, actual: durationMs }
    return durationMs <= most
      ? pass(`took ${durationMs} ms`, more)
      : fail(`took ${durationMs} ms, allowed are ${most}`, more)
  }, {
    problem: Ranges.outOf(Ranges.limit, most) && `must be a finite duration such as "2 seconds", not ${show(limit)}`
  })
}

/**
 * The options of {@link judge}.
 *
 * @since 0.1.0
 * @category options
 */
export interface JudgeOptions<Case, A, R> {
  /** The version of the judge. `"production"` and `"draft"` judge again in each new eval run. Default: `"production"`. */
  readonly version?: Flow.FlowVersion | undefined
  /** The input of the judge. */
  readonly input: (value: Case, run: EvalRun<A>) => JobInput
  /** The path of the verdict in the judge's result. Default: all of it. */
  readonly at?: Path | undefined
  /**
   * Whether the verdict passes: a check of it, or a function. Default: `true` passes, and so does a number from 0 to 1
   * of at least `minScore`.
   */
  readonly pass?: Check<Case, unknown, R> | ((verdict: unknown, value: Case) => Answer) | undefined
  /** The least number that passes, from 0 to 1. Default: 0.5. */
  readonly minScore?: number | undefined
  /** The path of the reason in the judge's result. Default: none. */
  readonly reason?: Path | undefined
  /** The text of the input that is compared with a baseline's. Default: the text of the function. */
  readonly definition?: string | undefined
}

const judgeNames: Names<JudgeOptions<never, unknown, unknown>> = {
  ...atNames,
  version: true,
  input: true,
  pass: true,
  minScore: true,
  reason: true,
  definition: true
}

/**
 * A check by a flow that judges. Each input is billed as a run of the judge, once in an eval run. A numbered version
 * does not judge an input again in later eval runs. A judge that fails, or has no verdict, is an error.
 *
 * @example
 * ```ts
 * import { Check } from "@effect-noukai/eval"
 *
 * const polite = Check.judge("acme/judges/politeness", {
 *   input: (_: unknown, run) => ({ message: String(run.result) }),
 *   at: "polite"
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const judge = <Case, A = unknown, R = never>(
  flow: Flow.FlowRef<never>,
  options: JudgeOptions<Case, A, R>
): Check<Case, A, NoInfer<R>> => {
  const { at: path = "", definition, input, minScore = 0.5, pass: passes, reason } = options
  const unknown = problemIn(options, judgeNames)
  const version = namedVersion(options.version === undefined ? "production" : options.version)
  const scoreProblem = Ranges.outOf(Ranges.share, minScore)
  const noVerdict = (why: string) => error(`the judge gave no verdict: ${why}`)

  const plain = (found: unknown): Outcome => {
    if (typeof found === "boolean") return found ? pass("the judge says true") : fail("the judge says false")
    return typeof found !== "number" || !(found >= 0 && found <= 1)
      ? noVerdict(`got ${show(found)}, expected true, false or a number from 0 to 1`)
      : (found >= minScore ? pass : fail)(`the judge says ${found}, required is ${minScore}`, { score: found })
  }

  const judging: Check<Case, unknown, R> = passes === undefined
    ? make((_value, { result }) => plain(result))
    : typeof passes === "function"
    ? make((value, { result }) => passes(result, value))
    : passes

  const check = build<Case, A, R>("judge", {
    flow: typeof flow === "object" && Flow.isFlow(flow) ? flow.ref : flow,
    version,
    input: definition ?? input,
    at: pathText(path),
    pass: typeof passes === "object" ? passes.definition : passes,
    minScore,
    reason: reason === undefined ? reason : pathText(reason)
  }, (value, run, judged) => {
    if (judged === undefined) return error("the judge did not run")
    if (judged.state !== "done") {
      return error(`the judge is ${judged.state}: ${judged.error?.message ?? "its run did not end"}`)
    }
    const found = valueAt(judged.result, path)
    if (Option.isNone(found)) return noVerdict(path === "" ? "it has no result" : `its result has no ${pathText(path)}`)
    const said = Option.filter(valueAt(judged.result, reason ?? ""), Predicate.isString)
    return Effect.map(
      judging.verdict(value, { ...run, result: found.value }),
      (outcome) =>
        outcome === undefined || outcome.verdict === "error" || reason === undefined || Option.isNone(said)
          ? outcome
          : { ...outcome, reason: line(said.value) }
    )
  }, {
    problem: unknown ?? pathProblem(path) ?? pathProblem(reason === undefined ? "" : reason, "reason") ??
      passProblem(options, TypeId) ?? (typeof input !== "function"
        ? "must have an input: a function of the case and the run"
        : scoreProblem === undefined
        ? judging.problem
        : `has a minScore that ${scoreProblem}`)
  })
  const { loads, refuses } = judging
  return { ...check, judge: { flow, version, input }, ...(refuses && { refuses }), ...(loads && { loads }) }
}
