/**
 * Evals in files: `spelling.eval.json`, or YAML. The JSON Schema of these files is `eval.schema.json` of this package.
 *
 * @since 0.1.0
 */
import * as BatchSource from "@effect-noukai/batch/BatchSource"
import type { BatchStore } from "@effect-noukai/batch/BatchStore"
import { hint } from "@effect-noukai/sdk/kit/names"
import { rowOptions } from "@effect-noukai/sdk/kit/runOptions"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as JSONSchema from "effect/JSONSchema"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Record from "effect/Record"
import * as Schema from "effect/Schema"
import { dirname, resolve } from "node:path"
import * as Check from "./Check.js"
import type { Eval } from "./Eval.js"
import type { EvalError, EvalFileError, InvalidEvalError } from "./EvalError.js"
import { type Draft, type DraftOptions, Thresholds } from "./EvalOptions.js"
import { SideName } from "./EvalReport.js"
import type { EvalRun } from "./EvalRun.js"
import * as Definition from "./internal/definition.js"
import { readText } from "./internal/file.js"
import * as Init from "./internal/init.js"
import { fitting, fromTexts, JsonSchema, validatorOf } from "./internal/jsonSchema.js"
import { moduleCheck, type ModuleSpec } from "./internal/moduleCheck.js"
import { type Parsed, parseYaml, type Place } from "./internal/parse.js"
import * as Ranges from "./internal/ranges.js"
import * as RunEval from "./internal/run/runEval.js"
import { canonical, exact, filled, keysOf, pathProblem, show, templateProblem, valueAt } from "./internal/values.js"

const described = <A, I, R>(schema: Schema.Schema<A, I, R>, description: string): Schema.Schema<A, I, R> =>
  schema.annotations({ description })

const at = Schema.optional(
  described(Schema.String, "The path of the value in the result: \"answers.0.text\". Default: all of it.")
)

const anything = (description: string) => described(Schema.Unknown, description)

const Value = anything(
  "A value. { \"$case\": \"path\" } is a value of the case, and { \"$text\": [...] } joins texts."
)

const Version = Schema.Union(Schema.Literal("production", "draft"), Ranges.within(Ranges.count))

const inputFields = Record.fromIterableWith(
  [...rowOptions, "$case", "$run"],
  (name) => [name, anything("Any value, or a template.")]
)

const Template = described(
  Schema.partial(Schema.Struct(inputFields)),
  "The input of the run: message, parameters, messages, blockOverrides, snapshots. { \"$case\": \"path\" } is a value of " +
    "the case, { \"$text\": [...] } joins texts, and in the input of a judge { \"$run\": \"result\" } is a value of the run."
)

/** The forms of checks, by the field that names them. */
const forms = (nested: Schema.Schema<unknown>) => ({
  equals: Schema.Struct({ equals: Value, at }),
  contains: Schema.Struct({ contains: Value, ignoreCase: Schema.optional(Schema.Boolean), at }),
  matches: Schema.Struct({ matches: described(Schema.String, "A regular expression."), at }),
  schema: Schema.Struct({
    schema: JsonSchema,
    at
  }),
  near: Schema.Struct({
    near: Schema.Union(Ranges.within(Ranges.finite), Schema.Struct({ $case: Schema.String })),
    within: Schema.optional(described(Ranges.within(Ranges.limit), "The largest difference. Default: 0.")),
    relative: Schema.optional(
      described(Ranges.within(Ranges.limit), "The largest difference as a share: 0.1 is 10 %. Default: 0.")
    ),
    at
  }),
  similar: Schema.Struct({
    similar: Schema.Union(
      Schema.String,
      Schema.Struct({ $case: Schema.String }),
      Schema.Struct({ $text: Schema.Array(Value) })
    ),
    min: Schema.optional(described(Ranges.within(Ranges.share), "The least similarity that passes. Default: 0.8.")),
    ignoreCase: Schema.optional(Schema.Boolean),
    at
  }),
  not: Schema.Struct({
    not: described(nested, "The check that must not pass. It also does not pass where its own path has no value."),
    at: Schema.optional(described(Schema.String, "The path of the value. Without a value there, the check fails."))
  }),
  step: Schema.Struct({ step: described(Schema.String, "The id of a step, whose output is checked."), check: nested }),
  calls: Schema.Struct({
    calls: described(Schema.String, "The name of a tool."),
    times: Schema.optional(Ranges.within(Ranges.count)),
    min: Schema.optional(Ranges.within(Ranges.count)),
    max: Schema.optional(Ranges.within(Ranges.count)),
    arguments: Schema.optional(Schema.Record({ key: Schema.String, value: anything("Any value, or a template.") }))
  }),
  maxCostUsd: Schema.Struct({ maxCostUsd: Schema.Union(Schema.String, Schema.Number) }),
  maxDuration: Schema.Struct({
    maxDuration: described(Schema.Union(Schema.String, Schema.Number), "\"2 seconds\", or milliseconds.")
  }),
  module: Schema.Struct({
    module: described(Schema.String, "The path of a module from the folder of this file. Its code runs."),
    export: Schema.optional(
      described(
        Schema.String,
        "Its export: a function of the case, the run and the options, or a check. Default: default."
      )
    ),
    with: Schema.optional(described(
      Schema.Record({ key: Schema.String, value: anything("Any value, or a template.") }),
      "The options of the function."
    )),
    at
  }),
  judge: Schema.Struct({
    judge: described(Schema.String, "The flow that judges: \"org/project/slug\"."),
    version: Schema.optional(Version),
    input: Template,
    at: Schema.optional(described(Schema.String, "The path of the verdict in the judge's result. Default: all of it.")),
    pass: Schema.optional(nested),
    minScore: Schema.optional(
      described(Ranges.within(Ranges.share), "The least score that passes. Default: 0.5.")
    ),
    reason: Schema.optional(described(Schema.String, "The path of the reason in the judge's result. Default: none."))
  })
})

