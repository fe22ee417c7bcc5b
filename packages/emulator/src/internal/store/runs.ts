/**
 * The rows of runs, written by `/execute`, `/step` and `/jobs` and read by the run endpoints. The oldest are evicted
 * beyond the limits; evicted runs are remembered.
 */
import type { RunEntry } from "../../EmulatorLedger.js"
import type { CaptureMode, Json } from "../../Flow.js"
import type { FlowSummary, Tree } from "../flow/flows.js"
import type { Message, WireToolCall } from "../wire/toolConversation.js"
import { EventLog } from "./eventLog.js"
import type { Ids } from "./ids.js"
import type { OpenEntry } from "./ledger.js"
import { Series } from "./series.js"
import { StepLog } from "./stepLog.js"

/** The input of the request that starts a run. */
export interface RunInput {
  readonly message: string | null
  readonly messages: ReadonlyArray<Json>
  readonly parameters: { readonly [name: string]: Json }
  readonly blockOverrides: { readonly [stepId: string]: { readonly [field: string]: Json } }
  readonly tools: ReadonlyArray<Json> | undefined
  readonly toolChoice: Json | undefined
  readonly trace: boolean
}

/** The point where a run waits for tool results. */
export interface Pause {
  readonly stepId: string
  readonly stepIndex: number
  readonly iterationsUsed: number
  readonly messages: ReadonlyArray<Message>
  readonly calls: ReadonlyArray<WireToolCall>
  readonly outputs: { readonly [stepId: string]: Json }
}

export type RunStatus = "pending" | "running" | "completed" | "failed" | "cancelled"

export type Trigger = "execute" | "step" | "job"

/** The parts of a run that a later request may need. */
interface RunMemory {
  /** The input of the first request, with overrides, tools and trace of the newest one. */
  readonly input?: RunInput
  /**
   * The outputs of its steps so far, as the hosted server keeps them: the newest of each, or a request's replacement.
   */
  readonly outputs?: { [stepId: string]: Json }
  /** Set while the run waits for tool results; a resume of `/execute` goes on from it. */
  readonly pause?: Pause | undefined
  /** The result of a job. */
  readonly result?: Json
}

const nothing: RunMemory = {}

/** The input of a run that no further request can continue. */
const noInput: RunInput = {
  message: null,
  messages: [],
  parameters: {},
  blockOverrides: {},
  tools: undefined,
  toolChoice: undefined,
  trace: false
}

/** The approximate bytes of a run's objects, besides its values. */
const rowBytes = 1_024

export interface NewRun {
  readonly tree: Tree
  readonly trigger: Trigger
  readonly input: RunInput
  readonly sessionId: string | undefined
  readonly capture: CaptureMode
  /** ms before readers see the row. */
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
  pausedAt: ReadonlySet<string> = noSteps
  /** The running version; dropped when the run has ended. */
  tree: Tree | undefined
  /** The bytes of the run, as of its last rest. */
  bytes: number
  private atWork = 0
  private memory: RunMemory

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
    this.error = undefined
    this.tree = tree
    this.bytes = rowBytes + size
    this.memory = { input, outputs: {} }
  }

  get createdAt(): number {
    return this.entry.startedAt
  }

  get completedAt(): number | undefined {
    return this.entry.endedAt
  }

  get input(): RunInput {
    return this.memory.input ?? noInput
  }

  get outputs(): { readonly [stepId: string]: Json } {
    return this.memory.outputs ?? {}
  }

  get pause(): Pause | undefined {
    return this.memory.pause
  }

  get result(): Json | undefined {
    return this.memory.result
  }

  get hasEnded(): boolean {
    return this.status !== "pending" && this.status !== "running"
  }

  remember(more: Partial<RunMemory>): void {
    this.memory = { ...this.memory, ...more }
  }

  keepOutput(stepId: string, output: Json): void {
    const { outputs = {} } = this.memory
    // in place, because a run may have many steps
    Object.defineProperty(outputs, stepId, { value: output, enumerable: true, configurable: true, writable: true })
    this.remember({ outputs })
  }

  wake(): void {
    this.atWork++
  }

  /** Ends one `wake`; measures the run when it was the last. */
  rest(): void {
    if (--this.atWork > 0) return
    if (this.hasEnded) {
      this.tree = undefined
      // no further request can continue the run
      if (this.trigger === "execute") this.memory = nothing
      if (this.trigger === "job") this.memory = this.result === undefined ? nothing : { result: this.result }
    }
    this.bytes = rowBytes + (this.memory === nothing ? 0 : Buffer.byteLength(JSON.stringify(this.memory))) +
      this.events.rest() +
      this.steps.rest(this.hasEnded)
  }
}

