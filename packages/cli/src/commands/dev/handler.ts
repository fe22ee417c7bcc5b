/** What `noukai dev` does. */
import * as Emulator from "@effect-noukai/emulator/Emulator"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { type ChildProcess, spawn } from "node:child_process"
import { constants } from "node:os"
import { CommandError } from "../../exit/CommandError.js"
import { exitCodes } from "../../exit/exitCode.js"
import { environmentWith } from "../../settings/environment.js"
import { Terminal } from "../../terminal/Terminal.js"
import type { Handle } from "../leaf.js"
import type { Input } from "./input.js"

/** The port where clients of the environment `dev` connect. */
const standardPort = 8080

/** How long a command may take to end once it was told to, in milliseconds. */
const grace = 5000

/** The code that a shell gives for a command that a signal ended. */
const codeOf = (code: number | null, signal: NodeJS.Signals | null): number =>
  code ?? 128 + (signal === null ? 0 : constants.signals[signal])

/** Runs a command of the shell to its end, and gives its exit code. It ends with whoever waits for it. */
const executed = (command: string, environment: { readonly [name: string]: string }) =>
  Effect.async<number, CommandError>((resume) => {
    // a server that was named outside is another one
    const env = environmentWith(environment, ["NOUKAI_BASE_URL", "NOUKAI_PORT"])
    const child = spawn(command, { shell: true, stdio: "inherit", env })
    child.on("error", (error) =>
      resume(Effect.fail(
        new CommandError({ code: exitCodes.failed, message: `${command} could not be started: ${error.message}` })
      )))
    child.on("close", (code, signal) => resume(Effect.succeed(codeOf(code, signal))))
    return ended(child)
  })

const ended = (child: ChildProcess): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("close", () => resume(Effect.void))
    // a terminal has told it already
    if (process.stdin.isTTY !== true) child.kill("SIGINT")
  }).pipe(
    Effect.timeoutTo({ duration: grace, onSuccess: () => true, onTimeout: () => false }),
    Effect.flatMap((isEnded) => Effect.sync(() => void (isEnded || child.kill("SIGKILL"))))
  )

export const handle: Handle<Input> = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  // where the SDK looks for it, unless it is told otherwise
  const port = Option.getOrElse(input.port, () => standardPort)
  const emulator = yield* Emulator.make({ port, file: Option.getOrUndefined(input.flows) }).pipe(
    Effect.mapError((error) =>
      new CommandError({
        message: error.message,
        ...error.reason === "PortInUse"
          ? { code: exitCodes.refused, advice: ["give another --port; 0 is any free one"] }
          : { code: error.reason === "Listen" ? exitCodes.refused : exitCodes.usage }
      })
    )
  )
  const environment: { readonly [name: string]: string } = {
    ...emulator.port === standardPort
      ? { NOUKAI_ENV: "dev" }
      : { NOUKAI_ENV: "dev", NOUKAI_PORT: String(emulator.port) },
    NOUKAI_API_KEY: Redacted.value(emulator.apiKey)
  }
  if (Option.isSome(input.exec)) {
    const code = yield* executed(input.exec.value, environment)
    // the command has said itself what was wrong
    return yield* code === 0 ? Effect.void : new CommandError({ code, message: "" })
  }
  const exports = Object.entries(environment).map(([name, value]) => `  export ${name}=${value}\n`).join("")
  yield* terminal.write(
    `Noukai runs at ${emulator.baseUrl} until Ctrl-C.\n\n${exports}\n` +
      "  noukai run noukai/samples/hello-world \"Hello\"\n"
  )
  return yield* Effect.never
}, Effect.scoped)