const checkForms = forms(Schema.Unknown)

const fileOf = (check: Schema.Schema<unknown>) =>
  Schema.Struct({
    $schema: Schema.optional(Schema.String),
    name: described(Schema.String, "Names the eval in its ledger, its baseline and its reports."),
    flow: described(Schema.String, "The flow: \"org/project/slug\"."),
    cases: Schema.Union(
      described(Schema.String, "The path of a file of JSON lines or CSV, from the folder of this file."),
      described(Schema.Array(anything("A case.")), "The cases themselves.")
    ),
    case: Schema.optional(JsonSchema),
    key: described(Schema.String, "The path of the key in a case, unique in the eval."),
    input: Template,
    operation: Schema.optional(Schema.Literal("jobs", "execute")),
    sides: Schema.optional(described(
      Schema.Record({
        key: Schema.String,
        value: Schema.Struct({
          flow: Schema.optional(Schema.String),
          version: Schema.optional(Version),
          blockOverrides: SideName.fields.blockOverrides
        })
      }),
      "Sides by names, which --candidate and --baseline take."
    )),
    checks: described(Schema.Record({ key: Schema.String, value: check }), "The checks by their names."),
    checksOf: Schema.optional(described(
      Schema.String,
      "The path in a case of the names of the checks that judge it: a list, or a text such as \"score, short\". A case " +
        "without names has all checks. Default: every check judges every case."
    )),
    minMean: Schema.optional(described(
      Ranges.within(Ranges.share),
      "The least weighted mean of the scores of a case that passes. Default: every check must pass."
    )),
    weights: Schema.optional(described(
      Schema.Record({ key: Schema.String, value: Ranges.within(Ranges.limit) }),
      "The weights of checks in the mean, by their names. Default: 1."
    )),
    thresholds: Schema.optional(Thresholds)
  })

const File = fileOf(Schema.Unknown)

const AnyCheck = Schema.Union(...Object.values(forms(Schema.suspend(() => AnyCheck)))).annotations({
  identifier: "Check",
  description: "A check."
}) as Schema.Schema.Any as Schema.Schema<unknown>

/**
 * The JSON Schema of the files, as `eval.schema.json` has it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const jsonSchema = (): JSONSchema.JsonSchema7Root => {
  const schema = JSONSchema.make(fileOf(AnyCheck).annotations({ title: "An eval of a Noukai flow" }))
  // Effect identifies any value by one and the same $id, which validators refuse the second time
  return JSON.parse(JSON.stringify(schema, (name, value: unknown) => name === "$id" ? undefined : value))
}

/** The input that a template makes. */
const inputOf = (template: object) => (value: unknown, run?: unknown) =>
  filled(template, { $case: value, $run: run }) as never

/** The parts of a template that name values of the case or of the run. */
const partsOf = (name: "$case" | "$run", template: unknown): ReadonlyArray<{ readonly [name: string]: Check.Path }> =>
  typeof template !== "object" || template === null
    ? []
    : name in template
    ? [template as { readonly [name: string]: Check.Path }]
    : Object.values(template).flatMap((part) => partsOf(name, part))

type Spec<F extends keyof typeof checkForms> = (typeof checkForms)[F]["Type"]

