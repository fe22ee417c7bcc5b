/** A source of runs that a test scripts. */
import * as Cassette from "@effect-noukai/sdk/Cassette"
import type { SessionExecution } from "@effect-noukai/sdk/SessionService"
import * as Trace from "@effect-noukai/sdk/Trace"
import * as RunList from "@effect-noukai/studio/RunList"
import { NotFound, type Run, type Source } from "@effect-noukai/studio/RunsApi"
import { type RunChange, type StoredRun, StudioSource } from "@effect-noukai/studio/StudioSource"
import { Effect, Layer, PubSub, Schema, Stream } from "effect"
import { toldOf } from "../../src/internal/told.js"

/** A step in milliseconds from the start of its run. */
export interface ScriptedStep {
  readonly id: string
  readonly at: number
  /** Absent: it is running. */
  readonly ms?: number
  readonly status?: string
  readonly attempt?: number
  readonly loop?: number
  readonly model?: string
  readonly tokens?: number
  readonly cost?: string
  readonly input?: unknown
  readonly output?: unknown
  readonly error?: unknown
  readonly waitingMs?: number
  readonly truncated?: boolean
}

export interface ScriptedRun extends Partial<Omit<Run, "id">> {
  readonly id: string
  readonly steps?: ReadonlyArray<ScriptedStep>
  /** Whether its session kept the payloads. Default: true. */
  readonly isCaptured?: boolean
  readonly watched?: StoredRun["watched"]
  readonly conversations?: StoredRun["conversations"]
  readonly request?: StoredRun["request"]
}

const iso = (ms: number) => new Date(ms).toISOString()

const decodeTrace = Schema.decodeUnknownSync(Trace.Trace)

/** The instant at which scripted runs begin, unless they say another one. */
export const epoch = Date.UTC(2026, 5, 7, 9, 30)

export const traceOf = ({ id, steps = [], ...run }: ScriptedRun): Trace.Trace => {
  const start = run.startedAt ?? epoch
  const status = run.status ?? "completed"
  return decodeTrace({
    flowRun: {
      id,
      flowId: run.flowId ?? "fl_1",
      status,
      triggerType: run.trigger ?? "execute",
      startedAt: iso(start),
      completedAt: run.durationMs === undefined ? null : iso(start + run.durationMs),
      durationMs: run.durationMs ?? null,
      stepCount: steps.length
    },
    steps: steps.map((step) => ({
      stepId: step.id,
      attempt: step.attempt ?? 1,
      loopIndex: step.loop ?? null,
      status: step.status ?? (step.ms === undefined ? "running" : step.error === undefined ? "completed" : "failed"),
      startedAt: iso(start + step.at),
      completedAt: step.ms === undefined ? null : iso(start + step.at + step.ms),
      durationMs: step.ms ?? null,
      ...step.waitingMs === undefined ? {} : { waitingMs: step.waitingMs },
      modelUsed: step.model ?? null,
      tokens: step.tokens === undefined ? null : { prompt: step.tokens, completion: 0, total: step.tokens },
      costUsd: step.cost ?? null,
      inputContext: step.input ?? null,
      outputContext: step.output ?? null,
      errorContext: step.error ?? null,
      inputSizeBytes: step.input === undefined ? null : JSON.stringify(step.input).length,
      outputSizeBytes: step.output === undefined ? null : JSON.stringify(step.output).length,
      truncated: step.truncated ?? false
    }))
  })
}

const runOf = (
  { id, flow = "acme/spelling/grade-3", startedAt = epoch, status = "completed", ...rest }: ScriptedRun
): Run => {
  const { costUsd, durationMs, flowId, sessionId, trigger = "execute", version } = rest
  return {
    id,
    flow,
    status,
    startedAt,
    trigger,
    ...flowId !== undefined && { flowId },
    ...version !== undefined && { version },
    ...sessionId !== undefined && { sessionId },
    ...durationMs !== undefined && { durationMs },
    ...costUsd !== undefined && { costUsd }
  }
}

const executionOf = (run: ScriptedRun): SessionExecution => {
  const { flowRun: { completedAt, id, startedAt, status, triggerType }, steps } = traceOf(run)
  const failed = steps.find((step) => step.status === "failed")
  return {
    executionId: id,
    slug: runOf(run).flow.split("/").at(-1)!,
    ...triggerType !== undefined && { triggerType },
    status,
    ...startedAt !== undefined && { startedAt },
    ...completedAt !== undefined && { completedAt },
    traceCaptureMode: "full",
    snapshotsAvailable: run.isCaptured ?? true,
    ...status === "failed" && failed !== undefined && { errorAtStep: failed.stepId },
    steps: steps.map(({ attempt, completedAt, durationMs, loopIndex, startedAt, status, stepId, ...payloads }) => ({
      stepId,
      attempt,
      ...loopIndex !== undefined && { loopIndex },
      status,
      ...startedAt !== undefined && { startedAt },
      ...completedAt !== undefined && { completedAt },
      ...durationMs !== undefined && { durationMs },
      inputSnapshot: payloads.inputContext ?? null,
      outputSnapshot: payloads.outputContext ?? null,
      errorSnapshot: payloads.errorContext ?? null,
      truncated: payloads.truncated
    }))
  }
}

