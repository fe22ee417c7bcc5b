/**
 * The process behind `soak.ts`: an emulator whose requests go wrong now and then.
 */
import { startEmulator } from "@effect-noukai/emulator"

const faults = ["reset", "reset:late", "cut:b40", "cut:e2", "503", "429:retry=0", "html", "drip:20:1", "stall:20:e1"]

void startEmulator({
  faults: [{ rate: 0.1, faults: faults as [string, ...Array<string>], seed: 7 }],
  // for a night
  limits: { evicted: 100_000_000 }
}).then(
  (running) => {
    process.send!(running.baseUrl)
    process.on("disconnect", () => void running.close())
  }
)