/** Makes checks of their forms. `inner` is the check inside of a check, or the check of a module. */
const makers: {
  readonly [F in keyof typeof checkForms]: (spec: Spec<F>, inner: Check.Check | undefined) => Check.Check
} = {
  equals: ({ at, equals }) => Check.equals(equals as Check.Literal, { at }),
  contains: ({ contains, ...options }) => Check.contains(contains as Check.Literal, options),
  matches: ({ at, matches }) => Check.matches(matches, { at }),
  schema: ({ at, schema }) => Check.jsonSchema(schema as boolean, { at }),
  near: ({ near, ...options }) => Check.near(near, options),
  similar: ({ similar, ...options }) => Check.similar(similar as string, options),
  not: ({ at = "" }, inner) => Check.at(at, Check.not(inner!)),
  step: ({ step }, inner) => Check.step(step, inner!),
  calls: ({ calls, ...options }) => Check.calls(calls, options),
  module: ({ at = "" }, inner) => Check.at(at, inner!),
  maxCostUsd: ({ maxCostUsd }) => Check.maxCostUsd(maxCostUsd),
  maxDuration: ({ maxDuration }) => Check.maxDuration(maxDuration as number),
  judge: ({ input, judge, pass: _, ...options }, inner) => ({
    ...Check.judge(judge, { ...options, pass: inner, input: inputOf(input), definition: canonical(input) }),
    expects: [partsOf("$case", input), inner?.expects]
  })
}

/** The fields of a run that the input of a judge may name. */
const runFields: { readonly [Field in keyof EvalRun]-?: true } = {
  key: true,
  flow: true,
  version: true,
  trial: true,
  state: true,
  result: true,
  error: true,
  executionId: true,
  costUsd: true,
  attemptsCostUsd: true,
  isAttemptsCostUnknown: true,
  durationMs: true,
  tokens: true,
  steps: true,
  calls: true
}

/** The mistake in the input of a judge, or of a flow, which has no run yet. */
const inputProblem = (input: object, hasRun: boolean): string | undefined => {
  const problem = templateProblem(input)
  if (problem !== undefined) return problem
  const paths = partsOf("$run", input).flatMap(({ $run }) => $run === undefined ? [] : [$run])
  if (!hasRun) return paths.length === 0 ? undefined : "has $run, which only the input of a judge has"
  return paths.flatMap((path) => {
    const [field = ""] = keysOf(path)
    const problem = pathProblem(path, "$run")
    return problem !== undefined
      ? [problem]
      : field === "" || Object.hasOwn(runFields, field)
      ? []
      : [
        `has $run ${show(path)}, and a run has no ${field}: ${hint(field, Object.keys(runFields), "begin with result")}`
      ]
  })[0]
}

/** Fails with the line of the mistake in a JSON Schema. */
const schemaFits = (file: Parsed, place: Place, json: unknown): Effect.Effect<void, InvalidEvalError> =>
  Effect.flatMap(
    validatorOf(json).mistake,
    (found) => found === undefined ? Effect.void : file.invalid([...place, ...found.place], found.reason)
  )

/** A file, the folder of its modules, and whether their code runs. */
interface Source {
  readonly file: Parsed
  readonly folder: string
  readonly isRun: boolean
}

/** Reads a check of a file. */
const checkOf = (source: Source, place: Place, spec: unknown): Effect.Effect<Check.Check, InvalidEvalError> =>
  Effect.gen(function*() {
    const { file, folder, isRun } = source
    const form = Record.keys(checkForms).find((form) => Predicate.hasProperty(spec, form))
    if (form === undefined) return yield* file.invalid(place, `must have one of ${Object.keys(checkForms).join(", ")}`)
    const value: object = yield* file.decode(
      checkForms[form] as Schema.Schema.Any as Schema.Schema<object>,
      place,
      spec
    )
    const [nested, inside] = Object.entries(value).find(([name]) =>
      name === "check" || name === "pass" || name === "not"
    ) ??
      []
    const inner = Predicate.hasProperty(value, "module")
      ? yield* Effect.mapError(
        moduleCheck(folder, value as ModuleSpec, isRun),
        ([field, reason]) => file.invalid([...place, field], reason)
      )
      : nested === undefined
      ? undefined
      : yield* checkOf(source, [...place, nested], inside)
    if (Predicate.hasProperty(value, "schema")) yield* schemaFits(file, [...place, "schema"], value.schema)
    if (Predicate.hasProperty(value, "judge") && Predicate.hasProperty(value, "input")) {
      const problem = inputProblem(Object(value.input), true)
      if (problem !== undefined) return yield* file.invalid([...place, "input"], problem)
    }
    const check = makers[form](value as never, inner)
    return check.problem === undefined ? check : yield* file.invalid(place, check.problem)
  })

