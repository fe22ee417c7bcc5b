import { Emulator } from "@effect-noukai/emulator"
import { Noukai } from "@effect-noukai/sdk"
import { Effect, Layer } from "effect"
import { grade } from "./grade.js"

// the services of NoukaiLive, pointed at a local server: no key, no network, no credits
export const NoukaiLocal = Layer.provide(Noukai.layerServices, Emulator.layer())

export const local = Effect.provide(grade, NoukaiLocal)
