/** `noukai session save`. */
import * as Command from "@effect/cli/Command"
import { loaded } from "../../leaf.js"
import { config } from "./input.js"

export const save = Command.make("save", config, loaded(() => import("./handler.js"))).pipe(
  Command.withDescription("Save a session as a cassette, to replay it in tests.")
)
