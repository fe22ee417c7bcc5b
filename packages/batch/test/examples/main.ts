import { NoukaiLive } from "@effect-noukai/sdk"
import { NodeRuntime } from "@effect/platform-node"
import { Cause, Console, Effect, Exit } from "effect"
import { gradeEssays } from "./gradeEssays.js"

// reads NOUKAI_API_KEY; Ctrl-C ends the rows in flight first, and a second one ends the process at once
gradeEssays(".").pipe(
  Effect.tap(Console.log),
  Effect.provide(NoukaiLive),
  // 130 where it was interrupted: rows are left
  NodeRuntime.runMain({
    teardown: (exit, end) => end(Exit.isSuccess(exit) ? 0 : Cause.isInterruptedOnly(exit.cause) ? 130 : 1)
  })
)
