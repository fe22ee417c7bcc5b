/**
 * E5 to E10: reads of runs, their traces and their sessions.
 *
 * @see docs/wire.md#runs
 * @see docs/wire.md#sessions
 */
import { isUuid } from "@effect-noukai/sdk/kit/names"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { EmulatorRuns } from "../../EmulatorRuns.js"
import type { Json } from "../../Flow.js"
import { ApiError, coded, invalid, refuse } from "../apiError.js"
import { keeping } from "../exact.js"
import { type FlowAddress, refOf } from "../flow/flows.js"
import type { JsonObject } from "../json.js"
import { type Endpoint, json } from "../server/endpoint.js"
import type { Route } from "../server/router.js"
import type { State } from "../state.js"
import type { Caller } from "../store/accounts.js"
import { durationOf, type StepRecord } from "../store/history.js"
import { projectOf, type Run } from "../store/runs.js"
import * as Snapshots from "../store/snapshots.js"
import { isTerminal } from "../wire/wireEvent.js"
import { gone, mayKnow } from "./runRow.js"

const iso = (ms: number | undefined): string | null => ms === undefined ? null : new Date(ms).toISOString()

/**
 * The steps that the run's capture mode shows.
 *
 * @see docs/wire.md#capture
 */
const stepsOf = (run: Run): ReadonlyArray<StepRecord> => run.capture === "off" ? [] : run.steps.list()

const stepFields = (record: StepRecord): JsonObject => ({
  stepId: record.stepId,
  attempt: record.attempt,
  loopIndex: record.loopIndex ?? null,
  status: record.status,
  startedAt: iso(record.startedAt),
  completedAt: iso(record.completedAt),
  durationMs: durationOf(record) ?? null
})

const errorOf = (record: StepRecord): Json | undefined => record.error && { ...record.error }

const flowRun = (run: Run) => ({
  id: run.id,
  flowId: run.flow.flowId,
  status: run.status,
  triggerType: run.trigger,
  startedAt: iso(run.createdAt),
  completedAt: iso(run.completedAt),
  durationMs: run.completedAt === undefined ? null : run.completedAt - run.createdAt,
  stepCount: run.flow.stepCount
})

const stepTrace = (run: Run, record: StepRecord) => {
  const { input, output } = record
  return {
    ...stepFields(record),
    // an addition of the emulator: the part of durationMs in which the step waited for tool results
    ...(record.waitingMs > 0 ? { waitingMs: record.waitingMs } : {}),
    modelUsed: record.model ?? null,
    tokens: record.tokens ?? null,
    costUsd: record.costUsd ?? null,
    inputContext: input.value,
    outputContext: Snapshots.asObject(output ?? Snapshots.none, "output"),
    errorContext: Snapshots.take(run.capture, errorOf(record)).value,
    inputSizeBytes: input.sizeBytes,
    outputSizeBytes: output?.sizeBytes ?? null,
    truncated: input.truncated || output?.truncated === true
  }
}

const notFound = (what: string): ApiError => coded(404, "RUN_NOT_FOUND", `There is no ${what}.`)

const findRun = (
  state: State,
  caller: Caller,
  flow: FlowAddress | undefined,
  executionId: string
): Either.Either<Run, ApiError> => {
  const run = state.runs.get(executionId)
  const evicted = state.runs.evicted(executionId)
  if (evicted !== undefined && (flow === undefined || evicted.flow.ref === refOf(flow))) {
    return Either.flatMap(mayKnow(caller, projectOf(evicted.flow)), () => gone(`The run ${executionId}`))
  }
  const missing = run === undefined || run.visibleAt > state.ledger.now() ||
    (flow !== undefined && run.flow.ref !== refOf(flow))
  if (missing) return Either.left(notFound(`run ${executionId}`))
  return Either.map(state.accounts.authorize(caller, run.flow.org, run.flow.project), () => run)
}

const refusals = {
  401: new ApiError({
    status: 401,
    detail: { code: "UNAUTHENTICATED", message: "This key may not read runs here." },
    headers: { "WWW-Authenticate": "Bearer" }
  }),
  403: coded(403, "FORBIDDEN", "This key may not read runs here."),
  404: coded(404, "NOT_FOUND", "There is no such endpoint.")
}

