/** Batches and evals that a test scripts: the answers of the API about ledgers, as plain values. */
import type { CaseVerdict, EvalReport, Summary, Trial } from "@effect-noukai/eval/EvalReport"
import type { Expected } from "@effect-noukai/report/Reconcile"
import * as ValueDiff from "@effect-noukai/sdk/ValueDiff"
import type {
  BatchDetail,
  BatchList,
  BatchRow,
  BatchRowDetail,
  BatchRowPage,
  Histogram
} from "@effect-noukai/studio/BatchesApi"
import type {
  EvalCase,
  EvalCaseDetail,
  EvalCasePage,
  EvalDetail,
  EvalList,
  NewMark
} from "@effect-noukai/studio/EvalsApi"
import { NotFound, Unavailable } from "@effect-noukai/studio/RunsApi"
import type { StudioLedgers } from "@effect-noukai/studio/StudioLedgers"
import { Effect, PubSub, Stream } from "effect"
import { listedAs, rankOf, verdicts } from "../../src/internal/verdicts.js"
import { epoch } from "./scripted.js"

/** A batch whose rows are made when they are read. */
export interface ScriptedBatch {
  readonly detail: BatchDetail
  /** The row with a number, from 1. */
  readonly row: (no: number) => BatchRow
  readonly open: (row: BatchRow) => Omit<BatchRowDetail, "row">
  /** The runs that it believes it ran. Default: none. */
  readonly expected?: ReadonlyArray<Expected>
}

export interface RowsQuery {
  readonly state?: string | undefined
  readonly error?: string | undefined
  readonly key?: string | undefined
  readonly after?: number | undefined
  readonly before?: number | undefined
  readonly limit?: number | undefined
}

const inDoubt = new Set(["uncertain", "reported"])

const errorOf = ({ error }: BatchRow): string | undefined => error && [error.kind, error.code].filter(Boolean).join(" ")

/** A page of the rows of a batch. */
export const pageOf = ({ detail, row }: ScriptedBatch, query: RowsQuery): BatchRowPage => {
  const pattern = query.key && new RegExp(
    `^${query.key.replace(/[\\^$.+()[\]{}|]/g, "\\$&").replace(/\*/g, ".*").replace(/\?/g, ".")}$`,
    "s"
  )
  const fits = (one: BatchRow): boolean =>
    (query.state === undefined || one.state === query.state ||
      (query.state === "doubtful" && inDoubt.has(one.state))) &&
    (query.error === undefined || errorOf(one) === query.error) &&
    (!pattern || pattern.test(one.key))
  const limit = query.limit ?? 50
  const isBack = query.before !== undefined
  const step = isBack ? -1 : 1
  const rows: Array<BatchRow> = []
  let hasMore = false
  let no = isBack ? Math.min(detail.rows, query.before - 1) : (query.after ?? 0) + 1
  for (; no >= 1 && no <= detail.rows; no += step) {
    const one = row(no)
    if (!fits(one)) continue
    hasMore = rows.length === limit
    if (hasMore) break
    rows.push(one)
  }
  if (isBack) rows.reverse()
  const others = isBack ? detail.rows : 1
  const hasOther = rows.length > 0 && (isBack ? rows.at(-1)!.no < others : rows[0]!.no > others)
  return { rows, hasBefore: isBack ? hasMore : hasOther, hasAfter: isBack ? hasOther : hasMore }
}

const histogram = (most: number, counts: ReadonlyArray<number>, unknown = 0): Histogram => {
  const known = counts.reduce((sum, count) => sum + count, 0)
  return {
    buckets: counts.map((count, nth) => ({
      from: most * nth / counts.length,
      to: most * (nth + 1) / counts.length,
      count
    })),
    known,
    unknown,
    ...known > 0 && { median: most * 0.22, p95: most * 0.71, max: most * 0.98 }
  }
}

const failures = [
  ["FlowFailed", "MODEL_TIMEOUT", "The model did not answer within 30 s."],
  ["FlowFailed", "OUTPUT_INVALID", "The output does not fit the schema: $.score: expected a number, got \"seven\"."],
  ["Refused", "VALIDATION", "parameters.language: must be one of en, de, fr"]
] as const

