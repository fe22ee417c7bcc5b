/**
 * The rows of runs. `/execute`, `/step` and `/jobs` write them, the run endpoints read them. Beyond the limits the
 * oldest are evicted, and remembered as evicted.
 */
import { isUuid } from "@effect-noukai/sdk/kit/names"
import type { RunEntry } from "../../EmulatorLedger.js"
import type { CaptureMode, Json } from "../../Flow.js"
import type { Exact, Exacts } from "../exact.js"
import type { FlowSummary, Tree } from "../flow/flows.js"
import type { RunInput } from "../wire/requestBody.js"
import type { Message, WireToolCall } from "../wire/toolConversation.js"
import { EventLog, StepLog } from "./history.js"
import type { Ids } from "./ids.js"
import type { OpenEntry } from "./ledger.js"
import * as Snapshots from "./snapshots.js"

/** The point where a run waits for tool results. */
export interface Pause {
  readonly stepId: string
  readonly stepIndex: number
  readonly iterationsUsed: number
  readonly messages: ReadonlyArray<Message>
  readonly calls: ReadonlyArray<WireToolCall>
  readonly outputs: Exacts
}

export type RunStatus = "pending" | "running" | "completed" | "failed" | "cancelled"

export type Trigger = "execute" | "step" | "job"

/** The input of a run that no further request can continue. */
const noInput: RunInput = { message: null, messages: [], parameters: {}, blockOverrides: {}, trace: false }

const isEmpty = (value: Json): boolean => typeof value === "object" && value !== null && Object.keys(value).length === 0

/** The fields of an input that repeat it in another run. */
const requestOf = ({ message, messages, parameters, toolChoice, tools, trace, ...others }: RunInput): Json => ({
  ...(messages.length > 0 ? { messages } : message === null ? {} : { message }),
  parameters,
  ...Object.fromEntries(Object.entries(others).filter(([, value]) => !isEmpty(value))),
  ...(tools === undefined ? {} : { tools }),
  ...(tools === undefined || toolChoice === undefined ? {} : { toolChoice }),
  ...(trace ? { trace } : {})
})

/** The number of waits that a run keeps. */
const mostPauses = 1_000

/** The approximate bytes of a run's objects, besides its values. */
const rowBytes = 1_024

export interface NewRun {
  readonly tree: Tree
  readonly trigger: Trigger
  readonly input: RunInput
  readonly sessionId: string | undefined
  readonly capture: CaptureMode
  /** The time in ms before readers see the row. */
  readonly rowDelay: number
  readonly status: RunStatus
  /** Bytes of the request that starts it. */
  readonly size: number
}

export class Run {
  readonly trigger: Trigger
  readonly flow: FlowSummary
  readonly sessionId: string | undefined
  readonly capture: CaptureMode
  /** The instant before which readers do not see the row. */
  readonly visibleAt: number
  status: RunStatus
  error: { readonly code: string; readonly message: string; readonly stepId: string | undefined } | undefined
  readonly steps: StepLog = new StepLog()
  readonly events: EventLog = new EventLog()
  /** The steps at which a `/step` iteration has paused. */
  readonly pausedAt: Set<string> = new Set()
  /** The running version; dropped when the run has ended. */
  tree: Tree | undefined
  /** The input of the first request, with overrides, tools and trace of the newest one. */
  input: RunInput
  /**
   * The outputs of its steps so far, as the hosted server keeps them: the newest of each, or a request's replacement.
   * Without a prototype, so that `__proto__` is a key like any other.
   */
  outputs: { [stepId: string]: Exact } = Object.create(null)
  /** Set while the run waits for tool results. A resume of `/execute` continues from it. */
  pause: Pause | undefined
  /** The input of the first request, as far as the capture mode keeps it. It outlives the run. */
  readonly request: Snapshots.Snapshot
  /** The instant of the first output. */
  firstOutputAt: number | undefined
  /** The waits for tool results. */
  /** The number of its steps that used tokens and have no cost. */
  unknownCosts = 0
  readonly pauses: Array<{ readonly stepId: string; readonly startedAt: number; endedAt?: number }> = []
  /** The result of a job. */
  result: Exact | undefined
  /** The bytes of the run, as of its last rest. */
  bytes: number
  private atWork = 0

  constructor(
    readonly number: number,
    readonly id: string,
    readonly entry: OpenEntry<RunEntry>,
    { capture, input, rowDelay, sessionId, size, status, tree, trigger }: NewRun
  ) {
    this.trigger = trigger
    this.flow = tree.summary
    this.sessionId = sessionId
    this.capture = capture
    this.visibleAt = entry.startedAt + rowDelay
    this.status = status
    this.tree = tree
    this.input = input
    this.request = Snapshots.take(capture, requestOf(input))
    this.bytes = rowBytes + size + this.keptBytes
  }

  /** The bytes of the request if it is kept. */
  private get keptBytes(): number {
    return this.request.value === null ? 0 : this.request.sizeBytes
  }

  /** The run begins to wait for tool results. */
  pausedNow(stepId: string, now: number): void {
    if (this.pauses.length < mostPauses) this.pauses.push({ stepId, startedAt: now })
  }

  /** The results have come. */
  resumedNow(stepId: string, now: number): void {
    const pause = this.pauses.findLast((each) => each.stepId === stepId && each.endedAt === undefined)
    if (pause !== undefined) pause.endedAt = now
  }

  get createdAt(): number {
    return this.entry.startedAt
  }

