/** A studio over an emulator, with a client of it. */
import { type EmulatorOptions, type Flow, samples } from "@effect-noukai/emulator"
import { make } from "@effect-noukai/emulator/Emulator"
import { FlowService, Noukai, NoukaiHttp } from "@effect-noukai/sdk"
import * as EmulatorSource from "@effect-noukai/studio/EmulatorSource"
import * as Studio from "@effect-noukai/studio/Studio"
import * as StudioRunner from "@effect-noukai/studio/StudioRunner"
import { Context, Effect, Layer } from "effect"
import { open } from "./client.js"

export const hello = "noukai/samples/hello-world"

export const session = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

const flows: ReadonlyArray<Flow> = [
  ...samples,
  { ref: "acme/test/paid", steps: [{ kind: "template", id: "a", output: "{{message}}", costUsd: "0.25" }] },
  { ref: "acme/test/fails", steps: [{ kind: "fail", id: "b", code: "BUSY", message: "try\nlater", status: 500 }] },
  { ref: "acme/test/slow", steps: [{ kind: "template", id: "a", duration: 400, output: 1 }] },
  { ref: "acme/test/metadata", capture: "metadata_only", steps: [{ kind: "template", id: "a", output: 1 }] }
]

/** `more`: flows beside those above. `runner`: starts the runs of the studio; `none`: it starts none. */
export const start = (
  { more = [], runner, ...options }: EmulatorOptions & {
    readonly more?: ReadonlyArray<Flow>
    readonly runner?: Layer.Layer<StudioRunner.StudioRunner> | "none"
  } = {}
) =>
  Effect.gen(function*() {
    const emulator = yield* make({ flows: [...flows, ...more], ...options })
    const { apiKey, baseUrl } = emulator
    const services = yield* Layer.build(Noukai.layer({ apiKey, baseUrl, maxRetries: 0 }))
    const starting = runner === "none" ? Layer.empty : runner ?? StudioRunner.layerEmulator(emulator)
    const sources = yield* Layer.build(Layer.merge(EmulatorSource.layer(emulator), starting))
    const { url } = yield* Effect.provide(Studio.serve({ assets: "/nowhere" }), sources)
    return {
      emulator,
      url,
      page: yield* open(url),
      execute: (flow: string, input: object = {}) =>
        Context.get(services, FlowService).execute(flow, { message: "hi", ...input }),
      http: Context.get(services, NoukaiHttp)
    }
  })