/** A batch of some rows: 3 % fail, a few are in doubt, and those after `settled` are pending. */
export const batchOf = (
  options: {
    readonly ledger?: string
    readonly batch?: string
    readonly rows?: number
    readonly settled?: number
    readonly status?: string
    readonly createdAt?: number
  } = {}
): ScriptedBatch => {
  const { batch = "orders", createdAt = epoch, ledger = "orders.ledger", rows = 1_200, settled = rows, status } =
    options
  const stateOf = (no: number): string =>
    no > settled + 8
      ? "pending"
      : no > settled
      ? "submitted"
      : no % 33 === 0
      ? "failed"
      : no === 47 || no === 512
      ? "reported"
      : no === 91
      ? "invalid"
      : "done"
  const row = (no: number): BatchRow => {
    const state = stateOf(no)
    const [kind, code, message] = failures[no % 5 === 0 ? 1 : 0]
    return {
      no,
      key: `order-${String(no).padStart(7, "0")}`,
      at: `orders.jsonl:${no}`,
      state,
      attempt: state === "pending" ? 0 : no % 33 === 0 ? 3 : 1,
      flow: "acme/shop/answer",
      version: "production",
      ...state === "failed" && { error: { kind, code, message } },
      ...state === "invalid" && {
        error: { kind: failures[2][0], code: failures[2][1], message: failures[2][2] }
      },
      ...state === "reported" && {
        error: { kind: "Unknown", message: "The connection broke after the request was sent." }
      },
      ...["done", "failed", "submitted"].includes(state) &&
        { executionId: `5f0c2a9e-77b1-4f35-9c11-${String(no).padStart(12, "0")}` },
      ...["done", "failed"].includes(state) && {
        costUsd: `0.00${(no * 37) % 90 + 10}`,
        durationMs: 320 + (no * 7_919) % 4_700,
        settledAt: createdAt + no * 40
      }
    }
  }
  const states: Record<string, number> = {}
  for (let no = 1; no <= Math.min(rows, 2_000); no++) states[stateOf(no)] = (states[stateOf(no)] ?? 0) + 1
  if (rows > 2_000) {
    const failed = Math.floor(settled / 33)
    Object.assign(states, {
      failed,
      done: settled - failed - 3,
      submitted: Math.min(8, rows - settled),
      pending: Math.max(0, rows - settled - 8)
    })
  }
  const { failed = 0, reported = 0 } = states
  const group = Math.round(failed * 0.2)
  const isRunning = status === "running" || settled < rows
  return {
    row,
    open: (one) => ({
      sessionId: `5e551011-0000-4000-8000-${String(one.no).padStart(12, "0")}`,
      input: {
        isCaptured: true,
        json: JSON.stringify({ order: one.key, message: "Where is my order?", language: "en" })
      },
      result: one.state === "done"
        ? { isCaptured: true, json: JSON.stringify({ answer: `${one.key} was shipped on Monday.`, confidence: 0.97 }) }
        : { isCaptured: true },
      attempts: Array.from({ length: one.attempt }, (_, nth) => ({
        attempt: nth + 1,
        state: nth + 1 < one.attempt ? "failed" : one.state,
        executionId: `5f0c2a9e-77b1-4f35-9c1${nth}-${String(one.no).padStart(12, "0")}`,
        ...one.error !== undefined && { error: one.error.message },
        costUsd: "0.0021",
        startedAt: createdAt + one.no * 40 - 4_000 + nth * 1_000,
        settledAt: createdAt + one.no * 40 - 3_200 + nth * 1_000
      })),
      doubt: one.state === "reported"
        ? [
          "The request was sent, and no answer arrived. A run may exist, and it may be billed.",
          "Its session has no run now. `noukai batch retry orders --key " + one.key + "` sends it again."
        ]
        : []
    }),
    detail: {
      ledger,
      batch,
      flow: "acme/shop/answer",
      version: "production",
      createdAt,
      status: status ?? (isRunning ? "running" : "completed"),
      isClean: false,
      rows,
      settled,
      counted: settled,
      failed: failed + (states.invalid ?? 0),
      doubtful: reported,
      costUsd: (settled * 0.0055).toFixed(4),
      states,
      absent: 0,
      unselected: 0,
      waiting: 0,
      retries: 2 * failed,
      timedOut: 0,
      refused: 0,
      adopted: 0,
      unknownCosts: reported,
      definition: { hash: "b1946ac92492d2347c6235b4d2611184" },
      ...isRunning && { rowsPerSecond: 24.6, etaMs: (rows - settled) / 24.6 * 1_000 },
      durations: histogram(
        5_000,
        settled === 0 ? [] : [12, 40, 88, 140, 120, 84, 61, 40, 33, 22, 14, 9, 6, 4, 2, 1],
        3
      ),
      costs: histogram(0.01, settled === 0 ? [] : [2, 9, 30, 61, 90, 122, 140, 121, 90, 61, 40, 22, 12, 8, 3, 1], 3),
      errors: [
        ...failed > group
          ? [{ error: "FlowFailed MODEL_TIMEOUT", rows: failed - group, nth: 0, key: "order-0000033" }]
          : [],
        ...group > 0 ? [{ error: "FlowFailed OUTPUT_INVALID", rows: group, nth: 1, key: "order-0000165" }] : [],
        ...states.invalid === undefined
          ? []
          : [{ error: "Refused VALIDATION", rows: 1, nth: 2, key: "order-0000091" }]
      ].map(({ nth, ...rest }) => ({
        ...rest,
        kind: failures[nth]![0],
        code: failures[nth]![1],
        message: failures[nth]![2]
      })),
      commands: [
        { does: "Its status", command: `noukai batch status ${batch} --ledger ${ledger}` },
        { does: "Run its failed rows again", command: `noukai batch retry ${batch} --state failed --ledger ${ledger}` }
      ],
      notes: []
    }
  }
}

