/** The endpoints of views that have no source. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { NotFound } from "../RunsApi.js"
import { StudioApi } from "../StudioApi.js"

const absent = (message: string) => () => new NotFound({ message })

const noLedgers = absent("This studio reads no ledgers. Start it with --ledgers and a folder.")

export const batches = HttpApiBuilder.group(StudioApi, "batches", (handlers) =>
  handlers
    .handle("batches", noLedgers)
    .handle("batch", noLedgers)
    .handle("watchBatch", noLedgers)
    .handle("rows", noLedgers)
    .handle("row", noLedgers))

export const evals = HttpApiBuilder.group(StudioApi, "evals", (handlers) =>
  handlers
    .handle("evals", noLedgers)
    .handle("eval", noLedgers)
    .handle("trend", noLedgers)
    .handle("cases", noLedgers)
    .handle("case", noLedgers)
    .handle("mark", noLedgers))

const noSearch = absent("This studio has no file for a search over all runs.")

export const find = HttpApiBuilder.group(StudioApi, "find", (handlers) =>
  handlers
    .handle("state", noSearch)
    .handle("find", noSearch)
    .handle("begin", noSearch))

const noEmulator = absent("This studio has no emulator. `noukai dev` starts one with a studio beside it.")

export const emulator = HttpApiBuilder.group(StudioApi, "emulator", (handlers) =>
  handlers
    .handle("emulator", noEmulator)
    .handle("watchEmulator", noEmulator)
    .handle("requests", noEmulator)
    .handle("request", noEmulator)
    .handle("webhooks", noEmulator)
    .handle("switchOn", noEmulator)
    .handle("switchOff", noEmulator))

export const reconcile = HttpApiBuilder.group(StudioApi, "reconcile", (handlers) =>
  handlers
    .handle("reconcilePlan", noLedgers)
    .handle("reconcile", noLedgers))
