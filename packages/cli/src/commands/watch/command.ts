/** `noukai watch`. */
import * as Command from "@effect/cli/Command"
import { loaded } from "../leaf.js"
import { config } from "./input.js"

export const watch = Command.make("watch", config, loaded(() => import("./handler.js"))).pipe(
  Command.withDescription("Follows a run to its end, and prints its result.")
)
