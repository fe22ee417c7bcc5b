/**
 * The queue behind `/jobs` and its workers.
 *
 * @see docs/wire.md#jobs
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberMap from "effect/FiberMap"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { Ledger } from "../store/ledger.js"
import type { Run, Runs } from "../store/runs.js"
import { wireEvent } from "../wire/wireEvent.js"
import { type Engine, wholeRun } from "./engine.js"

export interface JobOptions {
  /** The time in ms that a worker waits before it runs a job. */
  readonly queueDelay: number
  readonly workers: number
  readonly capacity: number
}

export interface Job {
  readonly run: Run
  readonly cancelAfter: number | undefined
  /** Runs when the job has ended, in any way. */
  readonly ended: Effect.Effect<void>
}

export interface JobQueue {
  /** Adds a job. Returns false if the queue is full. */
  readonly submit: (job: Job) => Effect.Effect<boolean>
  /** Returns false if the job has ended already. */
  readonly cancel: (run: Run) => Effect.Effect<boolean>
  readonly reset: Effect.Effect<void>
}

export const make = (
  engine: Engine,
  ledger: Ledger,
  runs: Runs,
  options: JobOptions
): Effect.Effect<JobQueue, never, Scope.Scope> =>
  Effect.gen(function*() {
    const queue = yield* Queue.dropping<Job>(options.capacity)
    const running = yield* FiberMap.make<string>()

    const markCancelled = (run: Run): void => {
      if (run.hasEnded) return
      run.wake()
      run.status = "cancelled"
      // a live trace must end with a failure
      const stepId = run.steps.list().at(-1)?.stepId ?? run.tree?.steps[0]?.id ?? ""
      run.events.append(
        wireEvent("step_error", { stepId, error: { code: "CANCELLED", message: "The run was cancelled." } })
      )
      ledger.runEnded(run.entry, "cancelled")
      runs.rest(run)
    }

    const cancel = (run: Run): Effect.Effect<boolean> =>
      Effect.suspend(() => {
        if (run.hasEnded) return Effect.succeed(false)
        markCancelled(run)
        return Effect.as(FiberMap.remove(running, run.id), true)
      })

    const execute = ({ cancelAfter, ended, run }: Job): Effect.Effect<void> => {
      const { tree } = run
      // a job that has not begun still has its tree
      if (cancelAfter === 0 || tree === undefined) return Effect.sync(() => markCancelled(run))
      const whole = Effect.ensuring(Effect.asVoid(engine.runSegment(wholeRun(run, tree))), ended)
      return cancelAfter === undefined
        ? whole
        : Effect.raceFirst(whole, Effect.zipRight(Effect.sleep(cancelAfter), Effect.sync(() => markCancelled(run))))
    }

    const work = Effect.gen(function*() {
      const job = yield* Queue.take(queue)
      yield* Effect.sleep(options.queueDelay)
      if (job.run.hasEnded) return
      const fiber = yield* FiberMap.run(running, job.run.id, execute(job))
      yield* Fiber.await(fiber)
    })

    yield* Effect.forkScoped(
      Effect.all(Array.from({ length: options.workers }, () => Effect.forever(work)), {
        concurrency: options.workers,
        discard: true
      })
    )

    return {
      submit: (job) => Queue.offer(queue, job),
      cancel,
      reset: Effect.zipRight(Queue.takeAll(queue), FiberMap.clear(running))
    }
  })
