/** Each engine's step, tried again after a lost response, pays for one run. Started by `npm run test:durable`. */
import { type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import { Noukai } from "@effect-noukai/promise"
import { InngestTestEngine } from "@inngest/test"
import { MockActivityEnvironment } from "@temporalio/testing"
import assert from "node:assert/strict"
import { after, before, beforeEach, test } from "node:test"
import { gradeEssayOf } from "./inngest.js"
import { activitiesOf } from "./temporal.js"

// its types are checked; its steps run on its server alone
export type { gradeEssay } from "./trigger.js"

let emulator: RunningEmulator
let noukai: Noukai

before(async () => {
  emulator = await startEmulator({
    flows: [{
      ref: "acme/spelling/grade-3",
      steps: [{ kind: "template", id: "a", output: { score: 8 }, costUsd: "0.01" }]
    }]
  })
  noukai = new Noukai({ apiKey: emulator.apiKey, env: "dev", port: emulator.port })
})

beforeEach(() => emulator.reset())

after(async () => {
  await noukai.close()
  await emulator.close()
})

/** The run begins, and its response is lost. */
const loseResponse = () => emulator.addFaults({ match: { endpoint: "execute" }, script: ["cut:b0"] })

test("an activity of Temporal", async () => {
  const { grade } = activitiesOf(noukai)
  loseResponse()
  const attempt = (attempt: number) => new MockActivityEnvironment({ attempt }).run(grade, "The cat sat.")
  await assert.rejects(attempt(1))
  assert.deepEqual(await attempt(2), { score: 8 })
  assert.equal(emulator.ledger().runsStarted, 1)

  // another activity is another run
  const other = new MockActivityEnvironment({ activityId: "another" })
  assert.deepEqual(await other.run(grade, "The cat sat."), { score: 8 })
  assert.equal(emulator.ledger().runsStarted, 2)
})

test("a cancelled activity of Temporal aborts its request", async () => {
  emulator.putFlows({
    ref: "acme/spelling/grade-3",
    steps: [{ kind: "template", id: "a", output: 1, duration: "1 hour" }]
  })
  const environment = new MockActivityEnvironment({ activityId: "slow" })
  const ended = assert.rejects(environment.run(activitiesOf(noukai).grade, "The cat sat."), {
    name: "CancelledFailure"
  })
  while (emulator.ledger().runsStarted === 0) await new Promise(setImmediate)
  environment.cancel()
  await ended
})

test("a step of Inngest", async () => {
  const engine = () =>
    new InngestTestEngine({
      function: gradeEssayOf(noukai),
      events: [{ name: "essay/submitted", data: { text: "The cat sat." } }],
      transformCtx: (ctx) => ({ ...ctx, runId: "run-1" })
    })
  loseResponse()
  const first = await engine().execute()
  assert.notEqual(first.error, undefined)
  const second = await engine().execute()
  assert.deepEqual(second.result, { score: 8 })
  assert.equal(emulator.ledger().runsStarted, 1)
})
