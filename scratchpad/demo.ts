/** The programs of this folder, one after the other, over real HTTP against an emulator on a free port. */
import { startEmulator } from "@effect-noukai/emulator"
import { Noukai } from "@effect-noukai/promise"
import { Console, Effect, Stream } from "effect"
import { answer, ask } from "./approval.js"
import { crash } from "./batch.js"
import { demo as compared } from "./eval/demo.js"
import { failure } from "./failure.js"
import { faked, refused } from "./faking.js"
import { grade } from "./grade.js"
import { collect, follow, submit } from "./jobs.js"
import { NoukaiLocal } from "./local.js"
import { gradeByPromise } from "./promises.js"
import { replays } from "./replays.js"
import { patient } from "./retrying.js"
import { byHand, watched } from "./streaming.js"
import { withTools } from "./tools.js"
import { attempts, cost, watch } from "./traces.js"

const byPromise = Effect.acquireUseRelease(
  Effect.promise(() => startEmulator()),
  ({ apiKey, port }) => Effect.tryPromise(() => gradeByPromise(new Noukai({ apiKey, env: "dev", port }))),
  (emulator) => Effect.promise(() => emulator.close())
)

const demo = Effect.gen(function*() {
  yield* Console.log("\nA typed flow: acme/spelling/grade-3")
  const { feedback, score } = yield* grade
  yield* Console.log(`  score     ${score}\n  feedback  ${feedback}`)

  yield* Console.log("\nA failure, caught by its tag")
  yield* Console.log(`  ${yield* failure}`)

  yield* Console.log("\nCalls that would wait for their turn")
  yield* Console.log(`  results   ${(yield* patient).length}`)

  yield* Console.log("\nA flow that calls a typed tool: noukai/samples/tools-enabled")
  yield* Console.log(`  ${JSON.stringify(yield* withTools)}`)

  yield* Console.log("\nThe same, paused, stored and answered later")
  const stored = yield* ask
  yield* Console.log(
    typeof stored === "string" ? `  ${JSON.stringify((yield* answer(stored, "18 °C")).status)}` : "  no pause"
  )

  yield* Console.log("\nSteps, as they arrive: noukai/samples/two-step")
  yield* watched
  yield* Console.log(`  outputs   ${JSON.stringify(Array.from(yield* byHand))}`)

  yield* Console.log("\nA job, submitted and collected by its id")
  const executionId = yield* submit
  const collected = yield* collect(executionId)
  const statuses = yield* Stream.runCollect(follow(executionId))
  yield* Console.log(`  score     ${collected.score}\n  status    ${Array.from(statuses).join(", ")}`)

  yield* Console.log("\nIts trace")
  yield* Console.log(`  cost      ${yield* cost(executionId)}`)
  yield* Console.log(`  attempts  ${(yield* attempts(executionId, "grade")).join(", ")}`)
  yield* Console.log(`  events    ${Array.from(yield* Stream.runCollect(watch(executionId))).join(", ")}`)

  yield* Console.log("\nThe typed flow, with Promises")
  yield* Console.log(`  ${JSON.stringify(yield* byPromise)}`)

  yield* Console.log("\nThe typed flow, without a server")
  yield* Console.log(`  ${JSON.stringify(yield* faked)}\n  ${yield* refused}`)

  yield* Console.log("\nA session, captured and replayed; a recording")
  yield* replays

  yield* Console.log("\nA batch of 200 rows, whose process is killed in the middle")
  yield* crash()

  yield* Console.log("\nAn eval: the draft of acme/spelling/correct against production, on 200 cases")
  yield* compared
})

demo.pipe(
  Effect.provide(NoukaiLocal),
  Effect.catchAll((error) =>
    Console.error(String(error)).pipe(Effect.zipRight(Effect.sync(() => {
      process.exitCode = 1
    })))
  ),
  Effect.runPromise
)