type RunRoute = Route<"runSummary" | "trace" | "stepTrace" | "traceStream" | "runList">

/** Refuses a path of runs that is not served. */
const served = ({ accounts }: State) => <R extends RunRoute>(endpoint: Endpoint<R>): Endpoint<R> => (request) => {
  const { caller, route }: { readonly caller: Caller; readonly route: RunRoute } = request
  const flow = "flow" in route ? route.flow : undefined
  const { refusal, served } = accounts.runPaths(caller.org ?? flow?.org)
  return served === "both" || served === (flow === undefined ? "flow-runs" : "seq")
    ? endpoint(request)
    : refusals[refusal]
}

const invalidQuery = (name: string, msg: string, type: string): ApiError =>
  invalid([{ loc: ["query", name], msg, type }])

const integer = (
  query: URLSearchParams,
  name: string,
  least: number,
  most: number
): Either.Either<number | undefined, ApiError> => {
  const text = query.get(name)
  if (text === null) return Either.right(undefined)
  if (!/^\d{1,9}$/.test(text)) {
    return Either.left(invalidQuery(name, "value is not a valid integer", "type_error.integer"))
  }
  const value = Number(text)
  return value >= least && value <= most
    ? Either.right(value)
    : Either.left(invalidQuery(name, `ensure this value is from ${least} to ${most}`, "value_error.number"))
}

const makeRun = (state: State): Endpoint<Route<"runSummary">> => ({ caller, route }) =>
  Either.map(findRun(state, caller, route.flow, route.executionId), (run) => json(flowRun(run)))

/** The JSON of a trace. */
export const traceOf = (run: Run) => ({
  flowRun: flowRun(run),
  steps: stepsOf(run).map((record) => stepTrace(run, record))
})

const makeTrace = (state: State): Endpoint<Route<"trace">> => ({ caller, route }) =>
  Either.map(findRun(state, caller, route.flow, route.executionId), (run) => json(traceOf(run)))

const makeStepTrace = (state: State): Endpoint<Route<"stepTrace">> => ({ caller, query, route }) =>
  Either.gen(function*() {
    const run = yield* findRun(state, caller, route.flow, route.executionId)
    const all = query.get("attempt") === "all"
    const attempt = all ? undefined : yield* integer(query, "attempt", 1, 1_000_000)
    const loopIndex = yield* integer(query, "loop_index", 0, 1_000_000)
    const found = stepsOf(run).filter((record) =>
      record.stepId === route.stepId && (loopIndex === undefined || record.loopIndex === loopIndex) &&
      (attempt === undefined || record.attempt === attempt)
    )
    const latest = found.at(-1)
    if (latest === undefined) return yield* Either.left(notFound(`step ${route.stepId} of run ${route.executionId}`))
    return all
      ? json({ stepId: route.stepId, attempts: found.map((record) => stepTrace(run, record)) })
      : json(stepTrace(run, latest))
  })

/** Streams the stored events, then new ones until the run ends. */
const makeTraceStream = (state: State): Endpoint<Route<"traceStream">> => ({ caller, route }) =>
  Either.map(findRun(state, caller, route.flow, route.executionId), (run) => ({
    type: "events",
    run: Effect.fnUntraced(function*(emit) {
      for (let position = 0;;) {
        yield* run.events.awaitAt(position)
        const { events, next } = run.events.from(position)
        position = next
        for (const event of events) {
          yield* emit(event)
          if (isTerminal(event)) return
        }
      }
    })
  }))

const statuses: ReadonlySet<string> = new Set(["running", "completed", "failed", "cancelled"])

