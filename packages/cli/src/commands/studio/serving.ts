/** Serves a studio of this user. */
import * as Studio from "@effect-noukai/studio/Studio"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import { stateFolder } from "../../settings/environment.js"

const search = () => join(stateFolder(), "studio-search.db")

/** Deletes the texts that the search keeps. */
export const forgotten = Effect.suspend(() => Studio.forget(search()))

/** Serves a studio to which a page returns after a restart at its port. */
export const serving = (options: Studio.Options) =>
  Effect.flatMap(
    Studio.secretOf(join(stateFolder(), "studio-secret")),
    (secret) => Studio.serve({ ...options, secret, search: search() })
  )
