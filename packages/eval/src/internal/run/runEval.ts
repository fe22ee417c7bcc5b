// Eval.ts has the types of the errors and requirements
// @effect-diagnostics anyUnknownInErrorContext:off
/** Plans, runs, scores and reports eval runs. */
import * as Batch from "@effect-noukai/batch/Batch"
import { Flow, NoukaiConfig } from "@effect-noukai/sdk"
import { isFields, isVersion, type Names } from "@effect-noukai/sdk/kit/names"
import { digitsOf, withDigits } from "@effect-noukai/sdk/kit/plainJson"
import { formatCost, parseCost } from "@effect-noukai/sdk/Trace"
import * as Arr from "effect/Array"
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Struct from "effect/Struct"
import { Baseline } from "../../Baseline.js"
import { type Check, TypeId as CheckTypeId } from "../../Check.js"
import { InvalidEvalError } from "../../EvalError.js"
import type {
  EvalPlan,
  LimitOptions,
  MatrixOptions,
  ReportOptions,
  RunOptions,
  ScoreOptions,
  Side
} from "../../EvalOptions.js"
import type { CaseVerdict, EvalMatrix, EvalReport, SideName, Trial } from "../../EvalReport.js"
import type { EvalRun } from "../../EvalRun.js"
import * as Marks from "../../Marks.js"
import { against } from "../baseline.js"
import { addressOf, checked, type Definition, isName, made, nameForms } from "../definition.js"
import { limitNames, matrixNames, named, optionsOf, reportNames, runNames, scoreNames } from "../names.js"
import * as Ranges from "../ranges.js"
import { nameOf, namesOf } from "../report/words.js"
import { count, summing } from "../summary.js"
import { canonical, line, namedVersion, show } from "../values.js"
import { caseVerdict, checksOfCase, human, outcomesOf } from "../verdict.js"
import { type Cassettes, cassettesOf } from "./cassettes.js"
import * as Facts from "./facts.js"
import * as Judges from "./judges.js"
import * as Selection from "./selection.js"
import * as Trials from "./trials.js"

const isStored = (baseline: Side | Baseline | undefined): baseline is Baseline =>
  Predicate.hasProperty(baseline, "hashes")

const invalid = (at: string, field: string, reason: string) => new InvalidEvalError({ at, field, reason })

const sideNames: Names<Extract<Side, object>> = { flow: true, version: true, blockOverrides: true, name: true }

const areOverrides = (value: unknown): boolean => isFields(value) && Object.values(value).every(isFields)

/** The flow and the version of a side, and what it changes. */
const sideOf = Effect.fnUntraced(function*(method: string, field: string, definition: Definition, side: Side) {
  if (Predicate.isRecord(side)) yield* named(method, { [field]: side }, { [field]: sideNames })
  const given = Predicate.isRecord(side) ? side : { version: side }
  const { blockOverrides, flow = definition.flow, name, version = "production" } = given
  if (!isVersion(version)) {
    return yield* invalid(method, field, `${Trials.versionForms}, not ${show(version)}`)
  }
  if (blockOverrides !== undefined && !areOverrides(blockOverrides)) {
    const forms = "has blockOverrides that must have fields of blocks by the ids of steps"
    return yield* invalid(method, field, `${forms}, not ${show(blockOverrides)}`)
  }
  if (name !== undefined && !isName(name)) return yield* invalid(method, field, `has a name that ${nameForms}`)
  const found: SideName = {
    flow: yield* addressOf(method, field, flow),
    version: String(namedVersion(version)),
    ...(name !== undefined && { name }),
    ...(blockOverrides !== undefined && { blockOverrides })
  }
  return found
})

const sideFrom = ({ version, ...side }: SideName): Side => ({ ...side, version: Trials.versionOf(version) })

const isNamed = (side: Side | SideName): side is SideName =>
  Predicate.isRecord(side) && typeof side.version === "string" && side.flow !== undefined

/** The side as text, without its name. */
const textOf = ({ blockOverrides = {}, flow, version }: SideName): string => canonical([flow, version, blockOverrides])

/** The most sides of a run. */
const mostSides = 8

/** All candidates. */
const sidesIn = ({ candidate, others = [] }: Pick<Facts.Facts, "candidate" | "others">) => [candidate, ...others]

interface SidesOptions extends MatrixOptions, Pick<RunOptions, "candidate"> {}

