/** The services of the SDK, as the settings of a command lead them. */
import * as Noukai from "@effect-noukai/sdk/Noukai"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Proxy from "./proxy.js"
import * as Settings from "./Settings.js"

/** The services, and the settings themselves. Fails with what is wrong in flags, the environment or `noukai.json`. */
export const services = (input: Settings.ConnectionFlags) =>
  Layer.unwrapScoped(Effect.gen(function*() {
    const { options, proxy } = yield* Settings.Settings
    return Noukai.layer(proxy === undefined ? options : { ...options, dispatcher: yield* Proxy.dispatcher(proxy) })
  })).pipe(
    Layer.provideMerge(Settings.layer(input))
  )
