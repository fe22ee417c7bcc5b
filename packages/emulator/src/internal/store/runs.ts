/**
 * Run rows: what `/execute`, `/step` and `/jobs` leave behind and the run endpoints read.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type { RunEntry } from "../../EmulatorLedger.js"
import type { CaptureMode, Json } from "../../Flow.js"
import type { Message, WireToolCall } from "../engine/toolConversation.js"
import type { WireEvent } from "../engine/wireEvent.js"
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

/** @internal */
export interface StepRecord {
  readonly stepId: string
  readonly attempt: number
  readonly loopIndex: number | undefined
  status: "running" | "completed" | "failed" | "skipped"
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
  /** of the first call; overrides, tools and trace of the newest one */
  input: RunInput
  readonly sessionId: string | undefined
  readonly capture: CaptureMode
  readonly createdAt: number
  /** bytes of the request that started it */
  readonly size: number
  /** the row is not there for readers before that instant */
  readonly visibleAt: number
  readonly entry: Open<RunEntry>
  status: RunStatus
  completedAt: number | undefined
  result: Json | undefined
  error: { readonly code: string; readonly message: string; readonly stepId: string | undefined } | undefined
  readonly steps: Array<StepRecord>
  /** set while `/execute` waits for results */
  pause: Pause | undefined
  /** steps at which a `/step` iteration has paused */
  readonly pausedAt: Set<string>
  readonly events: EventLog
}

/** Events of a run, kept for the live trace. @internal */
export interface EventLog {
  readonly append: (event: WireEvent) => void
  readonly get: (index: number) => WireEvent | undefined
  /** waits until there is an event at that index */
  readonly awaitAt: (index: number) => Effect.Effect<void>
}

/** How many partial outputs of one run a live trace can replay. */
const keptPartials = 100

/** @internal */
export const makeEventLog = (): EventLog => {
  const events: Array<WireEvent> = []
  let partials = 0
  let arrival = Deferred.unsafeMake<void>(FiberId.none)
  return {
    append: (event) => {
      if (event.event === "step_output" && ++partials > keptPartials) return
      events.push(event)
      const arrived = arrival
      arrival = Deferred.unsafeMake<void>(FiberId.none)
      Deferred.unsafeDone(arrived, Effect.void)
    },
    get: (index) => events[index],
    awaitAt: (index) => Effect.suspend(() => index < events.length ? Effect.void : Deferred.await(arrival))
  }
}

/** @internal */
export interface Runs {
  readonly add: (run: Run) => void
  readonly get: (id: string) => Run | undefined
  /** newest first */
  readonly list: () => ReadonlyArray<Run>
  readonly reset: () => void
}

/** bytes of the requests whose runs are kept */
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
