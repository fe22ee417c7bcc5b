import { Effect } from "effect"
import { local } from "./local.js"

Effect.runPromise(local).then(console.log) // { score: 8, feedback: "No mistakes in …" }
