/** Starts a studio at the next free port. */
import * as Studio from "@effect-noukai/studio/Studio"
import type { StudioSource } from "@effect-noukai/studio/StudioSource"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { stateFolder } from "../../settings/environment.js"

/** The number of ports that are tried before any free one. */
const tries = 20

const shape = /^[\w-]{22}$/

/**
 * Returns the secret of the studios of this user. With it, a page goes on after a restart of the studio at its port.
 * Returns `undefined` where it cannot be kept.
 */
const secret: Effect.Effect<Redacted.Redacted<string> | undefined> = Effect.sync(() => {
  const path = join(stateFolder(), "studio-secret")
  const read = () =>
    Either.getOrUndefined(Either.filterOrLeft(
      Either.try(() => readFileSync(path, "utf8").trim()),
      (text) => shape.test(text),
      () => undefined
    ))
  const written = () => {
    mkdirSync(stateFolder(), { recursive: true, mode: 0o700 })
    // of two that start at once, the first one writes
    writeFileSync(path, randomBytes(16).toString("base64url"), { mode: 0o600, flag: "wx" })
  }
  const known = read() ?? (Either.try(written), read())
  return known === undefined ? undefined : Redacted.make(known)
})

/**
 * Serves a studio at `port`, or at the next free port where that one is taken. `port: 0` is any free one. With `isExact`,
 * only that port is tried.
 */
export const serving = (
  { isExact = false, port, ...options }: {
    readonly port: number
    readonly host?: string | undefined
    readonly hidden?: Studio.Options["hidden"]
    readonly isExact?: boolean
  }
): Effect.Effect<Studio.Studio.Service, Studio.StudioError, StudioSource | Scope.Scope> =>
  Effect.gen(function*() {
    const kept = yield* secret
    const at = (port: number) => Studio.serve({ ...options, port, secret: kept })
    const from = (next: number): ReturnType<typeof at> =>
      at(next).pipe(Effect.catchIf(
        ({ reason }) => reason === "PortInUse" && !isExact,
        () => next < port + tries && next < 65_535 ? from(next + 1) : at(0)
      ))
    return yield* from(port)
  })