/** Markup, control characters, and marks that turn the direction of text. */
export const hostileText = "<img src=x onerror=\"document.title='owned'\"> \u202egnp.exe\u0000\u0007"

const hostileRow = (no: number): BatchRow => ({
  no,
  key: `${no} ${hostileText} ${"x".repeat(400)}`,
  at: `${hostileText}.jsonl:${no}`,
  state: no === 1 ? "reported" : no === 2 ? hostileText : "failed",
  attempt: 1,
  flow: "acme/shop/<script>",
  version: hostileText,
  error: { kind: hostileText, code: hostileText, message: `${hostileText} ${"long ".repeat(2_000)}` },
  executionId: `../../${hostileText}`
})

/** A batch in which all texts are hostile. */
export const hostile: ScriptedBatch = {
  row: hostileRow,
  open: () => ({
    sessionId: hostileText,
    input: { isCaptured: true, json: JSON.stringify({ [hostileText]: hostileText, list: [hostileText] }) },
    result: { isCaptured: true, json: JSON.stringify(hostileText) },
    attempts: [{ attempt: 1, state: hostileText, executionId: hostileText, error: hostileText }],
    doubt: [hostileText]
  }),
  detail: {
    ...batchOf({ rows: 3 }).detail,
    ledger: "hostile.ledger",
    batch: hostileText,
    flow: "acme/shop/<script>",
    version: hostileText,
    states: { failed: 1, reported: 1, [hostileText]: 1 },
    failed: 1,
    doubtful: 1,
    stop: { reason: hostileText, message: hostileText },
    errors: [{ error: hostileText, kind: hostileText, code: hostileText, message: hostileText, rows: 3, key: "1" }],
    commands: [{ does: hostileText, command: hostileText }],
    notes: [hostileText]
  }
}

export const listOf = (batches: ReadonlyArray<ScriptedBatch>, problems: BatchList["problems"] = []): BatchList => ({
  searched: ["/data/ledgers"],
  batches: batches.map(({ detail }) => detail),
  problems
})

