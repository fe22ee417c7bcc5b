/** The programs of this folder, one after the other, over real HTTP against an emulator on a free port. */
import { Console, Effect } from "effect"
import { failure } from "./failure.js"
import { grade } from "./grade.js"
import { NoukaiLocal } from "./local.js"
import { withTools } from "./tools.js"

const demo = Effect.gen(function*() {
  yield* Console.log("\nA typed flow: acme/spelling/grade-3")
  const { feedback, score } = yield* grade
  yield* Console.log(`  score     ${score}\n  feedback  ${feedback}`)

  yield* Console.log("\nA failure, caught by its tag")
  yield* Console.log(`  ${yield* failure}`)

  yield* Console.log("\nA flow that calls a typed tool: noukai/samples/tools-enabled")
  yield* Console.log(`  ${JSON.stringify(yield* withTools)}`)
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
