/** `noukai dev`. */
import * as Command from "@effect/cli/Command"
import { loaded } from "../leaf.js"
import { config } from "./input.js"

export const dev = Command.make("dev", config, loaded(() => import("./handler.js"))).pipe(
  Command.withDescription("Run a free Noukai server on this machine, without a key.")
)
