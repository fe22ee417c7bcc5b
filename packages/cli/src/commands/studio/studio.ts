/** `noukai studio`. */
import { NoukaiConfig } from "@effect-noukai/sdk/NoukaiConfig"
import * as HostedSource from "@effect-noukai/studio/HostedSource"
import type { StudioError } from "@effect-noukai/studio/Studio"
import * as StudioRunner from "@effect-noukai/studio/StudioRunner"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { connection, flag, optional, whole } from "../../arguments/flags.js"
import * as Values from "../../arguments/values.js"
import { CommandError } from "../../exit/CommandError.js"
import { exitCodes } from "../../exit/exitCode.js"
import { History } from "../../settings/History.js"
import { services } from "../../settings/services.js"
import * as Settings from "../../settings/Settings.js"
import { Terminal } from "../../terminal/Terminal.js"
import { type InputOf, leaf } from "../leaf.js"
import { ledgerFlags } from "./flags.js"
import { ledgers } from "./ledgers.js"
import { forgotten, serving } from "./serving.js"

const config = {
  studioPort: whole("studio-port", "Serve the page on this port; 0 picks a free one (8081)."),
  host: optional("host", "Listen on this address (127.0.0.1)."),
  forget: flag("forget", "Delete the texts that the search over all runs keeps."),
  readOnly: flag("read-only", "Let the page start no runs."),
  ...ledgerFlags,
  ...connection
}

type Input = InputOf<typeof config>

/** The default port: the one after the emulator's. */
export const standardPort = 8081

const source = Layer.unwrapEffect(Effect.gen(function*() {
  const { isHosted } = yield* Settings.Settings
  const { origin, prefix } = yield* NoukaiConfig
  const history = yield* History
  return HostedSource.layer({
    address: origin + prefix,
    kind: isHosted ? "hosted" : "emulator",
    seen: Effect.map(history.runs, (runs) => runs.map(({ run, ...seen }) => ({ ...seen, id: run })))
  })
}))

/** Starts the runs of the page. The history has them, so that the list shows them. */
const starting = Layer.effect(
  StudioRunner.StudioRunner,
  Effect.zipWith(StudioRunner.make, History, ({ run }, history): StudioRunner.StudioRunner.Service => ({
    run: (input, sessionId, begun) => {
      const { flow, version = "production" } = input
      const learnt = { flow, sessionId, version }
      return run(input, sessionId, (id) => Effect.zipRight(history.note({ ...learnt, run: id }), begun(id)))
    }
  }))
)

const refused = ({ message, reason }: StudioError): CommandError =>
  new CommandError({
    code: exitCodes.refused,
    message,
    ...reason === "PortInUse" ? { advice: ["use another --studio-port; 0 picks a free one"] } : {}
  })

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  if (input.forget) return yield* terminal.write(yield* Effect.mapError(forgotten(), refused))
  const port = yield* Values.port("--studio-port", input.studioPort, standardPort)
  const layer = Layer.merge(
    Layer.provideMerge(input.readOnly ? source : Layer.merge(source, starting), services(input)),
    ledgers(input)
  )
  return yield* Effect.gen(function*() {
    const { apiKey, origin, prefix } = yield* NoukaiConfig
    const { address, isOpen, url } = yield* serving({
      port,
      host: Option.getOrUndefined(input.host),
      hidden: [apiKey],
      orNext: Option.isNone(input.studioPort)
    }).pipe(Effect.mapError(refused))
    if (isOpen) {
      yield* terminal.note(
        `The studio listens on ${address}, where other machines can connect, without encryption. ` +
          `Everybody who has the address with the token can read your runs${
            input.readOnly ? "" : ", and start runs that you pay for (--read-only starts none)"
          }.`,
        "yellow"
      )
    }
    yield* terminal.write(`The studio shows the runs of ${origin}${prefix} until Ctrl-C:\n\n  ${url}\n\n`)
    return yield* Effect.never
  }).pipe(Effect.provide(layer), Effect.scoped)
})

export const command = leaf("studio", "Show runs in the browser, live.", config, handle)
