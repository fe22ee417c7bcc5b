/**
 * Compares the runs that a program believes it ran and paid with those of the server.
 *
 * @since 0.1.0
 */
import type { Cassette } from "@effect-noukai/sdk/Cassette"
import {
  absentable,
  addCost,
  costText,
  count,
  type Decimal,
  decoder,
  executionIdOf,
  formatCost,
  isCostUnknown,
  isEndedStatus,
  known,
  newRunsOf,
  noCost,
  parseCost,
  type RecordedAnswer,
  restore,
  runIdOf,
  slugOf,
  subtractCost,
  sumCosts
} from "@effect-noukai/sdk/kit/runs/report"
import type { CallError, SessionError } from "@effect-noukai/sdk/NoukaiError"
import { RunService } from "@effect-noukai/sdk/RunService"
import { type SessionExecution, SessionService } from "@effect-noukai/sdk/SessionService"
import * as BigDecimal from "effect/BigDecimal"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

const expectedSchema = Schema.Struct({
  /** The name of the work: the key of a row, or the place of a recording. Attempts at one work are adjacent. */
  key: Schema.String,
  /** From 1, of work that may have several attempts. */
  attempt: absentable(Schema.Number),
  /** `org/project/slug` */
  flow: Schema.String,
  /** How sessions name the start of the run: `job`, `execute`. Absent: it is not compared. */
  triggerType: absentable(Schema.String),
  /** The session of the run. Absent: the run is read by its id alone. */
  sessionId: absentable(Schema.String),
  /** Whether the session may have runs of other work. Absent: it has this run alone. */
  isShared: absentable(Schema.Literal(true)),
  /** The id of the run, if known. */
  executionId: absentable(Schema.String),
  /** The believed end: `completed`, `failed`, `cancelled`. Absent: it is not known to have ended. */
  status: absentable(Schema.String),
  /** The believed cost in US dollars, as decimal text. */
  costUsd: absentable(Schema.String),
  /**
   * - `ran`: the run is known.
   * - `uncertain`: it may have been sent, or its outcome is not known.
   * - `unsent`: nothing was sent.
   */
  belief: Schema.Literal("ran", "uncertain", "unsent")
})

/**
 * A run as a program believes it: a row of a batch, or a recorded call.
 *
 * @since 0.1.0
 * @category models
 */
export interface Expected extends Schema.Schema.Type<typeof expectedSchema> {}

/**
 * A run as a program believes it: a row of a batch, or a recorded call.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Expected: Schema.Schema<Expected, Schema.Schema.Encoded<typeof expectedSchema>> = expectedSchema

const seenRunSchema = Schema.Struct({
  executionId: Schema.String,
  status: Schema.String,
  /** US dollars, as decimal text. Absent if the cost cannot be read. */
  costUsd: absentable(Schema.String)
})

/**
 * A run of the server.
 *
 * @since 0.1.0
 * @category models
 */
export interface SeenRun extends Schema.Schema.Type<typeof seenRunSchema> {}

/**
 * A run of the server.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SeenRun: Schema.Schema<SeenRun, Schema.Schema.Encoded<typeof seenRunSchema>> = seenRunSchema

/**
 * The kind of a finding.
 *
 * - `agrees`: the server has the run, with this end and this cost; or nothing was sent, and nothing is there.
 * - `differs`: the server has the run, with another end or another cost.
 * - `missing-here`: the server has a run that is not known here.
 * - `missing-there`: the server lists the session, and does not know the run.
 * - `paid-twice`: several runs may have been paid for one work.
 * - `uncertain`: whether it ran, or how it ended, is not known here.
 * - `unknown`: the server cannot tell, because the session expired or was evicted, or it could not be read.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Kind = Schema.Literal(
  "agrees",
  "differs",
  "missing-here",
  "missing-there",
  "paid-twice",
  "uncertain",
  "unknown"
)

/**
 * The kind of a finding.
 *
 * @since 0.1.0
 * @category models
 */
export type Kind = typeof Kind.Type