/** The sides and the number of trials, checked. */
const sidesOf = Effect.fnUntraced(
  function*(
    method: string,
    definition: Definition,
    { baseline, candidate = "draft", candidates, repeat = 1 }: SidesOptions
  ) {
    const wrong = Ranges.outOf(Ranges.trials, repeat)
    if (wrong !== undefined) return yield* invalid(method, "repeat", wrong)
    const given: ReadonlyArray<Side> = candidates === undefined ? [candidate] : candidates
    const most = mostSides - (baseline === undefined ? 0 : 1)
    if (!Array.isArray(given) || !Arr.isNonEmptyReadonlyArray(given) || given.length > most) {
      return yield* invalid(method, "candidates", `must be 1 to ${most} sides, not ${show(candidates)}`)
    }
    const places = Arr.map(given, (_, nth) => candidates === undefined ? "candidate" : `candidates.${nth}`)
    const [first, ...others] = yield* Effect.forEach(
      given,
      (side, nth) => sideOf(method, places[nth]!, definition, side)
    )
    const sides: Pick<Facts.Facts, "candidate" | "baseline" | "others"> = {
      candidate: first,
      ...(baseline !== undefined && !isStored(baseline) && {
        baseline: yield* sideOf(method, "baseline", definition, baseline)
      }),
      ...(others.length > 0 && { others })
    }
    if (sides.baseline !== undefined && textOf(sides.baseline) === textOf(first)) {
      return yield* invalid(method, "baseline", "is the candidate: compare with another version or flow")
    }
    const all = [...sides.baseline === undefined ? [] : [sides.baseline], first, ...others]
    for (const same of [textOf, (side: SideName) => side.name ?? textOf(side)]) {
      const twice = all.find((side, nth) => all.findIndex((one) => same(one) === same(side)) < nth)
      if (twice !== undefined) return yield* invalid(method, "candidates", `has ${nameOf(twice)} twice`)
    }
    return { ...sides, repeat }
  }
)

/** A definition with the check of the marks of people, if there are any. */
const withMarks = Effect.fnUntraced(function*(method: string, definition: Definition) {
  const all = definition.marks === undefined ? [] : yield* Marks.read(definition.marks)
  const marks = new Map(all.map((mark) => [`${mark.output} ${mark.key}`, mark]))
  if (marks.size === 0) return definition
  if (Object.hasOwn(definition.checks, human)) {
    return yield* invalid(
      method,
      `checks.${human}`,
      `is the name of the marks in ${definition.marks}: rename the check`
    )
  }
  const check: Check = {
    [CheckTypeId]: CheckTypeId,
    kind: human,
    definition: human,
    needs: { steps: [], calls: false },
    verdict: (_, run) => {
      const { reason = "", verdict = "none" } = marks.get(`${Marks.hashOf(run)} ${run.key}`) ?? {}
      const said = reason === "" ? `a person marked it as ${verdict}` : line(reason)
      return Effect.succeed(
        verdict === "none" ? undefined : { verdict: verdict === "good" ? "pass" : "fail", reason: said }
      )
    }
  }
  const marked: Definition = { ...definition, checks: { ...definition.checks, [human]: check } }
  return marked
})

/** An eval run as it is defined now. `earlier` are the eval runs whose results it may use. */
const sessionOf = Effect.fnUntraced(function*(method: string, given: Definition, facts: Facts.Facts) {
  const definition = yield* withMarks(method, given)
  const session: Trials.Session = {
    definition,
    checked: yield* checked(method, definition),
    facts,
    earlier: (yield* Facts.all()).filter(({ run, server }) => run !== facts.run && server === facts.server).reverse()
  }
  return { session, judges: yield* Judges.judgesOf(method, definition) }
})

/** Refuses a count of errors, and a stored baseline, that cannot be used. */
const refusing = Effect.fnUntraced(function*(
  method: string,
  { allowErrors, baseline }: Compared,
  isStoredAlone = false
) {
  const wrong = allowErrors === undefined ? undefined : Ranges.outOf(Ranges.count, allowErrors)
  if (wrong !== undefined) return yield* invalid(method, "allowErrors", wrong)
  if (isStored(baseline)) {
    yield* Effect.mapError(
      Schema.decodeUnknown(Baseline)(baseline),
      (error) => invalid(method, "baseline", line(`is wrong: ${Flow.formatMismatch(error)}`))
    )
  } else if (isStoredAlone && baseline !== undefined) {
    return yield* invalid(method, "baseline", "must be a blessed baseline: a stored run has its sides")
  }
})