export const rowOf = (batch: ScriptedBatch, key: string): BatchRowDetail | undefined => {
  const no = Number(/^(?:order-)?(\d+)/.exec(key)?.[1])
  const row = Number.isInteger(no) && no >= 1 && no <= batch.detail.rows ? batch.row(no) : undefined
  return row?.key === key ? { row, ...batch.open(row) } : undefined
}

// --- evals ------------------------------------------------------------------

export interface ScriptedEval {
  readonly detail: EvalDetail
  readonly cases: ReadonlyArray<CaseVerdict>
}

const trial = (nth: number, no: number, result: unknown, outcomes: Trial["outcomes"], fast: boolean): Trial => ({
  trial: nth,
  state: "done",
  result,
  executionId: `${fast ? "ca" : "ba"}5e0000-77b1-4f35-9c1${nth}-${String(no).padStart(12, "0")}`,
  costUsd: fast ? "0.0031" : "0.0044",
  attemptsCostUsd: fast ? "0.0031" : "0.0044",
  durationMs: (fast ? 740 : 1_120) + (no * 97) % 400,
  outcomes
})

const rates = (passed: number, of: number): Summary["candidate"] => ({
  passed,
  of,
  ...of > 0 && { rate: passed / of, interval: [Math.max(0, passed / of - 0.11), Math.min(1, passed / of + 0.07)] }
})

const counted = (cases: ReadonlyArray<CaseVerdict>, verdictOf: (one: CaseVerdict) => string): Summary["verdicts"] =>
  Object.fromEntries(
    verdicts.map((verdict) => [verdict, cases.filter((one) => verdictOf(one) === verdict).length])
  ) as Summary["verdicts"]

const summaryOf = (cases: ReadonlyArray<CaseVerdict>, verdictOf: (one: CaseVerdict) => string): Summary => {
  const count = (...verdicts: ReadonlyArray<string>) => cases.filter((one) => verdicts.includes(verdictOf(one))).length
  const [regressed, fixed, pass, fail] = [count("regressed"), count("fixed"), count("pass"), count("fail")]
  return {
    verdicts: counted(cases, verdictOf),
    candidate: rates(pass + fixed, pass + fixed + fail + regressed),
    baseline: rates(pass + regressed, pass + fixed + fail + regressed),
    p: 0.0386
  }
}