const findingSchema = Schema.Struct({
  kind: Kind,
  expected: Expected,
  /** The runs of the server for this work. */
  seen: Schema.Array(SeenRun),
  /** The reason, for people. */
  reason: Schema.String,
  /** The id of the run that settles an uncertain one: the only run of its session, of its flow. */
  settledBy: absentable(Schema.String)
})

/**
 * The result for one expected run.
 *
 * @since 0.1.0
 * @category models
 */
export interface Finding extends Schema.Schema.Type<typeof findingSchema> {}

/**
 * The result for one expected run.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Finding: Schema.Schema<Finding, Schema.Schema.Encoded<typeof findingSchema>> = findingSchema

/**
 * The evidence that uncertain work ran: the only run of its session.
 *
 * @since 0.1.0
 * @category models
 */
export interface Evidence {
  readonly key: string
  /** From 1. */
  readonly attempt: number
  readonly executionId: string
  /** The reason, for people. */
  readonly reason: string
}

/**
 * The options of {@link findings}.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** The number of sessions that are read at once. Default: 4. The `rate` of the client limits the requests. */
  readonly concurrency?: number | undefined
}

const findingsOptions = decoder<Options>("options", () => ({ concurrency: count(1) }))

/** The response to a look at a session. */
type Look =
  | { readonly _tag: "listed"; readonly executions: ReadonlyArray<SessionExecution> }
  | { readonly _tag: "absent" }
  | { readonly _tag: "unknown"; readonly reason: string }

type Failure = CallError | SessionError

/** Failures that any other read would have, too. */
const lasting: ReadonlySet<Failure["_tag"]> = new Set([
  "AuthenticationError",
  "PermissionDeniedError",
  "APIConnectionError",
  "APITimeoutError",
  "RateLimitError"
])

const lookAt = (sessions: SessionService.Service, sessionId: string): Effect.Effect<Look, Failure> =>
  sessions.get(sessionId).pipe(
    Effect.map(({ executions }): Look =>
      executions.length === 0
        ? { _tag: "absent" }
        : { _tag: "listed", executions: [...new Map(executions.map((one) => [one.executionId, one])).values()] }
    ),
    Effect.catchIf((error) => !lasting.has(error._tag), (error): Effect.Effect<Look> =>
      Effect.succeed(
        error._tag === "ReplaySessionNotFoundError" && error.isAbsent === true
          ? { _tag: "absent" }
          : { _tag: "unknown", reason: `its session cannot be read: ${error.message}` }
      ))
  )

/** The response to a read of a run. */
type Read =
  | { readonly _tag: "seen"; readonly run: SeenRun }
  | { readonly _tag: "absent" }
  | { readonly _tag: "unread"; readonly reason: string }

/** Reads the status and the cost of a run. A run that its session lists is seen even without a trace. */
const readRun = (
  runs: RunService.Service,
  flow: string,
  executionId: string,
  listed?: SessionExecution
): Effect.Effect<Read, Failure> =>
  runs.cost(flow, executionId).pipe(
    Effect.map(({ costUsd, isKnown, status }): Read => ({
      _tag: "seen",
      run: { executionId, status, ...(isKnown && { costUsd }) }
    })),
    Effect.catchIf((error) => !lasting.has(error._tag), (error): Effect.Effect<Read> =>
      Effect.succeed(
        listed !== undefined
          ? { _tag: "seen", run: { executionId, status: listed.status } }
          : error._tag === "FlowNotFoundError" && error.isAbsent
          ? { _tag: "absent" }
          : { _tag: "unread", reason: `its run ${executionId} cannot be read: ${error.message}` }
      ))
  )

const seenIn = (read: Read): ReadonlyArray<SeenRun> => read._tag === "seen" ? [read.run] : []

const amount = (costUsd: string | undefined): Decimal => parseCost(costUsd ?? "0") ?? noCost

/** The flow of another run of a session: sessions tell bare slugs. */
const flowOf = ({ flow }: Expected, { slug }: SessionExecution): string =>
  slug === undefined || slug === "" ? flow : [...flow.split("/").slice(0, -1), slug].join("/")

