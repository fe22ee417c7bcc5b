/**
 * The events of a run, kept for its live trace.
 *
 * @see contract 9.3
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type { WireEvent } from "../wire/wireEvent.js"
import { Segments } from "./segments.js"

/** The number of partial outputs per execution of a step that a live trace can replay, besides the last one. */
const keptInBetween = 100

interface PartialEvents {
  kept: number
  /** The newest partial output beyond {@link keptInBetween}; kept after all when the step moves on. */
  last: WireEvent | undefined
}

const isInBetween = ({ event }: WireEvent): boolean => event === "step_output" || event === "step_progress"

const stepIdOf = ({ data }: WireEvent): string | undefined => typeof data.stepId === "string" ? data.stepId : undefined

/** Shared by all logs without events, and never added to. */
const none: Array<WireEvent> = []

export class EventLog {
  private readonly segments = new Segments(stepIdOf)
  private live: Array<WireEvent> = none
  private inBetween: Map<string | undefined, PartialEvents> | undefined
  private arrival: Deferred.Deferred<void> | undefined

  append(event: WireEvent): void {
    const stepId = stepIdOf(event)
    const before = this.inBetween?.get(stepId)
    if (!isInBetween(event)) {
      if (before?.last !== undefined) this.keep(before.last)
      this.inBetween?.delete(stepId)
      return this.keep(event)
    }
    const { kept } = before ?? { kept: 0 }
    this.inBetween ??= new Map()
    if (kept < keptInBetween) {
      this.inBetween.set(stepId, { kept: kept + 1, last: undefined })
      this.keep(event)
    } else {
      this.inBetween.set(stepId, { kept, last: event })
    }
  }

  /** The kept events from a position on, and the position after them. */
  from(position: number): { readonly events: ReadonlyArray<WireEvent>; readonly next: number } {
    const { next } = this.segments
    const events = position < next ? [...this.segments.from(position), ...this.live] : this.live.slice(position - next)
    return { events, next: next + this.live.length }
  }

  /** Waits for an event at that position. */
  awaitAt(position: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (position < this.segments.next + this.live.length) return Effect.void
      this.arrival ??= Deferred.unsafeMake<void>(FiberId.none)
      return Deferred.await(this.arrival)
    })
  }

  /** Closes the segment of the events, and returns the bytes of all as JSON. */
  rest(): number {
    for (const { last } of this.inBetween?.values() ?? []) if (last !== undefined) this.keep(last)
    this.inBetween = undefined
    this.segments.add(this.live)
    this.live = none
    return this.segments.bytes
  }

  private keep(event: WireEvent): void {
    if (this.live === none) this.live = [event]
    else this.live.push(event)
    const { arrival } = this
    if (arrival === undefined) return
    this.arrival = undefined
    Deferred.unsafeDone(arrival, Effect.void)
  }
}
