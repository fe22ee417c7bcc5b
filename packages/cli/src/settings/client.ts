/** The client of a command, by its settings. */
import { Noukai } from "@effect-noukai/sdk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Settings from "./Settings.js"

/** All services of the SDK, and the settings. */
export const client = (flags: Settings.ConnectionFlags) =>
  Layer.unwrapEffect(Effect.map(Settings.Settings, ({ options }) => Noukai.layer(options))).pipe(
    Layer.provideMerge(Settings.layer(flags))
  )
