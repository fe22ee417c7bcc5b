/** The services of the SDK, as the settings of a command lead them. */
import * as Noukai from "@effect-noukai/sdk/Noukai"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as History from "./history.js"
import * as Proxy from "./proxy.js"
import * as Settings from "./Settings.js"

/** Flags of a command that uses the services. */
export interface ServiceFlags extends Settings.ConnectionFlags {
  readonly noHistory?: boolean
}

/** The services, the history and the settings. Fails with mistakes in flags, the environment or `noukai.json`. */
export const services = (input: ServiceFlags) =>
  History.layer(input.noHistory !== true).pipe(
    Layer.provideMerge(Layer.unwrapScoped(Effect.gen(function*() {
      const { options, proxy } = yield* Settings.Settings
      return Noukai.layer(proxy === undefined ? options : { ...options, dispatcher: yield* Proxy.dispatcher(proxy) })
    }))),
    Layer.provideMerge(Settings.layer(input))
  )
