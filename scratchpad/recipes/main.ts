import { NodeRuntime } from "@effect/platform-node"
import { Layer } from "effect"
import { Main } from "./port.js"

NodeRuntime.runMain(Layer.launch(Main))