/** An eval run of the ledger, with its definition. */
const existing = (method: string, definition: Definition, options: ReportOptions) =>
  made(method, definition).pipe(
    Effect.zipRight(refusing(method, options, true)),
    Effect.zipRight(Effect.suspend(() => Facts.find(definition.name, options.run))),
    Effect.flatMap((facts) => sessionOf(method, definition, facts))
  )

/** An amount to keep. The batch refuses any other value. */
const amountOf = (value: unknown) => Option.getOrUndefined(Option.map(parseCost(value), formatCost))

/** The cases of a new run, if it does not have all of them. */
const selectionOf = Effect.fnUntraced(function*(method: string, definition: Definition, options: SidesOptions) {
  const { failing = false, first, select } = options
  const selection = { of: 0, ...yield* Selection.asked(method, options) }
  if (failing === false) return (first ?? select) === undefined ? {} : { selection }
  const earlier = yield* failing === true
    ? Facts.newest(definition.name, true)
    : Facts.find(definition.name, failing)
  const { judges, session } = yield* sessionOf(method, definition, earlier)
  const keys = new Set<string>()
  for (const pair of Trials.pairsOf(session)) {
    const failed = Stream.filter(verdicts(pair, judges, undefined), Selection.isFailing)
    yield* Stream.runForEach(failed, ({ key }) => Effect.sync(() => keys.add(key)))
  }
  return { selection: { ...selection, failing: earlier.run, keys: [...keys] } }
})

/** The facts of a run that is resumed, or of a new one whose cases are yet to be read. */
const factsOf = Effect.fnUntraced(
  function*(method: string, definition: Definition, options: SidesOptions, [run, startedAt]: Cassettes["id"]) {
    const { checks, name } = definition
    const { resume = false } = options
    if (resume === false) {
      const sides = yield* sidesOf(method, definition, options)
      if (definition.thresholds.maxMedianMs !== undefined && sides.baseline === undefined) {
        return yield* invalid(method, "thresholds.maxMedianMs", "requires a version as baseline: a file has no times")
      }
      // a run from cassettes is the same on every server
      const hasCassettes = (options.record ?? options.replay) !== undefined
      const config = hasCassettes ? Option.none() : yield* Effect.serviceOption(NoukaiConfig)
      const common = Trials.commonOf(definition, yield* checked(method, definition))
      const hasJudges = Object.values(checks).some(({ judge }) => judge !== undefined)
      const stored = isStored(options.baseline) ? { stored: options.baseline.run } : {}
      const server = Option.match(config, { onNone: () => "", onSome: ({ origin, prefix }) => origin + prefix })
      const amounts = { budgetUsd: amountOf(options.budgetUsd), maxCostPerRow: amountOf(options.maxCostPerRow) }
      const selection = yield* selectionOf(method, definition, options)
      const unread = { eval: name, run, startedAt, cases: 0, hash: "", ...amounts }
      const begun: Facts.Facts = { ...unread, ...sides, ...stored, ...selection, hasJudges, server, common }
      return begun
    }
    const facts = yield* resume === true ? Facts.newest(name, false) : Facts.find(name, resume)
    const { baseline, candidate, failing, first, repeat, select } = options
    const { selection } = facts
    const part = yield* Selection.asked(method, options)
    const { candidates = sidesIn(facts).map(sideFrom) } = options
    const sides = yield* sidesOf(method, definition, candidate === undefined ? { ...options, candidates } : options)
    for (
      const [field, isGiven, wanted, found] of [
        ["candidate", candidate !== undefined, sides.candidate, facts.candidate],
        ["candidates", options.candidates !== undefined, sidesIn(sides), sidesIn(facts)],
        ["baseline", baseline !== undefined && !isStored(baseline), sides.baseline, facts.baseline],
        ["repeat", repeat !== undefined, sides.repeat, facts.repeat],
        ["select", select !== undefined, part.select, selection?.select],
        ["first", first !== undefined, part.first, selection?.first],
        [
          "failing",
          failing !== undefined,
          typeof failing === "string" ? failing : failing === true,
          typeof failing === "string" ? selection?.failing : selection?.failing !== undefined
        ]
      ] as const
    ) {
      if (isGiven && canonical([wanted ?? null]) !== canonical([found ?? null])) {
        return yield* invalid(method, field, `is not that of the run ${facts.run}: leave it out, or begin a new run`)
      }
    }
    return facts
  }
)

const noCounts = (): Trials.Counts => ({ of: 0, cases: 0, hash: "", rows: 0, reused: 0, isUncaptured: false })

