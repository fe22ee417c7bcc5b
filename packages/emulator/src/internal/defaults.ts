/**
 * What options are when they are not given: what the server uses and what `--help` says.
 *
 * @internal
 */
import type { EmulatorOptions, Jobs, Limits, Sessions } from "../EmulatorOptions.js"

/** Options with nothing left out. @internal */
export type Given<O> = { readonly [K in keyof O]-?: Exclude<O[K], undefined> }

/** @internal */
export const limits: Given<Limits> = {
  bodyBytes: 16 * 1024 * 1024,
  headerBytes: 16 * 1024,
  connections: 4_096,
  requestTimeout: "30 seconds",
  keepAliveTimeout: "5 seconds",
  readerTimeout: "60 seconds",
  ledgerBodyBytes: 1024 * 1024,
  runs: 5_000,
  runBytes: 256 * 1024 * 1024,
  evicted: 1_000_000
}

/** @internal */
export const jobs: Given<Jobs> = {
  rowDelay: 0,
  queueDelay: 0,
  workers: 8,
  capacity: 1_000
}

/** @internal */
export const sessions: Given<Sessions> = {
  lag: 0
}

/** The options that have a value when none is given. @internal */
export type Valued = Pick<
  EmulatorOptions,
  "host" | "seed" | "capture" | "toolIterationLimit" | "toolMessageCasing" | "streamOutputs" | "legacyFields"
>

/** @internal */
export const options: Given<Valued> = {
  host: "127.0.0.1",
  seed: 1,
  capture: "metadata_only",
  toolIterationLimit: 25,
  toolMessageCasing: "snake",
  streamOutputs: "hosted",
  legacyFields: false
}

/** What is given, and the defaults in place of what is not. @internal */
export const given = <O extends object>(defaults: Given<O>, options: O | undefined): Given<O> => ({
  ...defaults,
  ...Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined))
})
