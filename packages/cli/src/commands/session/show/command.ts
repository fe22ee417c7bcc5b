/** `noukai session show`. */
import * as Command from "@effect/cli/Command"
import { loaded } from "../../leaf.js"
import { config } from "./input.js"

export const show = Command.make("show", config, loaded(() => import("./handler.js"))).pipe(
  Command.withDescription("Show the runs of a session.")
)