/** Checks the definition, the options and all cases, and compares them with the ledger. Nothing is sent. */
const planned = Effect.fnUntraced(
  function*(method: string, definition: Definition, options: SidesOptions, id: Cassettes["id"]) {
    yield* checked(method, definition)
    yield* refusing(method, options)
    const begun = yield* factsOf(method, definition, options, id)
    const { judges, session: all } = yield* sessionOf(method, definition, begun)
    // cassettes have every run
    const session = (options.record ?? options.replay) === undefined ? all : { ...all, earlier: [] }
    const counts = noCounts()
    const { invalidRows, refused } = yield* Batch.plan(Trials.batchOf(session), Trials.sourceOf(session, counts))
    const wrong = invalidRows[0] ?? refused[0]
    if (wrong !== undefined) return yield* invalid(wrong.at, "the case", `cannot be run: ${wrong.error.message}`)
    const { selection } = begun
    if (selection !== undefined && counts.cases === 0) {
      return yield* Selection.nothing(method, { ...selection, of: counts.of })
    }
    if (begun.hash !== "" && counts.hash !== begun.hash) {
      return yield* invalid(method, "cases", `have changed since the run ${begun.run} began: begin a new run`)
    }
    const { cases, hash, of } = counts
    const { selection: _, ...whole } = begun
    const isBegun = begun.hash !== ""
    // a selection of all cases is none, also when cases are added later
    const facts: Facts.Facts = isBegun || selection === undefined
      ? { ...begun, cases, hash }
      : cases === of
      ? { ...whole, cases, hash }
      : { ...begun, cases, hash, selection: { ...selection, of } }
    return { counts, judges, session: { ...session, facts } }
  }
)

/** The data that checks need and that this definition cannot have. */
const notCaptured = ({ checks, tools }: Definition, { isUncaptured }: Trials.Counts): EvalPlan["notCaptured"] =>
  Object.entries(checks).flatMap(([check, { needs }]) =>
    needs.calls && tools === undefined
      ? [{ check, reason: "it reads the calls of tools, and the eval has no tools with handlers" }]
      : needs.steps.length > 0 && isUncaptured
      ? [{ check, reason: "it reads outputs of steps, and the input of a case has snapshots: false" }]
      : []
  )

export const plan = Effect.fnUntraced(function*(definition: Definition, options: RunOptions | MatrixOptions = {}) {
  yield* made("Eval.plan", definition)
  yield* optionsOf("Eval.plan", options, "candidates" in options ? matrixNames : runNames)
  const { id } = yield* cassettesOf(definition.name, { ...options, record: undefined })
  const { counts, judges, session } = yield* planned("Eval.plan", definition, options, id)
  const { facts } = session
  const stored = storedOf(session, options)
  if (stored !== undefined) {
    yield* Stream.runForEach(Trials.casesIn(session), ({ hash, key }) => Effect.sync(() => stored.verdicts(key, hash)))
  }
  const found: EvalPlan = {
    ...Struct.pick(facts, "eval", "candidate", "others", "baseline", "repeat", "cases"),
    ...Facts.partOf(facts),
    runs: counts.rows - counts.reused,
    reused: counts.reused,
    judges: Object.keys(judges),
    notCaptured: notCaptured(definition, counts),
    stale: stored?.stale() ?? []
  }
  return found
})

const none = BigDecimal.fromBigInt(0n)

/** The part of a budget that is left. */
const left = (budgetUsd: LimitOptions["budgetUsd"], spent = "0"): LimitOptions["budgetUsd"] =>
  Option.match(parseCost(budgetUsd), {
    onNone: () => budgetUsd,
    onSome: (budget) =>
      formatCost(BigDecimal.max(none, BigDecimal.subtract(budget, BigDecimal.unsafeFromString(spent))))
  })

/** The limits of a run that goes on: the amounts with which it began, unless others are given. */
const limitsOf = (
  { facts }: Trials.Session,
  options: LimitOptions
) => {
  const { budgetUsd = facts.budgetUsd, maxCostPerRow = facts.maxCostPerRow, ...others } = Struct.pick(
    options,
    ...Struct.keys(limitNames)
  )
  return { ...others, budgetUsd, maxCostPerRow }
}

const runJudges = Effect.fnUntraced(
  function*(session: Trials.Session, judges: Judges.Judges, limits: LimitOptions) {
    if (Object.keys(judges).length === 0) return
    const budgetUsd = left(limits.budgetUsd, (yield* Batch.status(Facts.batchId(session.facts))).costUsd)
    yield* Batch.run(Judges.batchOf(session), Judges.sourceOf(session, judges), { ...limits, budgetUsd, cost: true })
  }
)

