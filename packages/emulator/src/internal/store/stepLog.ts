/**
 * The executions of the steps of a run, as traces and sessions show them.
 *
 * @internal
 */
import type { Json } from "../../Flow.js"
import { Segments } from "./segments.js"
import type { Packing } from "./segments.js"
import { none as noSnapshot } from "./snapshots.js"
import type { Snapshot } from "./snapshots.js"

/** One execution of a step. @internal */
export interface StepRecord {
  readonly stepId: string
  readonly attempt: number
  readonly loopIndex: number | undefined
  status: "running" | "completed" | "failed"
  readonly startedAt: number
  completedAt: number | undefined
  durationMs: number | undefined
  readonly model: string | undefined
  tokens: { readonly prompt: number; readonly completion: number; readonly total: number } | undefined
  costUsd: string | undefined
  readonly input: Snapshot
  output: Snapshot | undefined
  /** The output with its prompt, where there is one. */
  prompted: Snapshot | undefined
  error: { readonly code: string; readonly message: string } | undefined
}

/** Rounds of loops that a run keeps, at least; at most twice as many. */
const keptRounds = 25_000

type EncodedSnapshot = readonly [value: Json, sizeBytes: number, truncated: 0 | 1] | 0

const encodeSnapshot = (snapshot: Snapshot | undefined): EncodedSnapshot =>
  snapshot === undefined ? 0 : [snapshot.value, snapshot.sizeBytes, snapshot.truncated ? 1 : 0]

const decodeSnapshot = (encoded: EncodedSnapshot): Snapshot | undefined =>
  encoded === 0 ? undefined : { value: encoded[0], sizeBytes: encoded[1], truncated: encoded[2] === 1 }

/** What is not there is null in JSON. */
const encode = (record: StepRecord) =>
  [
    record.stepId,
    record.attempt,
    record.loopIndex,
    record.status,
    record.startedAt,
    record.completedAt,
    record.durationMs,
    record.model,
    record.tokens,
    record.costUsd,
    encodeSnapshot(record.input),
    encodeSnapshot(record.output),
    encodeSnapshot(record.prompted),
    record.error
  ] as const

type Nullable<A> = { readonly [K in keyof A]: A[K] | (undefined extends A[K] ? null : never) }

const decode = (encoded: Nullable<ReturnType<typeof encode>>): StepRecord => {
  const [
    stepId,
    attempt,
    loopIndex,
    status,
    startedAt,
    completedAt,
    durationMs,
    model,
    tokens,
    costUsd,
    input,
    output,
    prompted,
    error
  ] = encoded
  return {
    stepId,
    attempt,
    loopIndex: loopIndex ?? undefined,
    status,
    startedAt,
    completedAt: completedAt ?? undefined,
    durationMs: durationMs ?? undefined,
    model: model ?? undefined,
    tokens: tokens ?? undefined,
    costUsd: costUsd ?? undefined,
    input: decodeSnapshot(input) ?? noSnapshot,
    output: decodeSnapshot(output),
    prompted: decodeSnapshot(prompted),
    error: error ?? undefined
  }
}

const packing: Packing<StepRecord> = { stepIdOf: ({ stepId }) => stepId, encode, decode }

/** Shared by all that have none, and never added to. */
const none: Array<StepRecord> = []

const placeOf = (stepId: string, loopIndex: number | undefined): string => `${loopIndex ?? ""}/${stepId}`

/** @internal */
export class StepLog {
  private readonly segments = new Segments(packing)
  private live: Array<StepRecord> = none
  /** At most a loop and a step in it, or one that waits for tool results. */
  private running: ReadonlyArray<StepRecord> = none
  /** How often each place has been executed. */
  private attempts: Map<string, number> | undefined

  /** Goes on with an execution that waits for tool results, or begins the next one. */
  begin(
    stepId: string,
    loopIndex: number | undefined,
    make: (attempt: number) => StepRecord
  ): StepRecord {
    this.running = this.running.filter(({ status }) => status === "running")
    const paused = this.running.find((record) => record.stepId === stepId && record.loopIndex === loopIndex)
    if (paused !== undefined) return paused
    this.attempts ??= new Map(this.list().map((record) => [placeOf(record.stepId, record.loopIndex), record.attempt]))
    const place = placeOf(stepId, loopIndex)
    const attempt = (this.attempts.get(place) ?? 0) + 1
    const record = make(attempt)
    this.attempts.set(place, attempt)
    if (this.live === none) this.live = [record]
    else this.live.push(record)
    this.running = [...this.running, record]
    if (this.live.length > keptRounds * 2) this.forgetRounds()
    return record
  }

  /** In the order in which they began. */
  list(): ReadonlyArray<StepRecord> {
    return [...this.segments.from(0), ...this.live]
  }

  /** Gives how many bytes it takes, or would. */
  rest(hasEnded: boolean): number {
    if (this.live.every(({ status }) => status !== "running")) {
      const again = this.live.some(({ attempt }) => attempt > 1)
      this.segments.add(this.live)
      this.live = none
      this.running = none
      // whoever runs the steps of an ended run again may do so for long
      if (hasEnded && !again) this.attempts = undefined
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
