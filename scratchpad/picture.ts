import * as Waterfall from "@effect-noukai/report/Waterfall"
import { RunService } from "@effect-noukai/sdk"
import { FileSystem } from "@effect/platform"
import { Effect } from "effect"

// a stored run as a picture, for an incident or a pull request
export const draw = (executionId: string, path: string) =>
  Effect.gen(function*() {
    const runs = yield* RunService
    const files = yield* FileSystem.FileSystem
    const trace = yield* runs.trace("noukai/samples/two-step", executionId)
    yield* files.writeFileString(path, Waterfall.toSvg(trace, { title: "Where is order A17?" }))
  })