/** An eval run of 120 cases with two checks, in which a few regress. */
export const evalOf = (
  options: {
    readonly cases?: number
    readonly run?: string
    readonly ledger?: string
    readonly repeat?: number
    /** The name of one more check, which fails on both sides of each case. */
    readonly fails?: string
  } = {}
): ScriptedEval => {
  const { ledger = "evals/grade.ledger", repeat = 2, run = "2026-06-07T09-30" } = options
  const verdictOf = (no: number): CaseVerdict["verdict"] =>
    no % 30 === 7
      ? "regressed"
      : no % 41 === 5
      ? "error"
      : no % 25 === 3
      ? "fail"
      : no % 20 === 11
      ? "fixed"
      : no % 60 === 59
      ? "not comparable"
      : "pass"
  const outcome = (isPass: boolean, no: number) =>
    isPass
      ? { verdict: "pass" as const, reason: "equal" }
      : {
        verdict: "fail" as const,
        reason: `$.score: expected ${no % 10}, got ${no % 10 + 1}`,
        expected: no % 10,
        actual: no % 10 + 1
      }
  const cases = Array.from({ length: options.cases ?? 120 }, (_, index): CaseVerdict => {
    const no = index + 1
    const verdict = verdictOf(no)
    const candidatePasses = verdict === "pass" || verdict === "fixed"
    const baselinePasses = verdict === "pass" || verdict === "regressed"
    const isText = no % 3 !== 0
    const output = (passes: boolean) =>
      isText
        ? `The pupil spelled ${passes ? "all ten" : "nine of ten"} words correctly. ${
          passes ? "Well done." : "The word “necessary” has one c and two s."
        }`
        : { score: passes ? no % 10 : no % 10 + 1, words: ["necessary", "receive"], remarks: passes ? [] : ["one c"] }
    const tone = { verdict: "pass" as const, reason: "friendly", score: 0.9 }
    const trials = (passes: boolean, fast: boolean) =>
      Array.from({ length: repeat }, (_, nth): Trial =>
        verdict === "error" && fast && nth > 0
          ? {
            trial: nth + 1,
            state: "failed",
            error: {
              kind: "FlowFailed",
              code: "MODEL_TIMEOUT",
              message: "The model did not answer within 30 s."
            } as never,
            executionId: `ca5e0000-77b1-4f35-9c1${nth + 1}-${String(no).padStart(12, "0")}`,
            outcomes: {}
          }
          : trial(nth + 1, no, output(passes), { "exact score": outcome(passes, no), tone }, fast))
    return {
      no,
      key: `case-${String(no).padStart(3, "0")}`,
      at: `cases.jsonl:${no}`,
      hash: String(no),
      input: { message: `Grade essay ${no}.`, parameters: { level: 3 } },
      verdict: options.fails === undefined ? verdict : "fail",
      checks: {
        "exact score": {
          verdict,
          candidate: verdict === "error"
            ? { verdict: "error", reason: "1 of 2 trials passed, and 1 failed" }
            : outcome(candidatePasses, no),
          baseline: outcome(baselinePasses, no)
        },
        tone: { verdict: "pass", candidate: tone, baseline: tone },
        ...options.fails !== undefined && {
          [options.fails]: { verdict: "fail", candidate: outcome(false, no), baseline: outcome(false, no) }
        }
      },
      candidate: trials(candidatePasses, true),
      baseline: trials(baselinePasses, false)
    }
  })
  const candidate = { flow: "acme/spelling/grade-3", version: "draft" }
  const baseline = { flow: "acme/spelling/grade-3", version: "production" }
  const overall = summaryOf(cases, ({ verdict }) => verdict)
  const report: EvalReport = {
    eval: "grades",
    run,
    startedAt: epoch,
    candidate,
    baseline,
    repeat,
    hashes: { parameters: "1", checks: {} },
    cases: cases.length,
    overall,
    checks: {
      "exact score": summaryOf(cases, (one) => one.checks["exact score"]!.verdict),
      tone: { ...summaryOf(cases, (one) => one.checks.tone!.verdict), score: 0.9, baselineScore: 0.88, p: 1 },
      ...options.fails !== undefined && { [options.fails]: summaryOf(cases, () => "fail") }
    },
    cost: {
      candidate: { runs: 240, usd: "0.744", unknown: 0 },
      baseline: { runs: 240, usd: "1.056", unknown: 2 },
      judges: { runs: 480, usd: "0.096", unknown: 0 }
    },
    time: { cases: 117, medianMs: -382, interval: [-401, -366] },
    stale: [],
    broken: [{
      threshold: "maxRegressed",
      check: "exact score",
      message: "exact score: 4 cases regressed, at most 2 are allowed"
    }],
    errors: overall.verdicts.error,
    gate: "failed",
    verdict: "worse",
    sentence: "draft is worse than production: 4 cases regressed and 6 are fixed (p 0.039)"
  }
  return {
    cases,
    detail: {
      summary: {
        ledger,
        eval: "grades",
        run,
        startedAt: epoch,
        candidate,
        baseline,
        cases: cases.length,
        repeat,
        isComplete: true,
        definition: "evals/grade.eval.json",
        counts: {
          passed: overall.verdicts.pass + overall.verdicts.fixed,
          of: cases.length,
          regressed: overall.verdicts.regressed,
          usd: "0.744"
        },
        batch: `eval-grades-${run}`
      },
      report,
      verdicts: counted(cases, listedAs),
      notes: []
    }
  }
}

export const evalsOf = (evals: ReadonlyArray<ScriptedEval>, problems: EvalList["problems"] = []): EvalList => ({
  searched: ["/data/ledgers"],
  runs: evals.map(({ detail }) => detail.summary),
  problems
})

