/** A command of the shell, and the processes that it starts. */
import * as Effect from "effect/Effect"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { constants } from "node:os"
import { CommandError } from "../../exit/CommandError.js"
import { exitCodes } from "../../exit/exitCode.js"

/** How long processes may take to end once they were told to, in milliseconds. */
const grace = 5000

const interval = 50

/** The code that a shell gives for a command that a signal ended. */
const codeOf = (code: number | null, signal: NodeJS.Signals | null): number =>
  code ?? 128 + (signal === null ? 0 : constants.signals[signal])

const listed = (): string => {
  try {
    return execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
  } catch {
    // no ps here: then only the command itself is known
    return ""
  }
}

/** A process and all below it. */
const tree = (pid: number): ReadonlyArray<number> => {
  const parents = listed().trim().split("\n").map((line) => line.trim().split(/\s+/).map(Number))
  const found = [pid]
  for (const above of found) {
    for (const [id, parent] of parents) if (parent === above && id !== undefined) found.push(id)
  }
  return found
}

/** Sends a signal, and tells which processes there are to get it. */
const signalled = (pids: ReadonlyArray<number>, signal: NodeJS.Signals | 0): ReadonlyArray<number> =>
  pids.filter((pid) => {
    try {
      return process.kill(pid, signal)
    } catch {
      return false
    }
  })

const isOver = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null

/** Ends a command with all that it has started: what does not end when it is told to is killed. */
const ended = (child: ChildProcess, isTerminated: boolean): Effect.Effect<void> =>
  Effect.gen(function*() {
    if (child.pid === undefined || isOver(child)) return
    const pids = tree(child.pid)
    if (isTerminated) signalled(pids, "SIGTERM")
    // a terminal has told them already
    else if (process.stdin.isTTY !== true) signalled(pids, "SIGINT")
    for (let waited = 0; waited < grace && signalled(pids, 0).length > 0; waited += interval) {
      yield* Effect.sleep(interval)
    }
    signalled(pids, "SIGKILL")
  })

/** Runs a command of the shell to its end, and gives its exit code. It ends with whoever waits for it. */
export const executed = (command: string, env: NodeJS.ProcessEnv) =>
  Effect.async<number, CommandError>((resume) => {
    const child = spawn(command, { shell: true, stdio: "inherit", env })
    // nothing is left of it either where this process ends at once
    const kill = () => {
      if (child.pid !== undefined && !isOver(child)) signalled(tree(child.pid), "SIGKILL")
    }
    process.on("exit", kill)
    let isTerminated = false
    const terminate = () => {
      isTerminated = true
    }
    // before whoever interrupts this at a signal
    process.prependListener("SIGTERM", terminate)
    child.on("error", (error) =>
      resume(Effect.fail(
        new CommandError({ code: exitCodes.failed, message: `${command} could not be started: ${error.message}` })
      )))
    child.on("close", (code, signal) => {
      process.off("exit", kill).off("SIGTERM", terminate)
      resume(Effect.succeed(codeOf(code, signal)))
    })
    return Effect.suspend(() => ended(child, isTerminated))
  })
