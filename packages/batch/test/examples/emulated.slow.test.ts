import { Emulator } from "@effect-noukai/emulator"
import { Noukai } from "@effect-noukai/sdk"
import { FileSystem } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { gradeEssays } from "./gradeEssays.js"

const local = Layer.provideMerge(Noukai.layerServices, Emulator.layer())

it.scopedLive("grades each essay once, also if it is started again", () =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const folder = yield* files.makeTempDirectoryScoped()
    const essays = ["one", "two"].map((id) => JSON.stringify({ id, text: "The cat sat." }))
    yield* files.writeFileString(`${folder}/essays.jsonl`, essays.join("\n"))

    assert.isTrue((yield* gradeEssays(folder)).isClean)
    yield* gradeEssays(folder)

    const emulator = yield* Emulator
    assert.strictEqual((yield* emulator.ledger).runsStarted, 2)
  }).pipe(Effect.provide([local, NodeFileSystem.layer])))
