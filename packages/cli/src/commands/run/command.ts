/** `noukai run`. */
import * as Command from "@effect/cli/Command"
import { loaded } from "../leaf.js"
import { config } from "./input.js"

export const run = Command.make("run", config, loaded(() => import("./handler.js"))).pipe(
  Command.withDescription("Run a flow and print its result.")
)