const noSteps: ReadonlySet<string> = new Set()

/** The record of a run that is no longer kept. */
export interface EvictedRun {
  readonly trigger: Trigger
  readonly isOf: (ref: string) => boolean
  readonly isIn: (org: string, project: string) => boolean
}

export interface RunLimits {
  readonly runs: number
  readonly bytes: number
  /** The number of evicted runs that are remembered. */
  readonly evicted: number
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
  readonly newestFirst: (before?: number) => Iterable<Run>
  /** The runs of a session, in the order of recording. */
  readonly ofSession: (sessionId: string) => ReadonlyArray<Run>
  /** The project of a session that lost a run to eviction; `undefined` if it lost none. */
  readonly evictedSession: (sessionId: string) => Pick<EvictedRun, "isIn"> | undefined
  readonly reset: () => void
}

/** The project of a session whose evicted runs belong to several projects. */
const severalProjects = Symbol("several projects")

const projectOf = ({ org, project }: Pick<FlowSummary, "org" | "project">): string => `${org}/${project}`

const evictedOf = ({ flow, trigger }: Pick<Run, "flow" | "trigger">): EvictedRun => {
  const project = projectOf(flow)
  const { ref } = flow
  return {
    trigger,
    isOf: (other) => other === ref,
    isIn: (org, name) => projectOf({ org, project: name }) === project
  }
}

export const make = (limits: RunLimits, ids: Ids): Runs => {
  let kept = new Series<Run>()
  let bytes = 0
  let evicted: Array<Pick<Run, "flow" | "trigger">> = []
  const sessions = new Map<string, Array<Run>>()
  /** The projects of the evicted runs of sessions. */
  const evictedSessions = new Map<string, string | typeof severalProjects>()

  const evictOldest = (): void => {
    const run = kept.shift()
    if (run === undefined) return
    bytes -= run.bytes
    evicted.push({ flow: run.flow, trigger: run.trigger })
    const { flow, sessionId } = run
    if (sessionId === undefined) return
    const left = sessions.get(sessionId) ?? []
    // runs are evicted in the order in which they were added
    left.shift()
    if (left.length === 0) sessions.delete(sessionId)
    const project = projectOf(flow)
    const before = evictedSessions.get(sessionId)
    evictedSessions.set(sessionId, before === undefined || before === project ? project : severalProjects)
  }

  const isOver = () => kept.size > limits.runs || bytes > limits.bytes

  return {
    hasRoom: () => evicted.length < limits.evicted || (kept.size < limits.runs && bytes < limits.bytes),
    add: (made, entryOf) => {
      const number = kept.next
      const id = ids.run(number)
      const run = new Run(number, id, entryOf(id), made)
      kept.push(run)
      bytes += run.bytes
      if (run.sessionId !== undefined) {
        const others = sessions.get(run.sessionId)
        if (others === undefined) sessions.set(run.sessionId, [run])
        else others.push(run)
      }
      while (isOver() && kept.size > 1) evictOldest()
      return run
    },
    rest: (run) => {
      const before = run.bytes
      run.rest()
      if (kept.at(run.number) !== run) return
      bytes += run.bytes - before
      while (bytes > limits.bytes && kept.size > 1) evictOldest()
    },
    get: (id) => {
      const number = ids.numberOf(id)
      return number === undefined ? undefined : kept.at(number)
    },
    evicted: (id) => {
      const number = ids.numberOf(id)
      const run = number === undefined || number >= kept.first ? undefined : evicted[number]
      return run === undefined ? undefined : evictedOf(run)
    },
    evictedCount: () => evicted.length,
    newestFirst: (before) => kept.newestFirst(before),
    ofSession: (sessionId) => sessions.get(sessionId) ?? [],
    evictedSession: (sessionId) => {
      const project = evictedSessions.get(sessionId)
      return project === undefined
        ? undefined
        : { isIn: (org, name) => projectOf({ org, project: name }) === project }
    },
    reset: () => {
      kept = new Series()
      bytes = 0
      evicted = []
      sessions.clear()
      evictedSessions.clear()
    }
  }
}
