/** `noukai runs`. */
import * as Command from "@effect/cli/Command"
import { loaded } from "../leaf.js"
import { config } from "./input.js"

export const runs = Command.make("runs", config, loaded(() => import("./handler.js"))).pipe(
  Command.withDescription("List the runs of a flow, newest first.")
)
