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
  StepEntry,
  WebhookDelivery
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
  readonly webhookAdded: (entry: WebhookDelivery) => OpenEntry<WebhookDelivery>
  /** Records the event of a changed delivery. Separate, because a timer may be set in between. */
  readonly webhookChanged: (entry: WebhookDelivery) => void
  readonly webhooks: () => ReadonlyArray<WebhookDelivery>
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
  webhooks: Array<OpenEntry<WebhookDelivery>>(),
  closed: Array<ConnectionEntry>(),
  counts: { runs: 0, steps: 0, requests: 0, withFaults: 0, running: 0, mostRunning: 0 },
  billed: Money.zero
})

/** The state of a ledger. */
interface Kept {
  readonly now: () => number
  lists: ReturnType<typeof makeLists>
  moments: Array<Moment>
  readonly open: Map<number, OpenEntry<ConnectionEntry>>
  connections: number
  lastId: number
  arrival: Deferred.Deferred<void> | undefined
  /** An entry from before a reset may end after it. Such an end is ignored. */
  epoch: number
}

const isCurrent = ({ epoch }: Kept, entry: object): boolean => epochOf(entry) === epoch

const tell = (kept: Kept, event: Moment["event"]): void => {
  keep(kept.moments, { id: ++kept.lastId, at: kept.now(), event })
  if (kept.arrival !== undefined) Deferred.unsafeDone(kept.arrival, Effect.void)
  kept.arrival = undefined
}

const ofConnections = (
  kept: Kept
): Pick<Ledger, "connectionOpened" | "connectionClosed"> => ({
  connectionOpened: () => {
    const entry: OpenEntry<ConnectionEntry> = { id: ++kept.connections, requests: 0, openedAt: kept.now() }
    kept.open.set(entry.id, entry)
    tell(kept, { type: "ConnectionOpened", connection: entry.id })
    return entry
  },
  connectionClosed: (entry, by) => {
    entry.closedAt = kept.now()
    entry.closedBy = by
    kept.open.delete(entry.id)
    keep(kept.lists.closed, entry)
    tell(kept, { type: "ConnectionClosed", connection: entry.id, by })
  }
})

const ofRequests = (kept: Kept): Pick<Ledger, "requestReceived" | "requestEnded" | "waiting" | "requests"> => ({
  requestReceived: (fields) => {
    const { counts, requests } = kept.lists
    const entry = marked(kept.epoch, { ...fields, receivedAt: kept.now() })
    counts.requests++
    if (entry.fault !== undefined) counts.withFaults++
    requests.push(entry)
    tell(kept, { type: "RequestReceived", request: entry.id, ...endpointOf(entry) })
    return entry
  },
  requestEnded: (entry, outcome) => {
    if (entry.outcome !== "open" || !isCurrent(kept, entry)) return
    entry.outcome = outcome
    entry.endedAt = kept.now()
    tell(kept, {
      type: "RequestEnded",
      request: entry.id,
      ...endpointOf(entry),
      ...(entry.status === undefined ? undefined : { status: entry.status }),
      outcome
    })
  },
  waiting: (request, ms) => tell(kept, { type: "Waiting", request, ms }),
  requests: () => copies(kept.lists.requests.list)
})

const ofRuns = (kept: Kept): Pick<Ledger, "runStarted" | "runEnded"> => ({
  runStarted: (fields) => {
    const entry = marked(kept.epoch, { ...fields, startedAt: kept.now(), billedUsd: "0" })
    const { counts, runs } = kept.lists
    counts.runs++
    counts.mostRunning = Math.max(counts.mostRunning, ++counts.running)
    keep(runs, entry)
    tell(kept, { type: "RunStarted", executionId: entry.executionId, flow: entry.flow, trigger: entry.trigger })
    return entry
  },
  runEnded: (entry, status) => {
    const isFirst = entry.endedAt === undefined
    entry.status = status
    entry.endedAt = kept.now()
    if (!isCurrent(kept, entry)) return
    if (isFirst) kept.lists.counts.running--
    tell(kept, { type: "RunEnded", executionId: entry.executionId, status })
  }
})

