/** The ledger: the newest entries of each kind, the counts of all, and the events in order. */
import * as BigDecimal from "effect/BigDecimal"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as Types from "effect/Types"
import type {
  ClosedBy,
  ConnectionEntry,
  EmulatorLedger,
  LedgerEvent,
  LedgerTotals,
  RequestEntry,
  RunEntry,
  StepEntry
} from "../../EmulatorLedger.js"
import type { EmulatorService } from "../../EmulatorService.js"
import * as Money from "./money.js"

/** An entry that its owner may still change. */
export type OpenEntry<A> = Types.Mutable<A>

/** An event with its id and time, or a reset. */
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
  /** Records the event of a started step. Separate from `stepStarted`, because the step's timer is set in between. */
  readonly announceStep: (entry: StepEntry) => void
  readonly stepEnded: (
    run: OpenEntry<RunEntry>,
    entry: OpenEntry<StepEntry>,
    outcome: StepEntry["outcome"],
    cost: BigDecimal.BigDecimal
  ) => void
  readonly totals: () => LedgerTotals
  readonly requests: () => ReadonlyArray<RequestEntry>
  readonly snapshot: () => EmulatorLedger
  /** The kept moments after the one with that id. */
  readonly after: (id: number) => ReadonlyArray<Moment>
  /** The id of the newest moment; 0 before the first. */
  readonly lastId: () => number
  /** Waits for a moment after the one with that id. */
  readonly awaitAfter: (id: number) => Effect.Effect<void>
  readonly reset: () => void
}

/** The number of entries of each kind, and of events, that are kept. */
const capacity = 10_000

/** Bytes of request bodies. The oldest bodies are dropped; their entries stay. */
const bodyBudget = 64 * 1024 * 1024

/** Bytes of targets and headers. The oldest entries are dropped. */
const headBudget = 16 * 1024 * 1024

function keep<A>(list: Array<A>, entry: A): void {
  list.push(entry)
  if (list.length > capacity) list.shift()
}

const copies = <A extends object>(list: ReadonlyArray<A>): ReadonlyArray<A> => list.map((entry) => ({ ...entry }))

/** The key of an entry's epoch: the number of resets before the entry. Copies of the entry do not have it. */
const epochKey = Symbol("epoch")

const marked = <A extends object>(epoch: unknown, fields: A): A =>
  Object.defineProperty(fields, epochKey, { value: epoch })

const epochOf = (entry: object): unknown => Reflect.get(entry, epochKey)

/** The approximate bytes of an entry without its body. */
const headBytes = ({ flow, headers, target }: RequestEntry): number =>
  Object.entries(headers).reduce(
    (bytes, [name, value]) => bytes + name.length + value.length,
    256 + target.length + (flow?.length ?? 0)
  )

/** Keeps request entries within a count and two byte budgets. */
const makeRequests = () => {
  const list: Array<OpenEntry<RequestEntry>> = []
  let heads = 0
  let bodies = 0
  /** The number of the oldest entries whose bodies were dropped. */
  let emptied = 0
  return {
    list,
    push: (entry: OpenEntry<RequestEntry>): void => {
      list.push(entry)
      heads += headBytes(entry)
      bodies += entry.body.length
      while (list.length > 1 && (list.length > capacity || heads > headBudget)) {
        const oldest = list.shift()!
        heads -= headBytes(oldest)
        bodies -= oldest.body.length
        emptied = Math.max(0, emptied - 1)
      }
      for (; bodies > bodyBudget; emptied++) {
        const oldest = list[emptied]!
        bodies -= oldest.body.length
        oldest.body = ""
      }
    }
  }
}

const endpointOf = ({ endpoint }: RequestEntry) => endpoint === undefined ? undefined : { endpoint }

/** All that a reset clears. */
const makeLists = () => ({
  runs: Array<OpenEntry<RunEntry>>(),
  steps: Array<OpenEntry<StepEntry>>(),
  requests: makeRequests(),
  closed: Array<ConnectionEntry>(),
  counts: { runs: 0, steps: 0, requests: 0, withFaults: 0, running: 0, mostRunning: 0 },
  billed: Money.zero
})

