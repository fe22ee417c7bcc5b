/** The studio beside `noukai dev`. */
import type { EmulatorService } from "@effect-noukai/emulator/EmulatorService"
import * as EmulatorSource from "@effect-noukai/studio/EmulatorSource"
import * as StudioRunner from "@effect-noukai/studio/StudioRunner"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { LedgerFlags } from "./flags.js"
import { ledgers } from "./ledgers.js"
import { serving } from "./serving.js"

/** Serves the runs of an emulator, and ledgers, at the port after its own. */
export const beside = (emulator: EmulatorService, flags: LedgerFlags) =>
  Effect.flatMap(
    Layer.build(
      Layer.mergeAll(EmulatorSource.layer(emulator), StudioRunner.layerEmulator(emulator), ledgers(flags))
    ),
    (context) =>
      Effect.provide(serving({ orNext: true, port: emulator.port === 65_535 ? 0 : emulator.port + 1 }), context)
  )
