/** The faults of the emulator: all that the page changes. */
import { type EmulatorState, type FaultSwitch, ReadError, send } from "./api.js"
import { set } from "./store.js"

const answerOf = async (sent: Promise<Response>): Promise<EmulatorState> => {
  const response = await sent.catch(() => {
    throw new ReadError(0, "The studio does not answer. Nothing was changed.", undefined)
  })
  const answer = await response.json().catch(() => undefined) as
    | EmulatorState
    | { readonly message?: string; readonly advice?: string }
    | undefined
  if (response.ok && answer !== undefined) return answer as EmulatorState
  const { advice, message } = (answer ?? {}) as { readonly message?: string; readonly advice?: string }
  throw new ReadError(response.status, message ?? `The studio answered ${response.status}.`, advice)
}

/** Replaces the faults that the studio switched on. Rejects with a `ReadError`. */
export const switchOn = async (faults: FaultSwitch): Promise<void> => {
  set({ emulator: await answerOf(send("emulator.switchOn", faults)), notice: "Faults are on." })
}

/** Removes the faults that the studio switched on. Rejects with a `ReadError`. */
export const switchOff = async (): Promise<void> => {
  set({ emulator: await answerOf(send("emulator.switchOff")), notice: "Faults are off." })
}