const makeList = (state: State): Endpoint<Route<"runList">> => ({ caller, query }) =>
  Either.gen(function*() {
    const flowId = query.get("flow_id")
    if (flowId === null || flowId === "") {
      return yield* Either.left(invalidQuery("flow_id", "field required", "value_error.missing"))
    }
    const limit = (yield* integer(query, "limit", 1, 100)) ?? 20
    const status = query.get("status")
    if (status !== null && !statuses.has(status)) {
      return yield* Either.left(invalidQuery("status", `permitted: ${[...statuses].join(", ")}`, "value_error.const"))
    }
    const owner = state.flows.projectOfFlowId(flowId)
    if (owner === undefined) return yield* refuse(404, "FLOW_NOT_FOUND", `There is no flow ${flowId}.`)
    yield* state.accounts.authorize(caller, owner.org, owner.project)
    const now = state.ledger.now()
    const runs: Array<Run> = []
    // the cursor is an addition of the emulator: the list continues after the run with that id. Other text is ignored
    const after = state.runs.get(query.get("cursor") ?? "")
    for (const run of state.runs.newestFirst(after?.flow.flowId === flowId ? after.number : undefined)) {
      if (run.flow.flowId !== flowId || run.visibleAt > now || (status !== null && run.status !== status)) continue
      runs.push(run)
      if (runs.length === limit) break
    }
    return json({ runs: runs.map(flowRun) })
  })

const sessionStep = (run: Run, record: StepRecord) => {
  const output = record.prompted ?? record.output
  const step = {
    ...stepFields(record),
    inputSnapshot: record.input.value,
    outputSnapshot: output?.value ?? null,
    errorSnapshot: Snapshots.take(run.capture, errorOf(record)).value,
    truncated: record.input.truncated || output?.truncated === true
  }
  return keeping(step, "outputSnapshot", output)
}

const execution = (state: State, run: Run) => {
  const steps = stepsOf(run)
  return {
    executionId: run.id,
    flowId: run.flow.flowId,
    slug: state.flows.has(run.flow.ref) ? run.flow.slug : null,
    triggerType: run.trigger,
    status: run.status,
    startedAt: iso(run.createdAt),
    completedAt: iso(run.completedAt),
    traceCaptureMode: steps.length === 0 ? null : run.capture,
    snapshotsAvailable: Snapshots.hasPayloads(run.capture),
    errorAtStep: run.error?.stepId ?? null,
    steps: steps.map((record) => sessionStep(run, record))
  }
}

const sessionOf = (
  state: State,
  caller: Caller,
  given: string
): Either.Either<JsonObject, ApiError> =>
  Either.gen(function*() {
    if (!isUuid(given)) return yield* refuse(400, "BAD_REQUEST", "A session id is a UUID.")
    const sessionId = given.toLowerCase()
    const runs = state.runs.ofSession(sessionId, state.ledger.now())
    const evicted = state.runs.evictedSession(sessionId)
    for (const run of runs) yield* state.accounts.authorize(caller, run.flow.org, run.flow.project)
    if (evicted !== undefined) yield* mayKnow(caller, evicted)
    if (state.runs.hasExpired(sessionId)) {
      return yield* refuse(410, "GONE", `The session ${sessionId} has expired.`)
    }
    if (evicted !== undefined) return yield* gone(`A run of the session ${sessionId}`)
    if (runs.length === 0) return yield* refuse(404, "NOT_FOUND", `There is no session ${sessionId}.`)
    return { sessionId: given, executions: runs.map((run) => execution(state, run)) }
  })

const makeSession = (state: State): Endpoint<Route<"session">> => ({ caller, route }) =>
  Either.map(sessionOf(state, caller, route.sessionId), (session) => json(session))

/** The endpoints that read. */
export const make = (state: State) => {
  const servedRun = served(state)
  return {
    runSummary: servedRun(makeRun(state)),
    trace: servedRun(makeTrace(state)),
    stepTrace: servedRun(makeStepTrace(state)),
    traceStream: servedRun(makeTraceStream(state)),
    runList: servedRun(makeList(state)),
    session: makeSession(state)
  }
}

/** A caller of every project. */
const anyone: Caller = { key: "", org: undefined, project: undefined }

/** Reads a session without a request. */
export const readSession = (state: State): EmulatorRuns["session"] => (sessionId) =>
  Effect.sync(() =>
    Either.match(sessionOf(state, anyone, sessionId), {
      onLeft: ({ detail, status }) => ({ status, body: { detail } }),
      onRight: (body) => ({ status: 200, body })
    })
  )
