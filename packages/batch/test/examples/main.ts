import { NoukaiLive } from "@effect-noukai/sdk"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { gradeEssays } from "./gradeEssays.js"

// reads NOUKAI_API_KEY; Ctrl-C ends what is in flight first, and a second one ends the process at once
gradeEssays(".").pipe(Effect.tap(Console.log), Effect.provide(NoukaiLive), NodeRuntime.runMain)
