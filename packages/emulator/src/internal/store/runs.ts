/**
 * Run rows: what `/execute`, `/step` and `/jobs` leave behind and the run endpoints read. The oldest go when there are too
 * many; what went is known to have been.
 *
 * @internal
 */
import * as Hash from "effect/Hash"
import type { RunEntry } from "../../EmulatorLedger.js"
import type { CaptureMode, Json } from "../../Flow.js"
import type { FlowSummary, Tree } from "../flow/flows.js"
import type { Message, WireToolCall } from "../wire/toolConversation.js"
import { EventLog } from "./eventLog.js"
import type { Ids } from "./ids.js"
import { Kept } from "./kept.js"
import type { Open } from "./ledger.js"
import { Series } from "./series.js"
import { StepLog } from "./stepLog.js"
import { UuidTable } from "./uuidTable.js"

/** What the first call of a run brought. @internal */
export interface RunInput {
  readonly message: string | null
  readonly messages: ReadonlyArray<Json>
  readonly parameters: { readonly [name: string]: Json }
  readonly blockOverrides: { readonly [stepId: string]: { readonly [field: string]: Json } }
  readonly tools: ReadonlyArray<Json> | undefined
  readonly toolChoice: Json | undefined
  readonly trace: boolean
}

/** Where a run waits for tool results. @internal */
export interface Pause {
  readonly stepId: string
  readonly stepIndex: number
  readonly iterationsUsed: number
  readonly messages: ReadonlyArray<Message>
  readonly calls: ReadonlyArray<WireToolCall>
  readonly outputs: { readonly [stepId: string]: Json }
}

/** @internal */
export type RunStatus = "pending" | "running" | "completed" | "failed" | "cancelled"

/** @internal */
export type Trigger = "execute" | "step" | "job"

/** What a run may be asked for again. */
interface RunMemory {
  /** Of the first call; overrides, tools and trace of the newest one. */
  readonly input?: RunInput
  /** Of its steps so far, as the hosted server keeps them: the newest of each, or what a request put in its place. */
  readonly outputs?: { [stepId: string]: Json }
  /** Set while the run waits for tool results; a resume of `/execute` goes on from it. */
  readonly pause?: Pause | undefined
  /** Of a job. */
  readonly result?: Json
}

const nothing: RunMemory = {}

/** Of a run that no other call can follow. */
const noInput: RunInput = {
  message: null,
  messages: [],
  parameters: {},
  blockOverrides: {},
  tools: undefined,
  toolChoice: undefined,
  trace: false
}

/** Of the objects of a run, beside what it packs. */
const rowBytes = 1_024

/** @internal */
export interface NewRun {
  readonly tree: Tree
  readonly trigger: Trigger
  readonly input: RunInput
  readonly sessionId: string | undefined
  readonly capture: CaptureMode
  readonly createdAt: number
  /** The row is not there for readers before that instant. */
  readonly visibleAt: number
  readonly status: RunStatus
  /** Bytes of the request that starts it. */
  readonly size: number
}

/** @internal */
export class Run {
  readonly trigger: Trigger
  readonly flow: FlowSummary
  readonly sessionId: string | undefined
  readonly capture: CaptureMode
  readonly createdAt: number
  readonly visibleAt: number
  status: RunStatus
  completedAt: number | undefined
  error: { readonly code: string; readonly message: string; readonly stepId: string | undefined } | undefined
  readonly steps: StepLog = new StepLog()
  readonly events: EventLog = new EventLog()
  /** Steps at which a `/step` iteration has paused. */
  pausedAt: ReadonlySet<string> = noSteps
  /** What it runs; not kept of one that has ended. */
  tree: Tree | undefined
  /** What it takes, as far as it is known. */
  bytes: number
  private atWork = 0
  private readonly memory: Kept<RunMemory>

  constructor(
    readonly number: number,
    readonly id: string,
    readonly entry: Open<RunEntry>,
    { capture, createdAt, input, sessionId, size, status, tree, trigger, visibleAt }: NewRun
  ) {
    this.trigger = trigger
    this.flow = tree.summary
    this.sessionId = sessionId
    this.capture = capture
    this.createdAt = createdAt
    this.visibleAt = visibleAt
    this.status = status
    this.completedAt = undefined
    this.error = undefined
    this.tree = tree
    this.bytes = rowBytes + size
    this.memory = new Kept<RunMemory>({ input, outputs: {} })
  }

  get input(): RunInput {
    return this.memory.value.input ?? noInput
  }

  get outputs(): { readonly [stepId: string]: Json } {
    return this.memory.value.outputs ?? {}
  }

  get pause(): Pause | undefined {
    return this.memory.value.pause
  }

  get result(): Json | undefined {
    return this.memory.value.result
  }

  get hasEnded(): boolean {
    return this.status !== "pending" && this.status !== "running"
  }

  remember(more: Partial<RunMemory>): void {
    this.memory.value = { ...this.memory.value, ...more }
  }