/** Runs all sides, and the judges. */
const ran = Effect.fnUntraced(function*(method: string, definition: Definition, options: SidesOptions) {
  const { around, id } = yield* cassettesOf(definition.name, options)
  const { judges, session } = yield* planned(method, definition, options, id)
  if (options.replay !== undefined && (yield* Facts.all(definition.name)).some(({ run }) => run === id[0])) {
    return yield* invalid(method, "replay", `has the run ${id[0]}, which is in this ledger: use a new ledger`)
  }
  const steps = Trials.stepsOf(definition)
  // nobody else can have run the rows of an id that is new
  const limits = { ...limitsOf(session, options), adopt: (options.resume ?? false) !== false }
  yield* around(Effect.gen(function*() {
    const ran = yield* Batch.run(Trials.batchOf(session), Trials.sourceOf(session, noCounts()), {
      ...limits,
      budgetUsd: left(limits.budgetUsd, yield* Judges.spentOf(session)),
      cost: true,
      ...(steps.length > 0 && { steps })
    })
    if (ran.status === "completed") yield* runJudges(session, judges, limits)
  }))
  return { judges, session }
})

export const run = Effect.fnUntraced(function*(definition: Definition, options: RunOptions = {}) {
  yield* made("Eval.run", definition)
  yield* optionsOf("Eval.run", options, runNames)
  const { judges, session } = yield* ran("Eval.run", definition, options)
  return yield* reported(Trials.pairsOf(session)[0], judges, options)
})

/** The reports of all candidates of a run. */
const matrixOf = Effect.fnUntraced(function*(session: Trials.Session, judges: Judges.Judges, options: Compared) {
  const reports = yield* Effect.forEach(Trials.pairsOf(session), (pair) => reported(pair, judges, options))
  const gates = reports.map(({ gate }) => gate)
  const names = namesOf(reports.map(({ candidate }) => candidate))
  const passed = names.filter((_, nth) => gates[nth] === "passed")
  const matrix: EvalMatrix = {
    ...Struct.pick(session.facts, "eval", "run"),
    reports,
    gate: (["failed", "incomplete"] as const).find((gate) => gates.includes(gate)) ?? "passed",
    sentence: `${passed.length} of ${count(reports.length, "candidate")} pass${passed.length === 1 ? "es" : ""}${
      passed.length === 0 ? "" : `: ${passed.join(", ")}`
    }`
  }
  return matrix
})

export const runMatrix = Effect.fnUntraced(function*(definition: Definition, options: MatrixOptions = {}) {
  yield* made("Eval.runMatrix", definition)
  yield* optionsOf("Eval.runMatrix", options, matrixNames)
  const { judges, session } = yield* ran("Eval.runMatrix", definition, options)
  return yield* matrixOf(session, judges, options)
})

export const matrix = Effect.fnUntraced(
  function*(definition: Definition, options: Omit<ReportOptions, "candidate"> = {}) {
    yield* optionsOf("Eval.matrix", options, Struct.omit(reportNames, "candidate"))
    const { judges, session } = yield* existing("Eval.matrix", definition, options)
    return yield* matrixOf(session, judges, options)
  }
)

/** The comparison of the candidate that the options name, or of the first. */
const pairOf = Effect.fnUntraced(
  function*(method: string, session: Trials.Session, { candidate }: Pick<ReportOptions, "candidate">) {
    const pairs = Trials.pairsOf(session)
    if (candidate === undefined) return pairs[0]
    const side = isNamed(candidate) ? sideFrom(candidate) : candidate
    const wanted = textOf(yield* sideOf(method, "candidate", session.definition, side))
    const found = pairs.find(({ facts }) => textOf(facts.candidate) === wanted)
    const names = pairs.map(({ facts }) => nameOf(facts.candidate)).join(", ")
    return found ?? (yield* invalid(method, "candidate", `is none of the run ${session.facts.run}: it has ${names}`))
  }
)

