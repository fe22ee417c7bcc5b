/** Types of jobs: exact errors, typed results, inputs without what the queue does not take. */
import {
  type CallError,
  Flow,
  type FlowExecutionError,
  type InvalidRequestError,
  type Job,
  type JobEnded,
  type JobService,
  type JobStatus,
  type SubmitInput,
  type ToolCallLimitError,
  type WaitOptions
} from "@effect-noukai/sdk"
import * as Jobs from "@effect-noukai/sdk/Job"
import { type Effect, type Exit, Schedule, Schema, type Stream } from "effect"
import { expectTypeOf } from "vitest"

declare const jobs: JobService.Service

// the errors of each operation: the server's answers, the transport, checks, replays; no tool loop
expectTypeOf<Extract<CallError, FlowExecutionError>>().toEqualTypeOf<FlowExecutionError>()
expectTypeOf<Extract<CallError, ToolCallLimitError>>().toEqualTypeOf<never>()

// submit: no requirement, a handle whose result has the type of the flow
expectTypeOf(jobs.submit("a/b/c", {})).toEqualTypeOf<Effect.Effect<Job<unknown>, CallError, never>>()

const Grade = Flow.make("a/b/c", {
  parameters: Schema.Struct({ difficulty: Schema.Literal("easy", "hard") }),
  result: Schema.Struct({ score: Schema.Number })
})
interface Score {
  readonly score: number
}

expectTypeOf(jobs.submit(Grade, { parameters: { difficulty: "easy" } })).toEqualTypeOf<
  Effect.Effect<Job<Score>, CallError, never>
>()
// @ts-expect-error parameters are required
void jobs.submit(Grade, {})
// @ts-expect-error parameters are typed
void jobs.submit(Grade, { parameters: { difficulty: "medium" } })
// parameters without required keys may be left out
void jobs.submit(Flow.make("a/b/c", { parameters: Schema.Struct({ tone: Schema.optional(Schema.String) }) }), {})

// @ts-expect-error the queue takes no tools
void jobs.submit("a/b/c", { tools: [] })
// @ts-expect-error the queue takes no tool choice
void jobs.submit("a/b/c", { toolChoice: "auto" })
// @ts-expect-error the queue takes no attachments
void jobs.submit("a/b/c", { attachments: [] })
// @ts-expect-error the queue takes no conversation
void jobs.submit("a/b/c", { messages: [] })
expectTypeOf<"tools" | "toolChoice" | "attachments" | "messages" | "maxToolRounds">()
  .exclude<keyof SubmitInput>()
  .toEqualTypeOf<"tools" | "toolChoice" | "attachments" | "messages" | "maxToolRounds">()

// attach: only the client-side checks can fail
expectTypeOf(jobs.attach(Grade, "id")).toEqualTypeOf<Effect.Effect<Job<Score>, InvalidRequestError, never>>()
expectTypeOf(jobs.attach("a/b/c", "id", { grace: "5 seconds" })).toEqualTypeOf<
  Effect.Effect<Job<unknown>, InvalidRequestError, never>
>()

// many jobs: outcomes of the same type; the errors of a stream of jobs, and its needs, are added
declare const many: ReadonlyArray<Job<Score>>
expectTypeOf(Jobs.waitAll(many)).toEqualTypeOf<Stream.Stream<Jobs.JobOutcome<Score>, CallError>>()
expectTypeOf(Jobs.waitAll(new Set(many), { timeout: "1 hour", rate: 5, schedule: Schedule.spaced("5 seconds") }))
  .toEqualTypeOf<Stream.Stream<Jobs.JobOutcome<Score>, CallError>>()
declare const coming: Stream.Stream<Job<Score>, "no more", JobService>
expectTypeOf(Jobs.waitAll(coming, { rate: { limit: 5, interval: "1 minute" } })).toEqualTypeOf<
  Stream.Stream<Jobs.JobOutcome<Score>, CallError | "no more", JobService>
>()
expectTypeOf<Jobs.JobOutcome<Score>["outcome"]>().toEqualTypeOf<Exit.Exit<JobEnded<Score>, CallError>>()
// @ts-expect-error ids are no jobs
void Jobs.waitAll(["ex-1"])

// the handle
declare const job: Job<Score>
expectTypeOf(job.poll()).toEqualTypeOf<Effect.Effect<JobStatus<Score>, CallError, never>>()
expectTypeOf(job.poll({ timeout: "1 second", retry: Schedule.stop })).toEqualTypeOf<
  Effect.Effect<JobStatus<Score>, CallError, never>
>()
expectTypeOf(job.wait()).toEqualTypeOf<Effect.Effect<JobEnded<Score>, CallError, never>>()
expectTypeOf(job.result({ timeout: "1 minute" })).toEqualTypeOf<Effect.Effect<Score, CallError, never>>()
expectTypeOf(job.updates).toEqualTypeOf<Stream.Stream<JobStatus<Score>, CallError, never>>()
expectTypeOf(Jobs.updates(job, Schedule.spaced("1 seconds"))).toEqualTypeOf<
  Stream.Stream<JobStatus<Score>, CallError, never>
>()
expectTypeOf<Job<Score>>().toExtend<Job<unknown>>()
expectTypeOf<Job<unknown>>().not.toExtend<Job<Score>>()

// a schedule over statuses
expectTypeOf<NonNullable<WaitOptions<Score>["schedule"]>>().toEqualTypeOf<
  Schedule.Schedule<unknown, JobStatus<Score>>
>()
void job.wait({ schedule: Schedule.spaced("1 seconds") })
void job.wait({ schedule: Schedule.recurWhile((status: JobStatus<Score>) => status.status === "pending") })
// @ts-expect-error a schedule of something else
void job.wait({ schedule: Schedule.recurWhile((n: number) => n > 1) })

// statuses narrow, and their names are exhaustive
declare const status: JobStatus<Score>
expectTypeOf(status.status).toEqualTypeOf<
  "pending" | "running" | "completed" | "failed" | "cancelled" | "unknown"
>()
if (status.status === "completed") expectTypeOf(status.result).toEqualTypeOf<Score>()
if (status.status === "failed") expectTypeOf(status.error).toEqualTypeOf<unknown>()
if (status.status === "unknown") expectTypeOf(status.reported).toEqualTypeOf<string>()
if (Jobs.isEnded(status)) expectTypeOf(status).toEqualTypeOf<JobEnded<Score>>()

// what may be absent is a key that may be absent, and no `undefined`
expectTypeOf<Pick<Job, "flowId" | "blockCount" | "sessionId">>().toEqualTypeOf<
  { readonly flowId?: string; readonly blockCount?: number; readonly sessionId?: string }
>()
