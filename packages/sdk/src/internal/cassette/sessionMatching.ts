/**
 * Finds the recording of a call in a session: the n-th call of a slug by one trigger takes its n-th recording.
 *
 * @see contract 10.6
 */
import * as Either from "effect/Either"
import { type ErrorCode, ReplayLeftoverError, ReplayMissError } from "../../NoukaiError.js"
import { unchecked } from "../core/makeError.js"
import {
  type Difference,
  notEnded,
  type RecordedCall,
  type ReplayedCall,
  type ReplayReport,
  unfinishedRun
} from "../core/replayReport.js"
import { nearest } from "../core/similarity.js"
import type { SessionExecution, SessionResponse } from "../operations/requests.js"
import { type FlowAddress, format } from "../options/address.js"

export type Trigger = "execute" | "step"

/** A call of the program. */
export interface SessionCall {
  /** The operation that the program called: `FlowService.execute`. */
  readonly method: string
  readonly endpoint: string
  readonly flow: FlowAddress | undefined
  readonly version: string | undefined
  /** The run that the call goes on with, if any. */
  readonly executionId: string | undefined
  /** The session that the call names, if it is another one. */
  readonly sessionId: string | undefined
}

interface ExecutionState {
  readonly number: number
  readonly slug: string
  readonly trigger: Trigger
  readonly execution: SessionExecution
}

const triggerOf = (execution: SessionExecution): Trigger | undefined =>
  execution.triggerType === "execute" || execution.triggerType === "step" ? execution.triggerType : undefined

const keyOf = (trigger: Trigger, slug: string): string => `${trigger} ${slug}`

const again = "to record it again, capture the request anew, or use NoukaiRecord.toFile with mode \"all\""

/** The number of misses that a report keeps. */
const keptMisses = 100

const plural = (count: number, noun: string): string => count === 1 ? `1 ${noun} is` : `${count} ${noun}s are`

export class SessionMatching {
  private readonly entries: ReadonlyArray<ExecutionState>
  private readonly byKey = new Map<string, Array<ExecutionState>>()
  private readonly byExecution = new Map<string, ExecutionState>()
  private readonly taken = new Map<string, number>()
  private readonly consumed = new Set<ExecutionState>()
  private readonly misses: Array<Difference> = []
  private calls = 0
  /** The number of recordings that no call can take. */
  readonly unmatchable: number

  constructor(
    private readonly session: SessionResponse,
    /** The redaction of the names of flows. */
    private readonly redact: (text: string) => string
  ) {
    this.entries = session.executions.flatMap((execution, index) => {
      const trigger = triggerOf(execution)
      const { slug } = execution
      return trigger === undefined || slug === undefined || slug === ""
        ? []
        : [{ number: index + 1, slug: redact(slug), trigger, execution }]
    })
    this.unmatchable = session.executions.length - this.entries.length
    for (const entry of this.entries) {
      const key = keyOf(entry.trigger, entry.slug)
      const same = this.byKey.get(key)
      if (same === undefined) this.byKey.set(key, [entry])
      else same.push(entry)
      this.byExecution.set(entry.execution.executionId, entry)
    }
  }

  /**
   * Takes the recording of a new run. A run of `execute` that is walked step by step may have been recorded by either
   * trigger: it takes the earlier one.
   */
  take(
    given: Trigger,
    flow: FlowAddress,
    asked: SessionCall,
    isExecute: boolean
  ): Either.Either<SessionExecution, ReplayMissError> {
    const slug = this.redact(flow.slug)
    const nextNumber = (trigger: Trigger): number => {
      const key = keyOf(trigger, slug)
      return this.byKey.get(key)?.[this.taken.get(key) ?? 0]?.number ?? Infinity
    }
    const trigger = isExecute && nextNumber("execute") < nextNumber(given) ? "execute" : given
    const key = keyOf(trigger, slug)
    const recorded = this.byKey.get(key) ?? []
    const index = this.taken.get(key) ?? 0
    this.taken.set(key, index + 1)
    const call = this.callOf(asked, index + 1)
    const entry = recorded[index]
    if (entry !== undefined) {
      this.consumed.add(entry)
      return Either.right(entry.execution)
    }
    const name = `${trigger === "execute" ? "execute" : "events or steps"} of ${JSON.stringify(slug)}`
    const reason = `this is call ${index + 1} of ${name}, and ${plural(recorded.length, "recording")} there`
    return Either.left(this.miss(asked, reason, recorded.length, this.nearest(call, trigger, slug)))
  }

