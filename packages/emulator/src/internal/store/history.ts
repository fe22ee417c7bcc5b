/** The history of a run: its events for the live trace, and the executions of its steps for traces and sessions. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type { WireEvent } from "../wire/wireEvent.js"
import type { Snapshot } from "./snapshots.js"

/** The number and the bytes of entries beyond which a run drops the entries of steps that ran again. */
const most = { count: 10_000, bytes: 16 * 1024 * 1024 }

/** The entries of one stretch of work. */
interface Segment<A> {
  /** The position of its first entry. */
  readonly first: number
  readonly entries: ReadonlyArray<A>
  /** The bytes of the entries as JSON. */
  readonly bytes: number
}

/** The entries of a run that rests. */
class Segments<A> {
  private list: Array<Segment<A>> = []
  private count = 0
  /** The position of the next entry. */
  next = 0
  bytes = 0

  /** @param stepIdOf the id of the step that an entry belongs to */
  constructor(private readonly stepIdOf: (entry: A) => string | undefined) {}

  add(entries: ReadonlyArray<A>): void {
    // the entries before the first step are a segment of their own, which is never dropped
    const before = this.next > 0 ? 0 : entries.findIndex((entry) => this.stepIdOf(entry) !== undefined)
    for (const part of before > 0 ? [entries.slice(0, before), entries.slice(before)] : [entries]) this.put(part)
    if (this.count > most.count || this.bytes > most.bytes) this.compact()
  }

  /** The entries at or after a position. */
  from(position: number): ReadonlyArray<A> {
    return this.list.flatMap(({ entries, first }) => entries.slice(Math.max(0, position - first)))
  }

  private put(entries: ReadonlyArray<A>): void {
    if (entries.length === 0) return
    const bytes = Buffer.byteLength(JSON.stringify(entries))
    this.list.push({ first: this.next, entries, bytes })
    this.next += entries.length
    this.count += entries.length
    this.bytes += bytes
  }

  /** Drops the oldest segments whose steps have all run again, down to half of the bounds. */
  private compact(): void {
    const newer = new Set<string>()
    const superseded = new Set<Segment<A>>()
    for (const segment of [...this.list].reverse()) {
      const stepIds = segment.entries.flatMap((entry) => this.stepIdOf(entry) ?? [])
      if (stepIds.length > 0 && stepIds.every((stepId) => newer.has(stepId))) superseded.add(segment)
      for (const stepId of stepIds) newer.add(stepId)
    }
    this.list = this.list.filter((segment) => {
      const isOver = this.count > most.count / 2 || this.bytes > most.bytes / 2
      if (!isOver || !superseded.has(segment)) return true
      this.count -= segment.entries.length
      this.bytes -= segment.bytes
      return false
    })
  }
}

/** The number of partial outputs per execution of a step that a live trace can replay, besides the newest one. */
const keptPartials = 100

const stepIdOf = ({ data }: WireEvent): string | undefined => typeof data.stepId === "string" ? data.stepId : undefined

/**
 * The events of a run.
 *
 * @see docs/wire.md#live-traces
 */
export class EventLog {
  private readonly segments = new Segments(stepIdOf)
  private live: Array<WireEvent> = []
  /** By step under way: the number of kept partial outputs, and the newest one after them. */
  private readonly partials = new Map<
    string | undefined,
    { readonly kept: number; readonly last: WireEvent | undefined }
  >()
  private arrival: Deferred.Deferred<void> | undefined

  append(event: WireEvent): void {
    const stepId = stepIdOf(event)
    const { kept, last } = this.partials.get(stepId) ?? { kept: 0, last: undefined }
    if (event.event !== "step_output" && event.event !== "step_progress") {
      this.partials.delete(stepId)
      this.keep(last === undefined ? [event] : [last, event])
    } else if (kept < keptPartials) {
      this.partials.set(stepId, { kept: kept + 1, last: undefined })
      this.keep([event])
    } else this.partials.set(stepId, { kept, last: event })
  }

  /** The kept events from a position on, and the position after them. */
  from(position: number): { readonly events: ReadonlyArray<WireEvent>; readonly next: number } {
    const { next } = this.segments
    return {
      events: [...this.segments.from(position), ...this.live.slice(Math.max(0, position - next))],
      next: next + this.live.length
    }
  }

