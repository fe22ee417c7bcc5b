/**
 * The process behind `batch.ts`: an emulator of 64 workers whose flow takes 50 ms. It says how many runs it has begun when
 * it is asked.
 */
import { startEmulator } from "@effect-noukai/emulator"

void startEmulator({
  flows: [{
    ref: "noukai/samples/echo",
    steps: [{ kind: "template", id: "a", output: { said: "It is graded." }, duration: "50 millis" }]
  }],
  jobs: { workers: 64 },
  limits: { runs: 100_000 }
}).then((running) => {
  process.send!(`${running.baseUrl} ${running.apiKey}`)
  process.on("message", () => process.send!(running.ledger().runsStarted))
  process.on("disconnect", () => void running.close())
})