  keepOutput(stepId: string, output: Json): void {
    const { outputs = {} } = this.memory.value
    // in place, because a run may have many steps
    Object.defineProperty(outputs, stepId, { value: output, enumerable: true, configurable: true, writable: true })
    this.remember({ outputs })
  }

  wake(): void {
    this.atWork++
    this.memory.wake()
  }

  /** Whoever woke it is done. */
  rest(): void {
    if (--this.atWork > 0) return
    if (this.hasEnded) {
      this.tree = undefined
      // no other call can follow
      if (this.trigger === "execute") this.memory.value = nothing
      if (this.trigger === "job") this.memory.value = this.result === undefined ? nothing : { result: this.result }
    }
    this.bytes = rowBytes + (this.memory.value === nothing ? 0 : this.memory.rest()) + this.events.rest() +
      this.steps.rest(this.hasEnded)
  }
}

const noSteps: ReadonlySet<string> = new Set()

/** What is known of a run that is no longer kept. @internal */
export interface EvictedRun {
  readonly trigger: Trigger
  readonly isOf: (ref: string) => boolean
  readonly isIn: (org: string, project: string) => boolean
}

/** @internal */
export interface RunLimits {
  readonly runs: number
  readonly bytes: number
  /** How many evicted runs are remembered. */
  readonly evicted: number
}

/** @internal */
export interface Runs {
  /** Whether another run can be kept without forgetting that one was evicted. */
  readonly hasRoom: () => boolean
  readonly add: (run: NewRun, entryOf: (id: string) => Open<RunEntry>) => Run
  /** To be called by whoever woke a run, when done. */
  readonly rest: (run: Run) => void
  readonly get: (id: string) => Run | undefined
  readonly evicted: (id: string) => EvictedRun | undefined
  /** How many are known to have been evicted. */
  readonly evictedCount: () => number
  readonly newestFirst: (before?: number) => Iterable<Run>
  /** In the order of recording. */
  readonly ofSession: (sessionId: string) => ReadonlyArray<Run>
  /** Whether a run of the session was evicted. */
  readonly evictedSession: (sessionId: string) => Pick<EvictedRun, "isIn"> | undefined
  readonly reset: () => void
}

const triggers: ReadonlyArray<Trigger> = ["execute", "step", "job"]

const hashOf = (text: string): number => (Hash.string(text) | 1) >>> 0

const hashOfProject = (org: string, project: string): number => hashOf(`${org}/${project}`)

/** Of a session whose evicted runs were of several projects: the hash of none. */
const severalProjects = 2

/** Three words for each. */
class EvictedRuns {
  private words = new Uint32Array(3 * 64)
  count = 0

  push({ flow, trigger }: Run): void {
    const at = this.count * 3
    if (at === this.words.length) {
      const grown = new Uint32Array(this.words.length * 2)
      grown.set(this.words)
      this.words = grown
    }
    this.words.set([triggers.indexOf(trigger), hashOf(flow.ref), hashOfProject(flow.org, flow.project)], at)
    this.count++
  }

  at(number: number): EvictedRun {
    const [trigger, flow, project] = this.words.subarray(number * 3, number * 3 + 3)
    return {
      trigger: triggers[trigger!]!,
      isOf: (ref) => hashOf(ref) === flow,
      isIn: (org, name) => hashOfProject(org, name) === project
    }
  }
}

/** @internal */
export const make = (limits: RunLimits, ids: Ids): Runs => {
  let kept = new Series<Run>()
  let bytes = 0
  let evicted = new EvictedRuns()
  const sessions = new Map<string, Array<Run>>()
  const evictedSessions = new UuidTable()

  const evictOldest = (): void => {
    const run = kept.shift()
    if (run === undefined) return
    bytes -= run.bytes
    evicted.push(run)
    const { flow, sessionId } = run
    if (sessionId === undefined) return
    const left = sessions.get(sessionId) ?? []
    // runs are evicted in the order in which they were added
    left.shift()
    if (left.length === 0) sessions.delete(sessionId)
    const project = hashOfProject(flow.org, flow.project)
    const before = evictedSessions.get(sessionId)
    evictedSessions.set(sessionId, before === undefined || before === project ? project : severalProjects)
  }

  const isOver = () => kept.size > limits.runs || bytes > limits.bytes

  return {
    hasRoom: () => evicted.count < limits.evicted || (kept.size < limits.runs && bytes < limits.bytes),
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
      return number === undefined || number >= kept.first ? undefined : evicted.at(number)
    },
    evictedCount: () => evicted.count,
    newestFirst: (before) => kept.newestFirst(before),
    ofSession: (sessionId) => sessions.get(sessionId) ?? [],
    evictedSession: (sessionId) => {
      const project = evictedSessions.get(sessionId)
      return project === undefined
        ? undefined
        : { isIn: (org, name) => hashOfProject(org, name) === project }
    },
    reset: () => {
      kept = new Series()
      bytes = 0
      evicted = new EvictedRuns()
      sessions.clear()
      evictedSessions.clear()
    }
  }
}