  /** Waits for an event at that position. */
  awaitAt(position: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (position < this.segments.next + this.live.length) return Effect.void
      this.arrival ??= Deferred.unsafeMake<void>(FiberId.none)
      return Deferred.await(this.arrival)
    })
  }

  /** Closes the segment of the events. Returns the bytes of all as JSON. */
  rest(): number {
    this.keep([...this.partials.values()].flatMap(({ last }) => last ?? []))
    this.partials.clear()
    this.segments.add(this.live)
    this.live = []
    return this.segments.bytes
  }

  private keep(events: ReadonlyArray<WireEvent>): void {
    this.live.push(...events)
    if (this.arrival !== undefined) Deferred.unsafeDone(this.arrival, Effect.void)
    this.arrival = undefined
  }
}

/** One execution of a step. */
export interface StepRecord {
  readonly stepId: string
  readonly attempt: number
  readonly loopIndex: number | undefined
  status: "running" | "completed" | "failed"
  readonly startedAt: number
  completedAt: number | undefined
  /** The time for which it has worked, in ms. */
  busyMs: number
  /** The instant at which it began to wait for tool results, while it waits. */
  pausedAt: number | undefined
  /** The time for which it has waited for tool results, in ms. */
  waitingMs: number
  readonly model: string | undefined
  tokens: { readonly prompt: number; readonly completion: number; readonly total: number } | undefined
  costUsd: string | undefined
  readonly input: Snapshot
  output: Snapshot | undefined
  /** The output together with its prompt, if the step has one. */
  prompted: Snapshot | undefined
  error: { readonly code: string; readonly message: string } | undefined
}

/** The time from the start of an execution to its end, with its waits for tool results, in ms. */
export const durationOf = ({ completedAt, startedAt }: StepRecord): number | undefined =>
  completedAt === undefined ? undefined : completedAt - startedAt

/** The least number of loop rounds that a run keeps. It keeps at most twice as many. */
const keptRounds = 25_000

const placeOf = (stepId: string, loopIndex: number | undefined): string => `${loopIndex ?? ""}/${stepId}`

/** The executions of a run's steps. */
export class StepLog {
  private readonly segments = new Segments<StepRecord>(({ stepId }) => stepId)
  private live: Array<StepRecord> = []
  /** When the last of the closed records ended. */
  private endedAt: number | undefined
  /** The number of executions of each step, per round of a loop. Counted again when an ended run continues. */
  private attempts: Map<string, number> | undefined

  /** Continues an execution that waits for tool results, or begins the next one. */
  begin(stepId: string, loopIndex: number | undefined, make: (attempt: number) => StepRecord): StepRecord {
    // a step inside a loop never waits for tool results
    const paused = loopIndex === undefined
      ? this.live.findLast((record) => record.stepId === stepId && record.status === "running")
      : undefined
    if (paused !== undefined) return paused
    this.attempts ??= new Map(this.list().map((record) => [placeOf(record.stepId, record.loopIndex), record.attempt]))
    const place = placeOf(stepId, loopIndex)
    const attempt = (this.attempts.get(place) ?? 0) + 1
    const record = make(attempt)
    this.attempts.set(place, attempt)
    this.live.push(record)
    if (this.live.length > keptRounds * 2) this.forgetRounds()
    return record
  }

  /** The records, in the order in which they began. */
  list(): ReadonlyArray<StepRecord> {
    return [...this.segments.from(0), ...this.live]
  }

  /** Since when no step has worked: each has ended, or waits for tool results. Absent while one works, and before the first. */
  idleSince(): number | undefined {
    if (this.live.some(({ pausedAt, status }) => status === "running" && pausedAt === undefined)) return undefined
    return this.live.reduce(
      (latest: number | undefined, { completedAt, pausedAt = completedAt }) =>
        latest === undefined || (pausedAt !== undefined && pausedAt > latest) ? pausedAt : latest,
      this.endedAt
    )
  }

  /** Closes the segment of the records, unless one is running. Returns the bytes of all as JSON. */
  rest(hasEnded: boolean): number {
    if (this.live.every(({ status }) => status !== "running")) {
      this.endedAt = this.idleSince()
      this.segments.add(this.live)
      this.live = []
      if (hasEnded) this.attempts = undefined
    }
    return this.segments.bytes + this.live.length * 512
  }

  private forgetRounds(): void {
    let left = this.live.length - keptRounds
    this.live = this.live.filter(({ loopIndex, status, stepId }) => {
      if (left <= 0 || loopIndex === undefined || status === "running") return true
      left--
      this.attempts?.delete(placeOf(stepId, loopIndex))
      return false
    })
  }
}
