/** Keeps the ledger within bounds: the newest entries stay, the counts cover all. */
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
import { Series } from "./series.js"

/** An entry that its owner may still change. */
export type OpenEntry<A> = Types.Mutable<A>

type Listener = (event: LedgerEvent) => void

/** An event with its id and time, or a reset that voids everything before. */
export interface Moment {
  /** Counted from 1 for the life of the server, resets included. */
  readonly id: number
  /** ms since the epoch, on the emulator's clock. */
  readonly at: number
  readonly event: LedgerEvent | { readonly type: "Reset" }
}

export interface Ledger {
  readonly now: () => number
  readonly connectionOpened: () => OpenEntry<ConnectionEntry>
  readonly connectionClosed: (entry: OpenEntry<ConnectionEntry>, by: ClosedBy) => void
  readonly requestReceived: (entry: Omit<RequestEntry, "receivedAt">) => OpenEntry<RequestEntry>
  readonly requestEnded: (entry: OpenEntry<RequestEntry>, outcome: RequestEntry["outcome"]) => void
  readonly waiting: (request: string, ms: number) => void
  readonly runStarted: (entry: Omit<RunEntry, "startedAt" | "endedAt" | "billedUsd">) => OpenEntry<RunEntry>
  readonly runEnded: (entry: OpenEntry<RunEntry>, status: string) => void
  readonly stepStarted: (
    run: OpenEntry<RunEntry>,
    entry: Omit<StepEntry, "startedAt" | "endedAt" | "outcome" | "billedUsd">
  ) => OpenEntry<StepEntry>
  /** Separate from `stepStarted`, because the step's timer is set in between. */
  readonly announceStep: (entry: StepEntry) => void
  readonly stepEnded: (
    run: OpenEntry<RunEntry>,
    entry: OpenEntry<StepEntry>,
    outcome: StepEntry["outcome"],
    cost: BigDecimal.BigDecimal
  ) => void
  readonly snapshot: () => EmulatorLedger
  /** The newest {@link capacity} events since the start or the last reset. */
  readonly past: () => Iterable<LedgerEvent>
  readonly listen: (listener: Listener) => () => void
  /** The kept moments after the one with that id. */
  readonly after: (id: number) => ReadonlyArray<Moment>
  /** The id of the newest moment; 0 before the first. */
  readonly lastId: () => number
  /** Calls the listener at each new moment; returns its removal. */
  readonly onMoment: (listener: () => void) => () => void
  readonly reset: () => void
}

/** The number of entries of each kind, and of events, that are kept. */
export const capacity = 10_000

/** Bytes of request bodies. The oldest bodies are dropped; their entries stay. */
const bodyBudget = 64 * 1024 * 1024

/** Bytes of targets and headers. The oldest entries are dropped. */
const headBudget = 16 * 1024 * 1024

const keep = <A>(list: Series<A>, entry: A): void => {
  list.push(entry)
  if (list.size > capacity) list.shift()
}

const copies = <A extends object>(list: Iterable<A>): ReadonlyArray<A> => Array.from(list, (entry) => ({ ...entry }))

/** The time from one reset to the next. */
class Epoch {}

/** An entry that knows its epoch; its copies do not. */
class Entry {
  readonly #epoch: Epoch | undefined

  constructor(epoch: Epoch | undefined) {
    this.#epoch = epoch
  }

  static isOf(entry: object, epoch: Epoch): boolean {
    return #epoch in entry && entry.#epoch === epoch
  }
}

const of = <A extends object>(epoch: Epoch | undefined, fields: A): A => Object.assign(new Entry(epoch), fields)

const isOf = Entry.isOf

/** The approximate bytes of an entry without its body. */
const headBytes = ({ flow, headers, target }: RequestEntry): number =>
  Object.entries(headers).reduce(
    (bytes, [name, value]) => bytes + name.length + value.length,
    256 + target.length + (flow?.length ?? 0)
  )

/** Request entries within a count and two byte budgets. */
class Requests {
  private readonly list = new Series<OpenEntry<RequestEntry>>()
  private heads = 0
  private bodies = 0
  /** The number of the oldest entry that still has its body. */
  private withBody = 0

  push(entry: OpenEntry<RequestEntry>): void {
    this.list.push(entry)
    this.heads += headBytes(entry)
    this.bodies += entry.body.length
    while (this.list.size > 1 && (this.list.size > capacity || this.heads > headBudget)) this.shift()
    this.withBody = Math.max(this.withBody, this.list.first)
    while (this.bodies > bodyBudget) {
      const oldest = this.list.at(this.withBody++)!
      this.bodies -= oldest.body.length
      oldest.body = ""
    }
  }

  all(): ReadonlyArray<RequestEntry> {
    return copies(this.list)
  }

  clear(): void {
    this.list.clear()
    this.heads = 0
    this.bodies = 0
    this.withBody = this.list.first
  }

  private shift(): void {
    const oldest = this.list.shift()
    if (oldest === undefined) return
    this.heads -= headBytes(oldest)
    this.bodies -= oldest.body.length
  }
}