type Verdict = Omit<Finding, "expected" | "seen">

/** Compares a run that both know. */
const compared = (expected: Expected, seen: SeenRun): Verdict => {
  const { belief, costUsd, executionId, status } = expected
  if (belief === "uncertain") {
    return { kind: "uncertain", reason: `its run ${executionId ?? ""} has the status ${seen.status}` }
  }
  if (status !== undefined && status !== seen.status) {
    return { kind: "differs", reason: `it is ${status} here, and ${seen.status} at the server` }
  }
  if (costUsd === undefined) return { kind: "agrees", reason: "the server has its run" }
  if (seen.costUsd === undefined) return { kind: "unknown", reason: "the server does not tell its cost" }
  const difference = subtractCost(amount(seen.costUsd), amount(costUsd))
  return BigDecimal.isZero(difference)
    ? { kind: "agrees", reason: "the server has its run, with this cost" }
    : {
      kind: "differs",
      reason: `it cost $${costUsd} here, and $${seen.costUsd} at the server: a difference of $${formatCost(difference)}`
    }
}

/** Whether a run can be the expected one: of its flow, and begun in its way. */
const isLike = (expected: Expected, { slug = "", triggerType }: SessionExecution): boolean =>
  (slug === "" || slug === slugOf(expected.flow)) &&
  (triggerType ?? expected.triggerType) === (expected.triggerType ?? triggerType)

/** The verdict on work that expects no run, or several, from the runs that its session lists. */
const ofOthers = (
  expected: Expected,
  executions: ReadonlyArray<SessionExecution>,
  isThere: boolean
): Verdict => {
  const { belief, executionId } = expected
  const [first, ...more] = executions
  if (executionId !== undefined) {
    return isThere
      ? { kind: "paid-twice", reason: `its session also has other runs: each may have been paid` }
      : { kind: "missing-there", reason: `the server does not know its run ${executionId}; its session has other runs` }
  }
  if (first === undefined || more.length > 0) {
    return { kind: "paid-twice", reason: `its session has ${executions.length} runs: each may have been paid` }
  }
  if (!isLike(expected, first)) {
    const other = `${first.triggerType ?? "run"} of ${first.slug ?? "a deleted flow"}`
    return { kind: "unknown", reason: `its session has another run, ${first.executionId}: ${other}` }
  }
  const reason = `its session has the run ${first.executionId}, which is not known here: ${first.status}`
  return { kind: "missing-here", reason, ...(belief === "uncertain" && { settledBy: first.executionId }) }
}