const hasEnded = ({ status }: Run) => status !== "running" && status !== "pending"

/** Runs that a test adds and changes, with the source that shows them. */
export interface Scripted {
  readonly source: StudioSource.Service
  readonly layer: Layer.Layer<StudioSource>
  /** Adds runs, or replaces those with their ids. */
  readonly put: (...runs: ReadonlyArray<ScriptedRun>) => Effect.Effect<void>
  readonly remove: (id: string) => Effect.Effect<void>
  readonly reset: Effect.Effect<void>
  /** The number of streams that read changes. */
  readonly readers: () => number
}

export const make = (facts: Partial<Omit<Source, "views">> = {}): Effect.Effect<Scripted> =>
  Effect.gen(function*() {
    const list = RunList.make()
    const stored = new Map<string, ScriptedRun>()
    const changes = yield* PubSub.unbounded<RunChange>()
    let readers = 0
    const subscribed = Effect.acquireRelease(
      Effect.sync(() => {
        readers++
      }),
      () =>
        Effect.sync(() => {
          readers--
        })
    ).pipe(
      Effect.zipRight(PubSub.subscribe(changes)),
      Effect.map((queue) => Stream.fromQueue(queue))
    )
    const found = (flow: string, id: string) =>
      Effect.suspend(() => {
        const run = stored.get(id)
        return run === undefined || runOf(run).flow !== flow
          ? new NotFound({ message: `There is no run ${id} of ${flow}.` })
          : Effect.succeed(run)
      })
    const sessionOf = (id: string) =>
      Effect.suspend(() => {
        const runs = [...stored.values()].filter(({ sessionId }) => sessionId === id)
        return runs.length === 0 ? new NotFound({ message: `There is no session ${id}.` }) : Effect.succeed(runs)
      })
    const source: StudioSource.Service = {
      source: Effect.sync(() => ({
        kind: "emulator",
        address: "http://127.0.0.1:8080/api/v1",
        flows: [...new Set([...stored.values()].map((run) => runOf(run).flow))].sort(),
        missing: [],
        ...facts
      })),
      list: (filter, page) => Effect.sync(() => list.page(filter, page)),
      runs: (filter) => Effect.sync(() => list.all(filter)),
      points: (filter) => Effect.sync(() => list.points(filter)),
      changes: subscribed,
      run: (flow, id) =>
        Effect.map(found(flow, id), (run): StoredRun => ({
          run: runOf(run),
          trace: traceOf(run),
          ...run.watched !== undefined && { watched: run.watched },
          ...run.conversations !== undefined && { conversations: run.conversations },
          ...run.request !== undefined && { request: run.request }
        })),
      watch: (flow, id) =>
        Stream.unwrapScoped(Effect.gen(function*() {
          const stream = yield* subscribed
          const run = yield* found(flow, id)
          if (hasEnded(runOf(run))) return Stream.empty
          return stream.pipe(
            Stream.filter((change) => change._tag !== "Changed" || change.run.id === id),
            Stream.takeUntil((change) => change._tag !== "Changed" || hasEnded(change.run)),
            Stream.as(undefined),
            Stream.merge(Stream.make(undefined), { haltStrategy: "left" })
          )
        })),
      session: (id) =>
        Effect.map(sessionOf(id), (runs) => ({
          session: { sessionId: id, executions: runs.map(executionOf) },
          runs: runs.map(runOf)
        })),
      cassette: (id) =>
        Effect.map(sessionOf(id), (runs) =>
          Cassette.encode({
            format: "noukai-cassette/1",
            kind: "session",
            client: {},
            session: { sessionId: id, executions: runs.map(executionOf) }
          }))
    }
    const tell = (change: RunChange) => PubSub.publish(changes, change)
    return {
      source,
      layer: Layer.succeed(StudioSource, source),
      put: (...runs) =>
        Effect.forEach(runs, (scripted) => {
          stored.set(scripted.id, scripted)
          const run = { ...runOf(scripted), ...scripted.status === "running" ? {} : toldOf(traceOf(scripted)) }
          list.put(run)
          return tell({ _tag: "Changed", run })
        }, { discard: true }),
      remove: (id) => {
        stored.delete(id)
        list.remove(id)
        return Effect.asVoid(tell({ _tag: "Gone", id }))
      },
      reset: Effect.suspend(() => {
        stored.clear()
        list.clear()
        return tell({ _tag: "Reset" })
      }),
      readers: () => readers
    }
  })
