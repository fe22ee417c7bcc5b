/** `noukai auth`. */
import * as Command from "@effect/cli/Command"
import { loaded } from "../leaf.js"
import { config } from "./input.js"

export const auth = Command.make("auth", config, loaded(() => import("./handler.js"))).pipe(
  Command.withDescription("Store an API key and check that the server accepts it.")
)
