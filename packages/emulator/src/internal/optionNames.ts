/** Refuses unknown options: an emulator without an option that its caller wrote is another emulator. */
import { misnamed, type Names } from "@effect-noukai/sdk/kit/names"
import * as Effect from "effect/Effect"
import { EmulatorError } from "../EmulatorError.js"
import type { EmulatorOptions, Jobs, Limits, Sessions, Webhooks } from "../EmulatorOptions.js"

const limits: Names<Limits> = {
  bodyBytes: true,
  headerBytes: true,
  connections: true,
  requestTimeout: true,
  keepAliveTimeout: true,
  readerTimeout: true,
  ledgerBodyBytes: true,
  runs: true,
  runBytes: true,
  evicted: true
}

const jobs: Names<Jobs> = { rowDelay: true, queueDelay: true, workers: true, capacity: true }

const webhooks: Names<Webhooks> = { secret: true, retries: true, allow: true }

const sessions: Names<Sessions> = { lag: true }

const names: Names<EmulatorOptions> = {
  flows: true,
  file: true,
  port: true,
  host: true,
  keys: true,
  organisations: true,
  capture: true,
  faults: true,
  seed: true,
  toolIterationLimit: true,
  toolMessageCasing: true,
  streamOutputs: true,
  runPaths: true,
  refusedRunPaths: true,
  legacyFields: true,
  jobs,
  webhooks,
  sessions,
  control: true,
  home: true,
  nonce: true,
  onRequest: true,
  limits,
  config: true
}

/** Fails if the options of an emulator are not an object, or have an unknown option. */
export const optionsNamed = (options: unknown): Effect.Effect<void, EmulatorError> =>
  Effect.suspend(() => {
    const found = misnamed("options", options, names)
    return found === undefined
      ? Effect.void
      : new EmulatorError({ reason: "Config", message: `invalid ${found.field}: ${found.reason}`, path: found.field })
  })
