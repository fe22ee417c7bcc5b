/**
 * Servers in processes of their own, so that what is measured is the client.
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"

const extension = import.meta.url.slice(import.meta.url.lastIndexOf("."))

export interface ServerProcess {
  /** Its message when it listened. */
  readonly message: string
  readonly process: ChildProcess
  /** Lets it end, and waits until it has. */
  readonly close: () => Promise<void>
}

/**
 * Runs a module of this folder with the flags of this process, compiled if this one is. Rejects if it ends before it has
 * sent a message.
 */
export const startServerProcess = async (name: string, ...args: ReadonlyArray<string>): Promise<ServerProcess> => {
  const child = fork(new URL(`${name}${extension}`, import.meta.url), args, { execArgv: process.execArgv })
  const exited = once(child, "exit")
  const [message] = await Promise.race([
    once(child, "message"),
    exited.then(([code]) => Promise.reject(new Error(`the server ended with ${String(code)} before it listened`)))
  ])
  return {
    message: String(message),
    process: child,
    close: async () => {
      child.disconnect()
      await exited
    }
  }
}
