/** Comparisons with the runs of a server, whose findings a test pushes. */
import type { Finding, Kind } from "@effect-noukai/report/Reconcile"
import { Unavailable } from "@effect-noukai/studio/RunsApi"
import type { StudioSource } from "@effect-noukai/studio/StudioSource"
import { Effect, Queue, Stream } from "effect"

type Reconciler = NonNullable<StudioSource.Service["reconciler"]>

type Event = Finding | "end" | Unavailable

export interface ScriptedReconciler {
  readonly reconciler: Reconciler
  readonly push: (...findings: ReadonlyArray<Finding>) => Promise<void>
  readonly end: () => Promise<void>
  readonly fail: (message: string, advice?: string) => Promise<void>
  /** The requests a second of each comparison that began. */
  readonly rates: ReadonlyArray<number>
  /** The number of comparisons that read now. */
  readonly readers: () => number
}

export const make = (isFree = false): ScriptedReconciler => {
  const rates: Array<number> = []
  const queues = new Set<Queue.Queue<Event>>()
  const findings: Reconciler["findings"] = (_, perSecond) =>
    Stream.unwrapScoped(Effect.gen(function*() {
      rates.push(perSecond)
      const queue = yield* Effect.acquireRelease(Queue.unbounded<Event>(), (queue) =>
        Effect.sync(() => {
          queues.delete(queue)
        }))
      queues.add(queue)
      return Stream.fromQueue(queue).pipe(
        Stream.takeWhile((event): event is Finding | Unavailable => event !== "end"),
        Stream.mapEffect((event) => event instanceof Unavailable ? Effect.fail(event) : Effect.succeed(event))
      )
    }))
  const send = (...events: ReadonlyArray<Event>) =>
    Effect.runPromise(Effect.forEach(queues, (queue) => Queue.offerAll(queue, events), { discard: true }))
  return {
    reconciler: { isFree, findings },
    push: send,
    end: () => send("end"),
    fail: (message, advice) => send(new Unavailable({ message, ...advice !== undefined && { advice } })),
    rates,
    readers: () => queues.size
  }
}

const reasons: { readonly [kind in Kind]: string } = {
  agrees: "the server has its run, with this cost",
  differs: "it cost $0.0021 here, and $0.0035 at the server: a difference of $0.0014",
  "missing-here": "its session has the run 9c5e, which is not known here: completed",
  "missing-there": "its session has earlier runs, and not its run 5f0c2a9e",
  "paid-twice": "its session has 2 runs: each may have been paid",
  uncertain: "it may have run, and no run is listed under its session: that proves nothing",
  unknown: "its session cannot be read: ReplayService.session: the session expired or was evicted"
}

/** A finding on the row with a number. */
export const findingOf = (no: number, kind: Kind, more: Partial<Finding> = {}): Finding => {
  const id = (nth: number) => `5f0c2a9e-77b1-4f35-9c1${nth}-${String(no).padStart(12, "0")}`
  const runs = kind === "paid-twice" ? 2 : ["agrees", "differs", "missing-here"].includes(kind) ? 1 : 0
  return {
    kind,
    expected: {
      key: `order-${String(no).padStart(7, "0")}`,
      attempt: 1,
      flow: "acme/shop/answer",
      ...kind !== "missing-here" && { executionId: id(0) },
      costUsd: "0.0021",
      belief: kind === "uncertain" || kind === "missing-here" ? "uncertain" : "ran"
    },
    seen: Array.from({ length: runs }, (_, nth) => ({
      executionId: id(nth),
      status: "completed",
      ...kind !== "missing-here" && { costUsd: kind === "differs" ? "0.0035" : "0.0021" }
    })),
    reason: reasons[kind],
    ...more
  }
}

const others: ReadonlyArray<Kind> = ["differs", "paid-twice", "missing-here", "unknown", "missing-there", "uncertain"]

/** The findings on rows from one number to another: each eighth one does not agree. */
export const findings = (from: number, to: number): ReadonlyArray<Finding> =>
  Array.from({ length: to - from + 1 }, (_, nth) => {
    const no = from + nth
    return findingOf(no, no % 8 === 0 ? others[no / 8 % others.length]! : "agrees")
  })
