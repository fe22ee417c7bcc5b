/** The endpoints of the emulator. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as Effect from "effect/Effect"
import { StudioApi } from "../StudioApi.js"
import type { StudioEmulator } from "../StudioEmulator.js"
import * as Events from "./events.js"

const limits = { standard: 50, most: 500 }

/** The least time in milliseconds between two events. */
const least = 250

/** The handlers. `hello` is the event at the start of each stream. */
export const layer = (
  emulator: StudioEmulator.Service,
  hello: string,
  encode: (name: string, data: unknown) => string
) => {
  const change = Effect.map(emulator.state, (state) => encode("change", state))
  const watched = Effect.flatMap(
    emulator.changes,
    (changes) => Events.coalesced(changes, () => {}, change, () => change, least)
  )
  return HttpApiBuilder.group(StudioApi, "emulator", (handlers) =>
    handlers
      .handle("emulator", () => emulator.state)
      .handleRaw("watchEmulator", () => Effect.succeed(Events.response(hello, watched)))
      .handle("requests", ({ urlParams: { limit = limits.standard, offset = 0, text = "" } }) =>
        emulator.requests(text, { offset, limit: Math.min(limit, limits.most) }))
      .handle("request", ({ urlParams: { id } }) =>
        emulator.request(id))
      .handle("webhooks", ({ urlParams: { limit = limits.standard } }) =>
        emulator.webhooks(Math.max(1, Math.min(limit, limits.most))))
      .handle("switchOn", ({ payload }) =>
        emulator.switchOn(payload))
      .handle("switchOff", () =>
        emulator.switchOff))
}
