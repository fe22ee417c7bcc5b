/**
 * The history: runs that this machine has seen, in files of the user's state folder. With it, commands need no ids. The
 * files contain no key and no payload. A command never fails because of them.
 */
import * as Flow from "@effect-noukai/sdk/Flow"
import { NoukaiConfig } from "@effect-noukai/sdk/NoukaiConfig"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import {
  closeSync,
  fchmodSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync
} from "node:fs"
import { join } from "node:path"
import { startOf } from "./devServers.js"
import { stateFolder } from "./environment.js"

/** The size of a full file, in bytes. Each record has a full file and the current one. */
const full = 256 * 1024

const paths = (name: string) => [join(stateFolder(), `${name}.1.jsonl`), join(stateFolder(), `${name}.jsonl`)] as const

/** Adds a value to a record, such as `history`. Several processes may write at once. */
export const append = (name: string, value: object): Effect.Effect<void> =>
  Effect.ignore(Effect.try(() => {
    mkdirSync(stateFolder(), { recursive: true, mode: 0o700 })
    const [before, path] = paths(name)
    const file = openSync(path, "a", 0o600)
    try {
      fchmodSync(file, 0o600)
      // the first newline ends a line of a killed process; one appending write is atomic
      writeSync(file, `\n${JSON.stringify(value)}\n`)
      const { ino, size } = fstatSync(file)
      // unless another process was first
      if (size >= full && statSync(path).ino === ino) renameSync(path, before)
    } finally {
      closeSync(file)
    }
  }))

/** Reads the values of a record, oldest first. Skips lines that do not decode. */
export const records = <A, I>(name: string, schema: Schema.Schema<A, I>): Effect.Effect<ReadonlyArray<A>> => {
  const decode = Schema.decodeUnknownOption(Schema.parseJson(schema))
  const read = (path: string) =>
    Arr.filterMap(
      Either.getOrElse(Either.try(() => readFileSync(path, "utf8")), () => "").split("\n"),
      (line) => decode(line)
    )
  return Effect.orElseSucceed(Effect.try(() => paths(name).flatMap(read)), () => [])
}

const Seen = Schema.Struct({
  /** Origin and prefix of the server. */
  server: Schema.String,
  /** `org/project/slug`. */
  flow: Schema.String,
  /** The server's id of the flow. Absent if the server has not sent it. */
  flowId: Schema.optional(Schema.String),
  /** The id of the run. */
  run: Schema.String,
  /** The version that was asked for. Absent for a run that was only read. */
  version: Schema.optional(Schema.String),
  sessionId: Schema.optional(Schema.String),
  /** Milliseconds since the epoch. */
  at: Schema.Number
})

/** A run that this machine has seen. */
export interface Seen extends Schema.Schema.Type<typeof Seen> {}

/** New facts of a run. */
export interface Learnt {
  /** The flow as the user wrote it. */
  readonly flow: string
  readonly run: string | undefined
  readonly flowId?: string | undefined
  readonly version?: string | undefined
  readonly sessionId?: string | undefined
}

export declare namespace History {
  interface Service {
    /** Whether the history is used. */
    readonly isKept: boolean
    /** Origin and prefix of the server. */
    readonly server: string
    readonly note: (learnt: Learnt) => Effect.Effect<void>
    /** The runs of this server, in the order in which they were first seen. */
    readonly runs: Effect.Effect<ReadonlyArray<Seen>>
    /** Returns the full address of a flow, or the text if it is not an address. */
    readonly address: (flow: string) => string
  }
}

export class History extends Context.Tag("@effect-noukai/cli/settings/History")<History, History.Service>() {}

/** Returns the version of a run that was begun. */
export const versionText = (version: Flow.FlowVersion = "production"): string => String(version)

/** Adds a run to the history. */
export const note = (learnt: Learnt): Effect.Effect<void, never, History> =>
  Effect.flatMap(History, (history) => history.note(learnt))

/** An emulator that is started again may use ids again: the newest run of an id counts, without the facts of an older one. */
const merged = (all: ReadonlyArray<Seen>): ReadonlyArray<Seen> => {
  const runs = new Map<string, Seen>()
  for (const seen of all) {
    const known = runs.get(seen.run)
    const isSame = known?.flow === seen.flow &&
      (seen.sessionId ?? known.sessionId) === (known.sessionId ?? seen.sessionId)
    if (!isSame) runs.delete(seen.run)
    runs.set(seen.run, isSame ? { ...seen, ...known } : seen)
  }
  return [...runs.values()]
}

/** The history of one server. Reads and writes nothing unless `isKept`. */
export const layer = (isKept: boolean): Layer.Layer<History, never, NoukaiConfig> =>
  Layer.effect(
    History,
    Effect.map(NoukaiConfig, (config) => {
      // all names of this machine are one server
      const origin = config.origin.replace(/^(https?:\/\/)(127\.0\.0\.1|\[::1\])(?=:|$)/, "$1localhost")
      const server = origin + config.prefix
      const address = (flow: string) =>
        Either.match(Flow.resolve(flow, config), { onLeft: () => flow, onRight: Flow.format })
      return {
        isKept,
        server,
        address,
        note: ({ flow, flowId, run, sessionId, version }) =>
          !isKept || run === undefined || run === ""
            ? Effect.void
            : Effect.flatMap(
              Clock.currentTimeMillis,
              (at) => append("history", { server, flow: address(flow), flowId, run, version, sessionId, at })
            ),
        runs: isKept
          ? Effect.map(records("history", Seen), (all) => {
            // a `noukai dev` that started again does not know the runs of the one before it
            const began = startOf(origin)
            return merged(all.filter((seen) => seen.server === server && seen.at >= began))
          })
          : Effect.succeed([])
      }
    })
  )
