/** `noukai watch`. */
import * as Command from "@effect/cli/Command"
import { loaded } from "../leaf.js"
import { config } from "./input.js"

export const watch = Command.make("watch", config, loaded(() => import("./handler.js"))).pipe(
  Command.withDescription("Follow a run to its end and print its result.")
)
