/**
 * The process behind `emulatorMemory.ts`: an emulator that reports the size of its heap on request.
 */
import { startEmulator } from "@effect-noukai/emulator"
import { collectGarbage } from "./Memory.js"

const runs = Number(process.argv[2])

void startEmulator({ limits: { runs } }).then((running) => {
  process.send!(running.baseUrl)
  process.on("message", () => {
    collectGarbage()
    const { arrayBuffers, heapUsed } = process.memoryUsage()
    process.send!({ heap: heapUsed, buffers: arrayBuffers })
  })
  process.on("disconnect", () => void running.close())
})