/** The findings on the expected runs of one session, or of one run without a session. */
const check = (runs: RunService.Service, sessions: SessionService.Service) =>
  Effect.fnUntraced(function*(
    group: Chunk.NonEmptyChunk<Expected>
  ): Effect.fn.Return<ReadonlyArray<Finding>, Failure> {
    const { flow, isShared, sessionId } = Chunk.headNonEmpty(group)
    const look: Look = sessionId === undefined ? { _tag: "absent" } : yield* lookAt(sessions, sessionId)
    const executions = look._tag === "listed" ? look.executions : []
    const listed = new Map(executions.map((one) => [one.executionId, one]))
    const expectedIds = new Set(Chunk.map(group, ({ executionId }) => executionId))
    const others = executions.filter(({ executionId }) => !expectedIds.has(executionId))
    let hasEarlier = false
    const findings: Array<Finding> = []
    for (const expected of group) {
      const { belief, executionId } = expected
      const add = (verdict: Verdict, seen: ReadonlyArray<SeenRun>) => findings.push({ ...verdict, expected, seen })
      const [only, ...more] = isShared === true ? [] : executions
      // a result may come without the id of its run
      const isOnly = belief === "ran" && executionId === undefined && only !== undefined && more.length === 0 &&
        isLike(expected, only)
      const own = isOnly ? only : listed.get(executionId ?? "")
      const id = own?.executionId ?? executionId
      const mine: Read = id === undefined ? { _tag: "absent" } : yield* readRun(runs, expected.flow, id, own)
      const strange = isShared === true || isOnly ? [] : others
      const theirs = yield* Effect.forEach(
        strange,
        (one) => readRun(runs, flowOf(expected, one), one.executionId, one)
      )
      const seen = [mine, ...theirs].flatMap(seenIn)
      if (look._tag === "unknown") add({ kind: "unknown", reason: look.reason }, seen)
      else if (mine._tag === "unread") add({ kind: "unknown", reason: mine.reason }, seen)
      else if (strange.length > 0) add(ofOthers(expected, strange, mine._tag === "seen"), seen)
      else if (mine._tag === "seen") {
        const verdict = compared(expected, mine.run)
        add(verdict.kind === "uncertain" ? { ...verdict, settledBy: mine.run.executionId } : verdict, seen)
      } else if (executionId !== undefined) {
        // runs are evicted in the order in which they began
        add(
          hasEarlier
            ? { kind: "missing-there", reason: `its session has earlier runs, and not its run ${executionId}` }
            : { kind: "unknown", reason: `the server does not know its run ${executionId}: it may have been evicted` },
          seen
        )
      } else if (belief === "unsent") add({ kind: "agrees", reason: "nothing was sent, and nothing is there" }, seen)
      else {
        add({
          kind: belief === "ran" ? "unknown" : "uncertain",
          reason: sessionId === undefined
            ? "it may have run, and neither its run nor its session is known"
            : "it may have run, and no run is listed under its session: that proves nothing"
        }, seen)
      }
      hasEarlier ||= own !== undefined
    }
    if (isShared === true) {
      for (const one of others) {
        const expected: Expected = {
          key: `session ${sessionId ?? ""}`,
          flow: flowOf({ flow, key: "", belief: "unsent" }, one),
          ...known({ sessionId }),
          isShared,
          belief: "unsent"
        }
        findings.push({
          kind: "missing-here",
          expected,
          seen: seenIn(yield* readRun(runs, expected.flow, one.executionId, one)),
          reason: `the session has the run ${one.executionId}, which is not known here: ${one.status}`
        })
      }
    }
    return findings
  })

/** Marks the doubles among the attempts at one work. At most one attempt should have completed. */
const withDoubles = (attempts: Chunk.Chunk<Finding>): Chunk.Chunk<Finding> => {
  const isCompleted = ({ expected, seen }: Finding) =>
    expected.isShared !== true && seen.some(({ status }) => status === "completed")
  const completed = Chunk.filter(attempts, isCompleted)
  if (completed.length < 2) return attempts
  const names = Chunk.toReadonlyArray(completed).map(({ expected: { attempt = 1 } }) => attempt).join(" and ")
  return Chunk.map(attempts, (finding) =>
    isCompleted(finding)
      ? { ...finding, kind: "paid-twice", reason: `its attempts ${names} completed, and each was paid` }
      : finding)
}