const ofSteps = (kept: Kept): Pick<Ledger, "stepStarted" | "announceStep" | "stepEnded"> => ({
  stepStarted: (run, fields) => {
    const entry = marked<OpenEntry<StepEntry>>(epochOf(run), {
      ...fields,
      startedAt: kept.now(),
      outcome: "running",
      billedUsd: "0"
    })
    if (!isCurrent(kept, run)) return entry
    kept.lists.counts.steps++
    keep(kept.lists.steps, entry)
    return entry
  },
  announceStep: (entry) => {
    if (!isCurrent(kept, entry)) return
    const { attempt, executionId, stepId, stepIndex } = entry
    tell(kept, { type: "StepStarted", executionId, stepId, stepIndex, attempt })
  },
  stepEnded: (run, entry, outcome, cost) => {
    entry.outcome = outcome
    entry.endedAt = kept.now()
    entry.billedUsd = Money.print(cost)
    if (!BigDecimal.isZero(cost)) run.billedUsd = Money.print(BigDecimal.sum(Money.parse(run.billedUsd), cost))
    if (!isCurrent(kept, entry)) return
    kept.lists.billed = BigDecimal.sum(kept.lists.billed, cost)
    const { executionId, stepId, stepIndex } = entry
    tell(kept, { type: "StepEnded", executionId, stepId, stepIndex, outcome })
  }
})

const ofWebhooks = (kept: Kept): Pick<Ledger, "webhookAdded" | "webhookChanged" | "webhooks"> => ({
  webhookAdded: (fields) => {
    const entry = marked<OpenEntry<WebhookDelivery>>(kept.epoch, { ...fields })
    keep(kept.lists.webhooks, entry)
    return entry
  },
  webhookChanged: (entry) => {
    if (!isCurrent(kept, entry)) return
    const { attempts, executionId, id, status } = entry
    tell(kept, { type: "WebhookChanged", delivery: id, executionId, status, attempts: attempts.length })
  },
  webhooks: () => copies(kept.lists.webhooks)
})

const totalsOf = ({ lists: { billed, counts }, open }: Kept): LedgerTotals => ({
  runsStarted: counts.runs,
  mostRunsAtOnce: counts.mostRunning,
  stepsRun: counts.steps,
  billedUsd: Money.print(billed),
  requestsReceived: counts.requests,
  requestsWithFaults: counts.withFaults,
  openConnections: open.size
})

export const make = (now: () => number): Ledger => {
  const kept: Kept = {
    now,
    lists: makeLists(),
    moments: [],
    open: new Map(),
    connections: 0,
    lastId: 0,
    arrival: undefined,
    epoch: 0
  }
  return {
    now,
    ...ofConnections(kept),
    ...ofRequests(kept),
    ...ofRuns(kept),
    ...ofSteps(kept),
    ...ofWebhooks(kept),
    totals: () => totalsOf(kept),
    snapshot: () => ({
      ...totalsOf(kept),
      runs: copies(kept.lists.runs),
      steps: copies(kept.lists.steps),
      requests: copies(kept.lists.requests.list),
      webhooks: copies(kept.lists.webhooks),
      connections: copies([...kept.lists.closed, ...kept.open.values()].slice(-capacity))
    }),
    after: (id) => kept.moments.slice(Math.max(0, id - kept.lastId + kept.moments.length)),
    lastId: () => kept.lastId,
    awaitAfter: (id) =>
      Effect.suspend(() => {
        if (kept.lastId > id) return Effect.void
        kept.arrival ??= Deferred.unsafeMake<void>(FiberId.none)
        return Deferred.await(kept.arrival)
      }),
    reset: () => {
      kept.lists = makeLists()
      kept.moments = []
      kept.epoch++
      tell(kept, { type: "Reset" })
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