  get completedAt(): number | undefined {
    return this.entry.endedAt
  }

  get hasEnded(): boolean {
    return this.status !== "pending" && this.status !== "running"
  }

  wake(): void {
    this.atWork++
  }

  /** Ends one `wake`. After the last one the run is measured. */
  rest(): void {
    if (--this.atWork > 0) return
    if (this.hasEnded) {
      this.tree = undefined
      // only a run of `/step` can continue after its end
      if (this.trigger !== "step") {
        this.input = noInput
        this.outputs = Object.create(null)
        this.pause = undefined
      }
    }
    const { input, outputs, pause, result } = this
    this.bytes = rowBytes + this.keptBytes + Buffer.byteLength(JSON.stringify({ input, outputs, pause, result })) +
      this.events.rest() + this.steps.rest(this.hasEnded)
  }
}

/** The record of a run that is no longer kept. */
export type EvictedRun = Pick<Run, "flow" | "trigger">

export interface RunLimits {
  readonly runs: number
  readonly bytes: number
  /** The number of evicted runs that are remembered. */
  readonly evicted: number
  /** ms before the list of a session shows a run. */
  readonly sessionLag: number
}

export interface Runs {
  /** Whether another run can be kept without forgetting an evicted one. */
  readonly hasRoom: () => boolean
  readonly add: (run: NewRun, entryOf: (id: string) => OpenEntry<RunEntry>) => Run
  /** Ends one `wake` of a run. */
  readonly rest: (run: Run) => void
  readonly get: (id: string) => Run | undefined
  readonly evicted: (id: string) => EvictedRun | undefined
  /** The number of remembered evicted runs. */
  readonly evictedCount: () => number
  /** The kept runs from the newest, or from the one before that number, to the oldest. */
  readonly newestFirst: (before?: number) => Iterable<Run>
  /** The runs that the list of a session shows by now, in the order of recording. */
  readonly ofSession: (sessionId: string, now: number) => ReadonlyArray<Run>
  /** The project of a session's evicted runs, or {@link severalProjects}; `undefined` if it has none. */
  readonly evictedSession: (sessionId: string) => string | undefined
  /** Expires a session; ignores text that is not a UUID. */
  readonly expireSession: (sessionId: string) => void
  readonly hasExpired: (sessionId: string) => boolean
  readonly reset: () => void
}

/** In place of a project: the evicted runs of a session belong to several. */
const severalProjects = "several projects"

/** The text by which projects are compared. */
export const projectOf = ({ org, project }: Pick<FlowSummary, "org" | "project">): string => `${org}/${project}`

export const make = (limits: RunLimits, ids: Ids): Runs => {
  /** By number, from the oldest kept run on. */
  const kept = new Map<number, Run>()
  let bytes = 0
  /** By number, up to the oldest kept run. */
  let evicted: Array<EvictedRun> = []
  const sessions = new Map<string, Array<Run>>()
  const evictedSessions = new Map<string, string>()
  const expired = new Set<string>()

  const evictOldest = (): void => {
    const run = kept.get(evicted.length)!
    const { flow, sessionId, trigger } = run
    kept.delete(run.number)
    bytes -= run.bytes
    evicted.push({ flow, trigger })
    if (sessionId === undefined) return
    const left = sessions.get(sessionId)!
    // runs are evicted in the order in which they were added
    left.shift()
    if (left.length === 0) sessions.delete(sessionId)
    const project = projectOf(flow)
    evictedSessions.set(sessionId, (evictedSessions.get(sessionId) ?? project) === project ? project : severalProjects)
  }

  const evictToLimits = (): void => {
    while ((kept.size > limits.runs || bytes > limits.bytes) && kept.size > 1) evictOldest()
  }

  return {
    hasRoom: () => evicted.length < limits.evicted || (kept.size < limits.runs && bytes < limits.bytes),
    add: (made, entryOf) => {
      const number = evicted.length + kept.size
      const id = ids.run(number)
      const run = new Run(number, id, entryOf(id), made)
      kept.set(number, run)
      bytes += run.bytes
      if (run.sessionId !== undefined) {
        const others = sessions.get(run.sessionId)
        if (others === undefined) sessions.set(run.sessionId, [run])
        else others.push(run)
      }
      evictToLimits()
      return run
    },
    rest: (run) => {
      const before = run.bytes
      run.rest()
      if (kept.get(run.number) !== run) return
      bytes += run.bytes - before
      evictToLimits()
    },
    get: (id) => kept.get(ids.numberOf(id) ?? -1),
    evicted: (id) => evicted[ids.numberOf(id) ?? -1],
    evictedCount: () => evicted.length,
    *newestFirst(before = Infinity) {
      for (let number = Math.min(before, evicted.length + kept.size) - 1; number >= evicted.length; number--) {
        yield kept.get(number)!
      }
    },
    ofSession: (sessionId, now) =>
      (sessions.get(sessionId) ?? []).filter(({ createdAt }) => createdAt + limits.sessionLag <= now),
    evictedSession: (sessionId) => evictedSessions.get(sessionId),
    expireSession: (sessionId) => {
      if (isUuid(sessionId)) expired.add(sessionId.toLowerCase())
    },
    hasExpired: (sessionId) => expired.has(sessionId),
    reset: () => {
      bytes = 0
      evicted = []
      for (const each of [kept, sessions, evictedSessions, expired]) each.clear()
    }
  }
}
