/** Filters the output of a command with the program jq. */
import * as NodeStream from "@effect/platform-node/NodeStream"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { spawn, spawnSync } from "node:child_process"
import { type CommandError, failed, type UsageError, wrong } from "../exit/CommandError.js"
import { Terminal } from "./Terminal.js"

/** Fails before anything is sent if jq is missing, or refuses the expression. */
const checked = (expression: string): Effect.Effect<void, UsageError> =>
  Effect.suspend(() => {
    const { error, status, stderr } = spawnSync("jq", ["-n", `empty | (${expression}\n)`], { encoding: "utf8" })
    if (error !== undefined) {
      return wrong("--jq needs the program jq on the PATH: install it, or pipe --json elsewhere")
    }
    return status === 0 ? Effect.void : wrong(`--jq: ${stderr.trim().split("\n")[0]}`)
  })

/** Runs a command and filters its JSON with an expression of jq. Text is printed without quotes. */
export function filtered<E>(
  expression: string,
  command: Effect.Effect<void, E, Terminal>
): Effect.Effect<void, E | CommandError | UsageError, Terminal> {
  return Effect.gen(function*() {
    yield* checked(expression)
    const terminal = yield* Terminal
    const jq = spawn("jq", ["-r", expression], { stdio: ["pipe", "pipe", "pipe"] })
    // jq may end before it has read all input
    jq.stdin.on("error", () => {})
    const lines = (from: NodeJS.ReadableStream, to: (text: string) => Effect.Effect<void>) =>
      Effect.fork(
        NodeStream.fromReadable<never, Uint8Array>(() => from, (cause) => cause as never).pipe(
          Stream.decodeText(),
          Stream.runForEach(to)
        )
      )
    const shown = yield* lines(jq.stdout, terminal.write)
    let problem = ""
    const faults = yield* lines(jq.stderr, (text) => Effect.sync(() => void (problem += text)))
    const write = (text: string) => Effect.async<void>((resume) => void jq.stdin.write(text, () => resume(Effect.void)))
    const exit = yield* Effect.exit(Effect.provideService(command, Terminal, { ...terminal, write }))
    jq.stdin.end()
    yield* Fiber.joinAll([shown, faults])
    yield* exit
    if (problem !== "") {
      return yield* failed(`--jq: ${problem.trim().split("\n")[0]}`)
    }
  })
}