const sum = (trials: ReadonlyArray<Trial>): number => trials.reduce((usd, { costUsd }) => usd + Number(costUsd ?? 0), 0)

export const casesOf = (
  { cases }: ScriptedEval,
  query: {
    readonly verdict?: string | undefined
    readonly check?: string | undefined
    readonly text?: string | undefined
    readonly offset?: number | undefined
    readonly limit?: number | undefined
  }
): EvalCasePage => {
  const { check, limit = 50, offset = 0, text = "", verdict } = query
  const verdictOf = (one: CaseVerdict) => check === undefined ? listedAs(one) : one.checks[check]?.verdict ?? "error"
  const found = cases.map((one): EvalCase & { readonly sort: number } => ({
    no: one.no,
    key: one.key,
    at: one.at,
    verdict: verdictOf(one),
    checks: Object.entries(one.checks).map(([check, { verdict }]) => ({ check, verdict })),
    ...one.verdict !== "pass" && { reason: one.checks["exact score"]?.candidate.reason ?? "" },
    costDifferenceUsd: (sum(one.candidate) - sum(one.baseline ?? [])).toFixed(4),
    timeDifferenceMs: (one.candidate[0]?.durationMs ?? 0) - (one.baseline?.[0]?.durationMs ?? 0),
    sort: rankOf(verdictOf(one))
  })).filter((one) =>
    (verdict === undefined || one.verdict === verdict) && `${one.key} ${one.reason ?? ""}`.includes(text)
  ).sort((one, other) => one.sort - other.sort || one.no - other.no)
  return {
    total: found.length,
    cases: found.slice(offset, offset + limit).map(({ sort: _, ...one }) => one)
  }
}

export const caseOf = ({ cases }: ScriptedEval, key: string): EvalCaseDetail | undefined => {
  const found = cases.find((one) => one.key === key)
  return found && {
    case: found,
    differences: found.candidate.flatMap((after, nth) => {
      const before = found.baseline?.[nth]
      if (before?.result === undefined || after.result === undefined) return []
      const isText = typeof before.result === "string" && typeof after.result === "string"
      return [{
        trial: after.trial,
        changes: isText ? [] : ValueDiff.changes(before.result, after.result, { limit: 100 }),
        ...isText && { parts: ValueDiff.words(before.result as string, after.result as string) }
      }]
    })
  }
}

/** A case whose outcomes of the check `human` are the marks that were made. */
const withMarks = (detail: EvalCaseDetail | undefined, marks: ReadonlyArray<NewMark>): EvalCaseDetail | undefined => {
  if (detail === undefined) return undefined
  const marked = (side: NewMark["side"]) =>
    detail.case[side]?.map((trial) => {
      const { reason = "", verdict = "none" } = marks.findLast((mark) =>
        mark.key === detail.case.key && mark.side === side && mark.trial === trial.trial
      ) ?? {}
      const human = { verdict: verdict === "good" ? "pass" as const : "fail" as const, reason }
      return verdict === "none" ? trial : { ...trial, outcomes: { ...trial.outcomes, human } }
    })
  const baseline = marked("baseline")
  return { ...detail, case: { ...detail.case, candidate: marked("candidate") ?? [], ...baseline && { baseline } } }
}

// --- the service ------------------------------------------------------------

/** Ledgers that a test changes. */
export interface ScriptedLedgers {
  readonly service: StudioLedgers.Service
  /** The marks that readers made. */
  readonly marks: ReadonlyArray<NewMark>
  /** Adds batches, or replaces those with their addresses. */
  readonly put: (...batches: ReadonlyArray<ScriptedBatch>) => Promise<void>
  readonly putEvals: (...evals: ReadonlyArray<ScriptedEval>) => void
  /** All reads fail with a message, until it is taken away. */
  readonly fail: (message: string | undefined) => void
}