/**
 * Compares expected runs with the server, in their order. It reads a session per expected run, or per group of adjacent
 * ones that share it, and a trace per run for its status and its exact cost. It starts no run and changes nothing.
 *
 * A session that expired or was evicted is `unknown`. A run is `missing-there` only if the server lists its session, and
 * does not know the run. A failure that every read would have ends the stream: a refused key, a server that cannot be
 * reached, that does not answer in time, or that limits the rate. Any other failure makes its run `unknown`.
 *
 * @example
 * ```ts
 * import { Cassette } from "@effect-noukai/sdk"
 * import * as Reconcile from "@effect-noukai/report/Reconcile"
 * import { Effect, Stream } from "effect"
 *
 * const check = (path: string) =>
 *   Effect.flatMap(Cassette.load(path), (cassette) =>
 *     Stream.runCollect(Reconcile.findings(Stream.fromIterable(Reconcile.fromCassette(cassette)))))
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const findings = <E, R>(
  expected: Stream.Stream<Expected, E, R>,
  options: Options = {}
): Stream.Stream<Finding, E | CallError | SessionError, R | RunService | SessionService> =>
  Stream.unwrap(Effect.gen(function*() {
    const { concurrency = 4 } = yield* findingsOptions("Reconcile.findings", options)
    const checked = check(yield* RunService, yield* SessionService)
    let alone = 0
    return expected.pipe(
      Stream.groupAdjacentBy(({ isShared, sessionId }) => isShared === true ? sessionId : alone++),
      Stream.mapEffect(([, group]) => checked(group), { concurrency }),
      Stream.mapConcat((found) => found),
      Stream.groupAdjacentBy(({ expected }) => expected.key),
      Stream.mapConcatChunk(([, attempts]) => withDoubles(attempts))
    )
  }))

const valuesOf = (answer: RecordedAnswer): ReadonlyArray<unknown> =>
  "value" in answer
    ? [answer.value]
    : "events" in answer
    ? answer.events
    : "statuses" in answer
    ? answer.statuses.flatMap((status) => "value" in status ? [status.value] : [])
    : []

const field = (value: unknown, name: string): unknown => Predicate.isRecord(value) ? value[name] : undefined

/** The cost that a recorded trace tells. */
const costIn = (answer: RecordedAnswer): string | undefined => {
  const steps = valuesOf(answer).map((value) => field(value, "steps")).find(Array.isArray)
  if (steps === undefined || steps.length === 0) return undefined
  const known = steps.filter(Predicate.isRecord)
  return known.length < steps.length || known.some((step) => isCostUnknown(step, step))
    ? undefined
    : formatCost(sumCosts(known))
}

/**
 * Returns the runs that a cassette believes it ran. A session has its runs. A recording has each run that its calls began,
 * with the cost of a trace that it recorded; a call that failed without naming its run is `uncertain`, unless nothing was
 * sent or the server refused it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromCassette = (cassette: Cassette): ReadonlyArray<Expected> => {
  if (cassette.kind === "session") {
    const { client: { org, project }, session: { executions, sessionId } } = cassette
    return executions.map(({ executionId, slug = "", status }, index): Expected => ({
      key: `run ${index + 1}`,
      flow: [org, project, slug].filter((part) => part !== undefined && part !== "").join("/"),
      sessionId,
      isShared: true,
      executionId,
      ...(isEndedStatus(status) && { status }),
      belief: "ran"
    }))
  }
  const costs = new Map<string, string>()
  const begun = new Map<string, Expected>()
  for (const [index, one] of restore(cassette).entries()) {
    const { answer, endpoint, flow = "" } = one
    const key = `recording ${index + 1}`
    const executionId = runIdOf(one)
    const costUsd = endpoint === "trace" ? costIn(answer) : undefined
    const about = executionIdOf(one) ?? executionId
    if (about !== undefined && costUsd !== undefined) costs.set(about, costUsd)
    if (newRunsOf(one) === undefined) continue
    const error = "error" in answer ? answer.error : "end" in answer ? field(answer.end, "error") : undefined
    const id = executionId ?? field(error, "executionId")
    if (typeof id === "string") begun.set(id, { key, flow, executionId: id, belief: "ran" })
    else if (field(error, "sent") !== "no") {
      const status = field(error, "statusCode")
      const isRefused = typeof status === "number" && status >= 400 && status < 500 && status !== 408
      begun.set(key, { key, flow, belief: isRefused ? "unsent" : "uncertain" })
    }
  }
  return [...begun].map(([id, expected]) => ({ ...expected, ...known({ costUsd: costs.get(id) }) }))
}

/**
 * Returns the evidence of findings on uncertain work.
 *
 * @since 0.1.0
 * @category combinators
 */
export const evidence = (findings: Iterable<Finding>): ReadonlyArray<Evidence> =>
  Array.from(findings).flatMap(({ expected: { attempt = 1, key }, reason, settledBy }) =>
    settledBy === undefined ? [] : [{ key, attempt, executionId: settledBy, reason }]
  )

