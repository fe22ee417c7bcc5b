/**
 * Run rows: what `/execute`, `/step` and `/jobs` leave behind and the run endpoints read.
 *
 * @internal
 */
import type { RunEntry } from "../../EmulatorLedger.js"
import type { CaptureMode, Json } from "../../Flow.js"
import type { Message, WireToolCall } from "../engine/toolConversation.js"
import type { EventLog } from "./eventLog.js"
import type { Tree } from "./flows.js"
import type { Open } from "./ledger.js"

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

/** One execution of a step, as traces and sessions show it. @internal */
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
  readonly input: { readonly [key: string]: Json }
  output: Json | undefined
  prompt: string | undefined
  error: { readonly code: string; readonly message: string } | undefined
}

/** @internal */
export type RunStatus = "pending" | "running" | "completed" | "failed" | "cancelled"

/** @internal */
export type Trigger = "execute" | "step" | "job"

/** @internal */
export interface Run {
  readonly id: string
  readonly tree: Tree
  readonly trigger: Trigger
  /** Of the first call; overrides, tools and trace of the newest one. */
  input: RunInput
  readonly sessionId: string | undefined
  readonly capture: CaptureMode
  readonly createdAt: number
  /** Bytes of the request that started it. */
  readonly size: number
  /** The row is not there for readers before that instant. */
  readonly visibleAt: number
  readonly entry: Open<RunEntry>
  status: RunStatus
  completedAt: number | undefined
  result: Json | undefined
  error: { readonly code: string; readonly message: string; readonly stepId: string | undefined } | undefined
  readonly steps: Array<StepRecord>
  /** Of its steps so far, as the hosted server keeps them: the newest of each, or what a request put in its place. */
  outputs: { readonly [stepId: string]: Json }
  /** Set while the run waits for tool results; a resume of `/execute` goes on from it. */
  pause: Pause | undefined
  /** Steps at which a `/step` iteration has paused. */
  readonly pausedAt: Set<string>
  readonly events: EventLog
}

/** @internal */
export interface Runs {
  readonly add: (run: Run) => void
  readonly get: (id: string) => Run | undefined
  /** Newest first. */
  readonly list: () => ReadonlyArray<Run>
  readonly reset: () => void
}

/** Bytes of the requests whose runs are kept. */
const sizeBudget = 256 * 1024 * 1024

/** @internal */
export const make = (capacity: number): Runs => {
  const runs = new Map<string, Run>()
  let size = 0
  return {
    add: (run) => {
      runs.set(run.id, run)
      size += run.size
      for (const oldest of runs.values()) {
        if ((runs.size <= capacity && size <= sizeBudget) || oldest === run) break
        runs.delete(oldest.id)
        size -= oldest.size
      }
    },
    get: (id) => runs.get(id),
    list: () => [...runs.values()].reverse(),
    reset: () => {
      runs.clear()
      size = 0
    }
  }
}
