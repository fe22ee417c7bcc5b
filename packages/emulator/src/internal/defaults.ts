/** The defaults of the options, used by the server and printed by `--help`. */
import type { EmulatorOptions, Jobs, Limits, Sessions, Webhooks } from "../EmulatorOptions.js"

/** Options without an absent one. */
export type CompleteOptions<O> = { readonly [K in keyof O]-?: Exclude<O[K], undefined> }

export const limits: CompleteOptions<Limits> = {
  bodyBytes: 16 * 1024 * 1024,
  headerBytes: 16 * 1024,
  connections: 4_096,
  requestTimeout: "30 seconds",
  keepAliveTimeout: "5 seconds",
  readerTimeout: "60 seconds",
  ledgerBodyBytes: 1024 * 1024,
  runs: 50_000,
  runBytes: 256 * 1024 * 1024,
  evicted: 1_000_000
}

export const jobs: CompleteOptions<Jobs> = {
  rowDelay: 0,
  queueDelay: 0,
  workers: 8,
  capacity: 1_000
}

export const webhooks: CompleteOptions<Webhooks> = {
  secret: "whsec_emulator_00000000000000000000000000000000",
  retries: ["1 second", "10 seconds", "1 minute"],
  allow: []
}

export const sessions: CompleteOptions<Sessions> = {
  lag: 0
}

/** The options that have a default. */
export type DefaultedOptions = Pick<
  EmulatorOptions,
  | "host"
  | "seed"
  | "capture"
  | "toolIterationLimit"
  | "toolMessageCasing"
  | "streamOutputs"
  | "runPaths"
  | "refusedRunPaths"
  | "legacyFields"
>

export const options: CompleteOptions<DefaultedOptions> = {
  host: "127.0.0.1",
  seed: 1,
  capture: "full",
  toolIterationLimit: 25,
  toolMessageCasing: "snake",
  streamOutputs: "hosted",
  runPaths: "both",
  refusedRunPaths: 404,
  legacyFields: false
}

/** Returns the given options, with defaults for the others. */
export const given = <O extends object>(defaults: CompleteOptions<O>, options: O | undefined): CompleteOptions<O> => ({
  ...defaults,
  ...Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined))
})