const summarySchema = Schema.Struct({
  counts: Schema.Record({ key: Kind, value: Schema.Number }),
  /** The sum of the believed costs in US dollars, exact, as decimal text. */
  believedUsd: Schema.String,
  /** The sum of the costs of the server's runs in US dollars, exact, as decimal text. */
  seenUsd: Schema.String,
  /** The number of attempts that ran, or may have, and whose cost is not believed to be anything: `believedUsd` is without them. */
  unknownBelieved: Schema.Number,
  /** The number of runs that the server has, or may have, and whose cost is not known: `seenUsd` is without them. */
  unknownSeen: Schema.Number
})

/**
 * The numbers and the sums of findings.
 *
 * @since 0.1.0
 * @category models
 */
export interface Summary extends Schema.Schema.Type<typeof summarySchema> {}

/**
 * The numbers and the sums of findings.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Summary: Schema.Schema<Summary, Schema.Schema.Encoded<typeof summarySchema>> = summarySchema

/**
 * The summary of no findings.
 *
 * @since 0.1.0
 * @category constructors
 */
export const noFindings: Summary = {
  counts: {
    agrees: 0,
    differs: 0,
    "missing-here": 0,
    "missing-there": 0,
    "paid-twice": 0,
    uncertain: 0,
    unknown: 0
  },
  believedUsd: "0",
  seenUsd: "0",
  unknownBelieved: 0,
  unknownSeen: 0
}

/**
 * Adds a finding to a summary. Costs are added as decimals, never as floats.
 *
 * @since 0.1.0
 * @category combinators
 */
export const add = (
  { believedUsd, counts, seenUsd, unknownBelieved, unknownSeen }: Summary,
  { expected, kind, seen }: Finding
): Summary => ({
  counts: { ...counts, [kind]: counts[kind] + 1 },
  believedUsd: formatCost(addCost(amount(believedUsd), amount(expected.costUsd))),
  seenUsd: formatCost(seen.reduce((sum, { costUsd }) => addCost(sum, amount(costUsd)), amount(seenUsd))),
  unknownBelieved: unknownBelieved + (expected.belief !== "unsent" && expected.costUsd === undefined ? 1 : 0),
  unknownSeen: unknownSeen + (seen.length === 0 && (kind === "unknown" || kind === "uncertain")
    ? 1
    : seen.filter(({ costUsd }) => costUsd === undefined).length)
})

/**
 * Returns a finding in one line: `paid-twice  essay-7 attempt 2: its session has 2 runs: each may have been paid`.
 *
 * @since 0.1.0
 * @category formatting
 */
export const toText = ({ expected: { attempt = 1, key }, kind, reason, seen }: Finding): string => {
  const runs = seen.length < 2
    ? ""
    : ` (${
      seen.map(({ costUsd, executionId, status }) =>
        `${executionId} ${status} ${costUsd === undefined ? "$?" : costText({ costUsd })}`
      ).join(", ")
    })`
  return `${kind.padEnd(13)}  ${key}${attempt === 1 ? "" : ` attempt ${attempt}`}: ${reason}${runs}`
}

/**
 * Returns a summary in one line.
 *
 * @since 0.1.0
 * @category formatting
 */
export const summaryText = ({ believedUsd, counts, seenUsd, unknownBelieved, unknownSeen }: Summary): string => {
  const kinds = Object.entries(counts)
    .flatMap(([kind, count]) => kind === "agrees" || count === 0 ? [] : [`, ${count} ${kind}`]).join("")
  const unknown = [
    ...unknownBelieved === 0 ? [] : [`${unknownBelieved} here`],
    ...unknownSeen === 0 ? [] : [`${unknownSeen} at the server`]
  ].join(", ")
  return `${counts.agrees} agree${kinds}; ${costText({ costUsd: believedUsd, unknownCosts: unknownBelieved })} here, ${
    costText({ costUsd: seenUsd, unknownCosts: unknownSeen })
  } at the server${unknown === "" ? "" : ` (costs that are not known: ${unknown})`}`
}
