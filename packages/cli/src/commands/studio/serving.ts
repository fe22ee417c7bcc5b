/** Serves a studio of this user. */
import * as Studio from "@effect-noukai/studio/Studio"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import { stateFolder } from "../../settings/environment.js"

const file = (name: "search" | "secret") => join(stateFolder(), `studio-${name}`)

/** Deletes the texts that the search keeps, and says so. */
export const forgotten = () =>
  Effect.map(Studio.forget(file("search")), (isDone) => isDone ? "Deleted.\n" : "Nothing was kept.\n")

/** Serves a studio to which a page returns after a restart at its port. */
export const serving = (options: Studio.Options) =>
  Effect.flatMap(
    Studio.secretOf(file("secret")),
    (secret) => Studio.serve({ ...options, secret, search: file("search") })
  )
