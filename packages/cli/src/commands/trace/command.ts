/** `noukai trace`. */
import * as Command from "@effect/cli/Command"
import { loaded } from "../leaf.js"
import { config } from "./input.js"

export const trace = Command.make("trace", config, loaded(() => import("./handler.js"))).pipe(
  Command.withDescription("Shows where the time and the money of a run went, step by step.")
)
