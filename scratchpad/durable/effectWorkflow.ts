import { Flow, FlowService, NoukaiLive } from "@effect-noukai/sdk"
import { ClusterWorkflowEngine, SingleRunner } from "@effect/cluster"
import { NodeRuntime } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Activity, Workflow } from "@effect/workflow"
import { Config, Console, Effect, Layer, Schema } from "effect"

const Grade = Schema.Struct({ score: Schema.Number })

const grade = Flow.make("acme/spelling/grade-3", { result: Grade })

const GradeEssay = Workflow.make({
  name: "GradeEssay",
  payload: { essay: Schema.String, text: Schema.String },
  success: Grade,
  error: Schema.String,
  idempotencyKey: ({ essay }) => essay
})

const gradeOnce = (executionId: string, text: string) =>
  Activity.make({
    name: "grade",
    success: Grade,
    error: Schema.String,
    execute: Effect.gen(function*() {
      const flows = yield* FlowService
      // the activity may run again: its key is that of the step, so that it finds the run of the first time
      const done = yield* flows.executeOnce(`${executionId}/grade`, grade, { message: text, takeOver: true })
      return done.result
    }).pipe(Effect.mapError(({ message }) => message))
  })

const Workflows = GradeEssay.toLayer(({ text }, executionId) => gradeOnce(executionId, text)).pipe(
  Layer.provideMerge(ClusterWorkflowEngine.layer),
  Layer.provide(SingleRunner.layer()),
  Layer.provide(PgClient.layerConfig({ url: Config.redacted("DATABASE_URL") })),
  Layer.provide(NoukaiLive)
)

const program = Effect.gen(function*() {
  const { score } = yield* GradeEssay.execute({ essay: "essay-17", text: "The cat sat." })
  yield* Console.log(`score: ${score}`)
})

NodeRuntime.runMain(Effect.provide(program, Workflows))
