/** `noukai auth`. */
import * as Command from "@effect/cli/Command"
import { loaded } from "../leaf.js"
import { config } from "./input.js"

export const auth = Command.make("auth", config, loaded(() => import("./handler.js"))).pipe(
  Command.withDescription("Stores a key for this user, and checks whether the server accepts it.")
)