export const make = (
  options: {
    readonly batches?: ReadonlyArray<ScriptedBatch>
    readonly evals?: ReadonlyArray<ScriptedEval>
    readonly problems?: BatchList["problems"]
  } = {}
): ScriptedLedgers => {
  const keyOf = (...parts: ReadonlyArray<string>) => JSON.stringify(parts)
  const batches = new Map<string, ScriptedBatch>()
  const evals = new Map<string, ScriptedEval>()
  const changes = Effect.runSync(PubSub.unbounded<string>())
  const marks: Array<NewMark> = []
  let failure: string | undefined
  const put = (batch: ScriptedBatch): string => {
    const key = keyOf(batch.detail.ledger, batch.detail.batch)
    batches.set(key, batch)
    return key
  }
  const putEval = (one: ScriptedEval): void => {
    const { eval: name, ledger, run } = one.detail.summary
    evals.set(keyOf(ledger, name, run), one)
  }
  options.batches?.forEach(put)
  options.evals?.forEach(putEval)
  const found = <A>(find: () => A | undefined): Effect.Effect<A, NotFound | Unavailable> =>
    Effect.suspend((): Effect.Effect<A, NotFound | Unavailable> => {
      if (failure !== undefined) return new Unavailable({ message: failure, advice: "Wait until it is closed." })
      const value = find()
      return value === undefined ? new NotFound({ message: "No ledger has it." }) : Effect.succeed(value)
    })
  const batchAt = ({ batch, ledger }: { readonly batch: string; readonly ledger: string }) =>
    batches.get(keyOf(ledger, batch))
  const evalAt = (address: { readonly ledger: string; readonly eval: string; readonly run: string }) =>
    evals.get(keyOf(address.ledger, address.eval, address.run))
  const service: StudioLedgers.Service = {
    batches: Effect.sync(() => listOf([...batches.values()].reverse(), options.problems)),
    batch: (address) => found(() => batchAt(address)?.detail),
    watch: (address) =>
      Stream.unwrapScoped(Effect.gen(function*() {
        const stream = yield* PubSub.subscribe(changes).pipe(Effect.map((queue) => Stream.fromQueue(queue)))
        const detail = found(() => batchAt(address)?.detail)
        return Stream.make(undefined).pipe(
          Stream.concat(Stream.filter(stream, (key) => key === keyOf(address.ledger, address.batch))),
          Stream.mapEffect(() => detail),
          Stream.takeUntil(({ counted, settled, status }) => status !== "running" && counted >= settled)
        )
      })),
    rows: (address, filter) =>
      found(() => {
        const batch = batchAt(address)
        return batch && pageOf(batch, filter)
      }),
    row: (address, key) =>
      found(() => {
        const batch = batchAt(address)
        return batch && rowOf(batch, key)
      }),
    expected: (address) =>
      found(() => {
        const batch = batchAt(address)
        if (batch === undefined) return undefined
        const all = batch.expected ?? []
        const { detail: { ledger, rows } } = batch
        return { file: ledger, rows, sessions: all.length, runs: all.length, all: Stream.fromIterable(all) }
      }),
    evals: Effect.sync(() => evalsOf([...evals.values()].reverse(), options.problems)),
    trend: ({ eval: name, ledger }) =>
      found(() => ({
        runs: [...evals.values()].map(({ detail }) => detail.summary).filter((one) =>
          one.eval === name && one.ledger === ledger && one.isComplete
        )
      })),
    eval: (address) => found(() => evalAt(address)?.detail),
    cases: (address, filter) =>
      found(() => {
        const one = evalAt(address)
        return one && casesOf(one, filter)
      }),
    case: (address, key) =>
      found(() => {
        const one = evalAt(address)
        return one && withMarks(caseOf(one, key), marks)
      }),
    mark: (mark) => found(() => ({ ...mark, output: "0", at: `${marks.push(mark)}` }))
  }
  return {
    service,
    marks,
    put: (...some) =>
      Effect.runPromise(Effect.forEach(some, (batch) => PubSub.publish(changes, put(batch)), { discard: true })),
    putEvals: (...some) => some.forEach(putEval),
    fail: (message) => {
      failure = message
    }
  }
}