  /** The recording of a run that a call goes on with. */
  goOn(trigger: Trigger, flow: FlowAddress, asked: SessionCall): Either.Either<SessionExecution, ReplayMissError> {
    const entry = asked.executionId === undefined ? undefined : this.byExecution.get(asked.executionId)
    const call = this.callOf(asked, 1)
    if (entry !== undefined && entry.trigger === trigger && entry.slug === this.redact(flow.slug)) {
      this.consumed.add(entry)
      return Either.right(entry.execution)
    }
    const reason = "the run that this call goes on with was not recorded"
    return Either.left(this.miss(asked, reason, 0, { kind: "extra", call }))
  }

  /** The miss of a call that this replay can never answer. */
  refuse(asked: SessionCall, reason: string): ReplayMissError {
    return this.miss(asked, reason, 0, { kind: "extra", call: this.callOf(asked, 1) })
  }

  /** The miss of a call whose recording ends before its run does, at a step and for a reason. */
  unfinished(asked: SessionCall, step: string, why: string): ReplayMissError {
    const reason = `${notEnded(step)}: it had not ended when the session was read, ${why}`
    return this.miss(asked, reason, 1, { kind: "extra", call: this.callOf(asked, 1, false) }, unfinishedRun)
  }

  private callOf(asked: SessionCall, nth: number, counts = true): ReplayedCall {
    if (counts) this.calls++
    const { endpoint, executionId, flow, method, sessionId, version } = asked
    return {
      number: this.calls,
      operation: method,
      endpoint,
      ...(flow === undefined ? undefined : { flow: this.redact(format(flow)) }),
      ...(version === undefined ? undefined : { version }),
      ...(executionId === undefined ? undefined : { executionId }),
      ...(sessionId === undefined ? undefined : { sessionId }),
      nth
    }
  }

  private nearest(call: ReplayedCall, trigger: Trigger, slug: string): Difference {
    const free = this.entries.filter((entry) => !this.consumed.has(entry))
    const otherTrigger = free.find((entry) => entry.slug === slug)
    if (otherTrigger !== undefined) {
      return {
        kind: "changed",
        call,
        recording: recordingOf(otherTrigger),
        changes: [{ path: "$.endpoint", expected: otherTrigger.trigger, actual: trigger }]
      }
    }
    const best = nearest(slug, free.filter((entry) => entry.trigger === trigger), (entry) => entry.slug)
    return best === undefined ? { kind: "extra", call } : {
      kind: "changed",
      call,
      recording: recordingOf(best),
      changes: [{ path: "$.flow.slug", expected: best.slug, actual: slug }]
    }
  }

  private report(reason: string, matching: number, differences: ReadonlyArray<Difference>): ReplayReport {
    return {
      match: "position",
      source: `session ${this.session.sessionId}`,
      reason,
      recordings: { matching, total: this.session.executions.length, unmatchable: this.unmatchable },
      differences
    }
  }

  private miss(
    asked: SessionCall,
    reason: string,
    matching: number,
    difference: Difference,
    code?: ErrorCode
  ): ReplayMissError {
    if (this.misses.length < keptMisses) this.misses.push(difference)
    const { executionId, flow, method } = asked
    return new ReplayMissError({
      method,
      ...(flow === undefined ? undefined : { flow: this.redact(format(flow)) }),
      ...(executionId === undefined ? undefined : { executionId }),
      ...(code === undefined ? undefined : { code }),
      detail: `${reason}; ${again}`,
      isRetryable: false,
      report: this.report(reason, matching, [difference])
    }, unchecked)
  }

  /** The recordings that no call took; those that no call can take do not count. */
  leftover(method: string): ReplayLeftoverError | undefined {
    const left = this.entries.filter((entry) => !this.consumed.has(entry))
    if (left.length === 0) return undefined
    const changed = new Set(
      this.misses.flatMap((miss) => miss.kind === "changed" ? [miss.recording.number] : [])
    )
    const reason = `${left.length} of ${this.session.executions.length} recordings`
    return new ReplayLeftoverError({
      method,
      detail: reason,
      isRetryable: false,
      executionIds: left.map(({ execution }) => execution.executionId).sort(),
      report: this.report(reason, 0, [
        ...this.misses,
        ...left.filter(({ number }) => !changed.has(number)).map((entry): Difference => ({
          kind: "missing",
          recording: recordingOf(entry)
        }))
      ])
    }, unchecked)
  }
}

const recordingOf = ({ execution, number, slug, trigger }: ExecutionState): RecordedCall => ({
  number,
  endpoint: trigger,
  flow: slug,
  executionId: execution.executionId
})
