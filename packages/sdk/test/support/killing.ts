/** Processes that tests kill at a random request. */
import { Emulator } from "@effect-noukai/emulator"
import { Effect } from "effect"
import type { ChildProcess } from "node:child_process"

/** Numbers below a limit, the same for each seed. */
export const numbers = (seed: number) => {
  let state = (seed * 2654435761) % 2147483648
  return (below: number): number => {
    state = (state * 1103515245 + 12345) % 2147483648
    return Math.floor(state / 2147483648 * below)
  }
}

/** The output of a process that ended by itself; `null` when it was killed. */
export const ended = (child: ChildProcess) =>
  Effect.async<string | null>((resume) => {
    let [output, errors] = ["", ""]
    child.stdout!.setEncoding("utf8").on("data", (text: string) => output += text)
    child.stderr!.setEncoding("utf8").on("data", (text: string) => errors += text)
    child.on("close", (code) => {
      resume(code === null ? Effect.succeed(null) : code === 0 ? Effect.succeed(output) : Effect.dieMessage(errors))
    })
  })

/** Waits until the emulator has received so many more requests. */
export const received = (more: number) =>
  Effect.flatMap(Emulator, (emulator) =>
    Effect.flatMap(emulator.ledger, ({ requestsReceived }) => {
      let left = requestsReceived + more
      return emulator.awaitEvent((event) => event.type === "RequestReceived" && --left === 0)
    }))
