import { Cassette, NoukaiReplay, ReplayCassette } from "@effect-noukai/sdk"
import { Effect } from "effect"
import { handler } from "./answering.js"

// once: the session becomes a file that is reviewed and committed
export const keep = (sessionId: string, path: string) =>
  Cassette.fromSession(sessionId).pipe(
    Effect.flatMap(Cassette.redact({ paths: ["**.email"] })),
    Effect.flatMap(Cassette.save(path))
  )

// from then on: a test, without a key and without a network
export const kept = (question: string, path: string) =>
  handler(question).pipe(
    Effect.zipLeft(ReplayCassette.verify), // fails if the program no longer asks for something that was recorded
    Effect.provide(NoukaiReplay.fromFile(path))
  )
