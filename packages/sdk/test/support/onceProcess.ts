/**
 * A program that runs each of its keys once: `<execute | jobs> <baseUrl> <keys> <known crash> <capture> <patience>`. It calls
 * again what failed in a way that may pass, until no key is left. Killed at any moment and started again, with a known
 * crash, it goes on. An attempt is given up after its patience, in milliseconds. The key comes from the environment.
 */
import { Flow, FlowService, isNoukaiError, JobService, Noukai } from "@effect-noukai/sdk"
import { Effect, Schedule, Schema } from "effect"

const [operation, baseUrl, keys, known, capture, patience] = process.argv.slice(2)

const attemptTimeout = Number(patience)

const Echo = Flow.make("acme/test/echo", { result: Schema.Struct({ said: Schema.String }) })

const afterACrash = known === "true"

/** The list of runs may lag: an absence is looked at again where something may have been sent before. */
const settleOf = (attempt: number) => capture === "lagging" && (afterACrash || attempt > 0) ? "3 seconds" : 0

/** Nothing is lost by calling a key again. Only a result that is not stored is an end. */
const isOver = (error: unknown): boolean => isNoukaiError(error) && error._tag === "ResultNotStoredError"

const runKey = (key: string) =>
  Effect.gen(function*() {
    const flows = yield* FlowService
    const jobs = yield* JobService
    let attempt = 0
    const once = Effect.suspend(() => {
      const options = { message: key, settle: settleOf(attempt++), attemptTimeout } as const
      return operation === "jobs"
        ? Effect.flatMap(
          jobs.submitOnce(key, Echo, options),
          (job) => job.result({ schedule: Schedule.spaced("20 millis"), attemptTimeout })
        )
        : Effect.map(
          flows.executeOnce(key, Echo, { ...options, snapshots: capture === "metadata_only" ? false : undefined }),
          ({ result }) => result
        )
    })
    const { said } = yield* once.pipe(
      Effect.retry({ until: isOver, schedule: Schedule.spaced("30 millis") }),
      Effect.catchIf(isOver, () => Effect.succeed({ said: key }))
    )
    if (said !== key) yield* Effect.dieMessage(`${key} has the result of ${said}`)
  })

const all = Effect.forEach(
  Array.from({ length: Number(keys) }, (_, n) => `key ${n}`),
  runKey,
  { concurrency: 32, discard: true }
)

await Effect.runPromise(Effect.provide(all, Noukai.layer({ baseUrl })))
