/** `noukai cassette check`. */
import * as Command from "@effect/cli/Command"
import { loaded } from "../../leaf.js"
import { config } from "./input.js"

export const check = Command.make("check", config, loaded(() => import("./handler.js"))).pipe(
  Command.withDescription("Check that cassettes are readable and hold no secrets.")
)
