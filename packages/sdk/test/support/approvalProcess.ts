/** `approvalProcess.ts baseUrl key [state]`: starts a run that pauses and prints its state, or answers a stored one. */
import { FlowService } from "@effect-noukai/sdk"
import { Console, Effect } from "effect"
import * as Redacted from "effect/Redacted"
import { answer, ask } from "../../../../scratchpad/approval.js"
import { clientFor } from "./client.js"

const [baseUrl, key, stored] = process.argv.slice(2) as [string, string, string | undefined]

Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  const flows = yield* clientFor({ baseUrl }, { apiKey: Redacted.make(key) })
  const run = stored === undefined
    ? ask
    : Effect.map(answer(stored, "rain"), (outcome) => JSON.stringify(outcome.status === "completed" && outcome.result))
  yield* Effect.flatMap(Effect.provideService(run, FlowService, flows), Console.log)
})))
