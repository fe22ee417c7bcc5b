/** The state of this user on this machine. */
import * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { createHash } from "node:crypto"
import { homedir, hostname, userInfo } from "node:os"
import { isAbsolute, join } from "node:path"

/** Returns a short name for a text. */
export const hashed = (...texts: ReadonlyArray<string>): string =>
  createHash("sha256").update(JSON.stringify(texts)).digest("hex").slice(0, 32)

/** The folder for the state of this package. A relative path in the environment is ignored, as the command does. */
export const folder: Effect.Effect<string, ConfigError> = Effect.gen(function*() {
  const isWindows = process.platform === "win32"
  const named = yield* Config.option(Config.nonEmptyString("XDG_STATE_HOME"))
  const local = isWindows ? yield* Config.option(Config.nonEmptyString("LOCALAPPDATA")) : Option.none()
  const state = Option.filter(named, isAbsolute).pipe(
    Option.orElse(() => local),
    Option.getOrElse(() => isWindows ? homedir() : join(homedir(), ".local", "state"))
  )
  return join(state, "noukai", "mcp")
})

/** The user of this machine: the caller over stdio, and the holder of the token of the command. */
export const localCaller = (): string => {
  try {
    return `${userInfo().username}@${hostname()}`
  } catch {
    // a user without a name, as in some containers
    return `${process.getuid?.() ?? ""}@${hostname()}`
  }
}