export const make = (now: () => number): Ledger => {
  let lists = makeLists()
  let moments: Array<Moment> = []
  const open = new Map<number, OpenEntry<ConnectionEntry>>()
  let connections = 0
  let lastId = 0
  let arrival: Deferred.Deferred<void> | undefined
  // an entry from before a reset may end after it, unseen
  let epoch = 0
  const isCurrent = (entry: object): boolean => epochOf(entry) === epoch

  const tell = (event: Moment["event"]): void => {
    keep(moments, { id: ++lastId, at: now(), event })
    if (arrival !== undefined) Deferred.unsafeDone(arrival, Effect.void)
    arrival = undefined
  }

  const totals = (): LedgerTotals => ({
    runsStarted: lists.counts.runs,
    mostRunsAtOnce: lists.counts.mostRunning,
    stepsRun: lists.counts.steps,
    billedUsd: Money.print(lists.billed),
    requestsReceived: lists.counts.requests,
    requestsWithFaults: lists.counts.withFaults,
    openConnections: open.size
  })

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
      keep(lists.closed, entry)
      tell({ type: "ConnectionClosed", connection: entry.id, by })
    },
    requestReceived: (fields) => {
      const entry = marked(epoch, { ...fields, receivedAt: now() })
      lists.counts.requests++
      if (entry.fault !== undefined) lists.counts.withFaults++
      lists.requests.push(entry)
      tell({ type: "RequestReceived", request: entry.id, ...endpointOf(entry) })
      return entry
    },
    requestEnded: (entry, outcome) => {
      if (entry.outcome !== "open" || !isCurrent(entry)) return
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
      const entry = marked(epoch, { ...fields, startedAt: now(), billedUsd: "0" })
      const { counts } = lists
      counts.runs++
      counts.mostRunning = Math.max(counts.mostRunning, ++counts.running)
      keep(lists.runs, entry)
      tell({ type: "RunStarted", executionId: entry.executionId, flow: entry.flow, trigger: entry.trigger })
      return entry
    },
    runEnded: (entry, status) => {
      const isFirst = entry.endedAt === undefined
      entry.status = status
      entry.endedAt = now()
      if (!isCurrent(entry)) return
      if (isFirst) lists.counts.running--
      tell({ type: "RunEnded", executionId: entry.executionId, status })
    },
    stepStarted: (run, fields) => {
      const entry = marked<OpenEntry<StepEntry>>(epochOf(run), {
        ...fields,
        startedAt: now(),
        outcome: "running",
        billedUsd: "0"
      })
      if (!isCurrent(run)) return entry
      lists.counts.steps++
      keep(lists.steps, entry)
      return entry
    },
    announceStep: (entry) => {
      if (!isCurrent(entry)) return
      const { attempt, executionId, stepId, stepIndex } = entry
      tell({ type: "StepStarted", executionId, stepId, stepIndex, attempt })
    },
    stepEnded: (run, entry, outcome, cost) => {
      entry.outcome = outcome
      entry.endedAt = now()
      entry.billedUsd = Money.print(cost)
      if (!BigDecimal.isZero(cost)) run.billedUsd = Money.print(BigDecimal.sum(Money.parse(run.billedUsd), cost))
      if (!isCurrent(entry)) return
      lists.billed = BigDecimal.sum(lists.billed, cost)
      const { executionId, stepId, stepIndex } = entry
      tell({ type: "StepEnded", executionId, stepId, stepIndex, outcome })
    },
    totals,
    requests: () => copies(lists.requests.list),
    snapshot: () => ({
      ...totals(),
      runs: copies(lists.runs),
      steps: copies(lists.steps),
      requests: copies(lists.requests.list),
      connections: copies([...lists.closed, ...open.values()].slice(-capacity))
    }),
    after: (id) => moments.slice(Math.max(0, id - lastId + moments.length)),
    lastId: () => lastId,
    awaitAfter: (id) =>
      Effect.suspend(() => {
        if (lastId > id) return Effect.void
        arrival ??= Deferred.unsafeMake<void>(FiberId.none)
        return Deferred.await(arrival)
      }),
    reset: () => {
      lists = makeLists()
      moments = []
      epoch++
      tell({ type: "Reset" })
    }
  }
}

/** The ledger's events as streams and effects. */
export const watch = (ledger: Ledger): Pick<EmulatorService, "events" | "awaitEvent" | "awaitClose"> => {
  const after = (id: number): ReadonlyArray<LedgerEvent> =>
    ledger.after(id).flatMap(({ event }) => event.type === "Reset" ? [] : [event])

  function awaitEvent<E extends LedgerEvent>(predicate: (event: LedgerEvent) => event is E): Effect.Effect<E>
  function awaitEvent(predicate: (event: LedgerEvent) => boolean): Effect.Effect<LedgerEvent>
  function awaitEvent(predicate: (event: LedgerEvent) => boolean): Effect.Effect<LedgerEvent> {
    return Effect.gen(function*() {
      for (let id = 0;;) {
        yield* ledger.awaitAfter(id)
        const events = after(id)
        // before the predicate runs, which may cause events
        id = ledger.lastId()
        const found = events.find(predicate)
        if (found !== undefined) return found
      }
    })
  }

  const isQuiet = () =>
    ledger.snapshot().connections.every(({ closedAt, requests }) => closedAt !== undefined || requests === 0)

  return {
    events: Stream.paginateChunkEffect(0, (id) =>
      Effect.map(
        ledger.awaitAfter(id),
        () => [Chunk.unsafeFromArray(after(id)), Option.some(ledger.lastId())] as const
      )),
    awaitEvent,
    awaitClose: Effect.suspend(() =>
      isQuiet() ? Effect.void : Effect.asVoid(awaitEvent(({ type }) => type === "ConnectionClosed" && isQuiet()))
    )
  }
}
