/** `GET /_emulator/runs` and `GET /_emulator/events`: the data of a page or command that watches the emulator. */
import { isUuid } from "@effect-noukai/sdk/kit/names"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { type ApiError, coded } from "../apiError.js"
import { json, type Reply } from "../server/endpoint.js"
import type { State } from "../state.js"
import type { Ledger, Moment } from "../store/ledger.js"
import { type Run, type RunStatus } from "../store/runs.js"
import type { WireEvent } from "../wire/wireEvent.js"

const bad = (message: string): Either.Either<never, ApiError> => Either.left(coded(400, "BAD_REQUEST", message))

/** A run as JSON. Times are in ms since the epoch, as in the ledger. */
const row = (run: Run) => ({
  executionId: run.id,
  flow: run.flow.ref,
  flowId: run.flow.flowId,
  trigger: run.trigger,
  status: run.status,
  sessionId: run.sessionId ?? null,
  startedAt: run.createdAt,
  endedAt: run.completedAt ?? null,
  durationMs: run.completedAt === undefined ? null : run.completedAt - run.createdAt,
  stepCount: run.flow.stepCount,
  billedUsd: run.entry.billedUsd,
  pausedAtStep: run.pause?.stepId ?? null,
  error: run.error === undefined ? null : { ...run.error, stepId: run.error.stepId ?? null }
})

const statuses: ReadonlyArray<RunStatus> = ["pending", "running", "completed", "failed", "cancelled"]

const parameters: ReadonlyArray<string> = ["flow", "status", "session", "limit", "cursor"]

const wholeNumber = (
  query: URLSearchParams,
  name: string,
  least: number,
  most: number
): Either.Either<number | undefined, ApiError> => {
  const text = query.get(name)
  if (text === null) return Either.right(undefined)
  return /^\d{1,15}$/.test(text) && Number(text) >= least && Number(text) <= most
    ? Either.right(Number(text))
    : bad(`${name} is a whole number from ${least} to ${most}, not ${JSON.stringify(text)}.`)
}

/** Runs, newest first, in pages. New runs do not change later pages. */
export const runs = (state: State, query: URLSearchParams): Either.Either<Reply, ApiError> =>
  Either.gen(function*() {
    const unknown = [...query.keys()].find((name) => !parameters.includes(name))
    if (unknown !== undefined) return yield* bad(`${unknown} is not one of ${parameters.join(", ")}.`)
    const limit = (yield* wholeNumber(query, "limit", 1, 100)) ?? 20
    const before = yield* wholeNumber(query, "cursor", 0, Number.MAX_SAFE_INTEGER)
    const status = query.get("status")
    if (status !== null && !statuses.some((known) => known === status)) {
      return yield* bad(`status is one of ${statuses.join(", ")}, not ${JSON.stringify(status)}.`)
    }
    const flow = query.get("flow")
    const session = query.get("session")
    if (session !== null && !isUuid(session)) return yield* bad("session is a UUID.")
    const sessionId = session?.toLowerCase()
    const page: Array<Run> = []
    let more = false
    for (const run of state.runs.newestFirst(before)) {
      const fits = (flow === null || run.flow.ref === flow) && (status === null || run.status === status) &&
        (sessionId === undefined || run.sessionId === sessionId)
      if (!fits) continue
      more = page.length === limit
      if (more) break
      page.push(run)
    }
    return json({
      runs: page.map(row),
      next: more ? String(page.at(-1)!.number) : null,
      evicted: state.runs.evictedCount(),
      lastEventId: state.ledger.lastId()
    })
  })

const wire = ({ at, event, id }: Moment): WireEvent => ({ id, event: event.type, data: { ...event, at } })

/** The event in place of dropped events: those after `from` and before `first`. */
const missed = (ledger: Ledger, from: number, first: number): WireEvent => ({
  id: first - 1,
  event: "Missed",
  data: { type: "Missed", count: first - 1 - from, at: ledger.now() }
})

/** Streams the kept events, then each new event. Never ends. */
export const events = (
  { ledger }: State,
  query: URLSearchParams,
  lastEventId: string | undefined
): Either.Either<Reply, ApiError> =>
  Either.map(
    wholeNumber(
      lastEventId === undefined ? query : new URLSearchParams({ lastEventId }),
      "lastEventId",
      0,
      Number.MAX_SAFE_INTEGER
    ),
    (given = 0): Reply => ({
      type: "events",
      run: Effect.fnUntraced(function*(emit) {
        let last = given
        if (last > ledger.lastId()) {
          // the id belongs to an earlier server on this port
          last = 0
          yield* emit({ id: 0, event: "Reset", data: { type: "Reset", at: ledger.now() } })
        }
        for (;;) {
          const following = ledger.after(last)
          const first = following[0]
          if (first !== undefined && first.id > last + 1 && first.event.type !== "Reset" && last > 0) {
            yield* emit(missed(ledger, last, first.id))
          }
          for (const moment of following) {
            yield* emit(wire(moment))
            last = moment.id
          }
          yield* ledger.awaitAfter(last)
        }
      })
    })
  )
