/** `noukai cost`. */
import * as Command from "@effect/cli/Command"
import { loaded } from "../leaf.js"
import { config } from "./input.js"

export const cost = Command.make("cost", config, loaded(() => import("./handler.js"))).pipe(
  Command.withDescription("Add up the cost and duration of runs.")
)
