/**
 * The running servers of `noukai dev`. Each has a file in the user's state folder, with its port, its key and a nonce. A
 * server that proves the nonce is one that this user started; no other server gets the key.
 */
import type { EmulatorService } from "@effect-noukai/emulator/EmulatorService"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { createHmac, randomUUID } from "node:crypto"
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { answer } from "./answer.js"
import { stateFolder, variable } from "./environment.js"

const File = Schema.parseJson(Schema.Struct({
  port: Schema.Int.pipe(Schema.between(1, 65_535)),
  nonce: Schema.NonEmptyString,
  apiKey: Schema.Redacted(Schema.NonEmptyString),
  /** When it started, in milliseconds since the epoch. */
  at: Schema.Number
}))

/** A running server of `noukai dev`. */
export interface DevServer extends Schema.Schema.Type<typeof File> {}

/** Returns the base URL of a server. No name is resolved, so that it is the server that proved the nonce. */
export const baseUrlOf = ({ port }: Pick<DevServer, "port">): string => `http://127.0.0.1:${port}/api/v1`

const folder = () => join(stateFolder(), "dev")

/** Reads a file that only this user can read and write. Windows has no such modes. */
const readOwn = (path: string): string => {
  // Windows has neither flag
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(file)
    const isOwn = process.getuid === undefined || (stat.uid === process.getuid() && (stat.mode & 0o177) === 0)
    return stat.isFile() && isOwn ? readFileSync(file, "utf8") : ""
  } finally {
    closeSync(file)
  }
}

const decode = Schema.decodeUnknownOption(File)

const read = (path: string): Option.Option<DevServer> =>
  Option.flatMap(Option.liftThrowable(readOwn)(path), (text) => decode(text))

/** Returns the start of the newest `noukai dev` at an address of this machine, in milliseconds since the epoch. Default: 0. */
export const startOf = (origin: string): number => {
  const [, port] = /^http:\/\/localhost:(\d+)$/.exec(origin) ?? []
  return port === undefined
    ? 0
    : Option.match(read(join(folder(), `${port}.json`)), { onNone: () => 0, onSome: ({ at }) => at })
}

const encode = Schema.encodeSync(File)

/** Announces a server to commands of this user until the scope closes. Without a state folder, no command finds it. */
export const announced = (
  { apiKey, port }: Pick<EmulatorService, "apiKey" | "port">,
  nonce: string
): Effect.Effect<void, never, Scope.Scope> => {
  const path = join(folder(), `${port}.json`)
  return Effect.asVoid(Effect.acquireRelease(
    Effect.flatMap(Clock.currentTimeMillis, (at) =>
      Effect.ignore(Effect.try(() => {
        mkdirSync(folder(), { recursive: true, mode: 0o700 })
        // renaming replaces a file of any mode, and a link
        const temporary = `${path}.${randomUUID()}`
        writeFileSync(temporary, encode({ port, nonce, apiKey, at }), { mode: 0o600, flag: "wx" })
        renameSync(temporary, path)
      }))),
    // a later server may have the port already
    () =>
      Effect.ignore(Effect.try(() => {
        if (Option.exists(read(path), (found) => found.nonce === nonce)) rmSync(path)
      }))
  ))
}

const Proof = Schema.parseJson(Schema.Struct({ proof: Schema.String }))

/** Whether the server on the port knows the nonce. Neither the nonce nor the key is sent. */
const isProven = (server: DevServer): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    const challenge = randomUUID()
    const proof = createHmac("sha256", server.nonce).update(challenge).digest("hex")
    const url = new URL(`/_emulator/proof?challenge=${challenge}`, baseUrlOf(server))
    return answer(url, {}, undefined).pipe(
      Effect.timeoutFail({ duration: "2 seconds", onTimeout: () => "no answer" }),
      Effect.match({
        onFailure: () => false,
        onSuccess: ({ body }) => Option.exists(Schema.decodeOption(Proof)(body), (found) => found.proof === proof)
      })
    )
  })

/** Whether the command runs in CI, where nobody has started a server for it. */
const isCi = (): boolean => !["", "0", "false"].includes((variable("CI") ?? "").toLowerCase())

/** Returns the newest running server of this user, or the one on the port. Returns nothing in CI. */
export const newest = (port?: number): Effect.Effect<Option.Option<DevServer>> =>
  Effect.suspend(() => {
    if (isCi()) return Effect.succeedNone
    const names = Option.getOrElse(Option.liftThrowable(() => readdirSync(folder()))(), () => [])
    const servers = Arr.filterMap(
      names.filter((name) => /^\d+\.json$/.test(name)),
      (name) => read(join(folder(), name))
    )
    return Effect.findFirst(
      Arr.sort(
        servers.filter((server) => port === undefined || server.port === port),
        Order.reverse(Order.mapInput(Order.number, ({ at }: DevServer) => at))
      ),
      isProven
    )
  })
