/** The states of the limits of a client, by random walks through them. */
import { assert, describe, it } from "@effect/vitest"
import { FastCheck as FC } from "effect"
import type { Timers } from "../../../src/internal/core/time.js"
import { Limiter, type Limits, Ticket } from "../../../src/internal/http/limiter.js"
import { size } from "../../support/size.js"

/** Time that is moved by hand. */
class HandTime implements Timers {
  private ms = 0
  private readonly timers = new Set<{ readonly at: number; readonly fire: () => void }>()

  readonly now = () => this.ms

  readonly after = (ms: number, fire: () => void) => {
    const timer = { at: this.ms + ms, fire }
    this.timers.add(timer)
    return () => void this.timers.delete(timer)
  }

  get armed(): number {
    return this.timers.size
  }

  advance(ms: number): void {
    const end = this.ms + ms
    while (true) {
      const due = [...this.timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.ms = Math.max(this.ms, due.at)
      this.timers.delete(due)
      due.fire()
    }
    this.ms = end
  }
}

type Step =
  | { readonly _tag: "enter"; readonly needsSlot: boolean }
  | { readonly _tag: "leave"; readonly which: number; readonly twice: boolean }
  | { readonly _tag: "advance"; readonly ms: number }

interface Request {
  readonly number: number
  readonly ticket: Ticket
  state: "waiting" | "gone" | "left" | "refused"
}

const step: FC.Arbitrary<Step> = FC.oneof(
  { weight: 4, arbitrary: FC.record({ _tag: FC.constant("enter" as const), needsSlot: FC.boolean() }) },
  {
    weight: 3,
    arbitrary: FC.record({ _tag: FC.constant("leave" as const), which: FC.nat(1000), twice: FC.boolean() })
  },
  { weight: 2, arbitrary: FC.record({ _tag: FC.constant("advance" as const), ms: FC.nat(1500) }) }
)

const limits: FC.Arbitrary<Limits> = FC.record({
  slots: FC.oneof(FC.integer({ min: 1, max: 4 }), FC.constant(Infinity)),
  rate: FC.option(
    FC.record({ limit: FC.integer({ min: 1, max: 5 }), interval: FC.integer({ min: 1, max: 1000 }) }),
    { nil: undefined }
  )
})

/** A walk, and all that was seen on it. */
class Walk {
  readonly time = new HandTime()
  readonly limiter: Limiter
  readonly requests: Array<Request> = []
  readonly departures: Array<{ readonly request: Request; readonly at: number }> = []

  constructor(private readonly limits: Limits) {
    this.limiter = new Limiter(limits, this.time)
  }

  take(step: Step): void {
    switch (step._tag) {
      case "enter":
        return this.enter(step.needsSlot)
      case "advance":
        return this.time.advance(step.ms)
      case "leave": {
        const present = this.requests.filter(({ state }) => state === "waiting" || state === "gone")
        const request = present[step.which % Math.max(present.length, 1)]
        if (request === undefined) return
        request.state = "left"
        this.limiter.leave(request.ticket)
        if (step.twice) this.limiter.leave(request.ticket)
      }
    }
  }

  enter(needsSlot: boolean): void {
    const request: Request = {
      number: this.requests.length,
      state: "waiting",
      ticket: new Ticket(
        needsSlot,
        () => {
          assert.strictEqual(request.state, "waiting", "nobody goes twice, or after leaving")
          request.state = "gone"
          this.departures.push({ request, at: this.time.now() })
        },
        () => {
          assert.strictEqual(request.state, "waiting")
          request.state = "refused"
        }
      )
    }
    this.requests.push(request)
    this.limiter.enter(request.ticket)
  }

  all(state: Request["state"], needsSlot?: boolean): ReadonlyArray<Request> {
    return this.requests.filter((one) =>
      one.state === state && (needsSlot === undefined || one.ticket.needsSlot === needsSlot)
    )
  }

