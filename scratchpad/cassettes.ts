import { NoukaiRecord, ReplayCassette } from "@effect-noukai/sdk"
import { Effect } from "effect"
import { grade } from "./grade.js"
import { NoukaiLocal } from "./local.js"

// records the first time, replays from then on; where CI is set it only replays
export const graded = (path: string) =>
  grade.pipe(
    Effect.zipLeft(ReplayCassette.verify),
    Effect.provide(NoukaiRecord.toFile(path, {
      redact: { paths: ["**.email"], patterns: [/\b\d{16}\b/] },
      live: NoukaiLocal // default: NoukaiLive
    }))
  )
