/**
 * The process behind `soak.ts`: an emulator whose requests go wrong now and then.
 */
import { startEmulator } from "@effect-noukai/emulator"

const faults = ["reset", "reset:late", "cut:b40", "cut:e2", "503", "429:retry=0", "html", "drip:20:1", "stall:20:e1"]

void startEmulator({ faults: [{ rate: 0.1, faults: faults as [string, ...Array<string>], seed: 7 }] }).then(
  (running) => {
    process.send!(running.baseUrl)
    // what has been seen is not kept, or memory here would grow
    const clearing = setInterval(() => running.reset(), 60_000)
    process.on("disconnect", () => {
      clearInterval(clearing)
      void running.close()
    })
  }
)
