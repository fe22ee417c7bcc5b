/** `noukai cassette diff`. */
import * as Command from "@effect/cli/Command"
import { loaded } from "../../leaf.js"
import { config } from "./input.js"

export const diff = Command.make("diff", config, loaded(() => import("./handler.js"))).pipe(
  Command.withDescription("Show the differences between two cassettes.")
)
