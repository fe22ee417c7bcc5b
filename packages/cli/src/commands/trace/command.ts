/** `noukai trace`. */
import * as Command from "@effect/cli/Command"
import { loaded } from "../leaf.js"
import { config } from "./input.js"

export const trace = Command.make("trace", config, loaded(() => import("./handler.js"))).pipe(
  Command.withDescription("Show the duration and cost of a run, step by step.")
)