const endpointOf = ({ endpoint }: RequestEntry) => endpoint === undefined ? undefined : { endpoint }

export const make = (now: () => number): Ledger => {
  const runs = new Series<OpenEntry<RunEntry>>()
  const steps = new Series<OpenEntry<StepEntry>>()
  const requests = new Requests()
  const closed = new Series<ConnectionEntry>()
  const open = new Map<number, OpenEntry<ConnectionEntry>>()
  const moments = new Series<Moment>()
  const listeners = new Set<Listener>()
  const watchers = new Set<() => void>()
  let connections = 0
  let counts = { runs: 0, steps: 0, requests: 0 }
  let running = 0
  let mostRunning = 0
  let billed = Money.zero
  // an entry from before a reset may end after it, unseen
  let epoch = new Epoch()

  const note = (event: Moment["event"]): void => {
    keep(moments, { id: moments.next + 1, at: now(), event })
    for (const watcher of [...watchers]) watcher()
  }

  const tell = (event: LedgerEvent): void => {
    note(event)
    for (const listener of [...listeners]) listener(event)
  }

  return {
    now,
    connectionOpened: () => {
      const entry: OpenEntry<ConnectionEntry> = { id: ++connections, requests: 0, openedAt: now() }
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
      const entry = of(epoch, { ...fields, receivedAt: now() })
      counts.requests++
      requests.push(entry)
      tell({ type: "RequestReceived", request: entry.id, ...endpointOf(entry) })
      return entry
    },
    requestEnded: (entry, outcome) => {
      if (entry.outcome !== "open" || !isOf(entry, epoch)) return
      entry.outcome = outcome
      entry.endedAt = now()
      tell({
        type: "RequestEnded",
        request: entry.id,
        ...endpointOf(entry),
        ...(entry.status === undefined ? undefined : { status: entry.status }),
        outcome
      })
    },
    waiting: (request, ms) => tell({ type: "Waiting", request, ms }),
    runStarted: (fields) => {
      const entry = of(epoch, { ...fields, startedAt: now(), billedUsd: "0" })
      counts.runs++
      mostRunning = Math.max(mostRunning, ++running)
      keep(runs, entry)
      tell({ type: "RunStarted", executionId: entry.executionId, flow: entry.flow, trigger: entry.trigger })
      return entry
    },
    runEnded: (entry, status) => {
      const isFirst = entry.endedAt === undefined
      entry.status = status
      entry.endedAt = now()
      if (!isOf(entry, epoch)) return
      if (isFirst) running--
      tell({ type: "RunEnded", executionId: entry.executionId, status })
    },
    stepStarted: (run, fields) => {
      const isCurrent = isOf(run, epoch)
      const entry = of<OpenEntry<StepEntry>>(isCurrent ? epoch : undefined, {
        ...fields,
        startedAt: now(),
        outcome: "running",
        billedUsd: "0"
      })
      if (!isCurrent) return entry
      counts.steps++
      keep(steps, entry)
      return entry
    },
    announceStep: (entry) => {
      if (!isOf(entry, epoch)) return
      const { attempt, executionId, stepId, stepIndex } = entry
      tell({ type: "StepStarted", executionId, stepId, stepIndex, attempt })
    },
    stepEnded: (run, entry, outcome, cost) => {
      entry.outcome = outcome
      entry.endedAt = now()
      entry.billedUsd = Money.print(cost)
      if (!BigDecimal.isZero(cost)) run.billedUsd = Money.print(BigDecimal.sum(Money.parse(run.billedUsd), cost))
      if (!isOf(entry, epoch)) return
      if (!BigDecimal.isZero(cost)) billed = BigDecimal.sum(billed, cost)
      const { executionId, stepId, stepIndex } = entry
      tell({ type: "StepEnded", executionId, stepId, stepIndex, outcome })
    },
    snapshot: () => ({
      runsStarted: counts.runs,
      mostRunsAtOnce: mostRunning,
      stepsRun: counts.steps,
      billedUsd: Money.print(billed),
      requestsReceived: counts.requests,
      openConnections: open.size,
      runs: copies(runs),
      steps: copies(steps),
      requests: requests.all(),
      connections: copies([...closed, ...open.values()].slice(-capacity))
    }),
    *past() {
      for (const { event } of moments) if (event.type !== "Reset") yield event
    },
    after: (id) => {
      const following: Array<Moment> = []
      // the first moment has number 0
      for (let number = Math.max(id, moments.first); number < moments.next; number++) {
        const moment = moments.at(number)
        if (moment !== undefined) following.push(moment)
      }
      return following
    },
    lastId: () => moments.next,
    onMoment: (listener) => {
      watchers.add(listener)
      return () => watchers.delete(listener)
    },
    listen: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    reset: () => {
      for (const list of [runs, steps, requests, closed, moments]) list.clear()
      counts = { runs: 0, steps: 0, requests: 0 }
      running = 0
      mostRunning = 0
      billed = Money.zero
      epoch = new Epoch()
      note({ type: "Reset" })
    }
  }
}
