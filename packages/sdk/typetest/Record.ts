/** Types of recording: what `live` fails with and needs is what the layer fails with and needs. */
import type { RecordedRun } from "@effect-noukai/report/testing"
import {
  type AuthenticationError,
  type CassetteError,
  type InvalidRequestError,
  Noukai,
  type NoukaiConfig,
  type NoukaiHttp,
  NoukaiRecord,
  type ReplayCassette,
  type ReplayNoSnapshotsError,
  type Tools
} from "@effect-noukai/sdk"
import { maskSecrets } from "@effect-noukai/sdk/Cassette"
import { type Effect, Layer } from "effect"
import { expectTypeOf } from "vitest"

type Provided = Noukai.Services | ReplayCassette | NoukaiRecord.Recording

// NoukaiLive, unless said otherwise
expectTypeOf(NoukaiRecord.toFile("path")).toEqualTypeOf<
  Layer.Layer<Provided, AuthenticationError | InvalidRequestError | CassetteError | ReplayNoSnapshotsError>
>()
expectTypeOf(NoukaiRecord.toFile("path", { mode: "new", match: "strict", redact: { patterns: [/x/] } })).toEqualTypeOf<
  Layer.Layer<Provided, AuthenticationError | InvalidRequestError | CassetteError | ReplayNoSnapshotsError>
>()

// any service, with its own errors and requirements
expectTypeOf(NoukaiRecord.toFile("path", { live: Noukai.layerServices })).toEqualTypeOf<
  Layer.Layer<Provided, InvalidRequestError | CassetteError | ReplayNoSnapshotsError, NoukaiConfig>
>()
declare const failing: Layer.Layer<NoukaiHttp, "broken", "needs">
expectTypeOf(NoukaiRecord.toFile("path", { live: failing })).toEqualTypeOf<
  Layer.Layer<Provided, "broken" | InvalidRequestError | CassetteError | ReplayNoSnapshotsError, "needs">
>()
// @ts-expect-error only a `NoukaiHttp` can be recorded
NoukaiRecord.toFile("path", { live: Layer.empty })
// @ts-expect-error there is no such mode
NoukaiRecord.toFile("path", { mode: "twice" })

expectTypeOf(NoukaiRecord.save).toEqualTypeOf<Effect.Effect<void, CassetteError, NoukaiRecord.Recording>>()
expectTypeOf<NoukaiRecord.Mode>().toEqualTypeOf<"once" | "new" | "all" | "none">()

// a call recorded by hand takes the tools that a program gives its call, whatever their handlers fail with and need
expectTypeOf<RecordedRun["tools"]>().toEqualTypeOf<
  ReadonlyArray<Tools.ToolDeclaration> | Tools.ToolSet<unknown, unknown> | undefined
>()
expectTypeOf<Tools.ToolSet<"broken", "needs">>().toExtend<RecordedRun["tools"]>()

expectTypeOf(maskSecrets).toEqualTypeOf<(text: string) => string>()