/** The source of the cases, and the schema of a case. */
const casesOf = (folder: string, { case: json, cases }: typeof File.Type) => {
  const isCsv = typeof cases === "string" && /\.csv$/i.test(cases)
  const source: BatchSource.BatchSource<unknown> = typeof cases !== "string"
    ? BatchSource.fromIterable(cases)
    : BatchSource[isCsv ? "fromCsv" : "fromJsonl"](resolve(folder, cases))
  const decode: (row: never) => unknown = isCsv ? fromTexts(json) : identity
  const schema = Schema.transform(Schema.Unknown, fitting(json), {
    decode: (row) => decode(row as never),
    encode: identity
  })
  return { cases: source, case: json === undefined ? undefined : schema }
}

/**
 * The options of reading a definition.
 *
 * @since 0.1.0
 * @category options
 */
export interface ReadOptions {
  /**
   * Whether the modules of its checks are loaded, which runs their code. If not, the verdicts of these checks are errors:
   * for definitions that you only found. Default: true.
   */
  readonly modules?: boolean | undefined
}

/**
 * Reads an eval from the text of a file. Paths of cases and modules are resolved from the folder of `path`. The modules
 * that it names for checks are loaded: their code runs.
 *
 * Fails with `InvalidEvalError`, with the line, if the definition is wrong.
 *
 * @since 0.1.0
 * @category constructors
 */
export const parse = (
  text: string,
  path: string,
  { modules = true }: ReadOptions = {}
): Effect.Effect<Eval<unknown>, InvalidEvalError> =>
  Effect.gen(function*() {
    const file = yield* parseYaml(path, text)
    const source: Source = { file, folder: dirname(path), isRun: modules }
    const decoded = yield* file.decode(File)
    const { checksOf, flow, input, key, minMean, name, operation, sides, thresholds, weights } = decoded
    const wrong = inputProblem(input, false)
    if (wrong !== undefined) return yield* file.invalid(["input"], wrong)
    if (decoded.case !== undefined) yield* schemaFits(file, ["case"], decoded.case)
    const checks: { [name: string]: Check.Check } = {}
    for (const [name, spec] of Object.entries(decoded.checks)) {
      checks[name] = yield* checkOf(source, ["checks", name], spec)
    }
    const definition = Definition.make(name, {
      flow,
      ...casesOf(dirname(path), decoded),
      key: (value) => {
        const found = filled({ $case: key }, { $case: value })
        return typeof found === "number" ? String(found) : found as string
      },
      input: (value) => exact(inputOf(input)(value)) as never,
      operation,
      sides,
      marks: `${path.replace(/(\.eval)?\.(json|ya?ml)$/i, "")}.marks.jsonl`,
      checksOf: checksOf === undefined
        ? checksOf
        : (value) => Option.getOrUndefined(valueAt(value, checksOf)) as string | undefined,
      minMean,
      weights,
      thresholds
    }, checks)
    const problem = Definition.problemOf(definition)
    if (problem !== undefined) return yield* file.invalid(problem[0].split("."), problem[1])
    return definition as never
  })

/**
 * Reads an eval from a file of JSON or YAML. The modules that it names for checks are loaded: their code runs.
 *
 * Fails with `EvalFileError` if the file cannot be read, and with `InvalidEvalError`, with the line, if the definition is
 * wrong.
 *
 * @since 0.1.0
 * @category constructors
 */
export const load = (
  path: string,
  options?: ReadOptions
): Effect.Effect<Eval<unknown>, EvalFileError | InvalidEvalError> =>
  Effect.flatMap(readText(path), (text) => parse(text, path, options))

const planOf: (self: Eval<unknown>) => Effect.Effect<Draft["plan"], EvalError, BatchStore> = RunEval.plan as never

/**
 * Drafts a definition for cases: guesses their key, their message, the expected result and the types of their columns,
 * and plans an eval run by it. Nothing is sent or written.
 *
 * Fails with `InvalidEvalError` if a case cannot be used, with its place, or if a named column is missing.
 *
 * @example
 * ```ts
 * import { EvalFile } from "@effect-noukai/eval"
 *
 * const draft = EvalFile.draft({ path: "spelling.eval.yaml", flow: "acme/spelling/grade-3", cases: "cases.csv" })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const draft = (options: DraftOptions): Effect.Effect<Draft, EvalError, BatchStore> =>
  Effect.gen(function*() {
    const { casesPath, guesses, rows, text } = yield* Init.drafted(options)
    const definition = yield* parse(text, options.path)
    const given = rows === undefined ? definition : { ...definition, cases: BatchSource.fromIterable(rows) }
    const plan = yield* planOf(given)
    const cases = rows === undefined
      ? {}
      : { cases: { path: resolve(dirname(options.path), casesPath), text: Init.linesOf(rows) } }
    return { text, ...cases, guesses, plan }
  })
