// Eval.ts has the types of the errors and requirements
// @effect-diagnostics anyUnknownInErrorContext:off
/** The cassette of an eval run: a folder with the id of the run, and the calls of its flows and judges. */
import { NoukaiHttp, NoukaiRecord, NoukaiReplay } from "@effect-noukai/sdk"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { EvalFileError, InvalidEvalError } from "../../EvalError.js"
import type { RunOptions } from "../../EvalOptions.js"
import { readText, writeText } from "../file.js"
import { parseJson } from "../parse.js"
import { count, within } from "../ranges.js"
import * as Facts from "./facts.js"

const Recorded = Schema.Struct({ eval: Schema.String, run: Schema.String, startedAt: within(count) })

const callsFile = "calls.json"

type Around = <A, E>(effect: Effect.Effect<A, E, unknown>) => Effect.Effect<A, unknown, unknown>

/** The id of an eval run, and the layers for its calls. */
export interface Cassettes {
  readonly id: readonly [run: string, startedAt: number]
  readonly around: Around
}

const invalid = (field: string, reason: string) => new InvalidEvalError({ at: "Eval.run", field, reason })

const recording = Effect.fnUntraced(function*(name: string, folder: string) {
  const http = yield* Effect.flatMap(
    Effect.serviceOption(NoukaiHttp),
    Effect.mapError(() => invalid("record", "requires NoukaiHttp: provide NoukaiLive"))
  )
  yield* Effect.tryPromise({
    try: () => mkdir(folder, { recursive: true }),
    catch: (cause) => new EvalFileError({ path: folder, reason: "cannot be made", cause })
  })
  const id = yield* Facts.newId
  const facts = JSON.stringify({ eval: name, run: id[0], startedAt: id[1] }, null, 2)
  // with its calls alone: an earlier recording stays if nothing is recorded
  const kept = Effect.zipRight(NoukaiRecord.save, writeText(join(folder, "eval.json"), `${facts}\n`))
  const around: Around = (effect) =>
    Effect.provide(
      Effect.zipLeft(effect, kept),
      NoukaiRecord.toFile(join(folder, callsFile), { mode: "all", live: Layer.succeed(NoukaiHttp, http) })
    )
  return { id, around }
})

const replaying = Effect.fnUntraced(function*(name: string, folder: string) {
  const path = join(folder, "eval.json")
  const file = yield* parseJson(path, yield* readText(path))
  const { eval: recorded, run, startedAt } = yield* file.decode(Recorded)
  if (recorded !== name) {
    return yield* file.invalid(["eval"], `is ${JSON.stringify(recorded)}: these are cassettes of another eval`)
  }
  const around: Around = (effect) => Effect.provide(effect, NoukaiReplay.fromFile(join(folder, callsFile)))
  return { id: [run, startedAt] as const, around }
})

/** The cassettes of a new eval run, if it records or replays. */
export const cassettesOf = (
  name: string,
  { record, replay, resume }: RunOptions
): Effect.Effect<Cassettes, EvalFileError | InvalidEvalError> =>
  Effect.gen(function*() {
    if (record !== undefined && replay !== undefined) return yield* invalid("record", "and replay exclude each other")
    if (resume !== undefined && resume !== false && (record ?? replay) !== undefined) {
      return yield* invalid("resume", "cannot be used with cassettes: they have whole runs")
    }
    return record !== undefined
      ? yield* recording(name, record)
      : replay !== undefined
      ? yield* replaying(name, replay)
      : { id: yield* Facts.newId, around: identity }
  })