export const score = Effect.fnUntraced(function*(definition: Definition, options: ScoreOptions = {}) {
  yield* optionsOf("Eval.score", options, scoreNames)
  const { judges, session } = yield* existing("Eval.score", definition, options)
  const pair = yield* pairOf("Eval.score", session, options)
  const again = (retry: Parameters<typeof Batch.retry>[1]) =>
    Effect.catchTag(Batch.retry(Facts.judgesId(session.facts), retry), "BatchNotFoundError", () => Effect.void)
  // a judge that failed may judge now
  yield* again({ only: "failed" })
  if (options.judgeAgain === true) {
    yield* again({ only: "done", acceptDoubleRuns: true, select: { key: Judges.moving } })
  }
  yield* runJudges(session, judges, limitsOf(session, options))
  return yield* reported(pair, judges, options)
})

const trialOf = (definition: Definition, one: Judges.JudgedRuns, run: EvalRun) =>
  Effect.map(
    outcomesOf(checksOfCase(definition.checks, one), one.value, run, one.judged.get(run)),
    (outcomes): Trial => withDigits({ ...Struct.pick(run, "trial", ...Trials.rowFields), outcomes }, digitsOf(run))
  )

type Compared = Pick<RunOptions, "allowErrors" | "baseline">

/** A stored baseline that cases are compared with. */
type Stored = ReturnType<typeof against>

const storedOf = ({ checked: { hashes }, facts }: Trials.Session, { baseline }: Compared): Stored | undefined =>
  isStored(baseline) ? against(baseline, hashes, Facts.partOf(facts).selection === undefined) : undefined

/** The verdicts of the cases of an eval run. */
const verdicts = (
  session: Trials.Session,
  judges: Judges.Judges,
  stored: Stored | undefined
): Stream.Stream<CaseVerdict, unknown, unknown> => {
  const { checked: { checks: names, mean }, definition } = session
  return Stream.mapEffect(Judges.judgedRuns(session, judges), (one) =>
    Effect.gen(function*() {
      const trials = (runs: ReadonlyArray<EvalRun>) => Effect.forEach(runs, (run) => trialOf(definition, one, run))
      return caseVerdict(names, {
        ...Struct.pick(one, "no", "key", "at", "hash", "input"),
        candidate: yield* trials(one.candidate),
        ...(stored !== undefined
          ? { baseline: stored.verdicts(one.key, one.hash), storedScores: stored.scores(one.key, one.hash) }
          : one.baseline !== undefined && { baseline: yield* trials(one.baseline) })
      }, mean)
    }))
}

/** The report of an eval run, folded case by case. */
const reported = Effect.fnUntraced(function*(session: Trials.Session, judges: Judges.Judges, options: Compared) {
  const { checked: { checks: names, hashes, mean }, definition, facts } = session
  const stored = storedOf(session, options)
  const { baseline } = options
  const summary = summing(names, stored !== undefined || facts.baseline !== undefined)
  yield* Stream.runForEach(verdicts(session, judges, stored), (one) => Effect.sync(() => summary.add(one)))
  const stop = yield* Facts.stopOf(facts, Object.keys(judges).length > 0)
  const report: EvalReport = summary.report({
    ...Struct.pick(facts, "eval", "run", "startedAt", "candidate", "baseline", "repeat"),
    ...Facts.partOf(facts),
    thresholds: definition.thresholds,
    judges: yield* Judges.costOf(session),
    hashes,
    mean,
    ran: facts.cases,
    lacking: facts.stored === undefined || stored !== undefined
      ? undefined
      : `the run was compared with a stored baseline, of the run ${facts.stored}: give it again`,
    stale: stored?.stale() ?? [],
    ...(isStored(baseline) && {
      baseline: { ...Struct.pick(baseline, "flow", "version", "name", "blockOverrides"), stored: baseline.run },
      baselineCost: baseline.cost
    }),
    ...(options.allowErrors !== undefined && { allowErrors: options.allowErrors }),
    ...(stop !== undefined && { stop })
  })
  return report
})

export const report = (definition: Definition, options: ReportOptions = {}) =>
  Effect.flatMap(
    Effect.zipRight(optionsOf("Eval.report", options, reportNames), existing("Eval.report", definition, options)),
    ({ judges, session }) =>
      Effect.flatMap(pairOf("Eval.report", session, options), (pair) => reported(pair, judges, options))
  )

export const cases = (
  definition: Definition,
  options: ReportOptions = {}
): Stream.Stream<CaseVerdict, unknown, unknown> =>
  Stream.unwrap(Effect.flatMap(
    Effect.zipRight(optionsOf("Eval.cases", options, reportNames), existing("Eval.cases", definition, options)),
    ({ judges, session }) =>
      Effect.map(
        pairOf("Eval.cases", session, options),
        (pair) => verdicts(pair, judges, storedOf(pair, options))
      )
  ))
