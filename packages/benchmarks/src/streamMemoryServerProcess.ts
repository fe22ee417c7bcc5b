/**
 * The process behind `streamMemory.ts`: an emulator whose one step puts out as many events as it is told.
 */
import { startEmulator } from "@effect-noukai/emulator"

const text = "It shipped on Monday and will arrive on Thursday between nine and noon."

void startEmulator({
  flows: [{
    ref: "bench/bench/chatty",
    steps: [{
      kind: "template",
      id: "chatty",
      output: "done",
      partials: [{ text }],
      repeatPartials: Number(process.argv[2])
    }]
  }]
}).then((running) => {
  process.send!(running.baseUrl)
  process.on("disconnect", () => void running.close())
})
