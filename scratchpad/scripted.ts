import { completed } from "@effect-noukai/report/testing"
import { Noukai } from "@effect-noukai/sdk"
import { ScriptedHttp } from "@effect-noukai/sdk/testing"
import { Effect } from "effect"
import { grade } from "./grade.js"

// answers in their order; a call beyond them is a defect
const script = Noukai.layerScripted({
  execute: [completed({ score: 9, feedback: "Short." })]
})

// the result, and what would have been sent
export const asked = Effect.gen(function*() {
  const { score } = yield* grade
  const [request] = yield* (yield* ScriptedHttp).requests("execute")
  return { score, sent: request?.body.parameters } // { score: 9, sent: { difficulty: "hard" } }
}).pipe(Effect.provide(script))