  check(): void {
    const { rate, slots } = this.limits
    const holders = this.requests.filter(({ ticket }) => ticket.holdsSlot)
    assert.isAtMost(holders.length, slots)
    for (const { state } of holders) assert.include(["waiting", "gone"], state)
    for (const { ticket } of this.all("gone", true)) assert.isTrue(ticket.holdsSlot)
    if (rate !== undefined) {
      this.departures.forEach(({ at }, n) => {
        const later = this.departures[n + rate.limit]
        if (later !== undefined) assert.isAtLeast(later.at - at, rate.interval)
      })
    }
    // each kind in the order of its coming
    for (const kind of [true, false]) {
      const numbers = this.departures.filter(({ request }) => request.ticket.needsSlot === kind)
        .map(({ request }) => request.number)
      assert.deepStrictEqual(numbers, [...numbers].sort((a, b) => a - b))
      const last = numbers.at(-1) ?? -1
      for (const { number } of this.all("waiting", kind)) assert.isAbove(number, last)
    }
    // nobody waits without need
    const waiting = this.all("waiting")
    const forRate = waiting.some(({ ticket }) => !ticket.needsSlot || ticket.holdsSlot)
    assert.strictEqual(this.time.armed, forRate ? 1 : 0)
    if (waiting.some(({ ticket }) => ticket.needsSlot && !ticket.holdsSlot)) assert.lengthOf(holders, slots)
  }
}

describe("Limiter", () => {
  it("keeps its limits and its order, and loses no slot, whatever happens", () => {
    FC.assert(
      FC.property(limits, FC.array(step, { maxLength: 60 }), (given, steps) => {
        const walk = new Walk(given)
        for (const one of steps) {
          walk.take(one)
          walk.check()
        }
        // everything that is there ends, one after another
        for (let n = 0; n <= walk.requests.length * 2; n++) {
          walk.time.advance(1000)
          for (const request of walk.all("gone")) {
            request.state = "left"
            walk.limiter.leave(request.ticket)
          }
          walk.check()
        }
        assert.lengthOf(walk.all("left"), walk.requests.length)
        assert.strictEqual(walk.time.armed, 0)
        // and all slots are free again
        const slots = Math.min(given.slots, 5)
        const before = walk.all("gone").length
        for (let n = 0; n < slots; n++) {
          walk.enter(true)
          walk.time.advance(1000)
        }
        assert.strictEqual(walk.all("gone").length - before, slots)
      }),
      { numRuns: size(300, 30) }
    )
  })

  it("refuses all that wait when it is closed, once, and all that come", () => {
    FC.assert(
      FC.property(limits, FC.array(step, { maxLength: 40 }), (given, steps) => {
        const walk = new Walk(given)
        for (const one of steps) walk.take(one)
        const waiting = walk.all("waiting").length
        walk.limiter.close()
        walk.limiter.close()
        assert.lengthOf(walk.all("refused"), waiting)
        assert.lengthOf(walk.all("waiting"), 0)
        assert.strictEqual(walk.time.armed, 0)
        walk.enter(true)
        walk.enter(false)
        for (const request of walk.all("gone")) walk.limiter.leave(request.ticket)
        walk.time.advance(10_000)
        assert.lengthOf(walk.all("refused"), waiting + 2)
      }),
      { numRuns: size(200, 25) }
    )
  })

  it("a timer that is early does not let anyone leave early", () => {
    const time = new HandTime()
    let early = 0
    const limiter = new Limiter({ slots: Infinity, rate: { limit: 1, interval: 100 } }, {
      now: time.now,
      after: (ms, fire) => time.after(Math.max(ms - (early++ === 0 ? 1 : 0), 1), fire)
    })
    const departures: Array<number> = []
    const go = () => void departures.push(time.now())
    for (let n = 0; n < 2; n++) limiter.enter(new Ticket(false, go, go))
    time.advance(99)
    assert.deepStrictEqual(departures, [0])
    time.advance(1)
    assert.deepStrictEqual(departures, [0, 100])
  })
})
