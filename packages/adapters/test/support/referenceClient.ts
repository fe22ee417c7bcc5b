/** This client for the programs of the reference's README: all of it, with every client on the emulator of the test. */
import * as client from "@effect-noukai/promise"

export * from "@effect-noukai/promise"

let port = 0

export const listenOn = (emulatorPort: number): void => {
  port = emulatorPort
}

export class Noukai extends client.Noukai {
  constructor(options: client.NoukaiOptions = {}) {
    super({ ...options, apiKey: "nk_test_anything", env: "dev", port })
  }
}
