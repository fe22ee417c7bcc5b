/**
 * Keeps the ledger. Bounded: the newest entries stay, the counts are of all.
 *
 * @internal
 */
import * as BigDecimal from "effect/BigDecimal"
import type * as Types from "effect/Types"
import type {
  ClosedBy,
  ConnectionEntry,
  EmulatorLedger,
  LedgerEvent,
  RequestEntry,
  RunEntry,
  StepEntry
} from "../../EmulatorLedger.js"
import * as Money from "./money.js"

/** An entry that its owner may still change. @internal */
export type Open<A> = Types.Mutable<A>

type Listener = (event: LedgerEvent) => void

/** @internal */
export interface Ledger {
  readonly now: () => number
  readonly connectionOpened: () => Open<ConnectionEntry>
  readonly connectionClosed: (entry: Open<ConnectionEntry>, by: ClosedBy) => void
  readonly requestReceived: (entry: Omit<RequestEntry, "receivedAt">) => Open<RequestEntry>
  readonly requestEnded: (entry: Open<RequestEntry>, outcome: RequestEntry["outcome"]) => void
  readonly waiting: (request: string, ms: number) => void
  readonly runStarted: (entry: Omit<RunEntry, "startedAt" | "endedAt" | "billedUsd">) => Open<RunEntry>
  readonly runEnded: (entry: Open<RunEntry>, status: string) => void
  readonly stepStarted: (
    run: Open<RunEntry>,
    entry: Omit<StepEntry, "startedAt" | "endedAt" | "outcome" | "billedUsd">
  ) => Open<StepEntry>
  /** Announced apart, because the step's timer is set in between. */
  readonly announceStep: (entry: StepEntry) => void
  readonly stepEnded: (
    run: Open<RunEntry>,
    entry: Open<StepEntry>,
    outcome: StepEntry["outcome"],
    cost: BigDecimal.BigDecimal
  ) => void
  readonly snapshot: () => EmulatorLedger
  /** Events since the start or the last reset: at least the newest {@link capacity}, less than twice as many. */
  readonly past: () => ReadonlyArray<LedgerEvent>
  readonly listen: (listener: Listener) => () => void
  readonly reset: () => void
}

/** How many entries of a kind a snapshot has; up to twice as many are kept, events too. @internal */
export const capacity = 10_000

/** Bytes of request bodies; the oldest are dropped, their entries stay. */
const bodyBudget = 64 * 1024 * 1024

const keep = <A>(list: Array<A>, entry: A): void => {
  list.push(entry)
  // dropping the oldest half at once keeps this constant on average
  if (list.length >= capacity * 2) list.splice(0, list.length - capacity)
}

const newest = <A extends object>(list: ReadonlyArray<A>): ReadonlyArray<A> =>
  list.slice(-capacity).map((entry) => ({ ...entry }))

/** @internal */
export const make = (now: () => number): Ledger => {
  const runs: Array<Open<RunEntry>> = []
  const steps: Array<Open<StepEntry>> = []
  const requests: Array<Open<RequestEntry>> = []
  const closed: Array<ConnectionEntry> = []
  const open = new Map<number, Open<ConnectionEntry>>()
  const events: Array<LedgerEvent> = []
  const listeners = new Set<Listener>()
  let connections = 0
  const bodies: Array<Open<RequestEntry>> = []
  let bodyBytes = 0
  let counts = { runs: 0, steps: 0, requests: 0 }
  let billed = Money.zero
  // what began before a reset may end after it, unseen
  let current = new WeakSet<object>()

  const tell = (event: LedgerEvent): void => {
    keep(events, event)
    for (const listener of [...listeners]) listener(event)
  }

  return {
    now,
    connectionOpened: () => {
      const entry = { id: ++connections, requests: 0, openedAt: now(), closedAt: undefined, closedBy: undefined }
      open.set(entry.id, entry)
      tell({ type: "ConnectionOpened", connection: entry.id })
      return entry
    },
    connectionClosed: (entry, by) => {
      entry.closedAt = now()
      entry.closedBy = by
      open.delete(entry.id)
      keep(closed, entry)
      tell({ type: "ConnectionClosed", connection: entry.id, by })
    },
    requestReceived: (fields) => {
      const entry = { ...fields, receivedAt: now() }
      counts.requests++
      current.add(entry)
      keep(requests, entry)
      bodies.push(entry)
      bodyBytes += entry.body.length
      while (bodyBytes > bodyBudget) {
        const oldest = bodies.shift()!
        bodyBytes -= oldest.body.length
        oldest.body = ""
      }
      tell({ type: "RequestReceived", request: entry.id, endpoint: entry.endpoint })
      return entry
    },
    requestEnded: (entry, outcome) => {
      if (entry.outcome !== "open" || !current.has(entry)) return
      entry.outcome = outcome
      entry.endedAt = now()
      tell({ type: "RequestEnded", request: entry.id, endpoint: entry.endpoint, status: entry.status, outcome })
    },
    waiting: (request, ms) => tell({ type: "Waiting", request, ms }),
    runStarted: (fields) => {
      const entry = { ...fields, startedAt: now(), endedAt: undefined, billedUsd: "0" }
      counts.runs++
      current.add(entry)
      keep(runs, entry)
      tell({ type: "RunStarted", executionId: entry.executionId, flow: entry.flow, trigger: entry.trigger })
      return entry
    },
    runEnded: (entry, status) => {
      entry.status = status
      entry.endedAt = now()
      if (!current.has(entry)) return
      tell({ type: "RunEnded", executionId: entry.executionId, status })
    },
    stepStarted: (run, fields) => {
      const entry: Open<StepEntry> = {
        ...fields,
        startedAt: now(),
        endedAt: undefined,
        outcome: "running",
        billedUsd: "0"
      }
      if (!current.has(run)) return entry
      current.add(entry)
      counts.steps++
      keep(steps, entry)
      return entry
    },
    announceStep: (entry) => {
      if (!current.has(entry)) return
      const { attempt, executionId, stepId, stepIndex } = entry
      tell({ type: "StepStarted", executionId, stepId, stepIndex, attempt })
    },
    stepEnded: (run, entry, outcome, cost) => {
      entry.outcome = outcome
      entry.endedAt = now()
      entry.billedUsd = Money.print(cost)
      run.billedUsd = Money.print(BigDecimal.sum(Money.parse(run.billedUsd), cost))
      if (!current.has(entry)) return
      billed = BigDecimal.sum(billed, cost)
      const { executionId, stepId, stepIndex } = entry
      tell({ type: "StepEnded", executionId, stepId, stepIndex, outcome })
    },
    snapshot: () => ({
      runsStarted: counts.runs,
      stepsRun: counts.steps,
      billedUsd: Money.print(billed),
      requestsReceived: counts.requests,
      openConnections: open.size,
      runs: newest(runs),
      steps: newest(steps),
      requests: newest(requests),
      connections: newest([...closed, ...open.values()])
    }),
    past: () => events,
    listen: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    reset: () => {
      for (const list of [runs, steps, requests, closed, events, bodies]) list.length = 0
      bodyBytes = 0
      counts = { runs: 0, steps: 0, requests: 0 }
      billed = Money.zero
      current = new WeakSet()
    }
  }
}
