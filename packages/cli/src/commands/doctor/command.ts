/** `noukai doctor`. */
import * as Command from "@effect/cli/Command"
import { loaded } from "../leaf.js"
import { config } from "./input.js"

export const doctor = Command.make("doctor", config, loaded(() => import("./handler.js"))).pipe(
  Command.withDescription("Check the settings, the key and the server.")
)
